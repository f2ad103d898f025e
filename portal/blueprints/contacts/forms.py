"""What is asked about a contact person. Whether the address is free is the domain's to say."""

from __future__ import annotations

import re

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, SelectField, TelField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Regexp

from portal.core.forms import MailAddress, PortalForm, TickField, hidden_field, text_field
from portal.domain.people.contacts import ContactDetails
from portal.domain.people.models import ContactRole

TOO_LONG = _l("This is too long.")
#: It is somebody else's: a browser would offer one's own.
OF_OTHERS = {"autocomplete": "off"}
_PHONE = re.compile(r"[0-9+][0-9 ().\-/]*|", re.ASCII)


class ContactForm(PortalForm):
    """Somebody who is to get copies."""

    name = text_field(
        _l("Name"),
        validators=[DataRequired(_l("Fill in a name.")), Length(max=200, message=TOO_LONG)],
        render_kw={**OF_OTHERS, "maxlength": 200},
    )
    email = text_field(
        _l("E-mail address"),
        field=EmailField,
        validators=[
            DataRequired(_l("Fill in an e-mail address.")),
            Length(max=254, message=TOO_LONG),
            MailAddress(),
        ],
        render_kw={**OF_OTHERS, "maxlength": 254},
    )
    phone = text_field(
        _l("Phone number"),
        field=TelField,
        validators=[
            Length(max=40, message=TOO_LONG),
            Regexp(
                _PHONE,
                matcher=re.fullmatch,
                message=_l("Write it in digits, with a plus in front of a country code."),
            ),
        ],
        render_kw={**OF_OTHERS, "maxlength": 40},
    )
    role = SelectField(
        _l("Role"),
        choices=[SelectChoice(value=role.value, label=role.label) for role in ContactRole],
        default=ContactRole.GENERAL.value,
        validators=[InputRequired(_l("Choose a role."))],
    )
    billing_mails = TickField(
        _l("Billing e-mails"),
        description=_l("Invoices with their PDF, payment confirmations and reminders."),
        default=True,
    )
    account_mails = TickField(
        _l("Account e-mails"),
        description=_l("About orders and subscriptions, and answers to questions."),
    )

    def details(self) -> ContactDetails:
        """What was typed, as the domain takes it."""
        return ContactDetails(
            name=self.name.data or "",
            email=self.email.data or "",
            phone=self.phone.data or "",
            role=ContactRole(self.role.data),
            billing_mails=self.billing_mails.data,
            account_mails=self.account_mails.data,
        )


class NewContactForm(ContactForm):
    """Somebody new; ``account`` is whose list it was opened for."""

    account = hidden_field()


class KnownContactForm(ContactForm):
    """Somebody on the list; ``version`` is that of the row that was shown."""

    version = hidden_field()

    def seen_version(self) -> int:
        """The version of the row that was shown; 0, which no row has, for what no page of ours sent."""
        text = self.version.data or ""
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else 0
