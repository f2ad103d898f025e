"""Opening an account for somebody the shop knows, before they log in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.people import claims, details, mails, queries
from portal.domain.people.models import Customer, CustomerKind
from portal.extensions import db

_COUNTRY = re.compile(r"[A-Z]{2}")
_VAT_NUMBER = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,12}")


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """Who is to be billed. The texts are stripped and fit their columns; ``language`` is auto, en or nl."""

    email: str
    name: str
    kind: CustomerKind = CustomerKind.CONSUMER
    company: str = ""
    phone: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = "NL"
    vat_number: str = ""
    chamber_number: str = ""
    language: str = "auto"


def create_customer(wanted: NewCustomer, *, now: datetime, actor: Actor) -> Customer:
    """An account without people; whoever proves to read its address becomes its owner. For staff and commands.

    Somebody who logs in with that address has proved it already, and owns the account at once.

    Raises ``Conflict`` when an account is billed at this address already, and ``DomainError`` for a business's
    detail of a consumer, a country that is no code, or a VAT number that cannot be one.
    """
    queries.hold_new_accounts()
    if queries.find_customer_by_email(wanted.email) is not None:
        raise Conflict(_l("There is an account with this e-mail address already."), "email")
    details.check_kind(wanted.kind, wanted.company, wanted.vat_number, wanted.chamber_number)
    if not _COUNTRY.fullmatch(wanted.country):
        raise DomainError(_l("A country is a code of two capital letters, such as NL."), "country")
    vat_number = "".join(char for char in wanted.vat_number.upper() if char not in " .-")
    if vat_number and not _VAT_NUMBER.fullmatch(vat_number):
        raise DomainError(_l("A VAT number begins with its country, such as NL123456782B90."), "vat_number")
    if wanted.language not in ("auto", "en", "nl"):
        raise DomainError(_l("The language of an account is auto, en or nl."), "language")
    customer = Customer(
        email=queries.normal_email(wanted.email),
        name=wanted.name,
        kind=wanted.kind,
        company=wanted.company,
        phone=wanted.phone,
        street=wanted.street,
        postal_code=wanted.postal_code,
        city=wanted.city,
        country=wanted.country,
        vat_number=vat_number,
        chamber_number=wanted.chamber_number,
        language=wanted.language,
        created_at=now,
    )
    db.session.add(customer)
    audit.record("customer.created", customer, actor=actor, now=now)
    person = queries.find_person_by_email(wanted.email)
    if person is not None and mails.can_log_in(person):
        claims.join(person, customer, actor=actor, now=now)
    return customer
