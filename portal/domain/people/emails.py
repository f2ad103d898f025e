"""Changing the address somebody logs in with, or an account's mail goes to: asked with the password, done by a link.

Nothing changes before the button of the link at the new address is pressed. Whether somebody else has that address is
told to nobody but whoever reads its mail.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError

from portal.core import audit, sessions
from portal.core.audit import Actor
from portal.core.errors import DomainError, NotFound
from portal.domain.people import mails, queries, tokens
from portal.domain.people.models import Customer, OneTimeToken, Person, TokenPurpose
from portal.domain.people.permissions import PERMISSIONS, Permission
from portal.extensions import db


@dataclass(frozen=True)
class Change:
    """What a link changes: the log-in of ``person`` where ``is_login``, and where mail of ``account`` goes to."""

    person: Person
    email: str
    is_login: bool
    account: Customer | None


def find_one_with(person: Person) -> Customer | None:
    """The account that is one with a person and has the same address: both change together.

    Where the shop gave them two addresses each is changed apart, else one would be lost unseen.
    """
    account = queries.find_own_account(person.id)
    return account if account is not None and account.email == person.email else None


def ask_login(person_id: int, email: str, *, session_id: int | None, now: datetime) -> None:
    """Mails a link that changes the address somebody logs in with. For that person, who just gave the password.

    The answer is the same for an address of somebody else, who is told. ``DomainError`` for the present one, or
    one of a contact person.
    """
    person = db.session.get_one(Person, person_id, with_for_update=queries.HOLD)
    account = find_one_with(person)
    _check(email, present=person.email, account=account)
    tokens.revoke(TokenPurpose.EMAIL_CHANGE, person.id, now=now)
    audit.record("person.email_change_asked", person, actor=Actor.person(person), now=now)
    other = queries.find_person_by_email(email)
    if other is not None:
        mails.email_taken(other, now=now)
    else:
        mails.change_email(person, queries.normal_email(email), session_id=session_id, now=now)


def ask_account(person_id: int, customer: Customer, email: str, *, now: datetime) -> None:
    """Mails a link that changes where an account's mail goes to. For a member who may, and just gave the password.

    ``DomainError`` for the present address, or one of a contact person.
    """
    person = db.session.get_one(Person, person_id, with_for_update=queries.HOLD)
    _check(email, present=customer.email, account=customer)
    tokens.revoke(TokenPurpose.EMAIL_CHANGE, person.id, now=now, customer_id=customer.id)
    audit.record("customer.email_change_asked", customer, actor=Actor.person(person), now=now)
    mails.change_account_email(person, customer, queries.normal_email(email), now=now)


def get_change(token: OneTimeToken) -> Change:
    """What a link would change now; ``NotFound`` when its person may not change that any more."""
    person = queries.find_person(token.person_id)
    if person is None:
        raise NotFound
    email = str(token.data["email"])
    if token.customer_id is None:
        return Change(person, email, is_login=True, account=find_one_with(person))
    membership = queries.find_membership(person.id, token.customer_id)
    if membership is None or Permission.DETAILS_CHANGE not in PERMISSIONS[membership.role]:
        raise NotFound
    return Change(person, email, is_login=False, account=queries.get_customer(token.customer_id))


def change(token: OneTimeToken, *, session_ids: Collection[int], now: datetime) -> Change:
    """Uses a link, for who holds it: the address is changed, and the one before is told.

    When it is a log-in, every session ends but the one that asked and those of ``session_ids``, where the button was
    pressed: people change an address because others may read the old one or sit at another device, and do not
    expect to be thrown out of where they are. Links that were mailed to the old address stop working too. Raises
    ``NotFound`` when the link was used meanwhile or the address was taken, ``DomainError`` for one of a contact
    person by now.
    """
    wanted = get_change(token)
    # The person before the account, as by logging in; whoever changes its contact persons holds the account alone.
    db.session.refresh(wanted.person, with_for_update=queries.HOLD)
    if wanted.account is not None:
        db.session.refresh(wanted.account, with_for_update=True)
    # Whoever was waited for may have given the account another address than its person's, which is to stay.
    held, wanted = wanted.account, get_change(token)
    if wanted.account is not held:
        wanted = replace(wanted, account=None)
    tokens.use(token, now=now)
    _check(wanted.email, present=None, account=wanted.account)
    if wanted.account is not None:
        _change_account(wanted.account, wanted, now=now)
    if wanted.is_login:
        _change_login(wanted, now=now)
        kept = {int(token.data["session_id"] or 0), *session_ids}
        sessions.end_all(wanted.person.id, now=now, but=kept)
    return wanted


def _change_login(wanted: Change, *, now: datetime) -> None:
    person, old = wanted.person, wanted.person.email
    db.session.flush()  # so that what fails below can only be this row
    try:
        with db.session.begin_nested():
            person.email = wanted.email
    except IntegrityError:
        raise NotFound from None
    tokens.revoke(TokenPurpose.RESET, person.id, now=now)
    audit.record("person.email_changed", person, actor=Actor.person(person), now=now)
    mails.email_changed(person, old, with_account=wanted.account is not None, now=now)


def _change_account(customer: Customer, wanted: Change, *, now: datetime) -> None:
    old, customer.email = customer.email, wanted.email
    audit.record("customer.email_changed", customer, actor=Actor.person(wanted.person), now=now)
    if not wanted.is_login:
        mails.account_email_changed(wanted.person, customer, old, now=now)


def _check(email: str, *, present: str | None, account: Customer | None) -> None:
    if present is not None and queries.normal_email(email) == present.lower():
        raise DomainError(_l("This is the address already."), "email")
    if account is not None and queries.find_contact(account.id, email) is not None:
        raise DomainError(
            _l("A contact person of your account has this address. Remove the contact person first."), "email"
        )
