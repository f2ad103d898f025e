"""When periods begin: month ends, leap years, and every unit; over days that nobody thought of, too."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.catalog.models import IntervalUnit
from portal.domain.subscriptions.cadence import Cadence, add_months

DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))
UNITS = st.sampled_from(IntervalUnit)


def starts(cadence: Cadence, count: int) -> list[date]:
    found = [cadence.reference]
    while len(found) < count:
        found.append(cadence.begins_after(found[-1]))
    return found


@pytest.mark.parametrize(
    ("unit", "count", "first", "following"),
    [
        (IntervalUnit.DAY, 1, date(2026, 12, 30), [date(2026, 12, 31), date(2027, 1, 1)]),
        (IntervalUnit.DAY, 10, date(2028, 2, 25), [date(2028, 3, 6), date(2028, 3, 16)]),
        (IntervalUnit.WEEK, 2, date(2026, 11, 1), [date(2026, 11, 15), date(2026, 11, 29)]),
        # The anchor day is kept (domain.md).
        (
            IntervalUnit.MONTH,
            1,
            date(2027, 1, 31),
            [date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30), date(2027, 5, 31)],
        ),
        (IntervalUnit.MONTH, 1, date(2028, 1, 30), [date(2028, 2, 29), date(2028, 3, 30)]),
        (
            IntervalUnit.MONTH,
            2,
            date(2026, 12, 31),
            [date(2027, 2, 28), date(2027, 4, 30), date(2027, 6, 30)],
        ),
        (IntervalUnit.QUARTER, 1, date(2026, 11, 30), [date(2027, 2, 28), date(2027, 5, 30)]),
        (
            IntervalUnit.YEAR,
            1,
            date(2028, 2, 29),
            [date(2029, 2, 28), date(2030, 2, 28), date(2031, 2, 28), date(2032, 2, 29)],
        ),
    ],
)
def test_the_periods_that_follow(unit: IntervalUnit, count: int, first: date, following: list[date]) -> None:
    cadence = Cadence.from_day(unit, count, first)
    assert cadence == Cadence(unit, count, first.day, first)
    assert starts(cadence, len(following) + 1)[1:] == following


def test_a_day_that_was_cut_short_comes_back() -> None:
    cadence = Cadence(IntervalUnit.MONTH, 1, 31, date(2027, 2, 28))
    assert cadence.begins_after(date(2027, 2, 28)) == date(2027, 3, 31)
    assert cadence.begins_by(date(2027, 2, 27)) == date(2027, 1, 31)


@given(unit=UNITS, count=st.integers(1, 12), reference=DAYS, day=DAYS)
def test_every_day_is_in_one_period(unit: IntervalUnit, count: int, reference: date, day: date) -> None:
    cadence = Cadence.from_day(unit, count, reference)
    first, following = cadence.begins_by(day), cadence.begins_after(day)
    assert first <= day < following
    assert cadence.days_of_period(day) == (following - first).days
    assert cadence.begins_after(first) == following == cadence.begins_by(following)
    assert cadence.begins_after(following - timedelta(days=1)) == following


@given(unit=UNITS, count=st.integers(1, 4), reference=DAYS)
def test_periods_follow_each_other_without_a_gap(unit: IntervalUnit, count: int, reference: date) -> None:
    cadence = Cadence.from_day(unit, count, reference)
    for first, following in pairwise(starts(cadence, 20)):
        assert cadence.begins_by(following - timedelta(days=1)) == first < following


@pytest.mark.parametrize(
    ("day", "months", "found"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 11, 15), 1, date(2026, 12, 15)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2027, 3, 31), -1, date(2027, 2, 28)),
        (date(2027, 1, 31), -1, date(2026, 12, 31)),
    ],
)
def test_a_month_further(day: date, months: int, found: date) -> None:
    assert add_months(day, months) == found
