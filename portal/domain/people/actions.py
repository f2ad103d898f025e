"""Registering, confirming an address, and a new password for who forgot the old one.

Nobody but who reads a mailbox gets anything out of it: the password is chosen on the page of the mailed link
and not on the form that anybody can fill in with anybody's address. So registering somebody else does nothing
but mail them, and confirming a registration that somebody else began gives that somebody nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal.core import audit, outbox, sessions
from portal.core.audit import Actor
from portal.core.errors import NotFound
from portal.domain.people import claims, jobs, mails, passwords, queries, tokens
from portal.domain.people.models import OneTimeToken, Person, Staff, StaffRole, TokenPurpose
from portal.domain.people.naming import OwnName, chosen_name
from portal.domain.shops.models import Shop
from portal.extensions import db


@dataclass(frozen=True)
class Registration:
    """What a visitor typed and chose; ``language`` and ``theme`` as in a person's settings."""

    email: str
    given_name: str
    family_name: str
    language: str = "auto"
    theme: str = "system"


def register(wanted: Registration, *, page_language: str, now: datetime) -> Person:
    """Makes a person who cannot log in yet, or finds the one of this address, and mails that address.

    For a visitor. The answer is the same for a known address: its owner is told that there is an account. It
    inserts first and asks afterwards, so that two at once make one person and both cases take the same time.
    """
    person, event = insert_person(wanted, now=now), "person.registered"
    if person is None:
        person = queries.find_person_by_email(wanted.email)
        if person is None:
            raise NotFound
        event = "person.registered_again"
    audit.record(event, person, actor=Actor.visitor(), now=now)
    if mails.can_log_in(person):
        mails.account_exists(person, now=now)
        return person
    if event == "person.registered_again":
        _renew_registration(person, wanted)
    send = mails.claim_account if claims.list_claimable(person) else mails.confirm_address
    send(person, language=page_language, now=now)
    return person


def insert_person(wanted: Registration, *, now: datetime) -> Person | None:
    """A person who cannot log in yet; none when there is one of this address. For the actions of this area."""
    person = Person(
        email=queries.normal_email(wanted.email),
        given_name=wanted.given_name,
        family_name=wanted.family_name,
        language=wanted.language,
        theme=wanted.theme,
        created_at=now,
    )
    db.session.flush()  # so that what fails below can only be this row
    try:
        with db.session.begin_nested():
            db.session.add(person)
    except IntegrityError:
        return None
    return person


def _renew_registration(person: Person, wanted: Registration) -> None:
    """What was typed last counts, but for somebody whom the shop gave an account: that name is the shop's."""
    if queries.count_accounts(person.id)[0]:
        return
    # Without the version: two registrations at once need not end in a conflict that tells of each other.
    db.session.execute(
        sa.update(Person)
        .where(Person.id == person.id, Person.confirmed_at.is_(None))
        .values(
            given_name=wanted.given_name,
            family_name=wanted.family_name,
            language=wanted.language,
            theme=wanted.theme,
        )
        .execution_options(synchronize_session="fetch")
    )


@dataclass(frozen=True)
class Confirmed:
    """How confirming ended: the person may come in at once, or waits for the people of the account."""

    person: Person
    may_enter: bool
    is_waiting: bool


def confirm(
    token: OneTimeToken, password: str, *, page_language: str, now: datetime, name: OwnName | None = None
) -> Confirmed:
    """Uses a confirmation link: the address is the person's, the password is set, the account is theirs.

    For who holds the link; who has a name already need not say one. Accounts billed at the address that nobody can
    log in to become the person's; the owners of others are asked; when there is none of either, the person gets an
    account as a consumer. Raises ``DomainError`` for a password that will not do or a name that is missing and
    ``NotFound`` when the link was used meanwhile.
    """
    person = db.session.get_one(Person, token.person_id, with_for_update=queries.HOLD)
    shop = db.session.get_one(Shop, person.shop_id)
    name = chosen_name(person, name)
    passwords.check_new(password, about=known_of(person, shop, name))
    tokens.use(token, now=now)
    begin(person, passwords.hash_password(password), name, now=now)
    queries.hold_new_accounts()
    asked = claims.come_to_accounts(person, now=now)
    if not asked and not queries.count_accounts(person.id)[0]:
        claims.open_account(person, shop, page_language=page_language, now=now)
    active = queries.count_accounts(person.id)[1]
    return Confirmed(person, may_enter=active > 0, is_waiting=asked and not active)


