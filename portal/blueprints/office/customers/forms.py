"""A customer, new or known, and an invitation. What can be right is known to ``core.particulars``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Regexp, ValidationError

from portal.core import particulars
from portal.core.errors import DomainError
from portal.core.forms import MailAddress, PortalForm, TickField, hidden_field, text_field
from portal.core.locale import LANGUAGES as SPOKEN
from portal.core.templating import language
from portal.domain.people.accounts import NewCustomer
from portal.domain.people.details import Details
from portal.domain.people.editing import Edited
from portal.domain.people.models import Customer, CustomerKind, Role

#: Names of languages are not translated: whoever looks for theirs knows them by their own.
LANGUAGES = (("auto", _l("Auto")), *((code, spoken.name) for code, spoken in SPOKEN.items()))

TOO_LONG = _l("This is too long.")


def _text(label: Any, longest: int, *, missing: Any = None, **options: Any) -> Any:
    """A text of one line; ``missing`` says what is to be filled in when it may not be empty."""
    needed = [DataRequired(missing)] if missing is not None else []
    return text_field(
        label,
        validators=[*needed, Length(max=longest, message=TOO_LONG)],
        render_kw={"autocomplete": "off", "maxlength": longest},
        **options,
    )


def _email() -> Any:
    return text_field(
        _l("E-mail address"),
        field=EmailField,
        validators=[
            DataRequired(_l("Fill in an e-mail address.")),
            Length(max=254, message=TOO_LONG),
            MailAddress(),
        ],
        render_kw={"autocomplete": "off", "maxlength": 254},
    )


class DetailsForm(PortalForm):
    """Who is billed, and where their mail goes."""

    kind = SelectField(
        _l("Kind"),
        choices=[SelectChoice(value=each.value, label=each.label) for each in CustomerKind],
        default=CustomerKind.CONSUMER.value,
        validators=[InputRequired(_l("Choose one of these."))],
    )
    name = _text(_l("Name"), 200, missing=_l("Fill in a name."))
    email = _email()
    company = _text(_l("Company"), 200)
    phone = _text(_l("Phone"), 40)
    street = _text(_l("Street and house number"), 200)
    postal_code = _text(_l("Postal code"), 20)
    city = _text(_l("City"), 120)
    country = SelectField(_l("Country"), validators=[InputRequired(_l("Choose a country."))])
    vat_number = _text(_l("VAT number"), 30)
    chamber_number = _text(_l("Chamber of commerce number"), 20)

    def validate_company(self, field: Any) -> None:
        """A business has one; its invoices are made out to it."""
        if self.kind.data == CustomerKind.BUSINESS.value and not (field.data or "").strip():
            raise ValidationError(_l("Fill in the name of the company."))

    def validate_phone(self, field: Any) -> None:
        self._check(field, particulars.phone)

    def validate_postal_code(self, field: Any) -> None:
        self._check(field, particulars.postal_code)

    def validate_vat_number(self, field: Any) -> None:
        self._check(field, particulars.vat_number)

    def validate_chamber_number(self, field: Any) -> None:
        self._check(field, particulars.chamber_number)

    def _check(self, field: Any, check: Callable[[str, str], str]) -> None:
        try:
            check(field.data or "", self.country.data or "")
        except DomainError as error:
            raise ValidationError(error.message) from None


class CustomerForm(DetailsForm):
    """A new customer, who may be invited at once."""

    invites = TickField(_l("Mail an invitation to log in, as owner of the account"), default=True)

    def __init__(self, home: str, **options: Any) -> None:
        super().__init__(**options)
        self.country.choices = particulars.countries(language())
        if not self.is_submitted():
            self.country.data = home

    def wanted(self) -> NewCustomer:
        """What a valid form asks for, written as it is stored."""
        country = self.country.data
        return NewCustomer(
            email=self.email.data,
            name=self.name.data,
            kind=CustomerKind(self.kind.data),
            company=self.company.data or "",
            phone=particulars.phone(self.phone.data or "", country),
            street=self.street.data or "",
            postal_code=particulars.postal_code(self.postal_code.data or "", country),
            city=self.city.data or "",
            country=country,
            vat_number=particulars.vat_number(self.vat_number.data or "", country),
            chamber_number=particulars.chamber_number(self.chamber_number.data or "", country),
        )


class EditForm(DetailsForm):
    """What is known of a customer already, in the version that was shown."""

    version = hidden_field(
        validators=[
            Regexp(
                r"^[0-9]{1,9}$", message=_l("This page was changed on its way. Open it again and try anew.")
            )
        ]
    )
    language = SelectField(
        _l("Language of invoices and e-mails"),
        choices=[SelectChoice(value=value, label=label) for value, label in LANGUAGES],
        validators=[InputRequired(_l("Choose one of these."))],
    )

    def edited(self) -> Edited:
        """What a valid form asks for."""
        return Edited(
            details=Details(**{each.name: self[each.name].data or "" for each in fields(Details)}),
            kind=CustomerKind(self.kind.data),
            email=self.email.data,
            language=self.language.data if "language" in self else None,
        )


def edit_form(customer: Customer, *, follows_person: bool) -> EditForm:
    """The form of a customer; ``follows_person`` leaves the language out, which is that person's to choose."""
    form = EditForm()
    if not form.is_submitted():
        form.process(
            data={
                **vars(Details.of(customer)),
                "kind": customer.kind.value,
                "email": customer.email,
                "language": customer.language,
                "version": str(customer.version),
            }
        )
    known = particulars.countries(language())
    other = [] if customer.country in particulars.COUNTRIES else [(customer.country, customer.country)]
    form.country.choices = [*known, *other]
    if follows_person:
        del form.language
    return form


class InviteForm(PortalForm):
    """Whom to ask to an account, and what they may do in it."""

    email = _email()
    role = SelectField(
        _l("Role"),
        choices=[SelectChoice(value=role.value, label=role.label) for role in Role],
        default=Role.OWNER.value,
        validators=[InputRequired(_l("Choose a role."))],
    )
