"""What a saved method is debited with next for each subscription: the amount of the bill that will be made."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from portal.domain.methods.models import PaymentMethod
from portal.domain.subscriptions import pausing
from portal.domain.subscriptions.models import ChangeKind, Subscription
from portal.domain.subscriptions.paid_with import NextBill, list_paid_with
from portal.extensions import db
from tests.cast import START
from tests.domain.subscriptions.looking import ACTOR, november
from tests.domain.subscriptions.test_coming import planned, switch
from tests.rows import make_method, make_subscription

pytestmark = pytest.mark.usefixtures("here")

NAME = "Coffee beans, 1 kg"
BILL_DAY = date(2026, 11, 15)


@pytest.fixture
def method(ids: Any) -> PaymentMethod:
    return make_method(ids.emma_account)


@pytest.fixture
def subscription(ids: Any, method: PaymentMethod) -> Subscription:
    """€ 24.50 every two weeks: paid up to 14 November, billed on the 15th."""
    return make_subscription(
        ids.emma_account,
        plan={"switch_group": "box", "most_quantity": 4},
        payment_method_id=method.id,
        period_start=date(2026, 11, 1),
        period_end=date(2026, 11, 14),
        periods_billed=3,
    )


def next_bills(method: PaymentMethod) -> list[NextBill | None]:
    return [each.next_bill for each in list_paid_with(method.id, today=START.date())]


def test_as_it_stands(subscription: Subscription, method: PaymentMethod) -> None:
    assert next_bills(method) == [NextBill(NAME, BILL_DAY, 2450)]


def test_by_the_plan_that_begins_with_it(subscription: Subscription, method: PaymentMethod) -> None:
    planned(subscription, ChangeKind.PRICE, date(2027, 1, 21), amount_minor=2590)
    switch(subscription)
    assert next_bills(method) == [NextBill("2 kg", BILL_DAY, 4600)]


@pytest.mark.parametrize(("day", "amount_minor"), [(15, 2590), (16, 2450)])
def test_by_a_new_price_from_its_day_on(
    subscription: Subscription, method: PaymentMethod, day: int, amount_minor: int
) -> None:
    planned(subscription, ChangeKind.PRICE, date(2026, 11, day), amount_minor=amount_minor)
    assert next_bills(method) == [NextBill(NAME, BILL_DAY, amount_minor)]


def test_only_up_to_its_end(subscription: Subscription, method: PaymentMethod) -> None:
    """Seven of fourteen days; and nothing when the end comes before."""
    planned(subscription, ChangeKind.CANCEL, date(2026, 11, 22))
    assert next_bills(method) == [NextBill(NAME, BILL_DAY, 1225)]
    planned(subscription, ChangeKind.CANCEL, BILL_DAY)
    assert next_bills(method) == [None]


def test_a_pause_moves_it_and_makes_it_smaller(subscription: Subscription, method: PaymentMethod) -> None:
    pausing.pause(subscription.id, until=date(2026, 11, 18), actor=ACTOR, now=november(5))
    asked = pausing.preview_resume(subscription.id, today=date(2026, 11, 18)).bills[0]
    assert asked.amount_minor < 2450
    assert next_bills(method) == [NextBill(NAME, asked.first_day, asked.amount_minor)]


def test_nobody_knows_when_a_pause_without_an_end_is_over(
    subscription: Subscription, method: PaymentMethod
) -> None:
    pausing.pause(subscription.id, until=None, actor=ACTOR, now=november(5))
    assert next_bills(method) == [None]


def test_each_by_its_own_changes_the_next_first(
    subscription: Subscription, method: PaymentMethod, ids: Any
) -> None:
    """Some of several changes, others of none, in the order of their bills."""
    planned(subscription, ChangeKind.PRICE, date(2026, 11, 10), amount_minor=2500)
    planned(subscription, ChangeKind.PRICE, date(2026, 11, 12), amount_minor=2600)
    for name, days in (("later", 20), ("sooner", 3)):
        make_subscription(
            ids.emma_account,
            name=name,
            payment_method_id=method.id,
            next_billing_on=START.date() + timedelta(days=days),
        )
    db.session.flush()
    assert next_bills(method) == [
        NextBill("sooner", date(2026, 11, 4), 2450),
        NextBill(NAME, BILL_DAY, 2600),
        NextBill("later", date(2026, 11, 21), 2450),
    ]
