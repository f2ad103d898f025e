"""Inviting somebody to an account, and what becomes of it: accepted once, revoked, replaced, or run out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, NotFound
from portal.domain.people import actions, claims, details, joining, mails, passwords, queries, tokens
from portal.domain.people.models import (
    Customer,
    Invitation,
    OneTimeToken,
    Person,
    Role,
    TokenPurpose,
)
from portal.domain.people.naming import OwnName, chosen_name, has_name, suggest_name
from portal.domain.shops.models import Shop
from portal.extensions import db


def invite(customer_id: int, email: str, role: Role, *, actor: Actor, now: datetime) -> Invitation:
    """Mails somebody a link by which they come to an account in a role. For staff who may change customers.

    An older invitation of the same address ends with it. ``Conflict`` for an archived account, and for
    somebody who belongs to it already.
    """
    # Two that invite the same address at once queue here.
    customer = db.session.get_one(Customer, customer_id, with_for_update=True, populate_existing=True)
    if customer.archived_at is not None:
        raise Conflict(_l("This account is archived: nobody can log in to it."))
    person = actions.insert_person(
        actions.Registration(email=email, given_name="", family_name=""), now=now
    ) or queries.find_person_by_email(email)
    if person is None:
        raise NotFound
    if queries.find_membership(person.id, customer.id) is not None:
        raise Conflict(_l("This person can log in to the account already."), "email")
    for older in _open(customer.id, person.id):
        _revoke(older, actor=actor, now=now)
    db.session.flush()
    invited = Invitation(customer_id=customer.id, person_id=person.id, role=role, created_at=now)
    db.session.add(invited)
    audit.record("invitation.sent", invited, actor=actor, now=now, role=role.value)
    mails.invitation(invited, person, customer, now=now)
    return invited


def revoke(public_id: str, customer_id: int, *, actor: Actor, now: datetime) -> None:
    """Makes an invitation to an account worthless. Twice is once. For staff who may change customers.

    ``NotFound`` for another account's, ``Conflict`` when it was accepted meanwhile.
    """
    # The account first: whoever accepts at this moment holds it before the link and the invitation.
    db.session.get_one(Customer, customer_id, with_for_update=queries.HOLD)
    invited = db.session.scalar(
        sa.select(Invitation)
        .where(Invitation.public_id == public_id, Invitation.customer_id == customer_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if invited is None:
        raise NotFound(f"no invitation {public_id}")
    if invited.accepted_at is not None:
        raise Conflict(_l("This invitation was accepted meanwhile."))
    if invited.revoked_at is None:
        _revoke(invited, actor=actor, now=now)


def _revoke(invited: Invitation, *, actor: Actor, now: datetime) -> None:
    invited.revoked_at = now
    tokens.revoke(TokenPurpose.INVITATION, invited.person_id, now=now, customer_id=invited.customer_id)
    audit.record("invitation.revoked", invited, actor=actor, now=now)


@dataclass(frozen=True)
class Invited:
    """What an invitation's link is about. ``needs_password``: the person cannot log in yet.

    ``needs_name``: they are asked for their own name, with what is ``suggested`` in the form already. Before they can
    log in that is so whatever name there is: somebody else may have typed it.
    """

    invitation: Invitation
    person: Person
    customer: Customer
    needs_password: bool
    needs_name: bool
    suggested: OwnName


def get_invited(token: OneTimeToken) -> Invited:
    """For who holds the link; ``NotFound`` when the invitation is open no more."""
    invited = db.session.get(Invitation, token.data.get("invitation_id", 0))
    if invited is None or invited.accepted_at is not None or invited.revoked_at is not None:
        raise NotFound
    person = db.session.get_one(Person, invited.person_id)
    customer = queries.get_customer(invited.customer_id)
    if customer.archived_at is not None:
        raise NotFound
    needs_password = not mails.can_log_in(person)
    return Invited(
        invitation=invited,
        person=person,
        customer=customer,
        needs_password=needs_password,
        needs_name=needs_password or not has_name(person),
        suggested=suggest_name(person, [customer, *claims.list_claimable(person)]),
    )


def accept(token: OneTimeToken, password: str | None, name: OwnName | None, *, now: datetime) -> Invited:
    """Uses an invitation's link: the person belongs to the account, has a password if they had none, and a name.

    For who holds the link, and so reads the mail of its address. Accounts billed at that address come too, as at
    any confirmation. The owners whom the account has already are told. ``DomainError`` for a password that will not
    do or a name that is missing, ``NotFound`` when the link was used meanwhile.
    """
    person = db.session.get_one(Person, token.person_id, with_for_update=queries.HOLD, populate_existing=True)
    invited = get_invited(token)
    own_name = chosen_name(person, name if invited.needs_name else None)
    password_hash = None
    if invited.needs_password:
        shop = db.session.get_one(Shop, person.shop_id)
        passwords.check_new(password or "", about=actions.known_of(person, shop, own_name))
        # It takes long by design, so before anything that others wait for.
        password_hash = passwords.hash_password(password or "")
    # Accounts come along, so it is as confirming an address: after the person the shop, before any account; and the
    # account before the invitation, as who replaces that one at this moment.
    queries.hold_new_accounts()
    joining.hold(invited.customer)
    tokens.use(token, now=now)
    invited.invitation.accepted_at = now
    actor = Actor.person(person)
    if password_hash is not None:
        actions.begin(person, password_hash, own_name, now=now)
    else:
        details.rename(person.id, **asdict(own_name), now=now)
    if queries.find_membership(person.id, invited.customer.id) is None:
        role = invited.invitation.role
        membership = joining.add_person(person, invited.customer, role, actor=actor, now=now)
        audit.record("membership.added", membership, actor=actor, now=now, role=role.value)
    if invited.needs_password:
        db.session.flush()
        claims.come_to_accounts(person, now=now)
    return invited


def _open(customer_id: int, person_id: int) -> list[Invitation]:
    return list(
        db.session.scalars(
            sa.select(Invitation).where(
                Invitation.customer_id == customer_id,
                Invitation.person_id == person_id,
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
            )
        )
    )
