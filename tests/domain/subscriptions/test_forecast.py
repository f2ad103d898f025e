"""What will be billed and what is paid beyond a day: running, paused, in a trial, ending, changing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.vat import VatCategory
from portal.domain.catalog.models import IntervalUnit
from portal.domain.subscriptions.forecast import (
    Bill,
    Plan,
    Standing,
    bills,
    bills_from,
    completes_on,
    is_bill_due,
    prepaid_days,
    unused_after,
)
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.subscriptions.prices import Price

DAY = timedelta(days=1)


def price(cents: int) -> Price:
    return Price(cents, VatCategory.STANDARD, Decimal(21), True)


#: Billed € 31 on 1 November for 30 days, and next on 1 December for 31.
RUNNING = Standing(
    status=SubscriptionStatus.ACTIVE,
    unit=IntervalUnit.MONTH,
    count=1,
    anchor_day=1,
    price=price(3100),
    next_billing_on=date(2026, 12, 1),
    paid_until=date(2026, 11, 30),
    grid_day=date(2026, 12, 1),
    periods_billed=1,
)
#: The same, paused on the tenth: twenty days are kept.
PAUSED = replace(
    RUNNING,
    status=SubscriptionStatus.PAUSED,
    next_billing_on=None,
    paused_on=date(2026, 11, 10),
    unused_days=20,
)
TRIAL = replace(
    RUNNING,
    status=SubscriptionStatus.TRIAL,
    next_billing_on=date(2026, 11, 15),
    trial_ends_on=date(2026, 11, 15),
    paid_until=None,
    grid_day=None,
    periods_billed=0,
)


def told(found: list[Bill]) -> list[tuple[date, date, int]]:
    return [(bill.first_day, bill.last_day, bill.amount_minor) for bill in found]


def test_one_that_runs_is_billed_period_by_period() -> None:
    assert told(list(islice(bills(RUNNING), 3))) == [
        (date(2026, 12, 1), date(2026, 12, 31), 3100),
        (date(2027, 1, 1), date(2027, 1, 31), 3100),
        (date(2027, 2, 1), date(2027, 2, 28), 3100),
    ]


def test_a_bill_is_due_from_the_day_after_it_was_to_be_made() -> None:
    assert not is_bill_due(RUNNING, date(2026, 12, 1))
    assert is_bill_due(RUNNING, date(2026, 12, 2))
    assert is_bill_due(TRIAL, date(2026, 11, 16)) and not is_bill_due(TRIAL, date(2026, 11, 15))


@pytest.mark.parametrize("status", [SubscriptionStatus.PAUSED, SubscriptionStatus.CANCELLED])
def test_what_is_not_billed_has_none_that_is_due(status: SubscriptionStatus) -> None:
    assert not is_bill_due(replace(RUNNING, status=status), date(2027, 12, 1))
    assert not is_bill_due(replace(RUNNING, status=status, next_billing_on=None), date(2027, 12, 1))
    assert not is_bill_due(replace(RUNNING, next_billing_on=None), date(2027, 12, 1))


@pytest.mark.parametrize(
    ("until", "found"),
    [
        # No period begins on or after the day on which it ends.
        (date(2026, 11, 20), []),
        (date(2026, 12, 1), []),
        (date(2026, 12, 2), [(date(2026, 12, 1), date(2026, 12, 1), 100)]),
        (date(2026, 12, 11), [(date(2026, 12, 1), date(2026, 12, 10), 1000)]),
        (date(2027, 1, 1), [(date(2026, 12, 1), date(2026, 12, 31), 3100)]),
        (
            date(2027, 1, 3),
            [(date(2026, 12, 1), date(2026, 12, 31), 3100), (date(2027, 1, 1), date(2027, 1, 2), 200)],
        ),
    ],
)
def test_what_ends_is_billed_up_to_its_end_only(until: date, found: list[tuple[date, date, int]]) -> None:
    assert told(list(bills(RUNNING, until=until))) == found


@pytest.mark.parametrize(
    ("resumed_on", "found"),
    [
        # The kept days first, then a part of the period up to the next day of the calendar.
        (
            date(2026, 12, 5),
            [(date(2026, 12, 25), date(2026, 12, 31), 700), (date(2027, 1, 1), date(2027, 1, 31), 3100)],
        ),
        # On the calendar's own day there is no part.
        (date(2026, 12, 12), [(date(2027, 1, 1), date(2027, 1, 31), 3100)]),
        # On the day of the pause itself nothing was lost, and nothing is won.
        (date(2026, 11, 10), [(date(2026, 12, 1), date(2026, 12, 31), 3100)]),
        (date(2026, 11, 11), [(date(2026, 12, 1), date(2026, 12, 31), 3100)]),
        # A year later, in a February.
        (
            date(2028, 2, 1),
            [(date(2028, 2, 21), date(2028, 2, 29), 962), (date(2028, 3, 1), date(2028, 3, 31), 3100)],
        ),
    ],
)
def test_after_a_pause(resumed_on: date, found: list[tuple[date, date, int]]) -> None:
    assert told(list(islice(bills(PAUSED, resumed_on=resumed_on), len(found)))) == found
    assert list(bills(PAUSED)) == [] and bills_from(PAUSED) is None
    by_itself = replace(PAUSED, resume_on=resumed_on)
    assert told(list(islice(bills(by_itself), len(found)))) == found


def test_one_whose_pause_has_no_day_goes_on_with_the_day_itself() -> None:
    unknown = replace(PAUSED, paused_on=None)
    assert bills_from(unknown, resumed_on=date(2026, 11, 5)) == date(2026, 11, 25)


def test_the_anchor_survives_a_pause() -> None:
    standing = replace(
        PAUSED,
        anchor_day=31,
        grid_day=date(2027, 2, 28),
        paid_until=date(2027, 2, 27),
        paused_on=date(2027, 2, 20),
        unused_days=7,
    )
    first, second = islice(bills(standing, resumed_on=date(2027, 3, 10)), 2)
    assert (first.first_day, first.last_day) == (date(2027, 3, 17), date(2027, 3, 30))
    # 14 of the 31 days from 28 February to 30 March.
    assert first.amount_minor == 1400 and not first.is_whole
    assert (second.first_day, second.last_day) == (date(2027, 3, 31), date(2027, 4, 29))


@pytest.mark.parametrize(
    ("standing", "today", "kept"),
    [
        # The day that has begun counts as used.
        (RUNNING, date(2026, 11, 10), 20),
        (RUNNING, date(2026, 11, 29), 1),
        (RUNNING, date(2026, 11, 30), 0),
        (RUNNING, date(2026, 12, 3), 0),
        (replace(RUNNING, paid_until=None), date(2026, 11, 10), 0),
        # A trial that is over keeps nothing and takes nothing.
        (replace(RUNNING, trial_ends_on=date(2026, 11, 1)), date(2026, 11, 10), 20),
        (TRIAL, date(2026, 11, 10), 4),
        (TRIAL, date(2026, 11, 14), 0),
        (TRIAL, date(2026, 11, 20), 0),
    ],
)
def test_what_a_pause_keeps(standing: Standing, today: date, kept: int) -> None:
    assert unused_after(standing, today) == kept


def test_a_pause_in_a_trial_moves_its_end() -> None:
    paused = replace(
        TRIAL,
        status=SubscriptionStatus.PAUSED,
        next_billing_on=None,
        paused_on=date(2026, 11, 10),
        unused_days=unused_after(TRIAL, date(2026, 11, 10)),
    )
    assert paused.is_in_trial
    assert bills_from(paused, resumed_on=date(2027, 1, 1)) == date(2027, 1, 5)
    first = next(bills(paused, resumed_on=date(2027, 1, 1)))
    assert (first.first_day, first.last_day, first.is_whole) == (date(2027, 1, 5), date(2027, 2, 4), True)
    assert prepaid_days(paused, date(2026, 12, 1)) == 0, "a trial was not paid for"


@given(paused=st.integers(0, 29), away=st.integers(0, 800), times=st.integers(1, 4))
def test_pauses_neither_win_nor_lose_a_paid_day(paused: int, away: int, times: int) -> None:
    """However often: the days that are used until the next bill are those that were paid."""
    standing, day = RUNNING, date(2026, 11, 1) + DAY * paused
    paid = (date(2026, 11, 30) - day).days
    for _ in range(times):
        kept = unused_after(standing, day)
        standing = replace(
            standing, status=SubscriptionStatus.PAUSED, next_billing_on=None, paused_on=day, unused_days=kept
        )
        resumed = day + DAY * away
        first = bills_from(standing, resumed_on=resumed)
        assert first is not None
        began = max(resumed, day + DAY)
        assert (first - began).days == paid
        standing = replace(
            standing,
            status=SubscriptionStatus.ACTIVE,
            next_billing_on=first,
            paid_until=first - DAY,
            paused_on=None,
            unused_days=0,
        )
        # Paused again on the first day after: that day was used.
        day = began
        paid = max(0, paid - 1)


@pytest.mark.parametrize(
    ("standing", "free_from", "days"),
    [
        (RUNNING, date(2026, 11, 11), 20),
        (RUNNING, date(2026, 11, 30), 1),
        (RUNNING, date(2026, 12, 1), 0),
        (RUNNING, date(2027, 6, 1), 0),
        (TRIAL, date(2026, 11, 2), 0),
        (PAUSED, date(2026, 11, 11), 20),
        (PAUSED, date(2028, 1, 1), 20),
        # Goes on by itself before: five of the twenty are used by then, or all of them.
        (replace(PAUSED, resume_on=date(2026, 12, 1)), date(2026, 12, 6), 15),
        (replace(PAUSED, resume_on=date(2026, 12, 1)), date(2026, 12, 1), 20),
        (replace(PAUSED, resume_on=date(2026, 12, 1)), date(2026, 12, 20), 1),
        (replace(PAUSED, resume_on=date(2026, 12, 1)), date(2026, 12, 21), 0),
        (replace(PAUSED, resume_on=date(2026, 12, 1)), date(2027, 12, 1), 0),
        (replace(PAUSED, resume_on=date(2026, 12, 1)), date(2026, 11, 20), 20),
        (replace(RUNNING, status=SubscriptionStatus.SUSPENDED), date(2026, 11, 21), 10),
        (replace(RUNNING, paid_until=None), date(2026, 11, 11), 0),
    ],
)
def test_what_is_paid_beyond_a_day(standing: Standing, free_from: date, days: int) -> None:
    assert prepaid_days(standing, free_from) == days


def test_a_new_price_and_a_new_plan_count_from_their_day() -> None:
    changes = (
        Plan(date(2027, 1, 1), price(6200)),
        Plan(date(2027, 2, 1), price(36500), (IntervalUnit.YEAR, 1)),
    )
    assert told(list(islice(bills(replace(RUNNING, changes=changes)), 4))) == [
        (date(2026, 12, 1), date(2026, 12, 31), 3100),
        (date(2027, 1, 1), date(2027, 1, 31), 6200),
        (date(2027, 2, 1), date(2028, 1, 31), 36500),
        (date(2028, 2, 1), date(2029, 1, 31), 36500),
    ]


def test_it_completes_after_its_last_term() -> None:
    limited = replace(RUNNING, terms=3)
    assert [bill.first_day for bill in bills(limited)] == [date(2026, 12, 1), date(2027, 1, 1)]
    assert completes_on(limited) == date(2027, 2, 1)
    assert completes_on(replace(RUNNING, terms=1)) == date(2026, 12, 1)
    assert completes_on(RUNNING) is None
    assert completes_on(replace(PAUSED, terms=3)) is None, "nobody knows when it goes on"


@pytest.mark.parametrize("status", [s for s in SubscriptionStatus if s not in ("trial", "active", "paused")])
def test_nothing_is_billed_in_any_other_status(status: SubscriptionStatus) -> None:
    assert list(bills(replace(RUNNING, status=status))) == []


@given(until=st.dates(date(2026, 11, 2), date(2030, 1, 1)))
def test_an_end_is_billed_or_credited_and_never_both(until: date) -> None:
    """From the day of the last bill to the end every day is billed once; beyond it nothing is."""
    found = list(bills(RUNNING, until=until))
    if until <= date(2026, 12, 1):
        assert not found
        assert prepaid_days(RUNNING, until) == (date(2026, 12, 1) - until).days
    else:
        assert prepaid_days(RUNNING, until) == 0
        assert found[0].first_day == date(2026, 12, 1) and found[-1].last_day == until - DAY
        assert all(a.last_day + DAY == b.first_day for a, b in pairwise(found))
