"""Finding people: by session cookie, by address, by account."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from portal.core.errors import NotFound
from portal.core.principals import MembershipInfo, PersonPrincipal, SignedIn
from portal.core.sessions import SessionRow
from portal.core.statements import Statement, bound
from portal.core.tenancy import current_shop_id
from portal.domain.people.models import (
    ContactPerson,
    Customer,
    LoginEvent,
    Membership,
    OneTimeToken,
    Person,
    Role,
    TokenPurpose,
)
from portal.domain.people.permissions import PERMISSIONS, Permission, permissions_of
from portal.domain.shops.models import Shop
from portal.extensions import db

#: How a person is held. Who merely names them, as a message does, need not wait for that, holding an account meanwhile.
HOLD = {"key_share": True}


def find_signed_in(token_hash: str, now: datetime) -> SignedIn | None:
    """The live session of a token's hash with its person and their accounts, in one statement.

    For the session interface. Archived accounts are left out; a person without any is not signed in.
    """
    rows = _signed_in(token_hash=token_hash, now=now).all()
    if not rows:
        return None
    first = rows[0]
    principal = PersonPrincipal(
        id=first.person_id,
        email=first.email,
        given_name=first.given_name,
        name=f"{first.given_name} {first.family_name}".strip() or first.email,
        language=first.language,
        theme=first.theme,
        memberships=tuple(
            MembershipInfo(
                id=row.own_membership_id,
                customer_id=row.customer_id,
                customer_public_id=row.public_id,
                customer_name=row.name,
                role=row.role.value,
                permissions=permissions_of(Role(row.role)),
            )
            for row in rows
        ),
        selected_id=first.membership_id,
    )
    return SignedIn(
        session_id=first.id,
        csrf_secret=first.csrf_secret,
        principal=principal,
        started_at=first.started_at,
        last_seen_at=first.last_seen_at,
        confirmed_at=first.confirmed_at,
    )


@bound
def _signed_in(token_hash: str, now: datetime) -> Statement:
    return (
        sa.select(
            SessionRow.id,
            SessionRow.csrf_secret,
            SessionRow.started_at,
            SessionRow.last_seen_at,
            SessionRow.confirmed_at,
            SessionRow.membership_id,
            Person.id.label("person_id"),
            Person.email,
            Person.given_name,
            Person.family_name,
            Person.language,
            Person.theme,
            Membership.id.label("own_membership_id"),
            Membership.role,
            Customer.id.label("customer_id"),
            Customer.public_id,
            Customer.name,
        )
        .join(Person, Person.id == SessionRow.person_id)
        .join(Membership, Membership.person_id == Person.id)
        .join(Customer, Customer.id == Membership.customer_id)
        .where(
            SessionRow.token_hash == token_hash,
            SessionRow.ended_at.is_(None),
            SessionRow.expires_at > now,
            Person.confirmed_at.is_not(None),
            Customer.archived_at.is_(None),
        )
        .order_by(Membership.id)
    )


def find_person_by_email(email: str) -> Person | None:
    """The person of this shop who logs in with an address, typed in any case."""
    return db.session.scalar(sa.select(Person).where(Person.email == normal_email(email)))


def lock_person_by_email(email: str) -> Person | None:
    """The same, fresh and held by this transaction."""
    return db.session.scalar(
        sa.select(Person)
        .where(Person.email == normal_email(email))
        .with_for_update(key_share=HOLD["key_share"])
        .execution_options(populate_existing=True)
    )


def get_account(public_id: str, *, customer_ids: Collection[int]) -> Customer:
    """One of these accounts by its public id; ``NotFound`` for any other."""
    found = db.session.scalar(
        sa.select(Customer).where(Customer.public_id == public_id, Customer.id.in_(customer_ids))
    )
    if found is None:
        raise NotFound(f"no account {public_id}")
    return found


def find_own_account(person_id: int) -> Customer | None:
    """The account of somebody who has no other, shares it with nobody, and may change its details.

    For them it is one with their log-in, and nothing shows that there are two (domain.md, "People and accounts").
    """
    mine = db.session.scalars(sa.select(Membership).where(Membership.person_id == person_id).limit(2)).all()
    if len(mine) != 1 or Permission.DETAILS_CHANGE not in PERMISSIONS[mine[0].role]:
        return None
    others = sa.select(Membership.id).where(
        Membership.customer_id == mine[0].customer_id, Membership.person_id != person_id
    )
    return None if db.session.scalar(others.limit(1)) is not None else get_customer(mine[0].customer_id)


def find_contact(customer_id: int, email: str) -> ContactPerson | None:
    """The contact person of an account with an address."""
    return db.session.scalar(
        sa.select(ContactPerson).where(
            ContactPerson.customer_id == customer_id,
            ContactPerson.email == normal_email(email),
        )
    )


def get_customer(customer_id: int) -> Customer:
    """The account itself."""
    return db.session.get_one(Customer, customer_id)


def find_customer_by_email(email: str) -> Customer | None:
    """The oldest account of this shop that is billed at an address."""
    return db.session.scalar(
        sa.select(Customer).where(Customer.email == normal_email(email)).order_by(Customer.id).limit(1)
    )


def hold_new_accounts() -> None:
    """Who looks whether an account is there, to open it otherwise, does so one at a time in a shop: it is held.

    No row can be held that is not there yet, and an address may have several accounts, so nothing else refuses a
    second one. A person is held before the shop, and who only names the shop need not wait.
    """
    db.session.execute(
        sa.select(Shop.id).where(Shop.id == current_shop_id()).with_for_update(key_share=HOLD["key_share"])
    )


def find_person(person_id: int | None) -> Person | None:
    """A person of this shop by id; for background work, whose ids may be of rows that are gone."""
    return db.session.scalar(sa.select(Person).where(Person.id == (person_id or 0)))


def find_person_by_public_id(public_id: str) -> Person | None:
    """A person of this shop by the id that mails carry."""
    return db.session.scalar(sa.select(Person).where(Person.public_id == public_id))


def list_customers_by_email(email: str) -> list[Customer]:
    """The accounts billed at an address, the oldest first, without archived ones: nobody may claim them."""
    return list(
        db.session.scalars(
            sa.select(Customer)
            .where(Customer.email == normal_email(email), Customer.archived_at.is_(None))
            .order_by(Customer.id)
        )
    )


def list_people_who_log_in(customer_id: int, *, role: Role | None = None) -> list[Person]:
    """The people of an account who can log in (confirmed, with a password), or those of them with a role."""
    query = (
        sa.select(Person)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.customer_id == customer_id,
            Person.confirmed_at.is_not(None),
            Person.password_hash.is_not(None),
        )
        # Not by the person's own id: SQLite would read the shop's people in that order.
        .order_by(Membership.person_id)
    )
    return list(db.session.scalars(query if role is None else query.where(Membership.role == role)))


def find_membership(person_id: int, customer_id: int) -> Membership | None:
    """What a person is to an account, if anything."""
    return db.session.scalar(
        sa.select(Membership).where(Membership.person_id == person_id, Membership.customer_id == customer_id)
    )


def count_accounts(person_id: int | None) -> tuple[int, int]:
    """How many accounts a person belongs to, and how many of these are not archived. Nobody has none."""
    row = db.session.execute(
        sa.select(sa.func.count(), sa.func.count().filter(Customer.archived_at.is_(None)))
        .select_from(Membership)
        .join(Customer, Customer.id == Membership.customer_id)
        .where(Membership.person_id == (person_id or 0))
    ).one()
    return int(row[0]), int(row[1])


def count_wrong_passwords(person_id: int | None, *, since: datetime) -> int:
    """How often a wrong password was given for a person since a moment and since their last reset."""
    reset_at = (
        sa.select(sa.func.max(OneTimeToken.used_at))
        .where(OneTimeToken.person_id == LoginEvent.person_id, OneTimeToken.purpose == TokenPurpose.RESET)
        .scalar_subquery()
    )
    found = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(LoginEvent)
        .where(
            LoginEvent.person_id == (person_id or 0),
            LoginEvent.succeeded.is_(False),
            LoginEvent.means == "password",
            LoginEvent.created_at > since,
            sa.or_(reset_at.is_(None), LoginEvent.created_at > reset_at),
        )
    )
    return found or 0


def mail_language(person: Person, shop_language: str) -> str:
    """The language of mails to a person: their choice, else that of their last log-in, else the shop's."""
    if person.language in ("en", "nl"):
        return person.language
    last = db.session.scalar(
        sa.select(Customer.last_language)
        .join(Membership, Membership.customer_id == Customer.id)
        .where(Membership.person_id == person.id, Customer.last_language.is_not(None))
        .order_by(Membership.id)
        .limit(1)
    )
    return last or shop_language


def normal_email(email: str) -> str:
    """An address as it is stored and compared: without blanks, in lower case."""
    return email.strip().lower()


def find_customer(email_or_public_id: str) -> Customer | None:
    """An account by what a command was given: its billing e-mail or its public id."""
    by_id = db.session.scalar(sa.select(Customer).where(Customer.public_id == email_or_public_id))
    return by_id or find_customer_by_email(email_or_public_id)
