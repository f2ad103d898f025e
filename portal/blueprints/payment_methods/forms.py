"""What the pages about payment methods send."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField
from wtforms.validators import AnyOf, InputRequired, Length

from portal.core.forms import PlainText, PortalForm, text_field
from portal.domain.methods.models import MethodKind

#: What a form says that was told of no other method.
NOBODY = "none"


class AddForm(PortalForm):
    """What to save, and for which account."""

    account = HiddenField(validators=[PlainText(), Length(max=30, message=_l("This is too long."))])
    kind = text_field(
        "",
        validators=[AnyOf([kind.value for kind in MethodKind], message=_l("Choose what you want to save."))],
    )

    def chosen(self) -> MethodKind:
        """What was chosen, once the form was found valid."""
        return MethodKind(self.kind.data)


class RevokeForm(PortalForm):
    """That it may go, and which method its customer was told would take over: its public id, or ``NOBODY``."""

    successor = HiddenField(
        validators=[
            InputRequired(_l("Look again at what happens then, and confirm it.")),
            PlainText(),
            Length(max=30, message=_l("This is too long.")),
        ]
    )

    def told(self) -> str | None:
        """The public id of the method that was to take over."""
        return None if self.successor.data == NOBODY else self.successor.data
