"""Becoming one of the people of an account, whichever way somebody comes to it."""

from __future__ import annotations

from datetime import datetime

from portal.core import audit
from portal.core.audit import Actor
from portal.domain.people import mails, queries
from portal.domain.people.models import Customer, Membership, Person, Role
from portal.domain.people.recipients import find_only_choice
from portal.extensions import db


def add_person(
    person: Person,
    customer: Customer,
    role: Role,
    *,
    actor: Actor,
    now: datetime,
    granted_by: Person | None = None,
) -> Membership:
    """Gives a person who belongs to an account in no way yet a role in it. For the actions of this area.

    The owners it has already are told who came and that the shop, or ``granted_by`` of the account, wanted it. The
    account goes on in the language it had. The person is held before it, if at all.
    """
    hold(customer)
    _keep_language(customer, actor=actor, now=now)
    owners = queries.list_people_who_log_in(customer.id, role=Role.OWNER)
    membership = Membership(person_id=person.id, customer_id=customer.id, role=role, created_at=now)
    db.session.add(membership)
    for owner in owners:
        mails.member_added(owner, person, customer, role, granted_by=granted_by, now=now)
    return membership


def hold(customer: Customer) -> None:
    """The account as it is now: people come to it one at a time, so that the second one finds the first."""
    db.session.flush()
    db.session.refresh(customer, with_for_update=queries.HOLD)


def _keep_language(customer: Customer, *, actor: Actor, now: datetime) -> None:
    """What the only person of an account chose, which its mails follow no more once there are two, becomes its own."""
    choice = find_only_choice(customer)
    if choice in ("en", "nl") and choice != customer.language:
        customer.language = choice
        audit.record(
            "customer.mail_settings_changed", customer, actor=actor, now=now, language=customer.language
        )
