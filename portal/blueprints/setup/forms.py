"""What a new shop needs to begin with; everything else has a default and a page in the office."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, PasswordField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from portal.core.forms import MailAddress, PlainText, PortalForm, text_field
from portal.domain.people import passwords

TOO_LONG = _l("This is too long.")


class SetupForm(PortalForm):
    """The shop and its owner.

    There is no session before there is a shop, so no token of one either: the address of the page is the
    secret that nobody else can make a browser post to.
    """

    class Meta(PortalForm.Meta):
        csrf = False

    shop_name = text_field(
        _l("Name of the shop"),
        validators=[DataRequired(_l("Fill in the shop's name.")), Length(max=120, message=TOO_LONG)],
        render_kw={"autocomplete": "organization", "maxlength": 120},
    )
    language = SelectField(
        _l("Language of the shop"),
        choices=[SelectChoice(value="nl", label="Nederlands"), SelectChoice(value="en", label="English")],
        default="nl",
        validators=[InputRequired(_l("Choose a language."))],
    )
    owner_name = text_field(
        _l("Your name"),
        validators=[DataRequired(_l("Fill in your name.")), Length(max=200, message=TOO_LONG)],
        render_kw={"autocomplete": "name", "maxlength": 200},
    )
    email = text_field(
        _l("Your e-mail address"),
        field=EmailField,
        validators=[
            DataRequired(_l("Fill in your e-mail address.")),
            Length(max=254, message=TOO_LONG),
            MailAddress(),
        ],
        render_kw={"autocomplete": "username", "maxlength": 254},
    )
    password = PasswordField(
        _l("Password"),
        description=_l(
            "At least %(count)s characters. A few words are easy to remember.", count=passwords.SHORTEST
        ),
        validators=[
            PlainText(),
            InputRequired(_l("Fill in a password.")),
            Length(
                max=passwords.LONGEST,
                message=_l("Use at most %(count)s characters.", count=passwords.LONGEST),
            ),
        ],
        render_kw={"autocomplete": "new-password", "maxlength": passwords.LONGEST},
    )
