"""Periodic functions: each due thing once, whenever looked at; one shop's trouble is not another's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal.core import clock, schedule, storage, tenancy
from portal.core.schedule import Periodic, periodic, run, run_due
from portal.extensions import db
from tests.durable.background import NOON, make_app, make_tables, mark, marks


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = make_app(f"sqlite:///{tmp_path / 'test.sqlite'}", folder=tmp_path)
    make_tables(app)
    return app


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    before = dict(schedule._periodic)
    yield
    schedule._periodic.clear()
    schedule._periodic.update(before)


def daily(at: str) -> Periodic:
    return Periodic("t", print, timedelta(minutes=10), time_of_day.fromisoformat(at), per_shop=False)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, "2026-11-23 00:00", True),  # a new installation does not wait for tomorrow
        ("2026-11-22 05:00", "2026-11-23 04:59", False),
        ("2026-11-22 05:00", "2026-11-23 05:00", True),
        ("2026-11-23 05:00", "2026-11-23 05:10", False),
        (
            "2026-11-23 04:55",
            "2026-11-23 05:00",
            True,
        ),  # by hand shortly before: yesterday's turn
        ("2026-11-14 05:00", "2026-11-23 03:00", True),  # nine days off: once, at once
        ("2026-11-23 03:00", "2026-11-23 03:10", False),  # … and then not before its time
        ("2026-11-24 05:00", "2026-11-23 05:00", False),  # the clock was put back
        ("2026-12-02 05:00", "2026-11-23 05:00", True),  # it had been days ahead: no rest until then
    ],
)
def test_a_daily_function_is_due_once_after_its_time(last: str | None, now: str, due: bool) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert daily("05:00").due(moment(last) if last else None, now=moment(now)) is due


def test_a_daily_function_runs_once_a_day_however_often_it_is_looked_at(app: Flask) -> None:
    seen: list[datetime] = []

    @periodic("t.daily", daily_at="05:00")
    def f(*, now: datetime) -> None:
        seen.append(now)

    start = datetime(2026, 11, 23, tzinfo=UTC)
    for minutes in range(0, 3 * 24 * 60, 10):
        run_due(app, "t.daily", now=start + timedelta(minutes=minutes))
    assert [moment.strftime("%d %H:%M") for moment in seen] == [
        "23 00:00",
        "23 05:00",
        "24 05:00",
        "25 05:00",
    ]
    with app.app_context():
        assert schedule.last_runs() == {"t.daily": seen[-1]}


def test_a_failed_daily_function_is_tried_again_at_the_next_look(app: Flask) -> None:
    answers: list[Any] = [ValueError, None]

    @periodic("t.daily", daily_at="05:00")
    def f(*, now: datetime) -> None:
        answer = answers.pop(0)
        if answer:
            raise answer

    assert run_due(app, "t.daily", now=NOON) is False
    assert run_due(app, "t.daily", now=NOON + timedelta(minutes=10)) is True
    assert run_due(app, "t.daily", now=NOON + timedelta(minutes=20)) is False
    assert answers == []


def test_each_shop_has_its_own_scope_and_transaction(app: Flask) -> None:
    @periodic("t.shops", minutes=5, per_shop=True)
    def f(*, now: datetime) -> None:
        mark(f"shop {tenancy.current_shop_id()}")
        db.session.flush()
        if tenancy.current_shop_id() == 1:
            raise ValueError

    assert run(app, "t.shops", now=NOON) is False
    assert marks(app) == ["shop 2"]


def test_a_function_without_shops_is_called_once_with_the_given_time(app: Flask) -> None:
    seen: list[datetime] = []

    @periodic("t.plain", minutes=5)
    def f(*, now: datetime) -> None:
        seen.append(now)
        assert not tenancy.has_shop()

    assert run(app, "t.plain", now=NOON) is True
    assert seen == [NOON]


def test_a_function_has_either_minutes_or_a_time() -> None:
    for wrong in ({}, {"minutes": 5, "daily_at": "05:00"}):
        with pytest.raises(ValueError, match="either"):
            periodic("t", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="isoformat"):
        periodic("t", daily_at="five")


def test_a_run_of_a_function_that_was_removed_is_left_out() -> None:
    schedule.run_job("gone")


def test_the_core_registers_its_own_periodic_work() -> None:
    names = {function.name for function in schedule.registered()}
    assert {"files.remove_unfinished", "mail.release_held", "outbox.purge", "outbox.sweep"} <= names


def test_the_daily_run_removes_what_a_killed_writer_left(app: Flask) -> None:
    with app.app_context():
        left = storage._folder() / "shops" / "1" / f"x.pdf.{'0' * 16}.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    assert schedule.run(app, "files.remove_unfinished", now=clock.now()) and left.exists()
    assert schedule.run(app, "files.remove_unfinished", now=clock.now() + timedelta(days=1))
    assert not left.exists()
