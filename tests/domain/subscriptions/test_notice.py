"""From when a cancellation is in force, for consumers and businesses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.catalog.models import IntervalUnit
from portal.domain.people.models import CustomerKind
from portal.domain.subscriptions.cadence import add_months
from portal.domain.subscriptions.forecast import Standing
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.subscriptions.notice import (
    Right,
    effective_on,
    is_renewed_tacitly,
    last_day_before,
    right_to_cancel,
)
from tests.domain.subscriptions.test_forecast import PAUSED, RUNNING, TRIAL

CONSUMER, BUSINESS = CustomerKind.CONSUMER, CustomerKind.BUSINESS
RENEWED = replace(RUNNING, periods_billed=2)
FAILED = replace(RUNNING, status=SubscriptionStatus.FAILED)
TRIAL_PAUSED = replace(TRIAL, status=SubscriptionStatus.PAUSED, next_billing_on=None, unused_days=4)
#: Its only term was November.
ENDED = replace(RUNNING, terms=1)
#: Billed for a year on 1 November, once or again.
YEARLY = replace(
    RUNNING,
    unit=IntervalUnit.YEAR,
    next_billing_on=date(2027, 11, 1),
    grid_day=date(2027, 11, 1),
    paid_until=date(2027, 10, 31),
)


@pytest.mark.parametrize(
    ("standing", "today", "notice", "consumer", "business"),
    [
        # In the first term both: the later of today + notice and the next bill.
        (RUNNING, date(2026, 11, 10), 10, date(2026, 12, 1), date(2026, 12, 1)),
        (RUNNING, date(2026, 11, 10), 30, date(2026, 12, 10), date(2026, 12, 10)),
        (RUNNING, date(2026, 11, 10), 365, date(2027, 11, 10), date(2027, 11, 10)),
        (YEARLY, date(2026, 11, 10), 30, date(2027, 11, 1), date(2027, 11, 1)),
        # Past it a consumer waits for the notice alone, and a month at most.
        (RENEWED, date(2026, 11, 10), 10, date(2026, 11, 20), date(2026, 12, 1)),
        (RENEWED, date(2026, 11, 10), 30, date(2026, 12, 10), date(2026, 12, 10)),
        (RENEWED, date(2026, 11, 10), 365, date(2026, 12, 10), date(2027, 11, 10)),
        (replace(YEARLY, periods_billed=2), date(2026, 12, 10), 30, date(2027, 1, 9), date(2027, 11, 1)),
        # A month from a day that the next one does not have.
        (replace(YEARLY, periods_billed=2), date(2027, 1, 31), 30, date(2027, 2, 28), date(2027, 11, 1)),
        (replace(YEARLY, periods_billed=2), date(2028, 1, 31), 60, date(2028, 2, 29), date(2028, 3, 31)),
        (replace(YEARLY, periods_billed=2), date(2027, 1, 28), 30, date(2027, 2, 27), date(2027, 11, 1)),
        # The second period begins today, though its bill is not made yet.
        (RUNNING, date(2026, 12, 1), 365, date(2027, 1, 1), date(2027, 12, 1)),
        (RUNNING, date(2026, 11, 30), 365, date(2027, 11, 30), date(2027, 11, 30)),
        # A trial ends with its last day, whatever the notice.
        (TRIAL, date(2026, 11, 10), 30, date(2026, 11, 15), date(2026, 11, 15)),
        (TRIAL, date(2026, 11, 15), 30, date(2026, 12, 15), date(2026, 12, 15)),
        # Paused in it there is no end to wait for: tomorrow.
        (TRIAL_PAUSED, date(2026, 11, 20), 30, date(2026, 11, 21), date(2026, 11, 21)),
        # Paused without an end there is no next bill; until a day it is the first after it.
        (PAUSED, date(2026, 11, 20), 10, date(2026, 11, 30), date(2026, 11, 30)),
        (replace(PAUSED, resume_on=date(2027, 3, 1)), date(2026, 11, 20), 10, date(2027, 3, 21), date(2027, 3, 21)),
        # An agreed number of terms is no tacit renewal, and ends by itself at the latest.
        (replace(RENEWED, terms=3), date(2026, 11, 10), 10, date(2026, 12, 1), date(2026, 12, 1)),
        (replace(RENEWED, terms=3), date(2026, 11, 10), 365, date(2027, 1, 1), date(2027, 1, 1)),
        (replace(RENEWED, terms=2), date(2026, 11, 10), 30, date(2026, 12, 1), date(2026, 12, 1)),
        # What has ended by itself already ends tomorrow at the earliest.
        (ENDED, date(2026, 12, 20), 30, date(2026, 12, 21), date(2026, 12, 21)),
        (FAILED, date(2026, 11, 1), 9, date(2026, 11, 10), date(2026, 11, 10)),
    ],
)  # fmt: skip
def test_the_day(standing: Standing, today: date, notice: int, consumer: date, business: date) -> None:
    found = {
        kind: effective_on(standing, today=today, notice_days=notice, kind=kind) for kind in CustomerKind
    }
    assert found == {CONSUMER: consumer, BUSINESS: business}


@pytest.mark.parametrize(
    ("options", "today", "renewed"),
    [
        ({"periods_billed": 0}, date(2026, 11, 10), False),
        ({"periods_billed": 1}, date(2026, 11, 30), False),
        ({"periods_billed": 1}, date(2026, 12, 1), True),
        ({"periods_billed": 2}, date(2026, 11, 10), True),
        ({"periods_billed": 2, "terms": 12}, date(2026, 11, 10), False),
    ],
)
def test_whether_it_was_renewed_tacitly(options: dict[str, Any], today: date, renewed: bool) -> None:
    assert is_renewed_tacitly(replace(RUNNING, **options), today) is renewed


@given(
    today=st.dates(date(2026, 11, 1), date(2029, 12, 31)),
    notice=st.integers(1, 365),
    kind=st.sampled_from(CustomerKind),
    billed=st.integers(1, 5),
)
def test_the_law_holds_whatever_the_product_says(
    today: date, notice: int, kind: CustomerKind, billed: int
) -> None:
    standing = replace(RUNNING, periods_billed=billed)
    found = effective_on(standing, today=today, notice_days=notice, kind=kind)
    assert today < found
    if kind is CONSUMER and is_renewed_tacitly(standing, today):
        assert found <= add_months(today, 1) and found <= today + timedelta(days=notice)
    else:
        assert found >= today + timedelta(days=notice)


def test_the_last_day_is_the_one_before() -> None:
    assert last_day_before(date(2027, 3, 1)) == date(2027, 2, 28)


@pytest.mark.parametrize(
    ("standing", "consumer", "business"),
    [
        (RUNNING, Right.ENDLESS, None),
        (replace(RUNNING, terms=12), None, None),
        (TRIAL, Right.TRIAL, Right.TRIAL),
        (replace(TRIAL, terms=12), Right.TRIAL, Right.TRIAL),
    ],
)
def test_what_nobody_may_refuse(standing: Standing, consumer: Right | None, business: Right | None) -> None:
    assert right_to_cancel(standing, CONSUMER) is consumer
    assert right_to_cancel(standing, BUSINESS) is business
