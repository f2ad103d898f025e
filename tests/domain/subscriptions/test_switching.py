"""Another plan or quantity: what is offered, the difference, and the change that waits for the next bill."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from portal.core.errors import Conflict, DomainError
from portal.core.vat import VatCategory
from portal.domain.catalog.models import IntervalUnit, Product, ProductKind
from portal.domain.subscriptions import switching
from portal.domain.subscriptions.forecast import Standing, bills
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.domain.subscriptions.standing import list_waiting, read_whole, standing_of
from portal.domain.subscriptions.states import BILLED
from portal.domain.subscriptions.switching import Difference
from portal.extensions import db
from tests.cast import START
from tests.domain.subscriptions.looking import ACTOR, changes, events, mails, november
from tests.rows import make_billed, make_plan

pytestmark = pytest.mark.usefixtures("here")

OFFERED = {"switch_group": "coffee", "most_quantity": 5}


@pytest.fixture
def yearly(here: None, ids: Any) -> Product:
    """€ 300 a year, in the same group."""
    return make_plan(
        name="Coffee for a year",
        unit_price=Decimal(30000),
        interval_unit=IntervalUnit.YEAR,
        interval_count=1,
        switch_group="coffee",
    )


@pytest.fixture
def subscription(yearly: Product, ids: Any) -> Subscription:
    """€ 30 a month, next billed on 1 December."""
    return make_billed(ids.emma_account, plan=OFFERED)[0]


def own(subscription: Subscription) -> str:
    return db.session.get_one(Product, subscription.product_id).public_id


def standing(subscription: Subscription) -> Standing:
    return standing_of(read_whole(subscription.id), list_waiting(subscription.id))


def switch(
    subscription: Subscription, plan: str, quantity: int = 1, told: str | None = None
) -> Difference | None:
    return switching.switch(subscription.id, plan, quantity, told=told, actor=ACTOR, now=november(10))


def waiting(subscription: Subscription) -> SubscriptionChange:
    return (
        db.session.query(SubscriptionChange)
        .filter_by(subscription_id=subscription.id, status=ChangeStatus.WAITING)
        .one()
    )


def test_another_plan_with_the_difference_first(subscription: Subscription, yearly: Product) -> None:
    found = switching.preview(subscription, yearly.public_id, 1)
    assert (found.before.amount_minor, found.after.amount_minor) == (3000, 30000)
    assert (found.next_bill_minor, found.year_minor, found.from_day) == (27000, -6000, date(2026, 12, 1))
    assert switch(subscription, yearly.public_id, told=found.token) == found
    change = waiting(subscription)
    assert change.effective_on == date(2026, 12, 1)
    assert change.data == {
        "product_id": yearly.id, "name": "Coffee for a year", "plan": "Coffee for a year", "icon": yearly.icon,
        "quantity": "1", "unit_price": "30000", "vat_category": "standard", "vat_rate": "21",
        "prices_include_vat": True, "interval_unit": "year", "interval_count": 1, "amount_minor": 30000,
    }  # fmt: skip
    assert (subscription.amount_minor, subscription.name) == (3000, "Coffee beans, 1 kg"), (
        "not before its day"
    )
    assert events() == ["subscription.switch_planned"] and mails() == ["switch_planned"]
    first = next(bills(standing(subscription)))
    assert (first.first_day, first.last_day, first.amount_minor) == (
        date(2026, 12, 1), date(2027, 11, 30), 30000,
    )  # fmt: skip


def test_more_of_it_at_the_agreed_price(subscription: Subscription) -> None:
    db.session.get_one(Product, subscription.product_id).unit_price = Decimal(9900)
    found = switch(subscription, own(subscription), 3)
    assert found is not None
    assert (found.after.amount_minor, found.next_bill_minor, found.year_minor) == (9000, 6000, 72000)
    assert waiting(subscription).data["name"] == "3 × Coffee beans, 1 kg"


@pytest.mark.parametrize(
    ("plan", "quantity", "field"),
    [
        ("own", 1, "plan"),
        ("own", 0, "quantity"),
        ("own", 6, "quantity"),
        ("yearly", 2, "quantity"),
        ("x", 1, "plan"),
    ],
)
def test_what_is_not_offered_is_refused(
    subscription: Subscription, yearly: Product, plan: str, quantity: int, field: str
) -> None:
    plan_id = {"own": own(subscription), "yearly": yearly.public_id}.get(plan, plan)
    with pytest.raises(DomainError) as refused:
        switch(subscription, plan_id, quantity)
    assert refused.value.field == field
    assert changes(subscription) == []


@pytest.mark.parametrize(
    "options",
    [
        {"switch_group": ""},
        {"switch_group": "tea"},
        {"currency": "USD"},
        {"archived_at": START},
        {"kind": ProductKind.ONE_TIME},
        {"interval_unit": None},
    ],
)
def test_what_is_no_plan_to_switch_to(
    subscription: Subscription, yearly: Product, options: dict[str, Any]
) -> None:
    for name, value in options.items():
        setattr(yearly, name, value)
    db.session.flush()
    assert [plan.public_id for plan in switching.list_plans(subscription)] == [own(subscription)]
    with pytest.raises(DomainError):
        switch(subscription, yearly.public_id)


def test_chosen_again_the_later_one_holds_and_twice_is_once(
    subscription: Subscription, yearly: Product
) -> None:
    assert switch(subscription, yearly.public_id) is not None
    assert switch(subscription, yearly.public_id) is None
    assert switch(subscription, own(subscription), 2) is not None
    assert changes(subscription) == [
        (ChangeKind.SWITCH, ChangeStatus.WITHDRAWN), (ChangeKind.SWITCH, ChangeStatus.WAITING),
    ]  # fmt: skip
    assert mails() == ["switch_planned"] * 2


def test_kept_after_all(subscription: Subscription, yearly: Product) -> None:
    assert not switching.keep(subscription.id, actor=ACTOR, now=november(11))
    switch(subscription, yearly.public_id)
    assert switching.keep(subscription.id, actor=ACTOR, now=november(11))
    assert changes(subscription) == [(ChangeKind.SWITCH, ChangeStatus.WITHDRAWN)]
    assert events()[-1] == "subscription.switch_withdrawn"


def test_who_was_told_something_else_is_asked_again(subscription: Subscription, yearly: Product) -> None:
    told = switching.preview(subscription, yearly.public_id, 1).token
    yearly.unit_price = Decimal(31000)
    db.session.flush()
    with pytest.raises(Conflict):
        switch(subscription, yearly.public_id, told=told)
    assert changes(subscription) == []


@pytest.mark.parametrize(
    ("plan", "quantity", "later"),
    [("own", 3, 9900), ("yearly", 1, 30000)],
    ids=["more of it", "another plan"],
)
def test_a_new_price_counts_for_what_it_was_made_for(
    subscription: Subscription, yearly: Product, plan: str, quantity: int, later: int
) -> None:
    """€ 33 instead of € 30: for three it is three times that, and of another plan it is not the price."""
    price = SubscriptionChange(
        subscription_id=subscription.id,
        kind=ChangeKind.PRICE,
        effective_on=date(2027, 1, 1),
        data={"amount_minor": 3300},
        created_at=START,
    )
    db.session.add(price)
    db.session.flush()
    switch(subscription, own(subscription) if plan == "own" else yearly.public_id, quantity)
    _first, second = islice(bills(standing(subscription)), 2)
    assert second.amount_minor == later


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_only_what_is_billed_can_be_changed(
    subscription: Subscription, yearly: Product, status: SubscriptionStatus
) -> None:
    subscription.status = status
    db.session.flush()
    if status in BILLED:
        assert switch(subscription, yearly.public_id) is not None
    else:
        with pytest.raises(Conflict):
            switch(subscription, yearly.public_id)


def test_what_is_cancelled_is_not_changed(subscription: Subscription, yearly: Product) -> None:
    cancel = SubscriptionChange(
        subscription_id=subscription.id,
        kind=ChangeKind.CANCEL,
        effective_on=date(2026, 12, 10),
        created_at=START,
    )
    db.session.add(cancel)
    db.session.flush()
    with pytest.raises(Conflict, match="cancelled"):
        switch(subscription, yearly.public_id)


def test_whose_vat_is_reverse_charged_pays_the_net_price_of_another_plan(
    subscription: Subscription, yearly: Product
) -> None:
    subscription.vat_category, subscription.vat_rate = VatCategory.REVERSE_CHARGE, Decimal(0)
    db.session.flush()
    found = switch(subscription, yearly.public_id)
    assert found is not None and found.after.amount_minor == 24793
    data = waiting(subscription).data
    assert (data["vat_category"], data["unit_price"]) == ("reverse_charge", "24793.3884")
