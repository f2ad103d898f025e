"""The form of the office's log-in. Whether the two belong together is decided by the action."""

from __future__ import annotations

from urllib.parse import unquote

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, HiddenField, PasswordField
from wtforms.validators import DataRequired, InputRequired, Length

from portal.core.forms import MailAddress, PlainText, PortalForm, hidden_field, text_field
from portal.core.links import safe_next
from portal.domain.people import passwords

EMAIL_LENGTH = 254


class StaffLoginForm(PortalForm):
    """Who, the password, and where to afterwards."""

    email = text_field(
        _l("E-mail address"),
        field=EmailField,
        validators=[
            DataRequired(_l("Fill in your e-mail address.")),
            Length(max=EMAIL_LENGTH, message=_l("This is too long.")),
            MailAddress(),
        ],
        render_kw={"autocomplete": "username", "maxlength": EMAIL_LENGTH},
    )
    #: Taken exactly as typed.
    password = PasswordField(
        _l("Password"),
        validators=[
            PlainText(),
            InputRequired(_l("Fill in a password.")),
            Length(
                max=passwords.LONGEST,
                message=_l("Use at most %(count)s characters.", count=passwords.LONGEST),
            ),
        ],
        render_kw={"autocomplete": "current-password", "maxlength": passwords.LONGEST},
    )
    next = HiddenField(filters=[lambda address: in_office(address, "")])
    kept = hidden_field()


def in_office(address: str | None, fallback: str) -> str:
    """An address of the office, else ``fallback``: the log-in leads nowhere else, least of all to another site."""
    found = safe_next(address, fallback)
    # A browser goes up at each pair of dots.
    steps = unquote(found.partition("?")[0]).split("/")
    return found if steps[:2] == ["", "office"] and ".." not in steps else fallback
