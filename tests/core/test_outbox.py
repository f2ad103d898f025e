"""The outbox: written with its cause, rung for after the commit, run at least once, committed at most once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, g
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from portal.core import clock, lease, outbox, outbox_handlers, outbox_runner, tenancy
from portal.core.errors import Conflict, NoShop, ProviderError
from portal.core.outbox import Failed, NotReady, OutboxRow, OutboxState, Outside, Retry, Step
from portal.core.outbox_runner import drain
from portal.extensions import db
from tests.durable.background import NOON, in_shop, make_app, make_tables, mark, marks, rows
from tests.services import PostgresService

Handler = Callable[..., Step]
AHEAD = NOON + timedelta(days=9)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = make_app(f"sqlite:///{tmp_path / 'test.sqlite'}", folder=tmp_path)
    make_tables(app)
    return app


@pytest.fixture
def rung(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lanes: list[str] = []
    monkeypatch.setattr(outbox, "_ring", lanes.append)
    return lanes


@pytest.fixture
def job() -> Iterator[Callable[..., None]]:
    """Registers a handler for the job "t" for one test."""

    def register(run: Handler, **options: Any) -> None:
        outbox_handlers._handlers.pop("t", None)
        outbox.handler("t", lane="billing", **options)(run)

    yield register
    outbox_handlers._handlers.pop("t", None)


def add(app: Flask, text: str = "x", *, shop: int = 1, **options: Any) -> None:
    with in_shop(app, shop):
        outbox.add(options.pop("job", "probe.mark"), {"text": text}, now=NOON, **options)
        db.session.commit()


def run(app: Flask, at: datetime = NOON, **options: Any) -> outbox_runner.Drained:
    with clock.frozen(at):
        return drain(app, "billing", **options)


# Adding


def test_a_row_shares_the_fate_of_its_cause(app: Flask, rung: list[str]) -> None:
    with in_shop(app):
        mark("cause")
        outbox.add("probe.mark", {"text": "x"}, now=NOON)
        db.session.flush()
        db.session.rollback()
        assert rung == []
        db.session.commit()
    assert (rows(app), marks(app), rung) == ([], [], [])
    add(app)
    assert [row.state for row in rows(app)] == [OutboxState.WAITING]


def test_a_lane_is_rung_once_after_the_commit_and_not_before(app: Flask, rung: list[str]) -> None:
    with in_shop(app):
        for number in range(3):
            outbox.add("probe.mark", {"text": str(number)}, now=NOON)
        outbox.add("probe.idle", {}, now=NOON, key="k")  # a key takes a savepoint, which is no commit
        with db.session.begin_nested():
            mark("inside")
        db.session.flush()
        assert rung == []
        db.session.commit()
        assert rung == ["billing", "documents"]
        db.session.commit()
    assert rung == ["billing", "documents"]


def test_what_is_due_later_rings_nobody(app: Flask, rung: list[str]) -> None:
    add(app, due=NOON + timedelta(seconds=1))
    assert rung == []
    with app.app_context(), tenancy.every_shop():
        assert outbox.due_lanes(now=NOON) == []
        assert outbox.due_lanes(now=NOON + timedelta(seconds=1)) == ["billing"]


def test_a_key_makes_one_row_per_shop_and_job(app: Flask) -> None:
    with in_shop(app):
        first = outbox.add("probe.mark", {"text": "x"}, now=NOON, key="k")
        again = outbox.add("probe.mark", {"text": "y"}, now=NOON, key="k")
        other = outbox.add("probe.idle", {}, now=NOON, key="k")
        db.session.commit()
        assert again is first
        assert other is not first
    add(app, key="k", shop=2)
    add(app, key="k")
    assert [(row.shop_id, row.job, row.payload) for row in rows(app)] == [
        (1, "probe.mark", {"text": "x"}),
        (1, "probe.idle", {}),
        (2, "probe.mark", {"text": "x"}),
    ]


def test_adding_a_key_again_revives_it_only_when_it_had_failed(app: Flask, job: Any, rung: list[str]) -> None:
    answers: list[Step] = [Failed("no"), None]
    job(lambda payload, now: answers.pop(0))
    for expected in (OutboxState.FAILED, OutboxState.DONE, OutboxState.DONE):
        add(app, job="t", key="k")
        run(app)
        assert [row.state for row in rows(app)] == [expected]
    assert answers == []


def test_what_cannot_be_run_cannot_be_added(app: Flask) -> None:
    with in_shop(app), pytest.raises(LookupError, match="no handler"):
        outbox.add("unknown", {}, now=NOON)
    with in_shop(app), pytest.raises(TypeError, match="JSON"):
        outbox.add("probe.mark", {"day": NOON}, now=NOON)
    with app.app_context(), pytest.raises(NoShop):
        outbox.add("probe.mark", {"text": "x"}, now=NOON)
        db.session.flush()


def test_a_job_has_one_handler_and_a_known_lane(job: Any) -> None:
    job(lambda payload, now: None)
    with pytest.raises(ValueError, match="has a handler"):
        outbox.handler("t", lane="billing")(mark)
    with pytest.raises(ValueError, match="no lane"):
        outbox.handler("u", lane="express")


# Running


def test_rows_run_in_order_each_in_its_own_shop(app: Flask, job: Any) -> None:
    seen: list[tuple[int, str]] = []
    job(lambda payload, now: seen.append((tenancy.current_shop_id(), payload["text"])))
    for number in range(6):
        add(app, str(number), job="t", shop=1 + number % 2)
    add(app, "early", job="t", due=NOON - timedelta(hours=1))
    add(app, "later", job="t", due=NOON + timedelta(hours=1))
    assert run(app).rows == 7
    assert seen == [(1, "early"), (1, "0"), (2, "1"), (1, "2"), (2, "3"), (1, "4"), (2, "5")]
    done = rows(app)
    assert [row.state for row in done].count(OutboxState.DONE) == 7
    assert {row.attempts for row in done} == {0, 1}
    assert all(row.claimed_by is None and row.lease_until is None for row in done)


def test_more_rows_than_one_look_are_drained(app: Flask) -> None:
    with in_shop(app):
        for number in range(lease.LOOK_AHEAD + 7):
            outbox.add("probe.mark", {"text": str(number)}, now=NOON)
        db.session.commit()
    assert run(app) == outbox_runner.Drained(rows=lease.LOOK_AHEAD + 7, more=False)
    assert marks(app) == [str(number) for number in range(lease.LOOK_AHEAD + 7)]


def test_other_lanes_are_left_alone(app: Flask) -> None:
    add(app)
    with clock.frozen(NOON):
        assert drain(app, "mail").rows == 0
    assert marks(app) == []


def test_a_failure_takes_back_everything_and_waits_longer_each_time(app: Flask, job: Any) -> None:
    def fail(payload: dict[str, Any], *, now: datetime) -> None:
        mark("half done")
        db.session.flush()
        raise ValueError("emma@example.com is not to be written down")

    job(fail)
    add(app, job="t")
    at = NOON
    for attempt, wait in enumerate((30, 120, 600, 3600, 14400, 14400, 14400), start=1):
        run(app, at)
        (row,) = rows(app)
        assert (row.state, row.attempts) == (OutboxState.WAITING, attempt)
        assert 0.89 * wait <= (row.due_at - at).total_seconds() <= 1.11 * wait
        assert run(app, at).rows == 0
        at = row.due_at
    run(app, at)
    (row,) = rows(app)
    assert (row.state, row.attempts) == (OutboxState.FAILED, 8)
    assert row.last_error is not None
    assert row.last_error.startswith("ValueError at ")
    assert "emma" not in row.last_error
    assert marks(app) == []


def test_a_failed_row_can_be_sent_off_again(app: Flask, job: Any, rung: list[str]) -> None:
    answers: list[Step] = [Failed("refused"), None]
    job(lambda payload, now: answers.pop(0))
    add(app, job="t")
    run(app)
    assert [(row.state, row.last_error) for row in rows(app)] == [(OutboxState.FAILED, "refused")]
    rung.clear()
    with in_shop(app):
        outbox.retry(db.session.scalars(sa.select(OutboxRow)).one(), now=NOON)
        db.session.commit()
    assert rung == ["billing"]
    run(app)
    assert [(row.state, row.last_error) for row in rows(app)] == [(OutboxState.DONE, None)]


def test_a_running_row_cannot_be_sent_off_again(app: Flask) -> None:
    add(app)
    with in_shop(app):
        row = db.session.scalars(sa.select(OutboxRow)).one()
        row.state = OutboxState.RUNNING
        with pytest.raises(Conflict):
            outbox.retry(row, now=NOON)


def test_a_permanent_error_of_a_provider_fails_at_once(app: Flask, job: Any) -> None:
    def refuse(payload: dict[str, Any], *, now: datetime) -> None:
        raise ProviderError("the mandate is unknown", permanent=payload["text"] == "for good")

    job(refuse)
    add(app, "for good", job="t")
    add(app, "for now", job="t")
    run(app)
    assert [(row.state, row.last_error) for row in rows(app)] == [
        (OutboxState.FAILED, "the mandate is unknown"),
        (OutboxState.WAITING, "the mandate is unknown"),
    ]


def test_a_handler_has_its_own_number_of_attempts_and_its_last_word(app: Flask, job: Any) -> None:
    def last_word(payload: dict[str, Any], *, reason: str, now: datetime) -> None:
        mark(f"gave up {payload['text']}: {reason}")

    job(lambda payload, now: Retry("busy"), attempts=2, gave_up=last_word)
    add(app, job="t")
    run(app)
    assert marks(app) == []
    run(app, NOON + timedelta(hours=1))
    assert marks(app) == ["gave up x: busy"]
    assert [row.state for row in rows(app)] == [OutboxState.FAILED]


def test_a_last_word_that_fails_does_not_keep_the_row_alive(app: Flask, job: Any) -> None:
    def last_word(payload: dict[str, Any], *, reason: str, now: datetime) -> None:
        raise RuntimeError

    job(lambda payload, now: Failed("no"), gave_up=last_word)
    add(app, job="t")
    run(app)
    assert [row.state for row in rows(app)] == [OutboxState.FAILED]


def test_what_a_handler_changed_before_asking_for_a_retry_is_kept(app: Flask, job: Any) -> None:
    def partly(payload: dict[str, Any], *, now: datetime) -> Step:
        mark("kept")
        return Retry("the rest is missing")

    job(partly)
    add(app, job="t")
    run(app)
    assert marks(app) == ["kept"]
    assert [row.last_error for row in rows(app)] == ["the rest is missing"]


def test_a_stale_row_is_tried_again_at_once(app: Flask, job: Any) -> None:
    tries: list[int] = []

    def stale_twice(payload: dict[str, Any], *, now: datetime) -> None:
        tries.append(1)
        mark(f"try {len(tries)}")
        if len(tries) < 3:
            raise StaleDataError

    job(stale_twice)
    add(app, job="t")
    run(app)
    assert marks(app) == ["try 3"]
    assert [row.state for row in rows(app)] == [OutboxState.DONE]


def test_waiting_for_another_row_uses_no_attempts_for_a_day(app: Flask, job: Any) -> None:
    """And each pause is as long as all before it, up to five minutes."""
    looks = []

    def not_yet(payload: dict[str, Any], *, now: datetime) -> None:
        looks.append(int((now - NOON).total_seconds()))
        raise NotReady("the PDF is being made", seconds=5)

    job(not_yet)
    add(app, job="t")
    for second in range(0, 1000, 5):
        run(app, NOON + timedelta(seconds=second))
    assert looks == [0, 5, 10, 20, 40, 80, 160, 320, 620, 920]
    (row,) = rows(app)
    assert (row.state, row.attempts, row.last_error) == (OutboxState.WAITING, 0, "the PDF is being made")
    run(app, NOON + timedelta(days=1))
    (row,) = rows(app)
    assert row.attempts == 1
    assert row.due_at > NOON + timedelta(days=1, seconds=20)


def test_a_row_that_waits_is_woken_and_one_that_failed_is_not(app: Flask, job: Any, rung: list[str]) -> None:
    def fails(payload: dict[str, Any], *, now: datetime) -> None:
        raise NotReady("not there yet") if payload["text"] == "waits" else ValueError

    job(fails)
    for text in ("waits", "failed"):
        add(app, text, job="t", key=text)
    run(app)
    before = {row.key: row.due_at for row in rows(app)}
    later = NOON + timedelta(seconds=1)
    rung.clear()
    with in_shop(app):
        outbox.wake("t", sa.select(OutboxRow.key).where(OutboxRow.job == "t"), now=later)
        assert rung == []
        db.session.commit()
    assert rung == ["billing"]
    assert {row.key: row.due_at for row in rows(app)} == before | {"waits": later}


def test_a_row_whose_handler_is_gone_waits(app: Flask, job: Any) -> None:
    job(lambda payload, now: None)
    add(app, job="t")
    outbox_handlers._handlers.pop("t")
    run(app)
    assert [(row.state, row.last_error) for row in rows(app)] == [
        (OutboxState.WAITING, "no handler for t is installed")
    ]


def test_a_drain_stops_when_its_time_is_up_or_it_is_told_to(app: Flask) -> None:
    for text in "abc":
        add(app, text)
    assert run(app, seconds=0) == outbox_runner.Drained(rows=0, more=True)
    answers = iter([False, False, True])
    assert run(app, stop=lambda: next(answers)) == outbox_runner.Drained(rows=2, more=True)
    assert marks(app) == ["a", "b"]
    assert run(app) == outbox_runner.Drained(rows=1, more=False)


# Claims and leases


def _steal(app: Flask) -> None:
    """As if another runner had taken the row over after its lease ended."""
    with app.app_context(), tenancy.every_shop():
        db.session.execute(
            sa.update(OutboxRow).values(claimed_by="other", attempts=OutboxRow.attempts + 1),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()


def test_a_runner_that_lost_its_lease_commits_nothing(app: Flask, job: Any) -> None:
    def slow() -> str:
        _steal(app)
        return "result"

    def then(result: str, *, now: datetime) -> None:
        mark(result)

    job(lambda payload, now: Outside(slow, then))
    add(app, job="t")
    run(app)
    assert marks(app) == []
    (row,) = rows(app)
    assert (row.state, row.claimed_by, row.attempts) == (OutboxState.RUNNING, "other", 2)


def test_the_attempt_is_part_of_the_claim(app: Flask, job: Any) -> None:
    def bump() -> None:
        with app.app_context(), tenancy.every_shop():  # the same runner, but a later attempt
            row = db.session.scalars(sa.select(OutboxRow)).one()
            row.attempts += 1
            db.session.commit()

    job(lambda payload, now: Outside(bump, lambda result, now: mark("late")))
    add(app, job="t")
    run(app)
    assert marks(app) == []
    assert [row.state for row in rows(app)] == [OutboxState.RUNNING]


def test_work_is_not_begun_when_the_lease_was_lost_before(app: Flask, job: Any) -> None:
    def first(payload: dict[str, Any], *, now: datetime) -> Step:
        row = db.session.scalars(sa.select(OutboxRow)).one()
        row.claimed_by = "other"
        db.session.flush()
        return Outside(lambda: pytest.fail("must not be sent"), lambda result, now: None)

    job(first)
    app.config["OUTBOX_LEASE_SECONDS"] = 0  # so that nothing is left of it, although the clock stands still
    add(app, job="t")
    run(app)
    assert rows(app)[0].claimed_by != "other"  # rolled back with the rest


def test_a_dead_runners_row_is_taken_when_its_lease_has_ended(app: Flask) -> None:
    add(app)
    with in_shop(app):
        row = db.session.scalars(sa.select(OutboxRow)).one()
        row.state = OutboxState.RUNNING
        row.attempts, row.claimed_by, row.lease_until = 1, "dead", NOON + timedelta(seconds=30)
        db.session.commit()
    assert run(app, NOON + timedelta(seconds=30)).rows == 0
    assert run(app, NOON + timedelta(seconds=31)).rows == 1
    assert marks(app) == ["x"]
    assert [row.attempts for row in rows(app)] == [2]


@pytest.mark.parametrize(
    ("values", "taken"),
    [
        # By a clock that went nine days ahead, and was set right: held by a runner that died, put off, made.
        ({"state": OutboxState.RUNNING, "attempts": 1, "claimed_by": "dead", "lease_until": AHEAD}, 1),
        ({"due_at": AHEAD, "last_error": "away"}, 1),
        ({"due_at": AHEAD, "created_at": AHEAD}, 1),
        # As it was meant: work of another day, a pause between two attempts, a long lease.
        ({"due_at": AHEAD}, 0),
        ({"due_at": NOON + timedelta(hours=4.4), "last_error": "away"}, 0),
        (
            {
                "state": OutboxState.RUNNING,
                "attempts": 1,
                "claimed_by": "x",
                "lease_until": NOON + timedelta(hours=1),
            },
            0,
        ),
    ],
)
def test_what_a_clock_that_was_ahead_left_does_not_wait_for_its_time(
    app: Flask, values: dict[str, Any], taken: int
) -> None:
    add(app)
    with in_shop(app):
        row = db.session.scalars(sa.select(OutboxRow)).one()
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()
    with app.app_context(), tenancy.every_shop():
        assert outbox.due_lanes(now=NOON) == ["billing"] * taken
    assert run(app).rows == taken
    assert run(app).rows == 0


def test_a_row_that_kills_its_worker_each_time_is_given_up(app: Flask) -> None:
    add(app)
    with in_shop(app):
        row = db.session.scalars(sa.select(OutboxRow)).one()
        row.state = OutboxState.RUNNING
        row.attempts, row.claimed_by, row.lease_until = outbox.ATTEMPTS, "dead", NOON - timedelta(seconds=1)
        db.session.commit()
    run(app)
    (row,) = rows(app)
    assert (row.state, row.last_error) == (OutboxState.FAILED, "the worker stopped during each attempt")
    assert marks(app) == []


def test_the_heartbeat_holds_a_row_during_long_work(app: Flask, job: Any) -> None:
    app.config["OUTBOX_LEASE_SECONDS"] = 2
    others: list[int] = []

    def slow() -> None:
        deadline = time.monotonic() + 3.5
        while time.monotonic() < deadline:
            others.append(drain(app, "billing").rows)
            time.sleep(0.25)

    job(lambda payload, now: Outside(slow, lambda result, now: mark("held")))
    add(app, job="t", due=clock.now())
    drain(app, "billing")
    assert marks(app) == ["held"]
    assert set(others) == {0}
    assert [row.attempts for row in rows(app)] == [1]


# Several rows in hand


def add_many(app: Flask, *texts: str, **options: Any) -> None:
    for number, text in enumerate(texts):
        add(app, text, shop=1 + number % 2, **options)


def test_rows_share_commits_and_each_is_done_once(app: Flask) -> None:
    add_many(app, *map(str, range(40)))
    count = [0]
    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", lambda connection: count.__setitem__(0, count[0] + 1))
    assert run(app) == outbox_runner.Drained(rows=40, more=False)
    assert marks(app) == [str(number) for number in range(40)]
    assert {(row.state, row.attempts) for row in rows(app)} == {(OutboxState.DONE, 1)}
    assert all(row.done_at == NOON and row.claimed_by is None for row in rows(app))
    assert count[0] <= 10, "1, 2, 4, 8, 16 and 9 rows"


@pytest.mark.parametrize("trouble", ["raise", "retry", "failed", "wait"])
def test_one_of_many_that_fails_takes_no_other_with_it(app: Flask, job: Any, trouble: str) -> None:
    def work(payload: dict[str, Any], *, now: datetime) -> Step:
        mark(payload["text"])
        db.session.flush()
        if payload["text"] != "5":
            return None
        if trouble in ("raise", "wait"):
            raise ValueError if trouble == "raise" else NotReady("not yet")
        return Retry("later") if trouble == "retry" else Failed("no")

    job(work)
    add_many(app, *map(str, range(12)), job="t")
    assert run(app).rows == 12
    kept = trouble in ("retry", "failed")
    assert sorted(marks(app), key=int) == [str(number) for number in range(12) if number != 5 or kept]
    states = [row.state for row in rows(app) if row.payload["text"] == "5"]
    assert states == [OutboxState.FAILED if trouble == "failed" else OutboxState.WAITING]
    others = [row for row in rows(app) if row.payload["text"] != "5"]
    assert {(row.state, row.attempts) for row in others} == {(OutboxState.DONE, 1)}


def test_rows_whose_common_commit_fails_are_done_one_by_one(app: Flask) -> None:
    add_many(app, *"abcdefg")
    with app.app_context():
        engine = db.engine
    commits: list[int] = []

    def fail_once(connection: Any) -> None:
        commits.append(len(commits))
        if len(commits) == 4:  # the claims of a, of b and c, of the rest; then these together
            raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    event.listen(engine, "commit", fail_once)
    assert run(app).rows == 7
    assert marks(app) == list("abcdefg")
    assert {(row.state, row.attempts) for row in rows(app)} == {(OutboxState.DONE, 1)}


def test_a_row_among_many_finds_nothing_of_the_one_before(app: Flask, job: Any) -> None:
    found: list[Any] = []
    kept: list[OutboxRow] = []

    def work(payload: dict[str, Any], *, now: datetime) -> None:
        found.append((list(db.session.identity_map), list(g)))
        kept.extend(db.session.scalars(sa.select(OutboxRow)))
        g.remembered = tenancy.current_shop_id()

    job(work)
    add_many(app, *"abcdefg", job="t")
    run(app)
    assert found == [([], [])] * 7


@pytest.mark.parametrize("end", ["rollback", "commit"])
def test_a_row_that_ends_the_transaction_of_many_undoes_none_of_them(app: Flask, job: Any, end: str) -> None:
    def work(payload: dict[str, Any], *, now: datetime) -> None:
        mark(payload["text"])
        if payload["text"] == "e":
            db.session.flush()
            getattr(db.session, end)()

    job(work)
    add_many(app, *"abcdefg", job="t")
    run(app)
    kept = set(marks(app))
    assert kept >= set("abcdfg")
    assert all(row.state is OutboxState.DONE for row in rows(app) if row.payload["text"] in kept)


def test_rows_given_back_before_that_failed_are_not_worked_on(
    app: Flask, job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have them by then."""
    done: list[str] = []
    given: list[int] = []
    give_back = lease.give_back

    def fail_at_the_second(claim: lease.Claim) -> None:
        given.append(claim.id)
        if len(given) == 2:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        give_back(claim)

    def first(payload: dict[str, Any], *, now: datetime) -> Step:
        work = partial(done.append, payload["text"])
        return None if payload["text"] in "abc" else Outside(work, lambda result, now: None)

    monkeypatch.setattr(lease, "give_back", fail_at_the_second)
    job(first)
    add_many(app, *"abcdefg", job="t")
    run(app)
    assert sorted(done) == sorted(set(done))
    assert "e" in done, "what was given back is taken again"


