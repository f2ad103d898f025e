"""What the pages about invoices send."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired, Length, Optional, Regexp

from portal.core.forms import PortalForm, text_field

CHANGED = _l("What is to be paid changed meanwhile. Please look at the amounts again.")


def minor_field() -> Any:
    """A number of cents that the page itself put there: how much it showed to whoever pressed the button."""
    return text_field("", validators=[Optional(), Regexp(r"[0-9]{1,12}\Z", message=CHANGED)])


class ChoiceForm(PortalForm):
    """How to pay, and how much credit goes first. Which ways there are the domain says."""

    method = text_field(
        "",
        validators=[
            InputRequired(_l("Choose how you want to pay.")),
            Length(max=60, message=_l("Choose how you want to pay.")),
        ],
    )
    credit = minor_field()

    @property
    def credit_minor(self) -> int:
        """The credit that was ticked."""
        return int(self.credit.data or 0)


class PayForm(ChoiceForm):
    """One invoice, and how much of it where a part may be paid."""

    amount = text_field(_l("Amount"), validators=[Length(max=20, message=_l("This is too long."))])


class SeveralForm(ChoiceForm):
    """Several invoices; ``total`` is what they came to when the page was made."""

    total = minor_field()
