"""Redis or the mail server away, slow or emptied: work waits, leaves later, or fails with its reason."""

from __future__ import annotations

import json
import socket
import threading
import time
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis

from portal.core import clock, jobs, mailer, outbox, schedule, tenancy
from portal.core.mailer import MailMessage, MailState
from portal.core.outbox import OutboxRow, OutboxState
from portal.extensions import db
from tests.durable.background import in_shop, make_app, make_tables, marks, rows
from tests.durable.harness import MAIL_AND_BILLING, Bench, bench
from tests.services import RedisService, SmtpService, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.smtp]


def test_redis_stopped_for_a_while_loses_nothing_and_costs_a_page_nothing(
    tmp_path: Path, redis_server: RedisService, smtp_server: SmtpService
) -> None:
    with bench(tmp_path, redis_url=redis_server.url, smtp_url=smtp_server.url) as it:
        it.start(MAIL_AND_BILLING, ["scheduler"])
        it.queue_mail("first")
        wait_until(lambda: it.open_rows() == 0, what="the first mail")
        worker, scheduler = it.pid(*MAIL_AND_BILLING), it.pid("scheduler")

        redis_server.stop()
        try:
            began = time.monotonic()
            for number in range(20):
                it.queue_mail(str(number))
            with it.app.app_context():
                assert jobs.redis_state() == "away"
            took = time.monotonic() - began
            time.sleep(2)
        finally:
            redis_server.start()
        assert took < 2, f"twenty changes took {took:.1f} s with Redis away"
        assert [mail.state for mail in it.mails()] == [MailState.SENT] + [MailState.QUEUED] * 20

        it.until(lambda: it.open_rows() == 0, what="the mails")
        assert {mail.state for mail in it.mails()} == {MailState.SENT}
        assert (it.pid(*MAIL_AND_BILLING), it.pid("scheduler")) == (worker, scheduler), "a process had died"


def test_the_scheduler_waits_for_redis_and_then_has_the_lanes_swept(
    tmp_path: Path, redis_server: RedisService
) -> None:
    with bench(tmp_path, redis_url=redis_server.url) as it:
        it.start(MAIL_AND_BILLING, ["scheduler"])
        it.add("probe.mark", "before")
        wait_until(lambda: marks(it.app) == ["before"], what="the first row")
        redis_server.stop()
        try:
            it.add("probe.mark", "meanwhile")
            it.kill("scheduler")  # the new one begins while Redis is away
            scheduler = it.pid("scheduler")
            time.sleep(1.5)
        finally:
            redis_server.start()
        back = clock.now()
        wait_until(lambda: marks(it.app) == ["before", "meanwhile"], what="the row, by no sweep of ours")

        def swept() -> bool:
            with it.app.app_context():
                return schedule.last_runs().get("outbox.sweep", back) > back

        wait_until(swept, what="a sweep by the scheduler")
        assert it.pid("scheduler") == scheduler
        assert it.stop() == 0


def test_a_redis_that_accepts_and_never_answers_costs_a_quarter_of_a_second_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = make_app(
            f"sqlite:///{tmp_path / 'loket.sqlite'}",
            folder=tmp_path,
            redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0",
        )
        make_tables(app)
        began = time.monotonic()
        for number in range(10):
            with in_shop(app):
                outbox.add("probe.mark", {"text": str(number)}, now=clock.now())
                db.session.commit()
        assert time.monotonic() - began < 1
    assert len(rows(app)) == 10


def test_the_worker_that_starts_again_looks_at_what_was_left(
    tmp_path: Path, redis_server: RedisService
) -> None:
    with bench(tmp_path, redis_url=redis_server.url) as it:
        it.add("probe.mark", "left")
        _client(it).flushall()
        it.start(MAIL_AND_BILLING)
        wait_until(lambda: marks(it.app) == ["left"], what="the row")


def test_a_mail_server_that_is_down_is_retried_and_then_failed_with_the_reason(
    tmp_path: Path, redis_server: RedisService, smtp_server: SmtpService
) -> None:
    with bench(tmp_path, redis_url=redis_server.url, smtp_url=smtp_server.url) as it:
        smtp_server.stop()
        try:
            it.start(MAIL_AND_BILLING)
            it.queue_mail("1")
            it.until(lambda: rows(it.app)[0].attempts == 1 and it.mails()[0].error is not None)
            (row,) = rows(it.app)
            assert row.state is OutboxState.WAITING
            assert timedelta(seconds=20) < row.due_at - clock.now() < timedelta(seconds=34)
            _let_time_pass(it, attempts=outbox.ATTEMPTS - 1)
            it.until(lambda: it.mails()[0].state is MailState.FAILED)
        finally:
            smtp_server.start()
        (mail,) = it.mails()
        assert mail.error == "the mail server cannot be reached: ConnectionRefusedError"
        assert [row.state for row in rows(it.app)] == [OutboxState.FAILED]
        with in_shop(it.app):
            mailer.resend(db.session.scalars(sa.select(MailMessage)).one(), now=clock.now())
            db.session.commit()
        wait_until(lambda: it.mails()[0].state is MailState.SENT, what="the mail")
        assert len(smtp_server.answered(f"<{mail.message_id}>")) == 1


