"""Plans add up to the cent, keep their day, and are as far as the money is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.collections.instalments import (
    COUNTS,
    Instalment,
    amounts,
    possible_counts,
    progress,
    schedule,
)

TOTALS = st.integers(min_value=12, max_value=10**11)


@given(TOTALS, st.sampled_from(COUNTS))
def test_amounts_add_up_and_the_last_takes_the_rest(total: int, count: int) -> None:
    parts = amounts(total, count)
    assert sum(parts) == total and len(parts) == count
    assert len(set(parts[:-1])) == 1 and 0 <= parts[-1] - parts[0] < count


@pytest.mark.parametrize(
    ("total", "count", "parts"),
    [
        (12100, 2, [6050, 6050]),
        (10000, 3, [3333, 3333, 3334]),
        (12, 12, [1] * 12),
        (13, 12, [1] * 11 + [2]),
        (12143, 6, [2023] * 5 + [2028]),
    ],
)
def test_amounts(total: int, count: int, parts: list[int]) -> None:
    assert amounts(total, count) == parts


@pytest.mark.parametrize(("total", "possible"), [(0, ()), (1, ()), (2, (2,)), (11, (2, 3, 6)), (12, COUNTS)])
def test_nobody_is_offered_instalments_of_nothing(total: int, possible: tuple[int, ...]) -> None:
    assert possible_counts(total) == possible
    for count in set(COUNTS) - set(possible):
        with pytest.raises(ValueError, match="cannot be paid"):
            amounts(total, count)


@pytest.mark.parametrize(
    ("agreed_on", "days"),
    [
        (date(2026, 11, 27), ["2026-12-27", "2027-01-27", "2027-02-27"]),
        (date(2027, 1, 31), ["2027-02-28", "2027-03-31", "2027-04-30"]),
        (date(2028, 1, 30), ["2028-02-29", "2028-03-30", "2028-04-30"]),
        (date(2026, 10, 31), ["2026-11-30", "2026-12-31", "2027-01-31"]),
    ],
)
def test_the_day_of_the_month_is_kept(agreed_on: date, days: list[str]) -> None:
    assert [each.due_on.isoformat() for each in schedule(300, 3, agreed_on=agreed_on)] == days


PLAN = schedule(1000, 3, agreed_on=date(2026, 11, 1))


@pytest.mark.parametrize(
    ("remaining", "paid_count", "next_position", "next_minor"),
    [
        (1000, 0, 1, 333),
        (999, 0, 1, 332),
        (667, 1, 2, 333),
        (668, 0, 1, 1),
        (334, 2, 3, 334),
        (1, 2, 3, 1),
        (0, 3, None, None),
        # More than was agreed on is open, as after a chargeback of what was paid before: nothing was paid of the plan.
        (1500, 0, 1, 333),
    ],
)
def test_progress_is_what_the_money_says(
    remaining: int, paid_count: int, next_position: int | None, next_minor: int | None
) -> None:
    found = progress(PLAN, remaining)
    assert (found.paid_count, found.count, found.total_minor) == (paid_count, 3, 1000)
    assert found.paid_minor == max(0, 1000 - remaining)
    assert (found.next and found.next.position, found.next_minor) == (next_position, next_minor)


@given(TOTALS, st.sampled_from(COUNTS), st.data())
def test_what_is_paid_and_what_comes_next_agree(total: int, count: int, data: st.DataObject) -> None:
    plan: list[Instalment] = schedule(total, count, agreed_on=date(2026, 1, 31))
    remaining = data.draw(st.integers(0, total))
    found = progress(plan, remaining)
    later = plan[found.paid_count + 1 :]
    assert (found.next_minor or 0) + sum(each.amount_minor for each in later) == remaining
    assert sum(found.left_minor) == remaining and len(found.left_minor) == count
