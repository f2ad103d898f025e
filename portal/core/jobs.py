"""RQ: the bells of the lanes, and the workers that answer them; while Redis is away nothing is lost.

Redis holds no work, only bells: one waiting RQ job per lane that says "look into the outbox". A bell is
dropped while one is waiting. That loses no wake-up: the row was committed before the bell, and the waiting
drain looks after it starts, so it sees the row. There is no flag that could stay behind: "waiting" is the
length of the lane's own queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType
from typing import Any

from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy, SimpleWorker, WorkerStatus
from sqlalchemy.exc import SQLAlchemyError

from portal.core import clock, outbox, outbox_runner
from portal.core.stopping import Stop
from portal.core.tenancy import every_shop
from portal.extensions import db

log = logging.getLogger(__name__)

#: A page never waits longer than this for Redis, and after a failure does not ask again for a while.
PUSH_TIMEOUT = 0.25
BREAK_SECONDS = 5.0
#: A drain takes on no new row after this long; then the other lanes of the worker get their turn.
DRAIN_SECONDS = 30.0
#: The last resort against a handler that hangs: RQ's alarm ends it, and the row is tried again.
JOB_TIMEOUT = 900
#: How long an idle worker listens to Redis before it looks around, also for rows that became due meanwhile.
IDLE_SECONDS = 4
#: Periodic functions have a queue of their own, so that it holds nothing but bells in the lanes; the worker
#: of the lane "billing" serves it.
PERIODIC_QUEUE = "periodic"


def impatient() -> dict[str, Any]:
    """How a page talks to Redis: briefly and once, whether Redis is gone or merely silent."""
    return {
        "socket_timeout": PUSH_TIMEOUT,
        "socket_connect_timeout": PUSH_TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
    }


@dataclass
class Bells:
    """An application's connection to Redis for pushes, with a breaker; opened on first use, after a fork."""

    url: str | None
    client: Redis | None = None
    open_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def redis(self) -> Redis | None:
        """The client, or None while Redis is not configured or was away a moment ago."""
        if self.url is None or time.monotonic() < self.open_until:
            return None
        with self.lock:
            if self.client is None:
                self.client = Redis.from_url(self.url, **impatient())
        return self.client

    def trip(self, error: Exception) -> None:
        """Redis did not answer: leave it alone for a while."""
        self.open_until = time.monotonic() + BREAK_SECONDS
        log.warning("Redis is away (%s); work waits in the database", type(error).__name__)


def init_app(app: Flask) -> None:
    """Binds the bells to an application; reads REDIS_URL."""
    app.extensions["bells"] = Bells(app.config.get("REDIS_URL"))
    outbox.install(db.session, ring)


def _bells() -> Bells:
    bells: Bells = current_app.extensions["bells"]
    return bells


def queue_named(name: str, connection: Redis) -> Queue:
    """An RQ queue that speaks JSON; nothing in Redis is ever a pickle."""
    return Queue(name, connection=connection, serializer=JSONSerializer)


def ring(lane: str) -> bool:
    """Says that a lane has work. Never raises for Redis: the row waits, and the sweep rings again."""
    bells = _bells()
    client = bells.redis()
    if client is None:
        return False
    try:
        queue = queue_named(lane, client)
        if queue.count == 0:
            queue.enqueue(drain, args=(lane,), job_timeout=JOB_TIMEOUT, result_ttl=0, failure_ttl=86400)
    except RedisError as error:
        bells.trip(error)
        return False
    return True


def drain(lane: str) -> None:
    """What a bell runs in the worker: drains the lane, and rings again when there is more to do."""
    app = worker_app()
    done = outbox_runner.drain(app, lane, seconds=DRAIN_SECONDS, stop=_asked_to_stop)
    if done.more:
        with app.app_context():
            ring(lane)


def sweep(*, now: datetime) -> list[str]:
    """Rings lanes with due work: added while Redis was away, due by now, or left behind by a dead runner."""
    with every_shop():
        lanes = outbox.due_lanes(now=now)
    db.session.rollback()
    return [lane for lane in lanes if ring(lane)]


def redis_state() -> str:
    """``ok``, ``away`` or ``off`` (not configured); takes a quarter of a second at most."""
    bells = _bells()
    if bells.url is None:
        return "off"
    client = bells.redis()
    if client is None:
        return "away"
    try:
        client.ping()
    except RedisError as error:
        bells.trip(error)
        return "away"
    return "ok"


_stop: Stop | None = None
_app: Flask | None = None


def _asked_to_stop() -> bool:
    return _stop is not None and _stop.asked


def worker_app() -> Flask:
    """The application of this worker process, else the one whose context is active."""
    if _app is not None:
        return _app
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


class LaneWorker(SimpleWorker):
    """RQ's worker without a fork per job: a bell drains many rows, and its process was forked preloaded.

    A crash takes the whole process, which the supervisor starts again; its row comes back when its lease
    ends. There is no channel for commands from Redis, and SIGTERM never talks to Redis, which may be away.
    """

    max_connection_wait_time = 2.0
    looked_at = float("-inf")

    def subscribe(self) -> None:
        """No remote commands, so no thread that listens for them."""

    def unsubscribe(self) -> None:
        """Nothing to end."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM: the row at work is finished, then the process ends; when idle it ends at once."""
        if _stop is not None:
            _stop.ask(signum, frame)
        self._stop_requested = True
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Called in every round of the idle loop: the place to notice a stop whose exception was lost.

        And to look for what became due since: a mail whose PDF was not ready would wait for the sweep.
        """
        idle = self.get_state() != WorkerStatus.BUSY
        if self._stop_requested and idle:
            raise StopRequested
        super().heartbeat(timeout, pipeline)
        if idle and time.monotonic() >= self.looked_at + IDLE_SECONDS / 2:  # not after each of many bells
            self.looked_at = time.monotonic()
            _ring_what_is_due()


def _ring_what_is_due() -> None:
    try:
        with worker_app().app_context():
            sweep(now=clock.now())
    except SQLAlchemyError as error:
        log.warning("an idle worker could not look for due work (%s)", type(error).__name__)


def run_worker(lanes: Sequence[str]) -> None:
    """Serves lanes with the active application until SIGTERM; while Redis is away it waits and does not die.

    Runs in a child that was forked from the preloaded parent, in its main thread.
    """
    global _app, _stop
    app = _app = worker_app()
    stop = _stop = Stop()
    names = [*lanes, *([PERIODIC_QUEUE] if "billing" in lanes else [])]
    while not stop.asked:
        stop.listen()
        try:
            _serve(app, lanes, names)
        except (RedisError, OSError) as error:
            log.warning("the worker of %s waits for Redis (%s)", " ".join(lanes), type(error).__name__)
        stop.listen()
        stop.wait(1.0)


def _serve(app: Flask, lanes: Sequence[str], names: list[str]) -> None:
    connection: Any = Redis.from_url(str(app.config["REDIS_URL"]), socket_connect_timeout=5)
    try:
        worker = LaneWorker(
            [queue_named(name, connection) for name in names],
            connection=connection,
            serializer=JSONSerializer,
            log_job_description=False,
            worker_ttl=IDLE_SECONDS + 15,
        )
        worker.log_result_lifespan = False
        with app.app_context():
            for lane in lanes:  # what a predecessor left, or what came while nobody listened
                ring(lane)
        worker.work(logging_level="WARNING", dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
    finally:
        connection.close()
