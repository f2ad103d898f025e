"""Who wrote a mail: the people, accounts and contacts that an address belongs to, and a company by its domain."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from portal.domain.people.models import ContactPerson, Customer, Membership, Person, Staff
from portal.domain.people.permissions import Permission, permissions_of
from portal.domain.people.recipients import ANSWER
from portal.domain.shops.models import Shop
from portal.extensions import db

_PUBLIC = """
aol.com bluewin.ch btinternet.com caiway.nl chello.nl comcast.net fastmail.com fastmail.fm free.fr
freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hetnet.nl hey.com home.nl
hotmail.be hotmail.co.uk hotmail.com hotmail.de hotmail.fr hotmail.nl icloud.com kpnmail.nl kpnplanet.nl
laposte.net live.be live.co.uk live.com live.fr live.nl mac.com mail.com mail.ru mailbox.org
mailfence.com me.com msn.com online.nl onsbrabantnet.nl orange.fr outlook.be outlook.com outlook.de
outlook.fr outlook.nl planet.nl pm.me posteo.de posteo.net proton.me protonmail.ch protonmail.com qq.com
quicknet.nl rocketmail.com scarlet.be skynet.be solcon.nl startmail.com t-online.de tele2.nl telenet.be
telfort.nl tiscali.nl tuta.com tuta.io tutanota.com upcmail.nl versatel.nl web.de wxs.nl xs4all.nl
yahoo.be yahoo.co.uk yahoo.com yahoo.de yahoo.fr yahoo.nl yandex.com yandex.ru zeelandnet.nl ziggo.nl
zohomail.com zonnet.nl
"""
#: Where anybody gets an address: who writes from there is known by the whole address only.
PUBLIC_PROVIDERS = frozenset(_PUBLIC.split())


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
    """The accounts of exactly this address: its memberships, then accounts billed there, then contact persons."""
    found: dict[int, Place] = {}
    accounts = db.session.execute(
        sa.select(Customer.id, Customer.name)
        .where(Customer.email == address, Customer.archived_at.is_(None))
        .order_by(Customer.id)
    ).all()
    own = {row.id for row in accounts}
    members = sa.select(Person, Membership.customer_id, Membership.role).join(
        Membership, Membership.person_id == Person.id
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
    contacts = sa.select(ContactPerson.customer_id, ContactPerson.name).where(ContactPerson.email == address)
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


def company_of(address: str, shop: Shop) -> int | None:
    """The only account at the address's domain, where that is a company's own and not the shop's; else None."""
    domain = address.rpartition("@")[2]
    if domain in PUBLIC_PROVIDERS or domain == shop.email.lower().rpartition("@")[2]:
        return None
    ends = f"@{domain}"
    works_here = sa.select(Staff.id).where(Staff.email.endswith(ends, autoescape=True)).limit(1)
    if db.session.scalar(works_here) is not None:
        return None
    found = db.session.scalars(
        sa.select(Customer.id)
        .where(sa.func.lower(Customer.email).endswith(ends, autoescape=True), Customer.archived_at.is_(None))
        .limit(2)
    ).all()
    return found[0] if len(found) == 1 else None
