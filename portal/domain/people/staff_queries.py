"""What the shop sees of its customers. For staff who may see customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.core.tables import UTCDateTime
from portal.core.word_index import BY_ID
from portal.domain.people.models import ContactPerson, Customer, Invitation, Membership, Person
from portal.domain.people.words import CUSTOMERS
from portal.extensions import db

_NAMES = "INDEXED BY ix_customers_shop_id_name"


def called() -> sa.ColumnElement[str]:
    """What the shop calls a customer: by the company, where there is one."""
    return sa.func.coalesce(sa.func.nullif(Customer.company, ""), Customer.name)


def list_customers(
    *,
    search: str = "",
    also: sa.Select[*tuple[Any, ...]] | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Page[Any]:
    """A page of the shop's customers by name; ``also`` selects ids of those that a search finds by something of theirs.

    Searched by the beginnings of words of name, company, e-mail address, VAT number and chamber number.
    """
    stmt = sa.select(
        Customer.public_id,
        Customer.name,
        Customer.company,
        Customer.email,
        Customer.kind,
        Customer.city,
        Customer.archived_at,
    )
    if search:
        found = CUSTOMERS.find(search, others=[] if also is None else [also])
        further = [id_ for ids in found.others for id_ in ids]
        if found.is_none and not further:
            return Page([], None, None)
        wanted = [found.has(Customer.id)]
        if further:
            wanted.append(Customer.id.in_(further))
        stmt = stmt.where(sa.or_(*wanted))
        stmt = stmt.with_hint(Customer, _NAMES if found.is_many else BY_ID, "sqlite")
    return keyset(db.session, stmt, key_columns=[Customer.name, Customer.id], after=after, before=before)


def get_customer_for_staff(public_id: str) -> Customer:
    """A customer of the shop; ``NotFound`` for any other."""
    found = db.session.scalar(sa.select(Customer).where(Customer.public_id == public_id))
    if found is None:
        raise NotFound(f"no customer {public_id}")
    return found


def list_around(customer_id: int) -> Sequence[Any]:
    """Who has to do with an account, in one statement: its people, who is invited, and contact persons.

    Rows of ``kind`` (person, invited, contact), public_id, name, email, role (a stored word) and ``at``: the last
    log-in of a person, the end of an invitation's link.
    """

    def row(kind: str, public_id: Any, name: Any, email: Any, role: Any, at: Any) -> list[Any]:
        return [
            sa.literal(kind, sa.String(16)).label("kind"),
            public_id.label("public_id"),
            name.label("name"),
            email.label("email"),
            sa.type_coerce(role, sa.String(32)).label("role"),
            sa.type_coerce(at, UTCDateTime()).label("at"),
        ]

    name = sa.func.trim(Person.given_name + " " + Person.family_name)
    people = (
        sa.select(
            *row("person", Person.public_id, name, Person.email, Membership.role, Person.last_login_at),
            Membership.id.label("place"),
        )
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.customer_id == customer_id)
    )
    invited = (
        sa.select(
            *row("invited", Invitation.public_id, name, Person.email, Invitation.role, Invitation.expires_at),
            Invitation.id.label("place"),
        )
        .join(Invitation, Invitation.person_id == Person.id)
        .where(
            Invitation.customer_id == customer_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
    )
    never = sa.cast(sa.null(), UTCDateTime())
    contacts = sa.select(
        *row(
            "contact",
            ContactPerson.public_id,
            ContactPerson.name,
            ContactPerson.email,
            ContactPerson.role,
            never,
        ),
        ContactPerson.id.label("place"),
    ).where(ContactPerson.customer_id == customer_id)
    rows = db.session.execute(sa.union_all(people, invited, contacts)).all()
    # Few: an account has up to ten contacts, and hardly more people.
    return sorted(rows, key=lambda each: each.place)
