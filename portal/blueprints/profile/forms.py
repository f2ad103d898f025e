"""The forms of the details. What can be right is known to ``core.particulars``; here it is said beside the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, PasswordField, SelectField
from wtforms.validators import DataRequired, InputRequired, Length, Regexp, ValidationError

from portal.core import particulars
from portal.core.errors import DomainError
from portal.core.forms import MailAddress, PlainText, PortalForm, hidden_field, text_field
from portal.core.templating import language
from portal.domain.people import passwords
from portal.domain.people.details import Details
from portal.domain.people.models import Customer, CustomerKind, Person

TOO_LONG = _l("This is too long.")
OF_BUSINESS = ("company", "vat_number", "chamber_number")


def _text(label: Any, longest: int, autocomplete: str, *, missing: Any = None, **options: Any) -> Any:
    """A text of one line; ``missing`` says what is to be filled in when it may not be empty."""
    needed = [DataRequired(missing)] if missing is not None else []
    return text_field(
        label,
        validators=[*needed, Length(max=longest, message=TOO_LONG)],
        render_kw={"autocomplete": autocomplete, "maxlength": longest},
        **options,
    )


class NameForm(PortalForm):
    """A person's own name."""

    given_name = _text(_l("First name"), 100, "given-name", missing=_l("Fill in your first name."))
    family_name = _text(_l("Last name"), 100, "family-name")

    def names(self) -> dict[str, str]:
        """What was filled in."""
        return {"given_name": self.given_name.data or "", "family_name": self.family_name.data or ""}


class AccountForm(NameForm):
    """The same with the details of an account, of which a consumer has fewer."""

    version = hidden_field(
        validators=[
            Regexp(
                r"^[0-9]{1,9}$", message=_l("This page was changed on its way. Open it again and try anew.")
            )
        ]
    )
    company = _text(_l("Company"), 200, "organization", missing=_l("Fill in the name of your company."))
    name = _text(_l("Name on invoices"), 200, "name", missing=_l("Fill in a name for your invoices."))
    phone = _text(_l("Phone"), 40, "tel")
    street = _text(_l("Street and house number"), 200, "address-line1")
    postal_code = _text(_l("Postal code"), 20, "postal-code")
    city = _text(_l("City"), 120, "address-level2")
    country = SelectField(
        _l("Country"),
        validators=[InputRequired(_l("Choose a country."))],
        render_kw={"autocomplete": "country"},
    )
    vat_number = _text(_l("VAT number"), 30, "off")
    chamber_number = _text(_l("Chamber of commerce number"), 20, "off")

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

    def details(self, customer: Customer) -> Details:
        """What was filled in; a field that the form does not have stays as it is."""
        kept = vars(Details.of(customer))
        return Details(
            **{name: self._fields[name].data if name in self._fields else kept[name] for name in kept}
        )


def account_form(customer: Customer, person: Person, *, is_namesake: bool) -> AccountForm:
    """The form of an account, with the person's name; ``is_namesake`` leaves the account's own name out."""
    form = AccountForm()
    if not form.is_submitted():
        form.process(data={**vars(Details.of(customer)), **_names(person), "version": str(customer.version)})
    known = particulars.countries(language())
    other = [] if customer.country in particulars.COUNTRIES else [(customer.country, customer.country)]
    form.country.choices = [*known, *other]
    for name in (
        *(OF_BUSINESS if customer.kind is not CustomerKind.BUSINESS else ()),
        *(("name",) * is_namesake),
    ):
        delattr(form, name)
    return form


def name_form(person: Person) -> NameForm:
    """The form of a person's name."""
    form = NameForm()
    if not form.is_submitted():
        form.process(data=_names(person))
    return form


def _names(person: Person) -> dict[str, str]:
    return {"given_name": person.given_name, "family_name": person.family_name}


class EmailForm(PortalForm):
    """A new address, and the password of who asks for it."""

    email = text_field(
        _l("New e-mail address"),
        field=EmailField,
        validators=[
            DataRequired(_l("Fill in the new e-mail address.")),
            Length(max=254, message=TOO_LONG),
            MailAddress(),
        ],
        render_kw={"autocomplete": "email", "maxlength": 254},
    )
    password = PasswordField(
        _l("Your password"),
        validators=[
            PlainText(),
            InputRequired(_l("Fill in your password.")),
            Length(max=passwords.LONGEST, message=TOO_LONG),
        ],
        render_kw={"autocomplete": "current-password", "maxlength": passwords.LONGEST},
    )
