"""Somebody of the shop logs in at the office, and how they like it to look."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from portal.core.principals import SignedIn, StaffPrincipal
from portal.core.sessions import SessionRow
from portal.core.statements import Statement, bound
from portal.domain.people import queries
from portal.domain.people.logins import MEMORY, Proof, held_against
from portal.domain.people.models import LoginEvent, Staff, StaffRole
from portal.domain.people.staff_permissions import staff_permissions_of
from portal.extensions import db


def find_staff_signed_in(token_hash: str, now: datetime) -> SignedIn | None:
    """The live session of a token's hash with whom it is of, in one statement; none of a customer's person.

    For the session interface. Who was archived is signed in nowhere.
    """
    row = _signed_in(token_hash=token_hash, now=now).one_or_none()
    if row is None:
        return None
    principal = StaffPrincipal(
        id=row.staff_id,
        email=row.email,
        name=row.name,
        language=row.language,
        theme=row.theme,
        role=row.role.value,
        permissions=staff_permissions_of(StaffRole(row.role)),
    )
    return SignedIn(
        session_id=row.id,
        csrf_secret=row.csrf_secret,
        principal=principal,
        started_at=row.started_at,
        last_seen_at=row.last_seen_at,
        confirmed_at=row.confirmed_at,
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
            Staff.id.label("staff_id"),
            Staff.email,
            Staff.name,
            Staff.language,
            Staff.theme,
            Staff.role,
        )
        .join(Staff, Staff.id == SessionRow.staff_id)
        .where(
            SessionRow.token_hash == token_hash,
            SessionRow.ended_at.is_(None),
            SessionRow.expires_at > now,
            Staff.archived_at.is_(None),
        )
    )


def prove(email: str, password: str) -> Proof:
    """Checks a password as ``logins.prove`` does, for a visitor of the office; it ends the caller's transaction."""
    known_hash = db.session.scalar(
        sa.select(Staff.password_hash).where(Staff.email == queries.normal_email(email))
    )
    db.session.rollback()
    return held_against(known_hash, email, password)


def log_in(proof: Proof, *, tries: int, device: str, now: datetime) -> Staff | None:
    """Decides on a checked password and writes the attempt down. For a visitor; the caller begins the session.

    Nobody gets in who was archived, or after ``tries`` wrong passwords within ``logins.MEMORY``. These and an
    unknown address answer alike and after the same work.
    """
    # Held, so that guesses made at once are counted one after the other.
    staff = db.session.scalar(
        sa.select(Staff)
        .where(Staff.email == queries.normal_email(proof.email))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    staff_id = staff.id if staff is not None else None
    may_try = _count_wrong_passwords(staff_id, since=now - MEMORY) < tries
    fits = may_try and staff is not None and proof.fits_now(staff)
    welcome = fits and staff is not None and staff.archived_at is None
    # What was not even looked at does not count, else who knows an address could lock it for good.
    means = "password" if fits or may_try else "refused"
    db.session.add(
        LoginEvent(
            staff_id=staff_id, succeeded=bool(welcome), means=means, device=device[:120], created_at=now
        )
    )
    if staff is None or not welcome:
        return None
    if proof.renewed_hash is not None:
        _change(staff.id, password_hash=proof.renewed_hash)
    return staff


def _count_wrong_passwords(staff_id: int | None, *, since: datetime) -> int:
    found = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(LoginEvent)
        .where(
            LoginEvent.staff_id == (staff_id or 0),
            LoginEvent.succeeded.is_(False),
            LoginEvent.means == "password",
            LoginEvent.created_at > since,
        )
    )
    return found or 0


def choose_appearance(staff_id: int, *, theme: str | None, language: str | None) -> None:
    """Stores a choice of theme (system, light, dark) or language (auto, en, nl); None leaves it. For oneself."""
    chosen = {"theme": theme, "language": language}
    _change(staff_id, **{column: choice for column, choice in chosen.items() if choice is not None})


def adopt_appearance(staff_id: int, *, theme: str | None, language: str | None) -> None:
    """Takes over what a visitor chose before logging in, where they never chose: a stored choice wins."""
    staff = db.session.get_one(Staff, staff_id)
    choose_appearance(
        staff_id,
        theme=theme if staff.theme == "system" else None,
        language=language if staff.language == "auto" else None,
    )


def _change(staff_id: int, **values: str) -> None:
    """Without the version: none of it is a change that a form open elsewhere has to hear of."""
    if values:
        db.session.execute(
            sa.update(Staff)
            .where(Staff.id == staff_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
