"""Logging in by password, and the traces every log-in leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.domain.people import passwords, queries
from portal.domain.people.models import Customer, LoginEvent, Membership, Person, Staff
from portal.extensions import db

#: For how long wrong passwords count against an address.
MEMORY = timedelta(minutes=15)


@dataclass(frozen=True)
class LogIn:
    """How an attempt ended. ``is_waiting``: the password was right, but no account is the person's yet."""

    person: Person | None
    is_waiting: bool = False


@dataclass(frozen=True)
class Proof:
    """A password held against what was known of an address; plain values, good outside any transaction."""

    email: str
    password: str = field(repr=False)
    known_hash: str | None = field(repr=False)
    fits: bool
    renewed_hash: str | None = field(repr=False, default=None)

    def fits_now(self, person: Person | Staff) -> bool:
        """The same, checked again if the hash was changed meanwhile: a reset, or one made anew."""
        if person.password_hash == self.known_hash:
            return self.fits
        return passwords.fits(person.password_hash, self.password)


def prove(email: str, password: str) -> Proof:
    """Checks a password, which takes long by design and keeps no transaction open meanwhile. For a visitor.

    It ends the caller's transaction, in which nothing may have been written yet.
    """
    known_hash = db.session.scalar(
        # An unconfirmed address may be somebody else's, so its password counts for nothing.
        sa.select(Person.password_hash).where(
            Person.email == queries.normal_email(email), Person.confirmed_at.is_not(None)
        )
    )
    db.session.rollback()
    return held_against(known_hash, email, password)


def held_against(known_hash: str | None, email: str, password: str) -> Proof:
    """A password checked against a stored hash, or against none; no transaction should be open meanwhile."""
    if not passwords.fits(known_hash, password):
        return Proof(email, password, known_hash, fits=False)
    outdated = known_hash is not None and passwords.is_outdated(known_hash)
    renewed_hash = passwords.hash_password(password) if outdated else None
    return Proof(email, password, known_hash, fits=True, renewed_hash=renewed_hash)


def log_in(proof: Proof, *, tries: int, device: str, language: str, now: datetime) -> LogIn:
    """Decides on a checked password and writes the attempt down. For a visitor; the caller begins the session.

    Nobody gets in without a confirmed address, to archived accounts, or after ``tries`` wrong passwords
    within ``MEMORY`` (a reset by mail starts anew). All of these, and an unknown address, answer alike and
    after the same work. ``language`` is that of the page: who chose "auto" gets mails in it from now on.
    """
    # Held, so that guesses made at once are counted one after the other.
    person = queries.lock_person_by_email(proof.email)
    person_id = person.id if person is not None else None
    may_try = _may_try(person_id, tries=tries, now=now)
    accounts, active = queries.count_accounts(person_id)
    fits = may_try and person is not None and person.confirmed_at is not None and proof.fits_now(person)
    if person is None or not fits or not active:
        # What was not even looked at does not count, else who knows an address could lock it for good.
        _note_failure(person_id, looked=may_try and not fits, device=device, now=now)
        return LogIn(None, is_waiting=fits and not accounts)
    if proof.renewed_hash is not None:
        _store_hash(person.id, proof.renewed_hash)
    welcome(person, means="password", device=device, language=language, now=now)
    return LogIn(person)


def confirm_password(proof: Proof, *, tries: int, device: str, now: datetime) -> bool:
    """Whether who is signed in knows their password, before something that only they may do. For the person.

    Wrong ones are written down and counted with those of logging in: a session left open is no place to guess.
    """
    person = queries.lock_person_by_email(proof.email)
    if person is None:
        return False
    may_try = _may_try(person.id, tries=tries, now=now)
    fits = proof.fits_now(person)
    if not (may_try and fits):
        _note_failure(person.id, looked=may_try, device=device, now=now)
    return may_try and fits


def _may_try(person_id: int | None, *, tries: int, now: datetime) -> bool:
    return queries.count_wrong_passwords(person_id, since=now - MEMORY) < tries


def _note_failure(person_id: int | None, *, looked: bool, device: str, now: datetime) -> None:
    """Writes a failed attempt down; ``looked`` says that the password was looked at."""
    means = "password" if looked else "refused"
    db.session.add(
        LoginEvent(person_id=person_id, succeeded=False, means=means, device=device[:120], created_at=now)
    )


def welcome(person: Person, *, means: str, device: str, language: str, now: datetime) -> None:
    """Writes down that a person logged in, by password or by a link, and in which language."""
    db.session.add(
        LoginEvent(person_id=person.id, succeeded=True, means=means, device=device[:120], created_at=now)
    )
    # Without the versions: a log-in is no change that a form open elsewhere has to hear of.
    db.session.execute(
        sa.update(Person)
        .where(Person.id == person.id)
        .values(last_login_at=now)
        .execution_options(synchronize_session=False)
    )
    mine = sa.select(Membership.customer_id).where(Membership.person_id == person.id)
    db.session.execute(
        sa.update(Customer)
        .where(Customer.id.in_(mine), sa.func.coalesce(Customer.last_language, "") != language)
        .values(last_language=language)
        .execution_options(synchronize_session=False)
    )


def _store_hash(person_id: int, password_hash: str) -> None:
    """Stores a hash made anew with today's figures; the password is the same, so no form elsewhere is stale."""
    db.session.execute(
        sa.update(Person)
        .where(Person.id == person_id)
        .values(password_hash=password_hash)
        .execution_options(synchronize_session=False)
    )
