"""Coming to an account that exists: at once where nobody can log in to it, else when an owner agrees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import NotFound
from portal.domain.people import joining, mails, queries, tokens
from portal.domain.people.models import (
    Customer,
    CustomerKind,
    OneTimeToken,
    Person,
    Role,
    TokenPurpose,
)
from portal.domain.shops.models import Shop
from portal.extensions import db


def list_claimable(person: Person) -> list[Customer]:
    """The accounts that become a person's once they confirm their address. For who holds that link."""
    return [
        customer
        for customer in queries.list_customers_by_email(person.email)
        if queries.find_membership(person.id, customer.id) is None
        and not queries.list_people_who_log_in(customer.id)
    ]


def come_to_accounts(person: Person, *, now: datetime) -> bool:
    """Claims or asks for every account billed at the person's address; answers whether somebody was asked.

    For a person who proved to read that address (domain.md, "People and accounts"). An account that nobody
    can log in to becomes theirs; of another its owners are asked. With people but no owner it is the shop's
    to decide.
    """
    asked = False
    for customer in queries.list_customers_by_email(person.email):
        if queries.find_membership(person.id, customer.id) is not None:
            continue
        if not queries.list_people_who_log_in(customer.id):
            join(person, customer, actor=Actor.person(person), now=now)
            continue
        asked = True
        audit.record("customer.claim_requested", customer, actor=Actor.person(person), now=now)
        for owner in queries.list_people_who_log_in(customer.id, role=Role.OWNER):
            mails.claim_requested(owner, person, customer, now=now)
    db.session.flush()
    return asked


def join(person: Person, customer: Customer, *, actor: Actor, now: datetime) -> None:
    """Makes a person who proved to read an account's address its owner."""
    joining.add_person(person, customer, Role.OWNER, actor=actor, now=now)
    audit.record("customer.claimed", customer, actor=actor, now=now, person_id=person.id)


def open_account(person: Person, shop: Shop, *, page_language: str, now: datetime) -> None:
    """An account of a consumer for a person who has none, owned by them."""
    customer = Customer(
        kind=CustomerKind.CONSUMER,
        name=person.account_name,
        email=person.email,
        country=shop.country,
        last_language=page_language,
        created_at=now,
    )
    db.session.add(customer)
    actor = Actor.person(person)
    joining.add_person(person, customer, Role.OWNER, actor=actor, now=now)
    audit.record("customer.created", customer, actor=actor, now=now)


@dataclass(frozen=True)
class Claim:
    """Somebody who asks for an account, and the owner who was asked."""

    asker: Person
    customer: Customer
    owner: Person


def get_claim(token: OneTimeToken) -> Claim:
    """What a claim's link is about; ``NotFound`` when the owner who got it is none any more."""
    owner = queries.find_person(token.data.get("owner_id"))
    membership = queries.find_membership(owner.id, token.customer_id or 0) if owner is not None else None
    if owner is None or membership is None or membership.role is not Role.OWNER:
        raise NotFound
    customer = queries.get_customer(token.customer_id or 0)
    return Claim(db.session.get_one(Person, token.person_id), customer, owner)


def grant_claim(token: OneTimeToken, role: Role, *, now: datetime) -> Claim:
    """Uses a claim's link: who asked gets a role for the account and is told. For who holds the link.

    The other owners' links about the same end. Raises ``NotFound`` when it was used meanwhile.
    """
    claim = get_claim(token)
    # Two owners that agree at once take turns here; otherwise each would end the other's link and both would wait.
    db.session.refresh(claim.asker, with_for_update=queries.HOLD)
    tokens.use(token, now=now)
    tokens.revoke(TokenPurpose.CLAIM, claim.asker.id, customer_id=claim.customer.id, now=now)
    if queries.find_membership(claim.asker.id, claim.customer.id) is None:
        actor = Actor.person(claim.owner)
        membership = joining.add_person(
            claim.asker, claim.customer, role, actor=actor, now=now, granted_by=claim.owner
        )
        audit.record("membership.added", membership, actor=actor, now=now, role=role.value)
        mails.access_granted(claim.asker, claim.customer, now=now)
    return claim
