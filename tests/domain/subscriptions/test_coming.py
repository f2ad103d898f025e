"""What a subscription's page says is to come, against the bills that the same subscription makes."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import Any

import pytest

from portal.domain.catalog.models import IntervalUnit
from portal.domain.subscriptions import pausing, switching
from portal.domain.subscriptions.coming import Coming, list_coming
from portal.domain.subscriptions.forecast import bills
from portal.domain.subscriptions.models import (
    ChangeKind,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.domain.subscriptions.standing import list_waiting, read_whole, standing_of
from portal.extensions import db
from tests.cast import START
from tests.domain.subscriptions.looking import ACTOR, november
from tests.rows import make_plan, make_subscription

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def subscription(ids: Any) -> Subscription:
    """€ 24.50 every two weeks: paid up to 14 November, billed on the 15th."""
    return make_subscription(
        ids.emma_account,
        plan={"switch_group": "box", "most_quantity": 4},
        period_start=date(2026, 11, 1),
        period_end=date(2026, 11, 14),
        periods_billed=3,
    )


def planned(subscription: Subscription, kind: ChangeKind, on: date, **data: Any) -> None:
    change = SubscriptionChange(
        subscription_id=subscription.id, kind=kind, effective_on=on, data=data, created_at=START
    )
    db.session.add(change)
    db.session.flush()


def switch(subscription: Subscription, quantity: int = 1, *, day: int = 2, own: bool = False) -> None:
    """To the monthly box of € 46, or to more of the same."""
    other = make_plan(
        name="2 kg", unit_price=4600, interval_unit=IntervalUnit.MONTH, interval_count=1, switch_group="box"
    )
    plan = switching.list_plans(subscription)[0] if own else other
    switching.switch(subscription.id, plan.public_id, quantity, told=None, actor=ACTOR, now=november(day))


def told(subscription: Subscription) -> list[tuple[ChangeKind, date | None, int | None]]:
    return [(each.kind, each.on, each.amount_minor) for each in list_coming(subscription.id)]


def first_bill_of(subscription: Subscription, amount_minor: int) -> date:
    """The day of the first bill to come that is of this amount."""
    standing = standing_of(read_whole(subscription.id), list_waiting(subscription.id))
    return next(bill.first_day for bill in islice(bills(standing), 50) if bill.amount_minor == amount_minor)


def test_a_price_counts_from_the_first_bill_by_it(subscription: Subscription) -> None:
    planned(subscription, ChangeKind.PRICE, date(2026, 11, 20), amount_minor=2590)
    assert told(subscription) == [(ChangeKind.PRICE, date(2026, 11, 29), 2590)]
    assert first_bill_of(subscription, 2590) == date(2026, 11, 29)


def test_the_price_of_a_plan_that_it_leaves_is_not_told(subscription: Subscription) -> None:
    planned(subscription, ChangeKind.PRICE, date(2027, 1, 21), amount_minor=2590)
    switch(subscription)
    assert told(subscription) == [(ChangeKind.SWITCH, date(2026, 11, 15), 4600)]
    switching.keep(subscription.id, actor=ACTOR, now=november(3))
    assert [kind for kind, _on, _amount in told(subscription)] == [ChangeKind.PRICE]


def test_for_more_of_the_same_the_price_is_told_in_proportion(subscription: Subscription) -> None:
    planned(subscription, ChangeKind.PRICE, date(2026, 12, 1), amount_minor=2590)
    switch(subscription, 3, own=True)
    assert told(subscription) == [
        (ChangeKind.SWITCH, date(2026, 11, 15), 7350),
        (ChangeKind.PRICE, date(2026, 12, 13), 7770),
    ]
    assert first_bill_of(subscription, 7770) == date(2026, 12, 13)


def test_what_is_replaced_before_any_bill_is_not_told(subscription: Subscription) -> None:
    planned(subscription, ChangeKind.PRICE, date(2026, 11, 10), amount_minor=2590)
    switch(subscription)
    assert told(subscription) == [(ChangeKind.SWITCH, date(2026, 11, 15), 4600)]


@pytest.mark.parametrize("until", [date(2026, 11, 20), date(2026, 12, 20)])
def test_a_pause_moves_it_to_the_first_bill_after_the_pause(subscription: Subscription, until: date) -> None:
    """The page, the page that asked for the pause, and the bill itself say the same day."""
    switch(subscription)
    asked = pausing.preview_pause(subscription.id, until=until, today=november(5).date())
    assert asked.resumption is not None
    first = asked.resumption.bills[0]
    assert first.amount_minor == 4600 and first.first_day > date(2026, 11, 15)
    pausing.pause(subscription.id, until=until, actor=ACTOR, now=november(5))
    assert told(subscription) == [(ChangeKind.SWITCH, first.first_day, 4600)]
    assert first_bill_of(subscription, 4600) == first.first_day


def test_while_nobody_knows_when_it_goes_on_no_day_is_told(subscription: Subscription) -> None:
    switch(subscription)
    pausing.pause(subscription.id, until=None, actor=ACTOR, now=november(5))
    assert told(subscription) == [(ChangeKind.SWITCH, None, 4600)]


def test_nothing_is_told_of_what_no_bill_before_the_end_knows(subscription: Subscription) -> None:
    """A price from the 20th on, and the last bill is that of the 15th."""
    planned(subscription, ChangeKind.PRICE, date(2026, 11, 20), amount_minor=2590)
    planned(subscription, ChangeKind.CANCEL, date(2026, 11, 28))
    assert told(subscription) == [(ChangeKind.CANCEL, date(2026, 11, 28), None)]
    subscription.next_billing_on = None
    db.session.flush()
    assert told(subscription) == [(ChangeKind.CANCEL, date(2026, 11, 28), None)]


def test_nor_after_the_last_term(subscription: Subscription) -> None:
    subscription.terms = 4
    planned(subscription, ChangeKind.PRICE, date(2026, 11, 20), amount_minor=2590)
    assert told(subscription) == []


@pytest.mark.parametrize("status", [SubscriptionStatus.SUSPENDED, SubscriptionStatus.FAILED])
def test_where_nothing_is_billed_the_planned_day_stands(
    subscription: Subscription, status: SubscriptionStatus
) -> None:
    planned(subscription, ChangeKind.PRICE, date(2026, 11, 20), amount_minor=2590)
    subscription.status = status
    db.session.flush()
    assert told(subscription) == [(ChangeKind.PRICE, date(2026, 11, 20), 2590)]


def test_one_that_says_too_little_is_told_as_planned(subscription: Subscription) -> None:
    planned(subscription, ChangeKind.SWITCH, date(2026, 11, 20), name="Two kilos")
    planned(subscription, ChangeKind.RESUME, date(2026, 11, 21))
    assert list_coming(subscription.id) == [
        Coming(ChangeKind.SWITCH, date(2026, 11, 20), {"name": "Two kilos"}),
        Coming(ChangeKind.RESUME, date(2026, 11, 21), {}),
    ]


def test_a_day_beyond_all_bills_ends_the_search(subscription: Subscription) -> None:
    subscription.interval_unit, subscription.interval_count = IntervalUnit.DAY, 1
    planned(subscription, ChangeKind.PRICE, date(2099, 1, 1), amount_minor=2590)
    assert told(subscription) == [(ChangeKind.PRICE, date(2099, 1, 1), 2590)]
