"""The form on a payment link."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired, Length

from portal.core.forms import PortalForm, minor_field, text_field
from portal.domain.payments.actions import CHANGED


class LinkForm(PortalForm):
    """How somebody wants to pay, and a part of the amount where the shop allows it."""

    method = text_field(
        "",
        validators=[
            InputRequired(_l("Choose how you want to pay.")),
            Length(max=40, message=_l("Choose how you want to pay.")),
        ],
    )
    amount = text_field(_l("Amount"), validators=[Length(max=40, message=_l("This is too long."))])
    under_way = minor_field(CHANGED)

    @property
    def under_way_minor(self) -> int:
        """What was under way for it when the page was made."""
        return int(self.under_way.data or 0)
