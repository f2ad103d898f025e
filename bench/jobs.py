"""What a row of the outbox costs beyond its work: rows that do nothing, against RQ's jobs that do nothing."""

from __future__ import annotations

import cProfile
import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from bench import machine, nothing, profiling, servers, shops
from bench.aside import aside
from bench.rounds import Took, interleave, middle, ratios
from bench.run import Run
from bench.table import Bar, Row, measured, not_measured, not_there


def overhead(run: Run) -> list[Row]:
    """Many rows and one, with the database on disk and in memory."""
    part = "Job overhead"
    many, one = Bar("at least 5 ×", 5, least=True), Bar("at least 0.75 ×", 0.75, least=True)
    rows: list[Row] = []
    places = {"on disk": machine.KEPT} | ({"in memory": machine.MEMORY} if machine.has_memory() else {})
    for where, place in places.items():
        try:
            found = _measure(run, place)
        except servers.Absent as absent:
            return [not_measured(part, "job overhead", many.words, str(absent))]
        with_bar = where == "on disk"
        run.profiles[f"One row alone, database {where}"] = found["profile"]
        rows += [
            measured(
                part,
                f"{found['count']:,} rows drained, against as many RQ jobs, database {where}",
                many if with_bar else None,
                found["many"],
                note=f"{found['rows']:.0f} and {found['jobs']:.0f} a second",
            ),
            measured(
                part,
                f"one row alone, against a job that does nothing, database {where}",
                one if with_bar else None,
                found["one"],
                note=f"from the bell to the end of its job, {found['row_ms']:.1f} and {found['job_ms']:.1f} ms; "
                f"with the commit that adds the row {median(found['whole']):.2f} ×",
            ),
        ]
    return rows


def billing(run: Run) -> list[Row]:
    """What the billing run will be held to."""
    return [
        not_there(
            "Job overhead",
            "billing run on PostgreSQL, 1 → 2 processes; SQLite not slower with 2",
            "at least 1.6 ×",
            "there is no billing run yet; it comes with step 5",
        )
    ]


def _measure(run: Run, place: Path) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="loket-bench-", dir=place) as folder,
        servers.redis() as redis_url,
    ):
        shop = shops.make(1_000, 50).copy_to(Path(folder, "shop"))
        env = {**shop.env, "REDIS_URL": redis_url}
        told = aside(
            "bench.jobs", env, str(run.either(1000, 300)), str(run.either(7, 5)), str(run.either(60, 30))
        )
        found: dict[str, Any] = json.loads(told)
        return found