def held(app: Flask) -> int:
    """How many rows are claimed at this moment, as others see it."""
    with app.app_context(), tenancy.every_shop():
        running = sa.select(sa.func.count(OutboxRow.id)).where(
            OutboxRow.state == OutboxState.RUNNING, OutboxRow.lease_until >= NOON
        )
        return db.session.scalar(running) or 0


@pytest.mark.parametrize(
    ("options", "values", "alone"),
    [
        ({}, {}, False),
        ({"attempts": 1}, {}, True),  # to be killed beside another would be its end
        ({"alone": True}, {}, True),
        ({}, {"attempts": 1}, True),
        (
            {},
            {
                "state": OutboxState.RUNNING,
                "attempts": 1,
                "claimed_by": "dead",
                "lease_until": NOON - timedelta(seconds=1),
            },
            True,
        ),
    ],
)
def test_what_may_have_killed_its_runner_is_held_alone(
    app: Flask, job: Any, options: dict[str, Any], values: dict[str, Any], alone: bool
) -> None:
    seen: list[int] = []
    job(
        lambda payload, now: Outside(lambda: seen.append(held(app)), lambda result, now: None),
        brief=True,
        **options,
    )
    add_many(app, *"abcdefg", job="t")
    with app.app_context(), tenancy.every_shop():
        for row in db.session.scalars(sa.select(OutboxRow)):
            for name, value in values.items():
                setattr(row, name, value)
        db.session.commit()
    assert run(app).rows == 7
    assert (max(seen) == 1) is alone


