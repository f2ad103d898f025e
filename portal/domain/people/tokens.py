"""Mailed links: they work once and expire, a new one ends the older, and only a hash is stored."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.core.errors import NotFound
from portal.core.sessions import token_hash
from portal.domain.people.models import OneTimeToken, TokenPurpose
from portal.extensions import db

#: How long a link works. A reset hands over an account, so it is short; asking an owner may wait for a
#: weekend.
LIFETIMES = {
    TokenPurpose.CONFIRM: timedelta(days=3),
    TokenPurpose.RESET: timedelta(hours=1),
    TokenPurpose.CLAIM: timedelta(days=7),
    TokenPurpose.EMAIL_CHANGE: timedelta(days=1),
    TokenPurpose.INVITATION: timedelta(days=7),
}


def issue(
    purpose: TokenPurpose,
    person_id: int,
    *,
    now: datetime,
    customer_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> str:
    """The secret of a new link; older ones for the same purpose, person, account and data stop working.

    It is returned this once, to go into a mail or onto the terminal of the shop's owner.
    """
    data = data or {}
    for older in _live(purpose, person_id, customer_id, now):
        if older.data == data:
            older.revoked_at = now
    secret = secrets.token_urlsafe(32)
    db.session.add(
        OneTimeToken(
            token_hash=token_hash(secret),
            purpose=purpose,
            person_id=person_id,
            customer_id=customer_id,
            data=data,
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )
    )
    db.session.flush()
    return secret


def find(secret: str, purpose: TokenPurpose, *, now: datetime) -> OneTimeToken | None:
    """The link of this shop that a secret opens, while it works.

    It is looked up by its hash, so how long that takes says nothing about a secret that exists.
    """
    if len(secret) > 100:
        return None
    found: OneTimeToken | None = db.session.scalar(
        sa.select(OneTimeToken).where(
            OneTimeToken.token_hash == token_hash(secret), OneTimeToken.purpose == purpose, *_works(now)
        )
    )
    return found


def use(token: OneTimeToken, *, now: datetime) -> None:
    """Uses a link up. Of two that try at once one wins, the other gets ``NotFound``."""
    won = db.session.scalar(
        sa.update(OneTimeToken)
        .where(OneTimeToken.id == token.id, *_works(now))
        .values(used_at=now)
        .returning(OneTimeToken.id)
        .execution_options(synchronize_session=False)
    )
    if won is None:
        raise NotFound


def revoke(purpose: TokenPurpose, person_id: int, *, now: datetime, customer_id: int | None = None) -> None:
    """Ends every link of this purpose for a person (and account)."""
    for token in _live(purpose, person_id, customer_id, now):
        token.revoked_at = now


def revoke_changes_of_account(customer_id: int, *, now: datetime) -> None:
    """Ends every link, whoever asked for it, that would change where an account's mail goes to."""
    db.session.execute(
        sa.update(OneTimeToken)
        .where(
            OneTimeToken.purpose == TokenPurpose.EMAIL_CHANGE,
            OneTimeToken.customer_id == customer_id,
            *_works(now),
        )
        .values(revoked_at=now)
    )


def _live(
    purpose: TokenPurpose, person_id: int, customer_id: int | None, now: datetime
) -> list[OneTimeToken]:
    of_account = (
        OneTimeToken.customer_id.is_(None) if customer_id is None else OneTimeToken.customer_id == customer_id
    )
    return list(
        db.session.scalars(
            sa.select(OneTimeToken).where(
                OneTimeToken.purpose == purpose, OneTimeToken.person_id == person_id, of_account, *_works(now)
            )
        )
    )


def _works(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        OneTimeToken.used_at.is_(None),
        OneTimeToken.revoked_at.is_(None),
        OneTimeToken.expires_at > now,
    )
