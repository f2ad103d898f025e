"""Background work as rows: written in the transaction that causes it, rung for after the commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from portal.core.errors import Conflict
from portal.core.outbox_handlers import ATTEMPTS as ATTEMPTS
from portal.core.outbox_handlers import LANES as LANES
from portal.core.outbox_handlers import Failed as Failed
from portal.core.outbox_handlers import NotReady as NotReady
from portal.core.outbox_handlers import Outside as Outside
from portal.core.outbox_handlers import Retry as Retry
from portal.core.outbox_handlers import Step as Step
from portal.core.outbox_handlers import after_drain as after_drain
from portal.core.outbox_handlers import close_after_drain as close_after_drain
from portal.core.outbox_handlers import handler as handler
from portal.core.outbox_handlers import handler_of as handler_of
from portal.core.tables import Base, Id, LabelEnum, ShopOwned, Timestamped, word
from portal.extensions import db

#: How long rows that are done are kept for the office to look at; rows with a key stay, for the key is their
#: point.
KEEP_DONE = timedelta(days=30)
#: Longer than any lease and any pause between two attempts: what lies beyond it was written by a clock that was ahead.
FAR = timedelta(hours=5)


class OutboxState(LabelEnum):
    """Where a piece of background work stands."""

    WAITING = "waiting", _l("Waiting"), "azure"
    RUNNING = "running", _l("Running"), "azure"
    DONE = "done", _l("Done"), "green"
    FAILED = "failed", _l("Failed"), "red"


class OutboxRow(Id, ShopOwned, Timestamped, Base):
    """One piece of background work of a shop; ``payload`` holds ids and scalars, never personal data."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "job", "key"),
        sa.Index(None, "lane", "state", "due_at"),
    )

    job: Mapped[str] = mapped_column(sa.String(80))
    lane: Mapped[str] = mapped_column(sa.String(20))
    payload: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(sa.String(120))
    due_at: Mapped[datetime]
    state: Mapped[OutboxState] = mapped_column(word(OutboxState), default=OutboxState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(sa.String(32))
    last_error: Mapped[str | None] = mapped_column(sa.String(300))
    done_at: Mapped[datetime | None]


def add(
    job: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    key: str | None = None,
    due: datetime | None = None,
    fresh: bool = False,
) -> OutboxRow:
    """Adds work to the caller's transaction and the active shop; after the commit its lane's bell is rung.

    With a ``key`` there is one row per shop, job and key for ever: a second ``add`` gives the first row, and
    puts it back to work only when it had failed. Work that may be wanted again later needs a key with a
    version in it, or none. ``fresh`` says that the key is made of something new of this transaction, so that
    there can be no first row: it is not looked for, and many rows are written at once. Raises LookupError for
    a job without handler, TypeError for a payload that is not JSON.
    """
    registered = handler_of(job)
    if registered is None:
        raise LookupError(f"no handler is registered for the job {job!r}")
    json.dumps(payload)
    row = OutboxRow(
        job=job, lane=registered.lane, payload=payload, key=key, due_at=due or now, created_at=now, attempts=0
    )
    if key is None or fresh:
        db.session.add(row)
    else:
        row = _add_once(row, now=now)
    if row.state in (None, OutboxState.WAITING) and row.due_at <= now:
        _ring_after_commit(row.lane)
    return row


def _add_once(row: OutboxRow, *, now: datetime) -> OutboxRow:
    """Inserts first and asks afterwards: the database decides between two that add the same key at once."""
    job, key = row.job, row.key
    db.session.flush()  # so that what fails below can only be this row
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        known = find(job, str(key))
        if known is None:
            raise
        if known.state is OutboxState.FAILED:
            retry(known, now=now)
        return known
    return row


def repeat(job: str, payload: dict[str, Any], *, key: str, now: datetime) -> OutboxRow:
    """Has the work of a key done again, for what goes by the clock; nothing new while it waits or runs.

    So what keeps failing is one row with its reason, however often the clock comes by. Raises as ``add`` does.
    """
    row = add(job, payload, now=now, key=key)
    if row.state is OutboxState.DONE:
        retry(row, now=now)
    return row


def find(job: str, key: str) -> OutboxRow | None:
    """The active shop's row of a job and key."""
    query = sa.select(OutboxRow).where(OutboxRow.job == job, OutboxRow.key == key)
    found: OutboxRow | None = db.session.scalars(query).one_or_none()
    return found


def retry(row: OutboxRow, *, now: datetime) -> None:
    """Puts a row back to work at once, with all its attempts; ``Conflict`` while it is running."""
    if row.state is OutboxState.RUNNING:
        raise Conflict(_l("This is being worked on at the moment."))
    row.state = OutboxState.WAITING
    row.attempts = 0
    row.due_at = now
    row.done_at = None
    _ring_after_commit(row.lane)


def wake(job: str, keys: sa.Select[str], *, now: datetime) -> None:
    """Lets rows go at once that wait for what is there now; those that failed before keep their pause."""
    lanes = db.session.scalars(
        sa.update(OutboxRow)
        .where(
            OutboxRow.job == job,
            OutboxRow.key.in_(keys),
            OutboxRow.state == OutboxState.WAITING,
            OutboxRow.attempts == 0,
        )
        .values(due_at=now)
        .returning(OutboxRow.lane)
        .execution_options(synchronize_session=False)
    )
    for lane in set(lanes):
        _ring_after_commit(lane)


def due_lanes(*, now: datetime) -> list[str]:
    """Lanes with work that could be done at this moment, in all shops; call it inside ``every_shop()``."""
    query = (
        sa.select(OutboxRow.lane).where(may_be_claimed(now, now + FAR)).distinct().order_by(OutboxRow.lane)
    )
    return list(db.session.scalars(query))


def may_be_claimed(
    now: datetime | sa.BindParameter[datetime], far: datetime | sa.BindParameter[datetime]
) -> sa.ColumnElement[bool]:
    """Rows that are due, and rows whose runner gave no sign of life until its lease ended; ``far`` is ``now + FAR``.

    What was made, put off or held by a clock that went ahead and was set right would else wait until that time comes.
    """
    row = OutboxRow
    made_or_put_off_ahead = sa.or_(row.last_error.is_not(None), row.created_at > far)
    return sa.and_(
        # Says nothing new, but lets the index leave out all that is done.
        row.state.in_((OutboxState.WAITING, OutboxState.RUNNING)),
        sa.or_(
            sa.and_(row.state == OutboxState.WAITING, row.due_at <= now),
            sa.and_(row.state == OutboxState.WAITING, row.due_at > far, made_or_put_off_ahead),
            sa.and_(row.state == OutboxState.RUNNING, sa.or_(row.lease_until < now, row.lease_until > far)),
        ),
    )


def queue_state() -> dict[str, dict[str, int]]:
    """How many rows of each lane wait, run and failed, over all shops; call it in ``every_shop()``."""
    counts = {lane: {"waiting": 0, "running": 0, "failed": 0} for lane in LANES}
    query = (
        sa.select(OutboxRow.lane, OutboxRow.state, sa.func.count())
        .where(OutboxRow.lane.in_(LANES), OutboxRow.state != OutboxState.DONE)
        .group_by(OutboxRow.lane, OutboxRow.state)
    )
    for lane, state, count in db.session.execute(query):
        counts[lane][state.value] = count
    return counts


def purge(*, now: datetime) -> int:
    """Deletes the active shop's rows that were done long ago and had no key; answers how many."""
    old = sa.delete(OutboxRow).where(
        OutboxRow.state == OutboxState.DONE, OutboxRow.key.is_(None), OutboxRow.done_at < now - KEEP_DONE
    )
    result = db.session.execute(old, execution_options={"synchronize_session": False})
    return int(getattr(result, "rowcount", 0))


_LANES_TO_RING = "outbox_lanes"


def install(session: Any, ring: Callable[[str], object]) -> None:
    """Has ``ring(lane)`` called after each commit that added due work; called once by ``jobs.init_app``."""
    global _ring
    _ring = ring
    target = session.session_factory.class_
    if not event.contains(target, "after_commit", _ring_collected):
        event.listen(target, "after_commit", _ring_collected)
        event.listen(target, "after_soft_rollback", _forget_collected)


_ring: Callable[[str], object] | None = None


def _ring_after_commit(lane: str) -> None:
    db.session().info.setdefault(_LANES_TO_RING, set()).add(lane)


def _ring_collected(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint was released; nobody else can see its rows yet
    lanes: set[str] = session.info.pop(_LANES_TO_RING, set())
    if _ring is not None:
        for lane in sorted(lanes):
            _ring(lane)


def _forget_collected(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        session.info.pop(_LANES_TO_RING, None)