def test_a_row_put_off_since_it_was_seen_is_not_claimed(app: Flask, job: Any) -> None:
    done: list[str] = []

    def work(payload: dict[str, Any], *, now: datetime) -> None:
        done.append(payload["text"])
        if payload["text"] == "a":
            later = NOON + timedelta(minutes=1)
            put_off = sa.update(OutboxRow).where(OutboxRow.id == 3).values(due_at=later)
            db.session.execute(put_off, execution_options={"synchronize_session": False})

    job(work)
    for text in "abcd":
        add(app, text, job="t")
    assert run(app).rows == 3
    assert done == ["a", "b", "d"]


def test_what_was_done_outside_is_written_down_before_the_next(app: Flask, job: Any) -> None:
    seen: list[list[str]] = []

    def first(payload: dict[str, Any], *, now: datetime) -> Step:
        return Outside(lambda: seen.append(marks(app)), lambda result, now: mark(payload["text"]))

    job(first, brief=True)
    add_many(app, *"abcdefg", job="t")
    run(app)
    assert seen == [list("abcdefg")[:number] for number in range(7)]


def test_a_row_in_hand_that_was_lost_meanwhile_is_not_worked_on(app: Flask, job: Any) -> None:
    sent: list[str] = []

    def work(text: str) -> None:
        sent.append(text)
        if text == "b":  # in hand together with c, whose lease ends while b is at work
            with app.app_context(), tenancy.every_shop():
                taken = sa.update(OutboxRow).where(OutboxRow.id == 3).values(claimed_by="other", attempts=2)
                db.session.execute(taken, execution_options={"synchronize_session": False})
                db.session.commit()

    job(
        lambda payload, now: Outside(partial(work, payload["text"]), lambda result, now: mark("sent")),
        brief=True,
    )
    app.config["OUTBOX_LEASE_SECONDS"] = 0  # so that nothing is left of it, although the clock stands still
    add_many(app, *"abc", job="t")
    run(app)
    assert sent == ["a", "b"]
    assert [(row.state, row.claimed_by) for row in rows(app)][2] == (OutboxState.RUNNING, "other")


