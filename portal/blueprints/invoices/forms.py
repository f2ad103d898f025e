"""What the pages about invoices send."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from portal.core.forms import DayField, PortalForm, hidden_field, minor_field, text_field
from portal.core.message_forms import MessageForm, files_field, message_field, plain_line
from portal.domain.payments.actions import CHANGED


class ChoiceForm(PortalForm):
    """How to pay, and how much credit goes first. Which ways there are the domain says."""

    method = text_field(
        "",
        validators=[
            InputRequired(_l("Choose how you want to pay.")),
            Length(max=60, message=_l("Choose how you want to pay.")),
        ],
    )
    credit = minor_field(CHANGED)

    @property
    def credit_minor(self) -> int:
        """The credit that was ticked."""
        return int(self.credit.data or 0)


class PayForm(ChoiceForm):
    """One invoice, and how much of it where a part may be paid; ``under_way`` is what the page said is under way."""

    amount = text_field(_l("Amount"), validators=[Length(max=20, message=_l("This is too long."))])
    under_way = minor_field(CHANGED)

    @property
    def under_way_minor(self) -> int:
        """What was under way for it when the page was made."""
        return int(self.under_way.data or 0)


class SeveralForm(ChoiceForm):
    """Several invoices; ``total`` is what they came to when the page was made."""

    total = minor_field(CHANGED)


class RefundForm(MessageForm):
    """Asks for money back; the subject comes filled in."""

    subject = text_field(
        _l("Subject"),
        validators=[
            DataRequired(_l("Give your question a subject.")),
            Length(max=200, message=_l("A subject has at most 200 characters.")),
        ],
        render_kw={"dir": "auto", "maxlength": 200},
    )
    body = message_field(_l("Why do you want your money back?"), _l("Say why you want your money back."))

    def plain_subject(self, usual: str) -> str:
        """The subject without what would turn the lines around it; of one of which nothing is left, the usual one."""
        return plain_line(self.subject.data) or usual


#: The choice that is no line.
WHOLE = "all"


class DisputeForm(MessageForm):
    """Objects to an invoice or a line of it."""

    line = SelectField(_l("What is it about?"), validators=[InputRequired(_l("Choose what it is about."))])
    body = message_field(_l("What is wrong?"), _l("Say what is wrong."))
    files = files_field()

    def __init__(self, lines: list[tuple[str, Any]], **options: Any) -> None:
        super().__init__(**options)
        self.line.choices = [SelectChoice(value=value, label=label) for value, label in lines]

    @property
    def position(self) -> int | None:
        """The position of the line that was chosen; none for the whole invoice."""
        return None if self.line.data == WHOLE else int(self.line.data)


def _day(label: Any) -> Any:
    missing = _l("Write the day as 2026-01-31.")
    return DayField(label, validators=[InputRequired(missing)], render_kw={"min": "2000-01-01"})


class StatementForm(PortalForm):
    """A statement of account of a period; ``account`` is the account that the page was shown for."""

    first_day = _day(_l("From"))
    last_day = _day(_l("Up to and including"))
    account = hidden_field()
