"""The form. Rules that need the database are in the actions, whose refusals it shows."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired, Length

from portal import api

TOO_LONG = _l("This is too long.")


class RegisterForm(api.PortalForm):
    """A product to be registered, for the account that the form was opened for."""

    account = api.hidden_field()
    product = api.text_field(
        _l("Product"),
        validators=[InputRequired(_l("Fill in a product.")), Length(max=120, message=TOO_LONG)],
    )
    serial = api.text_field(
        _l("Serial number"),
        validators=[InputRequired(_l("Fill in the serial number.")), Length(max=60, message=TOO_LONG)],
    )
    bought_on = api.DayField(_l("Bought on"), validators=[InputRequired(_l("Write the day as 2026-01-31."))])