def test_long_work_outside_leaves_the_rest_to_others(app: Flask, job: Any) -> None:
    others: list[int] = []

    def first(payload: dict[str, Any], *, now: datetime) -> Step:
        mark(payload["text"])
        if payload["text"] != "d":
            return None
        return Outside(lambda: others.append(drain(app, "billing").rows), lambda result, now: None)

    job(first)
    add_many(app, *"abcdefg", job="t")
    assert run(app).rows == 4
    assert others == [3]
    assert sorted(marks(app)) == list("abcdefg")
    assert {(row.state, row.attempts) for row in rows(app)} == {(OutboxState.DONE, 1)}


@pytest.mark.parametrize("outside", [False, True])
def test_rows_in_hand_are_given_back_when_the_drain_must_end(app: Flask, job: Any, outside: bool) -> None:
    done: list[str] = []

    def first(payload: dict[str, Any], *, now: datetime) -> Step:
        if not outside:
            return done.append(payload["text"])
        return Outside(partial(done.append, payload["text"]), lambda result, now: None)

    job(first, brief=True)
    add_many(app, *"abcdefg", job="t")
    assert run(app, stop=lambda: len(done) >= 5) == outbox_runner.Drained(rows=5, more=True)
    assert [(row.attempts, row.claimed_by, row.lease_until) for row in rows(app)][5:] == [(0, None, None)] * 2
    assert run(app) == outbox_runner.Drained(rows=2, more=False)
    assert done == list("abcdefg")


