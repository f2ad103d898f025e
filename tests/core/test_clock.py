"""The clock: aware, frozen for every thread, and a day that depends on where the shop is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from portal.core import clock

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)


def test_now_is_aware_utc_and_runs() -> None:
    before = datetime.now(UTC)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_frozen_stands_still_nests_and_ends_even_after_an_error() -> None:
    with clock.frozen(NOON):
        assert clock.now() == NOON == clock.now()
        with pytest.raises(RuntimeError), clock.frozen(NOON + timedelta(days=9)):
            assert clock.now() == NOON + timedelta(days=9)
            raise RuntimeError
        assert clock.now() == NOON
    assert clock.now() != NOON


def test_a_thread_started_inside_sees_the_frozen_time() -> None:
    with clock.frozen(NOON), ThreadPoolExecutor(1) as pool:
        assert pool.submit(clock.now).result() == NOON


def test_frozen_time_is_turned_into_utc() -> None:
    with clock.frozen(NOON.astimezone(timezone(timedelta(hours=2)))):
        assert clock.now() == NOON
        assert clock.now().utcoffset() == timedelta(0)


def test_naive_times_are_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError), clock.frozen(naive):
        pass
    with pytest.raises(ValueError):
        clock.today("Europe/Amsterdam", naive)


@pytest.mark.parametrize(
    ("tz", "at", "day"),
    [
        ("Europe/Amsterdam", datetime(2026, 11, 5, 22, 59, tzinfo=UTC), date(2026, 11, 5)),
        ("Europe/Amsterdam", datetime(2026, 11, 5, 23, 0, tzinfo=UTC), date(2026, 11, 6)),
        ("Europe/Amsterdam", datetime(2026, 7, 5, 22, 0, tzinfo=UTC), date(2026, 7, 6)),
        ("UTC", datetime(2026, 7, 5, 23, 59, tzinfo=UTC), date(2026, 7, 5)),
        ("America/Curacao", datetime(2026, 7, 5, 3, 59, tzinfo=UTC), date(2026, 7, 4)),
        ("UTC", datetime(2026, 7, 5, 23, 0, tzinfo=timezone(timedelta(hours=-2))), date(2026, 7, 6)),
    ],
)
def test_today_is_the_day_of_the_time_zone(tz: str, at: datetime, day: date) -> None:
    assert clock.today(tz, at) == day
    with clock.frozen(at):
        assert clock.today(tz) == day
