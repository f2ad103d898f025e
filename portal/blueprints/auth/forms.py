"""The forms on the pages around logging in. What needs the database is checked by the actions."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, HiddenField, PasswordField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from portal.core.forms import MailAddress, PlainText, PortalForm, hidden_field, text_field
from portal.core.links import safe_next
from portal.domain.people import passwords
from portal.domain.people.models import Role
from portal.domain.people.naming import OwnName

NAME_LENGTH = 100
EMAIL_LENGTH = 254


def email_field(autocomplete: str) -> Any:
    """An e-mail address as every page asks for it."""
    return text_field(
        _l("E-mail address"),
        field=EmailField,
        validators=[
            DataRequired(_l("Fill in your e-mail address.")),
            Length(max=EMAIL_LENGTH, message=_l("This is too long.")),
            MailAddress(),
        ],
        render_kw={"autocomplete": autocomplete, "maxlength": EMAIL_LENGTH},
    )


def name_field(label: Any, missing: Any, autocomplete: str) -> Any:
    """A part of a person's name; ``missing`` says which one is not filled in."""
    return text_field(
        label,
        validators=[
            DataRequired(missing),
            Length(max=NAME_LENGTH, message=_l("This is too long.")),
        ],
        render_kw={"autocomplete": autocomplete, "maxlength": NAME_LENGTH},
    )


def password_field(label: Any, autocomplete: str, description: Any = "") -> Any:
    """A password, taken exactly as typed; pasting is welcome."""
    return PasswordField(
        label,
        description=description,
        validators=[
            PlainText(),
            InputRequired(_l("Fill in a password.")),
            Length(
                max=passwords.LONGEST,
                message=_l("Use at most %(count)s characters.", count=passwords.LONGEST),
            ),
        ],
        render_kw={"autocomplete": autocomplete, "maxlength": passwords.LONGEST},
    )


class LoginForm(PortalForm):
    """Who, the password, and where to afterwards."""

    email = email_field("username")
    password = password_field(_l("Password"), "current-password")
    next = HiddenField(filters=[lambda address: safe_next(address, "")])
    kept = hidden_field()


class NameForm(PortalForm):
    """What somebody is called."""

    given_name = name_field(_l("First name"), _l("Fill in your first name."), "given-name")
    family_name = name_field(_l("Last name"), _l("Fill in your last name."), "family-name")

    def own_name(self) -> OwnName:
        """What was filled in."""
        return OwnName(self.given_name.data or "", self.family_name.data or "")


class RegisterForm(NameForm):
    """A new person. The password is chosen on the page of the mailed link."""

    email = email_field("email")


class ForgotForm(PortalForm):
    """The address to send a link to."""

    email = email_field("username")


class NewPasswordForm(PortalForm):
    """A password of one's own choice, asked for once: it can be shown while typing."""

    password = password_field(
        _l("New password"),
        "new-password",
        _l("At least %(count)s characters. A few words are easy to remember.", count=passwords.SHORTEST),
    )


class FirstPasswordForm(NameForm, NewPasswordForm):
    """Both, of somebody who comes in for the first time and never said what they are called."""


class GrantForm(PortalForm):
    """What somebody who asked for an account may do in it."""

    role = SelectField(
        _l("Role"),
        choices=[SelectChoice(value=role.value, label=role.label) for role in Role],
        default=Role.READ_ONLY.value,
        validators=[InputRequired(_l("Choose a role."))],
    )