def test_many_rows_do_not_keep_writers_waiting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_runner, "TOGETHER_SECONDS", 0.0)
    add_many(app, *"abcdefg")
    count = [0]
    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", lambda connection: count.__setitem__(0, count[0] + 1))
    assert run(app).rows == 7
    assert count[0] >= 7, "each transaction ends after its first row"
    assert marks(app) == list("abcdefg")


def test_the_heartbeat_holds_all_rows_in_hand(app: Flask, job: Any) -> None:
    app.config["OUTBOX_LEASE_SECONDS"] = 2
    others: list[int] = []

    def slow(text: str) -> None:
        deadline = time.monotonic() + (3.5 if text == "b" else 0)
        while time.monotonic() < deadline:
            others.append(drain(app, "billing").rows)
            time.sleep(0.25)

    job(
        lambda payload, now: Outside(
            partial(slow, payload["text"]), lambda result, now: mark(payload["text"])
        ),
        brief=True,
    )
    add_many(app, *"abc", job="t", due=clock.now())
    drain(app, "billing")
    assert marks(app) == ["a", "b", "c"]
    assert set(others) == {0}
    assert {row.attempts for row in rows(app)} == {1}


@pytest.mark.postgres
def test_runners_at_once_do_each_row_once_on_postgresql(
    postgres_cluster: PostgresService, tmp_path: Path
) -> None:
    app = make_app(postgres_cluster.new_database(), folder=tmp_path)
    make_tables(app)
    with in_shop(app):
        for number in range(300):
            outbox.add("probe.mark", {"text": str(number)}, now=NOON)
        db.session.commit()
    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(drain, app, "billing") for _ in range(3)]
        assert sum(each.result().rows for each in done) == 300
    assert sorted(marks(app), key=int) == [str(number) for number in range(300)]
    assert {(row.state, row.attempts) for row in rows(app)} == {(OutboxState.DONE, 1)}
    with app.app_context():
        db.engine.dispose()