class Lab:
    """One process that adds rows and jobs, and works them off itself, with RQ's worker around both."""

    def __init__(self, app: Any, connection: Redis) -> None:
        from portal.core import jobs

        self.app, self.connection = app, connection
        jobs._app = app
        self.lane = jobs.queue_named(nothing.LANE, connection)
        self.plain = Queue("plain", connection=connection, serializer=JSONSerializer)
        self.workers: dict[str, SimpleWorker] = {
            "ours": jobs.LaneWorker([self.lane], connection=connection, serializer=JSONSerializer),
            "plain": SimpleWorker([self.plain], connection=connection, serializer=JSONSerializer),
        }
        for worker in self.workers.values():
            worker.log_result_lifespan = False

    def add(self, count: int) -> float:
        """Rows in one transaction, without the bell; the seconds of the commit alone."""
        from portal.core import clock, outbox
        from portal.core.tenancy import shop_scope
        from portal.domain.shops import queries
        from portal.extensions import db

        with self.app.app_context(), shop_scope(queries.find_default_shop().id):
            for _ in range(count):
                outbox.add(nothing.ROW, {}, now=clock.now())
            db.session.flush()
            db.session().info.clear()  # the bell is rung by hand
            begun = time.perf_counter()
            db.session.commit()
            return time.perf_counter() - begun

    def ring(self) -> None:
        """One bell."""
        from portal.core import jobs

        with self.app.app_context():
            if not jobs.ring(nothing.LANE):
                raise RuntimeError("Redis does not answer")

    def rows(self, count: int) -> Took:
        """A bell for many rows, answered by a worker that then has nothing left to do."""
        self.add(count)
        begun = time.perf_counter()
        self.ring()
        self.workers["ours"].work(burst=True, logging_level="ERROR")
        took = time.perf_counter() - begun
        self.check(count)
        return Took(took, took)

    def jobs(self, count: int) -> Took:
        """As many jobs of RQ; they are enqueued before the clock starts."""
        for _ in range(count):
            self.plain.enqueue(nothing.job)
        begun = time.perf_counter()
        self.workers["plain"].work(burst=True, logging_level="ERROR")
        took = time.perf_counter() - begun
        return Took(took, took)

    def one_row(self, commits: list[float]) -> Took:
        """From the bell to the end of its job."""
        commits.append(self.add(1))
        begun = time.perf_counter()
        self.ring()
        self._next("ours")
        took = time.perf_counter() - begun
        return Took(took, took)

    def one_job(self) -> Took:
        """From enqueueing to its end."""
        begun = time.perf_counter()
        self.plain.enqueue(nothing.job)
        self._next("plain")
        took = time.perf_counter() - begun
        return Took(took, took)

    def profile(self, count: int) -> str:
        """Where the time of rows goes that come one at a time."""
        profiler = cProfile.Profile()
        for _ in range(count):
            self.add(1)
            profiler.enable()
            self.ring()
            self._next("ours")
            profiler.disable()
        self.check(count)
        return profiling.summary(profiler, count)

    def _next(self, name: str) -> None:
        worker = self.workers[name]
        found = worker.dequeue_job_and_maintain_ttl(None)
        if found is None:
            raise RuntimeError("nothing was in the queue")
        worker.execute_job(*found)

    def check(self, count: int) -> None:
        """Every row was done, or the figures mean nothing; then they are deleted."""
        import sqlalchemy as sa

        from portal.core.outbox import OutboxRow, OutboxState
        from portal.core.tenancy import every_shop
        from portal.extensions import db

        with self.app.app_context(), every_shop():
            ours = sa.select(sa.func.count(OutboxRow.id)).where(OutboxRow.job == nothing.ROW)
            done = db.session.scalar(ours.where(OutboxRow.state == OutboxState.DONE))
            db.session.execute(
                sa.delete(OutboxRow).where(OutboxRow.job == nothing.ROW),
                execution_options={"synchronize_session": False},
            )
            db.session.commit()
        if done != count:
            raise RuntimeError(f"{done} of {count} rows were done")


def _main(count: str, rounds: str, ones: str) -> None:
    from bench.inside import application
    from bench.mails import _settle

    app = application()
    _settle(app)
    lab = Lab(app, Redis.from_url(app.config["REDIS_URL"]))
    number = int(count)
    found = interleave({"rows": partial(lab.rows, number), "jobs": partial(lab.jobs, number)}, int(rounds))
    for worker in lab.workers.values():
        worker.register_birth()
    commits: list[float] = []
    alone = interleave({"row": partial(lab.one_row, commits), "job": lab.one_job}, int(ones), warm=5)
    lab.check(len(commits))
    profile = lab.profile(20)
    whole = [Took(row.wall + commit, 0) for row, commit in zip(alone["row"], commits[5:], strict=True)]
    print(
        json.dumps(
            {
                "count": number,
                "many": ratios(found["jobs"], found["rows"]),
                "rows": number / middle(found["rows"]),
                "jobs": number / middle(found["jobs"]),
                "one": ratios(alone["job"], alone["row"]),
                "whole": ratios(alone["job"], whole),
                "row_ms": middle(alone["row"]) * 1000,
                "job_ms": middle(alone["job"]) * 1000,
                "profile": profile,
            }
        )
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
