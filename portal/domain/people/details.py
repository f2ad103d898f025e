"""Changing what is known of an account and of a person, but for the addresses of their mail."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from flask_babel import lazy_gettext as _l

from portal.core import audit, particulars
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.people import queries
from portal.domain.people.models import Customer, CustomerKind, Person
from portal.extensions import db


@dataclass(frozen=True, kw_only=True)
class Details:
    """What an account's documents say from now on. The texts are stripped and fit their columns."""

    name: str
    phone: str
    street: str
    postal_code: str
    city: str
    country: str
    company: str = ""
    vat_number: str = ""
    chamber_number: str = ""

    @classmethod
    def of(cls, customer: Customer) -> Details:
        """Those of an account."""
        return cls(**{each.name: getattr(customer, each.name) for each in fields(cls)})

    def in_one_way(self) -> Details:
        """The same as they are stored; ``DomainError`` on its field for what cannot be right."""
        return Details(
            **asdict(self)
            | {
                "phone": particulars.phone(self.phone, self.country),
                "postal_code": particulars.postal_code(self.postal_code, self.country),
                "vat_number": particulars.vat_number(self.vat_number, self.country),
                "chamber_number": particulars.chamber_number(self.chamber_number, self.country),
            }
        )


def check_kind(kind: CustomerKind, *of_business: str) -> None:
    """``DomainError`` for a business's detail of a consumer."""
    if kind is not CustomerKind.BUSINESS and any(of_business):
        raise DomainError(
            _l("Only a business has a company, a VAT number or a chamber of commerce number."), "kind"
        )


def change(customer: Customer, wanted: Details, *, version: int, actor: Actor, now: datetime) -> None:
    """Changes an account's details, for members who may. Documents that were issued keep those of their day.

    ``version`` is that of the row that was shown: ``Conflict`` when it changed meanwhile. ``DomainError`` for what
    cannot be right. A VAT number that is another one has to be checked anew before VAT is reverse charged.
    """
    hold(customer, version=version)
    changed = put(customer, wanted, kind=customer.kind)
    if changed:
        audit.record("customer.details_changed", customer, actor=actor, now=now, changed=changed)


def hold(customer: Customer, *, version: int) -> None:
    """The account as it is now, held; ``Conflict`` when it is not what was shown any more.

    What merely names it need not wait: somebody who asks for another address holds their links by then, which whoever
    holds the account ends.
    """
    db.session.refresh(customer, with_for_update=queries.HOLD)
    if customer.version != version:
        raise Conflict(
            _l("Somebody changed these details meanwhile. Look at what you filled in, and save it again.")
        )


def put(customer: Customer, wanted: Details, *, kind: CustomerKind) -> list[str]:
    """Writes the details of an account that is ``kind`` from now on and is held; the names of what changed."""
    check_kind(kind, wanted.company, wanted.vat_number, wanted.chamber_number)
    if wanted.country not in {*particulars.COUNTRIES, customer.country}:
        raise DomainError(_l("Choose a country."), "country")
    before, after = asdict(Details.of(customer)), asdict(wanted.in_one_way())
    changed = [name for name, value in after.items() if value != before[name]]
    for name in changed:
        setattr(customer, name, after[name])
    if "vat_number" in changed:
        customer.vat_checked_on, customer.vat_check_reference = None, ""
    return changed


def rename(person_id: int, *, given_name: str, family_name: str, now: datetime) -> None:
    """Changes a person's own name, for that person; an account that is one with them is called the same."""
    person = db.session.get_one(Person, person_id, with_for_update=queries.HOLD)
    if (person.given_name, person.family_name) == (given_name, family_name):
        return
    account = find_namesake(person)
    person.given_name, person.family_name = given_name, family_name
    audit.record("person.renamed", person, actor=Actor.person(person), now=now)
    if account is not None:
        account.name = person.account_name
        audit.record(
            "customer.details_changed", account, actor=Actor.person(person), now=now, changed=["name"]
        )


def change_with_name(
    customer: Customer,
    wanted: Details,
    person_id: int,
    *,
    given_name: str,
    family_name: str,
    version: int,
    now: datetime,
) -> None:
    """An account's details and the name of who changes them, as ``change`` and ``rename`` do.

    The person is held before the account, as by logging in: the other way around the two could wait in a circle.
    """
    person = db.session.get_one(Person, person_id, with_for_update=queries.HOLD)
    change(customer, wanted, version=version, actor=Actor.person(person), now=now)
    rename(person_id, given_name=given_name, family_name=family_name, now=now)


def find_namesake(person: Person) -> Customer | None:
    """The account that is one with a person and called like them."""
    account = queries.find_own_account(person.id)
    return account if account is not None and account.name == person.account_name else None