# Outside of transactions


def test_work_outside_has_no_transaction_and_its_result_comes_with_the_row(app: Flask, job: Any) -> None:
    seen: list[Any] = []

    def work() -> str:
        with app.app_context():
            seen.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        seen.extend(marks(app))  # what the first step changed is committed by now
        return "answer"

    def first(payload: dict[str, Any], *, now: datetime) -> Step:
        mark("prepared")
        return Outside(work, then)

    def then(result: str, *, now: datetime) -> None:
        assert tenancy.current_shop_id() == 2
        mark(result)

    job(first)
    add(app, job="t", shop=2)
    run(app)
    assert seen == [0, "prepared"]
    assert marks(app) == ["prepared", "answer"]
    assert [row.state for row in rows(app)] == [OutboxState.DONE]


def test_work_may_go_outside_several_times(app: Flask, job: Any) -> None:
    def second(result: str, *, now: datetime) -> Step:
        mark(result)
        return Outside(lambda: "two", lambda result, now: mark(result))

    job(lambda payload, now: Outside(lambda: "one", second))
    add(app, job="t")
    run(app)
    assert marks(app) == ["one", "two"]


def test_work_outside_that_fails_is_tried_again(app: Flask, job: Any) -> None:
    def no_network() -> None:
        raise ConnectionError

    job(lambda payload, now: Outside(no_network, lambda result, now: mark("never")))
    add(app, job="t")
    run(app)
    assert [(row.state, row.attempts) for row in rows(app)] == [(OutboxState.WAITING, 1)]
    assert marks(app) == []


