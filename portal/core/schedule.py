"""Periodic work: registered once, enqueued by RQ's cron scheduler, and safe to run twice.

RQ's scheduler does not catch up on what it missed, so a daily function is looked at every few minutes, and
runs when its last planned time is later than its last success: after nine days off it runs once, at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq.cron import CronJob, CronScheduler
from rq.job import Job
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import clock, jobs, outbox, storage
from portal.core.stopping import Stop
from portal.core.tables import Base
from portal.core.tenancy import every_shop, shop_scope
from portal.extensions import db

log = logging.getLogger(__name__)

#: How often a daily function is looked at.
DAILY_CHECK = timedelta(minutes=10)

_F = TypeVar("_F", bound=Callable[..., Any])


class ShopIds(Protocol):
    """How the core learns which shops there are: ``app.extensions["loket"].shop_ids``."""

    def __call__(self) -> list[int]: ...


class PeriodicRun(Base):
    """When a periodic function last succeeded: how a missed day is noticed, and what the office shows."""

    __tablename__ = "periodic_runs"

    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    succeeded_at: Mapped[datetime]


@dataclass(frozen=True)
class Periodic:
    """A function and when it runs."""

    name: str
    run: Callable[..., Any]
    every: timedelta
    daily_at: time_of_day | None
    per_shop: bool

    def due(self, last: datetime | None, *, now: datetime) -> bool:
        """Whether it should run: always, or for a daily one when its last planned time was missed.

        A last time days from now was written by a clock that was ahead, and says nothing.
        """
        if self.daily_at is None or last is None or last > now + timedelta(days=1):
            return True
        planned = datetime.combine(now.astimezone(UTC).date(), self.daily_at, UTC)
        if planned > now:
            planned -= timedelta(days=1)
        return last < planned


_periodic: dict[str, Periodic] = {}


def periodic(
    name: str, *, minutes: int | None = None, daily_at: str | None = None, per_shop: bool = False
) -> Callable[[_F], _F]:
    """Registers ``f(*, now)``, every so many minutes or daily at ``"HH:MM"`` UTC; the runner commits.

    With ``per_shop`` it is called once for each shop, in that shop's scope and a transaction of its own. It
    may run twice or late, so it must look at what is due at ``now``, not at how often it is called.
    """
    if (minutes is None) == (daily_at is None):
        raise ValueError("a periodic function has either minutes or daily_at")
    at = time_of_day.fromisoformat(daily_at) if daily_at else None
    every = timedelta(minutes=minutes) if minutes else DAILY_CHECK

    def register(run: _F) -> _F:
        _periodic[name] = Periodic(name, run, every, at, per_shop)
        return run

    return register


def registered() -> list[Periodic]:
    """Everything periodic, by name."""
    return [_periodic[name] for name in sorted(_periodic)]


def run_job(name: str) -> None:
    """What RQ runs in the worker; a function that was removed meanwhile is left out."""
    if name in _periodic:
        run_due(jobs.worker_app(), name, now=clock.now())


def run_due(app: Flask, name: str, *, now: datetime) -> bool:
    """Runs a function unless it is a daily one that had its turn; answers whether it ran and succeeded."""
    function = _periodic[name]
    with app.app_context(), every_shop():
        ran = db.session.get(PeriodicRun, name)
        last = ran.succeeded_at if ran else None
    if not function.due(last, now=now) or not run(app, name, now=now):
        return False
    with app.app_context(), every_shop():
        db.session.merge(PeriodicRun(name=name, succeeded_at=now))
        db.session.commit()
    return True


def run(app: Flask, name: str, *, now: datetime) -> bool:
    """Runs a function as of ``now``, each shop apart, so that one shop's trouble is not another's."""
    function = _periodic[name]
    if not function.per_shop:
        with app.app_context():
            return _attempt(function, None, now=now)
    with app.app_context():
        shops: ShopIds = app.extensions["loket"].shop_ids
        with every_shop():
            ids = shops()
    succeeded = True
    for shop_id in ids:
        with app.app_context(), shop_scope(shop_id):
            succeeded = _attempt(function, shop_id, now=now) and succeeded
    return succeeded


def _attempt(function: Periodic, shop_id: int | None, *, now: datetime) -> bool:
    try:
        function.run(now=now)
        db.session.commit()
    except Exception:
        db.session.rollback()
        log.exception("periodic %s failed%s", function.name, f" for shop {shop_id}" if shop_id else "")
        return False
    return True


class JsonCronJob(CronJob):
    """RQ's cron job on a queue that speaks JSON; while a run of it waits, no second one is added."""

    def enqueue(self, connection: Redis) -> Job:
        """Adds one run; answers the one that is waiting when the worker has not come to it yet."""
        queue = jobs.queue_named(jobs.PERIODIC_QUEUE, connection)
        for waiting in queue.get_jobs():
            if waiting.args and waiting.args[0] == self.args[0]:
                return waiting
        return queue.enqueue(
            run_job, args=self.args, job_timeout=jobs.JOB_TIMEOUT, result_ttl=0, failure_ttl=86400
        )


class Scheduler(CronScheduler):
    """RQ's cron scheduler over our registry."""

    def add(self, function: Periodic) -> None:
        """Registers one periodic function."""
        self._cron_jobs.append(
            JsonCronJob(
                queue_name=jobs.PERIODIC_QUEUE,
                func=run_job,
                args=(function.name,),
                interval=int(function.every.total_seconds()),
                name=function.name,
            )
        )

    def serve(self, stop: Stop) -> None:
        """RQ's loop, but one that can be stopped while Redis is away; raises RedisError when it goes away."""
        self.register_birth()
        while not stop.asked:
            if self.enqueue_jobs():
                self.save()
            self.heartbeat()
            stop.wait(self.calculate_sleep_interval())
        self.register_death()


def run_scheduler() -> None:
    """Enqueues what is periodic until SIGTERM; while Redis is away it waits. There must be no second one."""
    app = jobs.worker_app()
    stop = Stop()
    stop.listen()
    connection: Any = Redis.from_url(str(app.config["REDIS_URL"]), socket_timeout=5, socket_connect_timeout=5)
    scheduler = Scheduler(connection=connection, logging_level="WARNING")
    for function in registered():
        scheduler.add(function)
    while not stop.asked:
        try:
            scheduler.serve(stop)
        except (RedisError, OSError) as error:
            log.warning("the scheduler waits for Redis (%s)", type(error).__name__)
            stop.wait(1.0)
    connection.close()


@periodic("outbox.sweep", minutes=1)
def _sweep(*, now: datetime) -> None:
    jobs.sweep(now=now)


@periodic("outbox.purge", daily_at="02:30", per_shop=True)
def _purge(*, now: datetime) -> None:
    outbox.purge(now=now)


@periodic("files.remove_unfinished", daily_at="03:15")
def _remove_unfinished(*, now: datetime) -> None:
    storage.remove_unfinished(now=now)


def last_runs() -> dict[str, datetime]:
    """When each periodic function last succeeded, for the office and ``/health``."""
    with every_shop():
        return {run.name: run.succeeded_at for run in db.session.scalars(sa.select(PeriodicRun))}
