"""Who wrote a mail: the people, accounts and contacts that an address belongs to, and a company by its domain."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from portal.domain.people.models import ContactPerson, Customer, CustomerKind, Membership, Person, Staff
from portal.domain.people.permissions import Permission, permissions_of
from portal.domain.people.recipients import ANSWER
from portal.domain.shops.models import Shop
from portal.domain.tickets.public_providers import is_public
from portal.extensions import db


@dataclass(frozen=True)
class Writer:
    """Who is named above a message: a person with a log-in (``id``), else somebody without one."""

    id: int | None
    name: str


@dataclass(frozen=True)
class Place:
    """An account that an address may write to. ``own`` says that the account itself has the address."""

    customer_id: int
    writer: Writer
    may_write: bool = True
    own: bool = False


def find_staff(address: str) -> Staff | None:
    """Somebody of the active shop who has this address, whatever their role."""
    return db.session.scalar(sa.select(Staff).where(Staff.email == address, Staff.archived_at.is_(None)))


def may_answer(staff: Staff) -> bool:
    """Whether somebody of the shop may answer customers."""
    return staff.role in ANSWER


def places_of(address: str) -> dict[int, Place]:
    """The accounts of exactly this address: its memberships, then accounts billed there, then contact persons.

    Archived ones are none: beside a live one they would leave it open which of the two is meant.
    """
    found: dict[int, Place] = {}
    accounts = db.session.execute(
        sa.select(Customer.id, Customer.name)
        .where(Customer.email == address, Customer.archived_at.is_(None))
        .order_by(Customer.id)
    ).all()
    own = {row.id for row in accounts}
    members = (
        sa.select(Person, Membership.customer_id, Membership.role)
        .join(Membership, Membership.person_id == Person.id)
        .join(Customer, sa.and_(Customer.id == Membership.customer_id, Customer.archived_at.is_(None)))
    )
    for person, customer_id, role in db.session.execute(
        members.where(Person.email == address).order_by(Membership.id)
    ):
        may_write = Permission.TICKETS_WRITE.value in permissions_of(role)
        found[customer_id] = Place(
            customer_id, Writer(person.id, person.name[:200]), may_write, customer_id in own
        )
    for row in accounts:
        found.setdefault(row.id, Place(row.id, Writer(None, row.name), own=True))
    contacts = (
        sa.select(ContactPerson.customer_id, ContactPerson.name)
        .join(Customer, sa.and_(Customer.id == ContactPerson.customer_id, Customer.archived_at.is_(None)))
        .where(ContactPerson.email == address)
    )
    for row in db.session.execute(contacts.order_by(ContactPerson.id)):
        found.setdefault(row.customer_id, Place(row.customer_id, Writer(None, row.name)))
    return found


def only_place(places: dict[int, Place]) -> Place | None:
    """The account that somebody means who names none: the one of that very address, else the only one.

    With several to choose from there is no answer: what was written must not be read by another customer.
    """
    usable = [place for place in places.values() if place.may_write]
    for choice in ([place for place in usable if place.own], usable):
        if len(choice) == 1:
            return choice[0]
    return None


def company_of(address: str, shop: Shop, *, is_proved: bool) -> int | None:
    """The only account at the address's domain, where that is a business's own domain and not the shop's; else None.

    ``is_proved`` says that this domain signed the mail. domain.md ("Support") lets the sender's company domain do. This
    is its narrowest reading, as the shop's answer goes to the account: a stranger who is taken for a colleague is read
    by it. Anybody can write any sender, no list of public providers is whole, and a consumer has no colleagues. So the
    mail is signed, the account is a business's, and no other account of any kind is there.
    """
    domain = address.rpartition("@")[2]
    if not is_proved or is_public(domain) or domain == shop.email.lower().rpartition("@")[2]:
        return None
    ends = f"@{domain}"
    works_here = sa.select(Staff.id).where(Staff.email.endswith(ends, autoescape=True)).limit(1)
    if db.session.scalar(works_here) is not None:
        return None
    found = db.session.execute(
        sa.select(Customer.id, Customer.kind)
        .where(sa.func.lower(Customer.email).endswith(ends, autoescape=True), Customer.archived_at.is_(None))
        .limit(2)
    ).all()
    return found[0].id if len(found) == 1 and found[0].kind is CustomerKind.BUSINESS else None