def test_work_outside_that_opens_a_transaction_is_a_mistake(app: Flask, job: Any) -> None:
    def peek() -> None:
        with tenancy.every_shop():
            db.session.scalars(sa.select(OutboxRow)).all()

    job(lambda payload, now: Outside(peek, lambda result, now: mark("never")))
    add(app, job="t")
    run(app)
    (row,) = rows(app)
    assert row.last_error is not None and row.last_error.startswith("RuntimeError")


def test_a_result_is_written_although_the_database_was_busy(app: Flask, job: Any) -> None:
    calls: list[str] = []

    def work() -> str:
        calls.append("sent")
        return "taken"

    def then(result: str, *, now: datetime) -> None:
        calls.append("write")
        if calls.count("write") < 3:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        mark(result)

    job(lambda payload, now: Outside(work, then))
    add(app, job="t")
    run(app)
    assert calls == ["sent", "write", "write", "write"]
    assert marks(app) == ["taken"]


def test_what_goes_by_the_clock_is_one_row_that_is_worked_on_again(app: Flask) -> None:
    def tick() -> None:
        with in_shop(app):
            outbox.repeat("probe.mark", {"text": "tick"}, key="clock", now=NOON)
            db.session.commit()

    tick()
    tick()
    run(app)
    assert marks(app) == ["tick"], "while it waits nothing is added"
    tick()
    run(app)
    assert (marks(app), len(rows(app))) == (["tick", "tick"], 1)