def test_refused_and_busy_recipients_are_told_apart(
    tmp_path: Path, redis_server: RedisService, smtp_server: SmtpService
) -> None:
    with bench(tmp_path, redis_url=redis_server.url, smtp_url=smtp_server.url) as it:
        it.start(MAIL_AND_BILLING)
        it.queue_mail("refused", to=["refuse@example.com"])
        it.queue_mail("copy", to=["emma@example.com"], cc=["refuse@example.com"])
        it.queue_mail("busy", to=["emma@example.com"], cc=["busy@example.com"])
        wait_until(lambda: len([mail for mail in it.mails() if mail.results]) == 3, what="three answers")
        refused, copied, busy = it.mails()
    assert (refused.state, refused.error) == (MailState.FAILED, "550 No such mailbox")
    assert (copied.state, copied.error) == (MailState.SENT, "1 of 2 recipients: 550 No such mailbox")
    assert (busy.state, busy.error) == (MailState.QUEUED, "451 Try again later")


def test_nothing_in_redis_is_a_pickle(tmp_path: Path, redis_server: RedisService) -> None:
    with bench(tmp_path, redis_url=redis_server.url) as it:
        it.add("probe.mark", "x")
        it.add("probe.idle", "x")
        cron = schedule.Scheduler(connection=_client(it), logging_level="WARNING")
        for function in schedule.registered():
            cron.add(function)
        cron.enqueue_jobs()
        cron.save()
        waiting = _client(it).llen(f"rq:queue:{jobs.PERIODIC_QUEUE}")
        assert waiting == len(schedule.registered())
        seen = _look_at_every_byte(_client(it))
        assert seen == waiting + 2
        it.start(MAIL_AND_BILLING)
        wait_until(lambda: _client(it).llen(f"rq:queue:{jobs.PERIODIC_QUEUE}") == 0, what="the schedule")
        wait_until(lambda: marks(it.app) == ["x"], what="the mark")
        _look_at_every_byte(_client(it))


def test_a_periodic_run_that_waits_is_not_added_again(tmp_path: Path, redis_server: RedisService) -> None:
    with bench(tmp_path, redis_url=redis_server.url) as it:
        cron = schedule.Scheduler(connection=_client(it), logging_level="WARNING")
        cron.add(schedule._periodic["outbox.sweep"])
        (job,) = cron.get_jobs()
        assert job.enqueue(_client(it)).id == job.enqueue(_client(it)).id
        assert _client(it).llen(f"rq:queue:{jobs.PERIODIC_QUEUE}") == 1


def test_one_bell_waits_per_lane_however_many_rows_there_are(
    tmp_path: Path, redis_server: RedisService
) -> None:
    with bench(tmp_path, redis_url=redis_server.url) as it:
        for number in range(30):
            it.add("probe.mark", str(number))
        assert _client(it).llen("rq:queue:billing") == 1
        it.start(MAIL_AND_BILLING)
        wait_until(lambda: len(marks(it.app)) == 30, what="all rows")


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_no_wake_up_is_lost_and_no_row_done_twice_without_any_sweep(
    tmp_path: Path, redis_server: RedisService, database: str, request: pytest.FixtureRequest
) -> None:
    url = None if database == "sqlite" else request.getfixturevalue("postgres_url")
    with bench(tmp_path, url, redis_url=redis_server.url) as it:
        it.start(["billing"], ["mail", "billing"])  # two workers on one lane

        def add(name: str) -> None:
            for number in range(60):
                it.add("probe.mark", f"{name}-{number}")
                time.sleep(0.002 * (number % 5))

        adding = [threading.Thread(target=add, args=(name,)) for name in "abc"]
        for thread in adding:
            thread.start()
        for thread in adding:
            thread.join()
        wait_until(lambda: len(marks(it.app)) >= 180, what="all rows without a sweep")
        assert sorted(marks(it.app)) == sorted(f"{name}-{number}" for name in "abc" for number in range(60))
        wait_until(lambda: it.open_rows() == 0, what="the last commit")
        assert {row.attempts for row in rows(it.app)} == {1}


def _let_time_pass(it: Bench, *, attempts: int) -> None:
    with it.app.app_context(), tenancy.every_shop():
        db.session.execute(
            sa.update(OutboxRow).values(attempts=attempts, due_at=clock.now() - timedelta(seconds=1)),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()


def _client(it: Bench) -> Redis:
    return Redis.from_url(it.options["redis_url"])


def _look_at_every_byte(client: Redis) -> int:
    """Reads whatever Redis holds; answers how many jobs were among it."""
    jobs_seen = 0
    for key in client.scan_iter():
        # A job that ends between two of our commands takes its keys along.
        kind = client.type(key)
        values: list[Any] = []
        if kind == b"none":
            continue
        if kind == b"hash":
            fields = client.hgetall(key)
            values = list(fields.values())
            if b"data" in fields:
                jobs_seen += 1
                name, _instance, args, kwargs = json.loads(zlib.decompress(fields[b"data"]))
                assert name in ("portal.core.jobs.drain", "portal.core.schedule.run_job")
                assert (len(args), kwargs) == (1, {})
        elif kind == b"string":
            values = [client.get(key)]
        elif kind == b"list":
            values = client.lrange(key, 0, -1)
        elif kind == b"set":
            values = list(client.smembers(key))
        elif kind == b"zset":
            values = client.zrange(key, 0, -1)
        elif kind == b"stream":
            values = [value for _, fields in client.xrange(key) for value in fields.values()]
        else:
            pytest.fail(f"{key!r} is a {kind!r}")
        for value in values:
            assert not value.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")), (key, value)
            assert b"cos\nsystem" not in value
    return jobs_seen
