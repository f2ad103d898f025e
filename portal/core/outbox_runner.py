"""Drains a lane of the outbox: claims rows with a lease, runs their handlers, commits what each of them did.

Every step of a row ends in a compare-and-set on the claim (who, and at which attempt): a runner that was away
for longer than its lease cannot commit anything. The commit that ends the rows in hand claims the next ones.

Rows that were never tried before are taken on several at once, and their first steps share one transaction: what a
row costs beyond its work is mostly the commit, and the wait for the disk in it. When one of them fails, nothing of any
is kept and each is run alone, as is every row that was tried before: it may be what killed its runner. What was done
outside, such as a mail that left, is written down at once, by a commit of its own.

A claim alone, and all of a row whose handler says so, is committed without waiting for the disk: a killed process
loses nothing of it, a power cut leads to a repeat. Such commits are forced to disk once a second and at the end of a
drain.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import Flask, g
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from portal.core import clock, database, lease, outbox
from portal.core.errors import ProviderError
from portal.core.lease import Claim, Heartbeat, LostLease, force, hold, let_go
from portal.core.outbox import Failed, NotReady, OutboxState, Outside, Retry, Step
from portal.core.outbox_handlers import Handler
from portal.core.retries import backoff, reason_of
from portal.core.tenancy import every_shop, shop_scope
from portal.extensions import db

log = logging.getLogger(__name__)

#: The most rows in hand at once. It begins with one and doubles for as long as all goes well.
TOGETHER = 32
#: A transaction of several rows takes on no further one after this long: on SQLite all who write wait for it.
TOGETHER_SECONDS = 0.05
#: The longest pause between two looks at what a row waits for; who brings it about wakes the row before.
LONGEST_PAUSE = timedelta(minutes=5)
#: How long what was committed without waiting for the disk may stay so while a drain goes on.
FORCE_SECONDS = 1.0
#: How often a step that only writes is repeated while the database is busy.
WRITES = 6


@dataclass(frozen=True)
class Drained:
    """What a drain did: how many rows it ended, and whether it stopped while there was more to do."""

    rows: int
    more: bool


class _Alone(Exception):
    """A row did not simply succeed, which is written down where it runs alone."""


class Drain:
    """One pass over a lane."""

    def __init__(self, app: Flask, lane: str, *, seconds: float, stop: Callable[[], bool]) -> None:
        self.app = app
        self.lane = lane
        self.ends = time.monotonic() + seconds
        self.stop = stop
        self.lease = timedelta(seconds=float(app.config.get("OUTBOX_LEASE_SECONDS", 30)))
        self.token = secrets.token_hex(16)
        self.candidates: deque[sa.Row[Any]] = deque()
        self.hand: deque[Claim] = deque()
        self.begun: deque[tuple[Claim, Outside]] = deque()
        self.width = 1
        self.together = self.untouched = False
        self.more = False
        self.over = False
        self.rows = 0
        self.forced_at = time.monotonic()
        self.unforced: Claim | None = None

    def run(self) -> Drained:
        """Works until nothing is due, the time is up, or the process is asked to stop."""
        with Heartbeat(self.app, self.lease) as heart:
            self._look_for_more()
            while self.hand:
                if not self.untouched and self._must_end():
                    self._give_back()
                    break
                self.untouched = False
                heart.watch(*self.hand)
                if not (self.together and self._begin_together()):
                    claim = self.hand.popleft()
                    self._work_on(claim, partial(self._run_steps, claim))
                self._go_outside()
                heart.watch()
                if not self.hand and not self.over:
                    self._look_for_more()
        self._force()
        return Drained(self.rows, self.more)

    def _look_for_more(self) -> None:
        with self.app.app_context(), database.unforced():
            following = self._take()
            db.session.commit()
            self._receive(following)

    def _receive(self, claims: list[Claim]) -> None:
        """Has rows in hand whose claims are committed."""
        if claims:
            self.hand.extend(claims)
            self.together, self.untouched = len(claims) > 1, True

    def _durability(self, claims: Sequence[Claim]) -> AbstractContextManager[None]:
        """Whether the commits of rows wait for the disk: as their handlers say, and once a second in any case."""
        handlers = [outbox.handler_of(claim.job) for claim in claims]
        now = time.monotonic()
        if any(each is None or each.forced for each in handlers) or now >= self.forced_at + FORCE_SECONDS:
            self.forced_at, self.unforced = now, None
            return nullcontext()
        self.unforced = claims[-1]
        return database.unforced()

    def _force(self) -> None:
        """Forces to disk what was committed without."""
        if self.unforced is not None:
            with self.app.app_context():
                force(self.unforced)
                db.session.commit()

    def _must_end(self) -> bool:
        """Whether no further row may be begun; then there is more to do."""
        if not self.more and (self.stop() or time.monotonic() >= self.ends):
            self.over = self.more = True
        return self.more

    def _take(self) -> list[Claim]:
        """Claims the next due rows in the running transaction."""
        with every_shop():
            while True:
                if not self.candidates:
                    self.candidates.extend(lease.look(self.lane))
                if not self.candidates:
                    self.over = True
                    return []
                if self._must_end():
                    return []
                claims = lease.take(self._next_ones(), token=self.token, lease=self.lease)
                if claims:
                    return claims

    def _next_ones(self) -> list[sa.Row[Any]]:
        """One of the rows that were seen, or as many of those that may share a transaction as all may be in hand."""
        rows = [self.candidates.popleft()]
        while len(rows) < self.width and self.candidates and _may_share(rows[0], self.candidates[0]):
            rows.append(self.candidates.popleft())
        self.width = min(2 * self.width, TOGETHER)
        return rows

    def _begin_together(self) -> bool:
        """Runs the first step of rows in hand in one transaction; when not all goes well nothing was done."""
        done: list[Claim] = []
        begun: list[tuple[Claim, Outside]] = []
        until = time.monotonic() + TOGETHER_SECONDS
        with self.app.app_context(), self._durability(self.hand):
            try:
                for claim in self.hand:
                    if (done or begun) and (time.monotonic() >= until or self._must_end()):
                        break
                    step = self._step_of_many(claim)
                    if step is None:
                        done.append(claim)
                        continue
                    begun.append((claim, step))
                    if not _is_brief(claim):
                        break
                if done:
                    lease.end_all(done)
                all_begun = len(done) + len(begun) == len(self.hand)
                following = self._take() if all_begun and not begun else []
                db.session.commit()
            except Exception as error:
                db.session.rollback()
                log.debug("outbox rows run one by one: %s", type(error).__name__)
                self.together, self.width = False, 1
                return False
        for _ in range(len(done) + len(begun)):
            self.hand.popleft()
        self.begun.extend(begun)
        self.rows += len(done)
        self._receive(following)
        return True

    def _step_of_many(self, claim: Claim) -> Outside | None:
        """The first step of a row among others; what it loaded and remembered is gone before the next one."""
        shared = db.session().get_transaction()
        step = self._first_step(claim)
        if shared is not None and db.session().get_transaction() is not shared:
            raise _Alone("it ended the transaction, with what the rows before it did")
        with shop_scope(claim.shop_id):
            if isinstance(step, Outside):
                hold(claim)
            elif step is not None:
                raise _Alone(type(step).__name__)
            db.session.flush()
        db.session.expunge_all()
        for name in list(g):
            g.pop(name)
        return step

    def _go_outside(self) -> None:
        """Ends the rows that have work to do outside, one after the other."""
        first = True
        while self.begun:
            if not first and self._must_end():
                self._give_back()
                return
            first = False
            claim, step = self.begun.popleft()
            self._work_on(claim, partial(self._go_on, claim, step))

    def _give_back(self) -> None:
        """Lets others have the rows in hand, or a later drain; what their first step changed stays."""
        with self.app.app_context(), database.unforced():
            while self.begun or self.hand:
                # Out of hand first: should this fail, others may have those that were given back before.
                claim = self.begun.popleft()[0] if self.begun else self.hand.popleft()
                try:
                    lease.give_back(claim)
                    db.session.commit()
                except LostLease:
                    db.session.rollback()

    def _work_on(self, claim: Claim, work: Callable[[], list[Claim]]) -> None:
        """Runs one row to its end; the last commit takes the next rows when it can."""
        self.rows += 1
        with self.app.app_context(), self._durability([claim]):
            try:
                self._receive(work())
            except LostLease:
                db.session.rollback()
                log.warning("outbox row %s (%s) was taken over by another runner", claim.id, claim.job)
            except Exception as error:
                db.session.rollback()
                self._receive(self._record(claim, error))

    def _run_steps(self, claim: Claim) -> list[Claim]:
        return self._go_on(claim, self._first_step(claim))

    def _first_step(self, claim: Claim) -> Step:
        handler = outbox.handler_of(claim.job)
        if handler is None:
            return Retry(f"no handler for {claim.job} is installed")
        if claim.crashed and claim.attempt > handler.attempts:
            return Failed("the worker stopped during each attempt")
        with shop_scope(claim.shop_id):
            step: Step = handler.run(dict(claim.payload), now=clock.now())
        return step

    def _go_on(self, claim: Claim, step: Step) -> list[Claim]:
        while isinstance(step, Outside):
            with shop_scope(claim.shop_id):
                hold(claim)
                db.session.commit()
                db.session.remove()
            if not _is_brief(claim):
                self._keep_to_one()
            result = step.work()
            if db.session.registry.has() and db.session().in_transaction():
                raise RuntimeError(f"{claim.job} opened a transaction while it worked outside of one")
            step, following = self._write(claim, partial(step.then, result))
            if not isinstance(step, Outside):
                return following
        return self._finish(claim, step)

    def _keep_to_one(self) -> None:
        """Before work that may take long: meanwhile another runner can have the rest."""
        self.width = 1
        if self.begun or self.hand:
            self._give_back()

    def _write(self, claim: Claim, then: Callable[..., Step]) -> tuple[Step, list[Claim]]:
        """Writes what followed from work that cannot be taken back; repeated while the database is busy."""
        for last in [*[False] * (WRITES - 1), True]:
            try:
                with shop_scope(claim.shop_id):
                    step = then(now=clock.now())
                    if isinstance(step, Outside):
                        return step, []
                return step, self._finish(claim, step)
            except (StaleDataError, OperationalError):
                db.session.rollback()
                if last:
                    raise
                time.sleep(0.1 + random.random() / 2)  # noqa: S311
        raise AssertionError("unreachable")

    def _finish(self, claim: Claim, step: Step) -> list[Claim]:
        """Ends the row by ``step``, and takes the next ones when it was the last in hand, in one commit."""
        with shop_scope(claim.shop_id):
            db.session.flush()
            match step:
                case Failed(reason):
                    self._give_up(claim, reason)
                case Retry(reason):
                    self._again(claim, reason)
                case _:
                    let_go(claim, state=OutboxState.DONE, done_at=clock.now(), last_error=None)
            db.session.flush()
        following = self._following()
        db.session.commit()
        return following

    def _following(self) -> list[Claim]:
        return [] if self.hand or self.begun else self._take()

    def _record(self, claim: Claim, error: Exception) -> list[Claim]:
        """Writes down why an attempt failed; when even that fails, the row is taken after its lease."""
        reason = reason_of(error)
        self.width = 1
        try:
            with shop_scope(claim.shop_id):
                if isinstance(error, StaleDataError):
                    self._again(claim, reason, wait=timedelta(0))
                elif isinstance(error, NotReady):
                    self._wait_for(claim, error)
                elif isinstance(error, ProviderError) and error.permanent:
                    self._give_up(claim, reason)
                else:
                    log.exception(
                        "outbox row %s (%s) failed at attempt %s", claim.id, claim.job, claim.attempt
                    )
                    self._again(claim, reason)
                db.session.flush()
            following = self._following()
            db.session.commit()
            return following
        except LostLease:
            db.session.rollback()
            log.warning("outbox row %s (%s) was taken over by another runner", claim.id, claim.job)
            return []
        except Exception:
            db.session.rollback()
            log.exception("outbox row %s (%s): its failure could not be written down", claim.id, claim.job)
            return []

    def _again(self, claim: Claim, reason: str, wait: timedelta | None = None) -> None:
        handler = outbox.handler_of(claim.job)
        if claim.attempt >= (handler.attempts if handler else outbox.ATTEMPTS):
            self._give_up(claim, reason)
        else:
            due = clock.now() + (backoff(claim.attempt) if wait is None else wait)
            let_go(claim, state=OutboxState.WAITING, due_at=due, last_error=reason)

    def _wait_for(self, claim: Claim, error: NotReady) -> None:
        now = clock.now()
        patient = now - claim.created_at < timedelta(days=1)
        if not patient:
            self._again(claim, error.reason)
            return
        # As long again as it has waited: 5, 5, 10, 20, 40 seconds, so that many that wait do not fill the lane.
        pause = max(timedelta(seconds=error.seconds), min(now - claim.created_at, LONGEST_PAUSE))
        let_go(
            claim,
            state=OutboxState.WAITING,
            due_at=now + pause,
            last_error=error.reason,
            attempts=claim.attempt - 1,
        )

    def _give_up(self, claim: Claim, reason: str) -> None:
        let_go(claim, state=OutboxState.FAILED, done_at=clock.now(), last_error=reason)
        log.error("outbox row %s (%s) failed for good: %s", claim.id, claim.job, reason)
        handler = outbox.handler_of(claim.job)
        if handler is not None and handler.gave_up is not None:
            try:
                with db.session.begin_nested():
                    handler.gave_up(dict(claim.payload), reason=reason, now=clock.now())
            except Exception:
                log.exception("outbox row %s (%s): its last word failed", claim.id, claim.job)


def _may_share(*rows: sa.Row[Any]) -> bool:
    """Whether none was tried before, and the handler of each would try again if another took the runner with it."""
    return all(row.attempts == 0 and _is_sociable(outbox.handler_of(row.job)) for row in rows)


def _is_sociable(handler: Handler | None) -> bool:
    return handler is not None and handler.attempts > 1 and not handler.alone


def _is_brief(claim: Claim) -> bool:
    handler = outbox.handler_of(claim.job)
    return handler is not None and handler.brief


def drain(app: Flask, lane: str, *, seconds: float = 30, stop: Callable[[], bool] = lambda: False) -> Drained:
    """Works off what is due in a lane, for at most ``seconds`` (the row it is at is finished)."""
    try:
        return Drain(app, lane, seconds=seconds, stop=stop).run()
    finally:
        outbox.close_after_drain()
