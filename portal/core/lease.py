"""The hold of a runner on rows of the outbox: claimed together, ended each or together, prolonged by a heartbeat."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import TracebackType
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from portal.core import clock, outbox
from portal.core.outbox import OutboxRow, OutboxState
from portal.core.tables import UTCDateTime
from portal.core.tenancy import every_shop
from portal.extensions import db

log = logging.getLogger(__name__)


TABLE = cast(sa.Table, OutboxRow.__table__)
#: How many rows are looked up at once; they are claimed later, as many as the runner wants to hold.
LOOK_AHEAD = 64

# Statements are built once: building one costs more than running it.
_DUE = outbox.may_be_claimed(
    sa.bindparam("now", type_=UTCDateTime()), sa.bindparam("far", type_=UTCDateTime())
)
_LOOK = (
    sa.select(TABLE.c.id, TABLE.c.state, TABLE.c.attempts, TABLE.c.job)
    .where(TABLE.c.lane == sa.bindparam("lane"), _DUE)
    .order_by(TABLE.c.due_at, TABLE.c.id)
    .limit(LOOK_AHEAD)
)
_CLAIM = (
    sa.update(TABLE)
    .where(
        TABLE.c.id.in_(sa.bindparam("seen_ids", expanding=True)),
        TABLE.c.attempts == sa.bindparam("seen_attempts"),
        _DUE,
    )
    .values(
        state=OutboxState.RUNNING,
        attempts=sa.bindparam("attempt"),
        claimed_by=sa.bindparam("token"),
        lease_until=sa.bindparam("lease_end"),
    )
    .returning(TABLE.c.id, TABLE.c.shop_id, TABLE.c.job, TABLE.c.payload, TABLE.c.created_at)
)


class LostLease(Exception):
    """Another runner took the row over; whatever this one did must not be committed."""


@dataclass(frozen=True)
class Claim:
    """A row as it was claimed: by whom, and at which attempt."""

    id: int
    shop_id: int
    job: str
    payload: dict[str, Any]
    created_at: datetime
    taken_at: datetime
    attempt: int
    token: str
    lease: timedelta
    crashed: bool


def look(lane: str) -> list[sa.Row[Any]]:
    """The next rows of a lane that may be claimed, of all shops; call it in ``every_shop()``."""
    now = clock.now()
    return list(db.session.execute(_LOOK, {"lane": lane, "now": now, "far": now + outbox.FAR}))


def take(rows: Sequence[sa.Row[Any]], *, token: str, lease: timedelta) -> list[Claim]:
    """Compare-and-set on what ``look`` saw: those that nobody else has claimed since, in their order.

    All of them must have had as many attempts. Call it in ``every_shop()``.
    """
    now = clock.now()
    values = {
        "seen_ids": [row.id for row in rows],
        "seen_attempts": rows[0].attempts,
        "now": now,
        "far": now + outbox.FAR,
        "attempt": rows[0].attempts + 1,
        "token": token,
        "lease_end": now + lease,
    }
    taken = {row.id: row for row in db.session.execute(_CLAIM, values)}
    return [
        Claim(
            id=row.id,
            shop_id=taken[row.id].shop_id,
            job=row.job,
            payload=taken[row.id].payload,
            created_at=taken[row.id].created_at,
            taken_at=now,
            attempt=row.attempts + 1,
            token=token,
            lease=lease,
            crashed=row.state is OutboxState.RUNNING,
        )
        for row in rows
        if row.id in taken
    ]


def hold(claim: Claim) -> None:
    """Prolongs the lease in the running transaction; raises LostLease when another runner has the row.

    While most of the lease is left nobody else can have it, so nothing is asked and nothing written.
    """
    now = clock.now()
    if now >= claim.taken_at + claim.lease / 4:
        _set(claim, lease_until=now + claim.lease)


def let_go(claim: Claim, **values: Any) -> None:
    """Ends the claim with new values in the running transaction; raises LostLease when it was lost."""
    _set(claim, lease_until=None, claimed_by=None, **values)


def end_all(claims: Sequence[Claim]) -> None:
    """Ends claims of first attempts as done, by one statement; raises LostLease when one of them was lost."""
    values = {"of_ids": [claim.id for claim in claims], "of_token": claims[0].token, "now": clock.now()}
    with every_shop():  # rows of several shops, each claimed by this runner
        ended = db.session.execute(_END_ALL, values).all()
    if len(ended) != len(claims):
        raise LostLease(f"{len(claims) - len(ended)} of {len(claims)}")


def give_back(claim: Claim) -> None:
    """Lets somebody else have a row that was claimed and not begun: that was no attempt."""
    let_go(claim, state=OutboxState.WAITING, attempts=claim.attempt - 1)


def force(claim: Claim) -> None:
    """Writes a row anew as it is, so that the commit has something to force to disk, and with it all before it."""
    with every_shop():  # a statement on the table, that names the shop itself
        db.session.execute(_TOUCH, {"of_id": claim.id, "of_shop": claim.shop_id})


def _set(claim: Claim, **values: Any) -> None:
    named = {f"new_{name}": value for name, value in values.items()}
    of_claim = {
        "of_id": claim.id,
        "of_shop": claim.shop_id,
        "of_token": claim.token,
        "of_attempt": claim.attempt,
    }
    with every_shop():  # a statement on the table, that names the shop itself
        done = db.session.execute(_change_of(tuple(values)), {**of_claim, **named})
    if done.one_or_none() is None:
        raise LostLease(str(claim.id))


_END_ALL = (
    sa.update(TABLE)
    .where(
        TABLE.c.id.in_(sa.bindparam("of_ids", expanding=True)),
        TABLE.c.state == OutboxState.RUNNING,
        TABLE.c.claimed_by == sa.bindparam("of_token"),
        TABLE.c.attempts == 1,
    )
    .values(
        state=OutboxState.DONE,
        done_at=sa.bindparam("now", type_=UTCDateTime()),
        last_error=None,
        lease_until=None,
        claimed_by=None,
    )
    .returning(TABLE.c.id)
)
# One statement for all in hand: on a busy database each would wait for its turn, and the last for too long.
_PROLONG = (
    sa.update(TABLE)
    .where(
        TABLE.c.id.in_(sa.bindparam("of_ids", expanding=True)),
        TABLE.c.state == OutboxState.RUNNING,
        TABLE.c.claimed_by == sa.bindparam("of_token"),
    )
    .values(lease_until=sa.bindparam("lease_end", type_=UTCDateTime()))
)
_TOUCH = (
    sa.update(TABLE)
    .where(TABLE.c.id == sa.bindparam("of_id"), TABLE.c.shop_id == sa.bindparam("of_shop"))
    .values(attempts=TABLE.c.attempts)
)


@lru_cache(maxsize=32)
def _change_of(columns: tuple[str, ...]) -> sa.UpdateBase:
    """Compare-and-set on who holds the row and at which attempt; built once, as building costs more than running."""
    return (
        sa.update(TABLE)
        .where(
            TABLE.c.id == sa.bindparam("of_id"),
            TABLE.c.shop_id == sa.bindparam("of_shop"),
            TABLE.c.state == OutboxState.RUNNING,
            TABLE.c.claimed_by == sa.bindparam("of_token"),
            TABLE.c.attempts == sa.bindparam("of_attempt"),
        )
        .values({name: sa.bindparam(f"new_{name}") for name in columns})
        .returning(TABLE.c.id)
    )


class Heartbeat:
    """Prolongs the leases of the rows in hand every third of them; its thread starts with the first row."""

    def __init__(self, app: Flask, lease: timedelta) -> None:
        self._app = app
        self._pause = lease.total_seconds() / 3
        self._claims: tuple[Claim, ...] = ()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def watch(self, *claims: Claim) -> None:
        """The rows in hand from here on; none between two batches."""
        self._claims = claims
        if claims and self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="outbox-heartbeat", daemon=True)
            self._thread.start()

    def _beat(self) -> None:
        while not self._ended.wait(self._pause):
            if self._claims:
                self._prolong(self._claims)

    def _prolong(self, claims: Sequence[Claim]) -> None:
        """Failing is no harm: either the rows are done, or the next beat comes before the lease ends."""
        values = {
            "of_ids": [claim.id for claim in claims],
            "of_token": claims[0].token,
            "lease_end": clock.now() + claims[0].lease,
        }
        try:
            with self._app.app_context(), every_shop():  # rows of several shops, each claimed by this runner
                db.session.execute(_PROLONG, values)
                db.session.commit()
        except SQLAlchemyError as error:
            log.debug("heartbeat of %s outbox rows: %s", len(claims), type(error).__name__)
