"""Bells: dropped while one waits, never an error and never a delay while Redis is away."""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSilent
from rq.worker import SimpleWorker, WorkerStatus

from config import Config
from portal import configure
from portal.core import jobs, outbox
from portal.extensions import db
from tests.durable.background import NOON, in_shop, make_app, make_tables, rows


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = make_app(
        f"sqlite:///{tmp_path / 'test.sqlite'}", folder=tmp_path, redis_url="redis://redis.invalid:6379/0"
    )
    make_tables(app)
    return app


class Away:
    """Counts how often a Redis that is away is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.options: dict[str, Any] = {}

    def __call__(self, url: str, **options: Any) -> Redis:
        self.options = options
        away = self

        class Client(Redis):
            def execute_command(self, *args: Any, **options: Any) -> Any:
                away.asked += 1
                raise RedisAway("away")

        return Client()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    away = Away()
    monkeypatch.setattr(jobs.Redis, "from_url", away)
    return away


def test_redis_being_away_fails_nothing_and_the_row_waits(app: Flask, away: Away) -> None:
    with in_shop(app):
        outbox.add("probe.mark", {"text": "x"}, now=NOON)
        db.session.commit()
    assert away.asked == 1
    assert len(rows(app)) == 1


def test_after_a_failure_redis_is_left_alone_for_a_while(
    app: Flask, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        assert [jobs.ring("mail") for _ in range(5)] == [False] * 5
        assert away.asked == 1
        assert jobs.redis_state() == "away"
        later = time.monotonic() + jobs.BREAK_SECONDS + 0.01
        monkeypatch.setattr(jobs.time, "monotonic", lambda: later)
        assert jobs.ring("mail") is False
        assert away.asked == 2


def test_a_push_waits_a_quarter_of_a_second_at_most_and_is_not_repeated(app: Flask, away: Away) -> None:
    with app.app_context():
        jobs.ring("mail")
    assert away.options["socket_timeout"] == away.options["socket_connect_timeout"] == 0.25
    assert away.options["retry"].get_retries() == 0


def test_without_redis_nothing_is_rung_and_the_state_says_so(tmp_path: Path) -> None:
    app = make_app(f"sqlite:///{tmp_path / 'test.sqlite'}", folder=tmp_path)
    with app.app_context():
        assert jobs.ring("mail") is False
        assert jobs.redis_state() == "off"


def test_the_sweep_rings_the_lanes_that_have_due_work(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(jobs, "ring", lambda lane: rung.append(lane) or True)
    monkeypatch.setattr(outbox, "_ring", None)
    with in_shop(app, 2):
        outbox.add("probe.mark", {"text": "x"}, now=NOON)
        outbox.add("probe.idle", {}, now=NOON, due=NOON + timedelta(minutes=1))
        db.session.commit()
    with app.app_context():
        assert jobs.sweep(now=NOON) == ["billing"]
        assert jobs.sweep(now=NOON + timedelta(minutes=1)) == ["billing", "documents"]
    assert rung == ["billing", "billing", "documents"]


def test_a_redis_that_is_silent_holds_no_page_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        app = Flask("slow")
        config = Config(
            mode="serve", instance_dir=tmp_path, redis_url=url, secret_keys=("k" * 40,), field_keys=("f",)
        )
        configure(app, config, {})
        began = time.monotonic()
        with pytest.raises(RedisSilent):
            Redis.from_url(url, **app.config["RATELIMIT_STORAGE_OPTIONS"]).ping()
        assert time.monotonic() - began < 3


def test_an_idle_worker_looks_around_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    now = [100.0]
    state = [WorkerStatus.IDLE]
    worker = jobs.LaneWorker.__new__(jobs.LaneWorker)
    worker._stop_requested = False
    monkeypatch.setattr(SimpleWorker, "heartbeat", lambda *given: None)
    monkeypatch.setattr(worker, "get_state", lambda: state[0])
    monkeypatch.setattr(jobs, "_ring_what_is_due", lambda: looks.append(now[0]))
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    for second, status in [
        (100, "idle"),
        (101, "idle"),
        (102, "busy"),
        (102, "idle"),
        (103, "idle"),
        (106, "idle"),
    ]:
        now[0], state[0] = second, WorkerStatus(status)
        worker.heartbeat()
    assert looks == [100, 102, 106]