def begin(person: Person, password_hash: str, name: OwnName, *, now: datetime) -> None:
    """Lets somebody who proved to read their address log in, by a password that was checked. For the actions here."""
    tokens.revoke(TokenPurpose.CONFIRM, person.id, now=now)
    person.given_name, person.family_name = name.given_name, name.family_name
    person.password_hash = password_hash
    person.confirmed_at = person.confirmed_at or now
    audit.record("person.confirmed", person, actor=Actor.person(person), now=now)


def ask_reset(email: str, *, page_language: str, now: datetime) -> None:
    """Has a link mailed to choose a new password, if the address is somebody's. For a visitor.

    The same rows are written whether it is or not, so the time it takes does not tell.
    """
    person = queries.find_person_by_email(email)
    payload = {"person_id": person.id if person is not None else None, "language": page_language}
    outbox.add(jobs.LET_IN, payload, now=now)


def reset_password(token: OneTimeToken, password: str, *, now: datetime) -> Person:
    """Uses a reset link: sets the password, ends every session and tells the person. For who holds the link.

    Raises ``DomainError`` for a password that will not do and ``NotFound`` when the link was used meanwhile.
    """
    person = db.session.get_one(Person, token.person_id, with_for_update=queries.HOLD)
    shop, name = db.session.get_one(Shop, person.shop_id), OwnName(person.given_name, person.family_name)
    passwords.check_new(password, about=known_of(person, shop, name))
    tokens.use(token, now=now)
    tokens.revoke(TokenPurpose.RESET, person.id, now=now)
    person.password_hash = passwords.hash_password(password)
    audit.record("person.password_changed", person, actor=Actor.person(person), now=now, means="reset")
    sessions.end_all(person.id, now=now)
    mails.password_changed(person, now=now)
    return person


def link_purpose(person: Person) -> TokenPurpose:
    """What lets a person in: confirming the address while they cannot log in, else a new password."""
    return TokenPurpose.RESET if mails.can_log_in(person) else TokenPurpose.CONFIRM


def find_or_invite(email: str, *, now: datetime) -> Person | None:
    """The person of an address, made when only an account has it. For a command.

    What they are called they say themselves when they come. None when nobody has the address.
    """
    person = queries.find_person_by_email(email)
    if person is not None or not queries.list_customers_by_email(email):
        return person
    person = insert_person(Registration(email=email, given_name="", family_name=""), now=now)
    if person is not None:
        audit.record("person.registered", person, actor=Actor.system("command"), now=now)
    return person


def create_staff(
    *, email: str, name: str, role: StaffRole, password: str, language: str, now: datetime
) -> Staff:
    """Makes somebody of the active shop, for its set-up and commands.

    Raises ``DomainError`` for a password that will not do.
    """
    email = queries.normal_email(email)
    passwords.check_new(password, about=[email, name])
    staff = Staff(
        email=email,
        name=name,
        role=role,
        password_hash=passwords.hash_password(password),
        language=language,
        created_at=now,
    )
    db.session.add(staff)
    audit.record("staff.created", staff, actor=Actor.system("set-up"), now=now, role=role.value)
    return staff


def known_of(person: Person, shop: Shop, name: OwnName) -> list[str]:
    """What a password of somebody who is called so may not be. For the actions of this area."""
    whole = f"{name.given_name} {name.family_name}".strip()
    return [person.email, name.given_name, name.family_name, whole or person.name, shop.name]