# Looking at it


def test_the_state_counts_rows_of_all_shops(app: Flask, job: Any) -> None:
    job(lambda payload, now: Failed("no"))
    add(app, job="t")
    add(app, shop=2, due=NOON + timedelta(days=1))
    add(app, job="probe.idle")
    run(app)
    with app.app_context(), tenancy.every_shop():
        assert outbox.queue_state() == {
            "mail": {"waiting": 0, "running": 0, "failed": 0},
            "billing": {"waiting": 1, "running": 0, "failed": 1},
            "documents": {"waiting": 1, "running": 0, "failed": 0},
        }


def test_old_work_is_deleted_but_not_what_failed_or_has_a_key(app: Flask, job: Any) -> None:
    job(lambda payload, now: Failed("no"))
    add(app, "plain")
    add(app, "keyed", key="k")
    add(app, "failed", job="t")
    run(app)
    add(app, "waiting", due=NOON + timedelta(days=100))
    add(app, "other shop", shop=2)
    run(app)
    with in_shop(app):
        assert outbox.purge(now=NOON + timedelta(days=30)) == 0
        assert outbox.purge(now=NOON + timedelta(days=31)) == 1
        db.session.commit()
    assert [row.payload["text"] for row in rows(app)] == ["keyed", "failed", "waiting", "other shop"]
