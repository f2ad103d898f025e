"""A subscription as the pure functions take it, and holding one for a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import clock
from portal.core.money import round_half_up
from portal.core.vat import VatCategory
from portal.domain.catalog.models import IntervalUnit, Product
from portal.domain.invoices.booking import lock_credit
from portal.domain.people.models import Customer
from portal.domain.shops.queries import get_shop
from portal.domain.subscriptions.forecast import DAY, Plan, Standing
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionPeriod,
    SubscriptionStatus,
)
from portal.domain.subscriptions.prices import Price
from portal.extensions import db

#: Why something waits for the run that makes a bill which is due.
BILL_DUE = _l("A bill is due at this moment. Please try again tomorrow.")


def lock_subscription(subscription_id: int) -> Subscription:
    """A subscription as it is now, held by this transaction; its account is held before it, and any document after."""
    lock_credit(sa.select(Subscription.customer_id).where(Subscription.id == subscription_id))
    return db.session.scalars(
        sa.select(Subscription)
        .where(Subscription.id == subscription_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def today_of(subscription: Subscription, now: datetime) -> date:
    """The day of a moment where its shop is."""
    return clock.today(get_shop(subscription.shop_id).time_zone, now)


@dataclass(frozen=True)
class Whole:
    """A subscription with what its rules ask about: its product, its account, and the period that was billed last."""

    subscription: Subscription
    product: Product
    customer: Customer
    period: SubscriptionPeriod | None


def read_whole(subscription_id: int) -> Whole:
    """A subscription that the caller looked up or holds, in one statement."""
    row = db.session.execute(
        sa.select(Subscription, Product, Customer, SubscriptionPeriod)
        .join(Product, Product.id == Subscription.product_id)
        .join(Customer, Customer.id == Subscription.customer_id)
        .outerjoin(SubscriptionPeriod, SubscriptionPeriod.id == last_period())
        .where(Subscription.id == subscription_id)
        .execution_options(populate_existing=True)
    ).one()
    return Whole(*row)


def last_period() -> sa.ScalarSelect[int]:
    """The id of the period of a subscription that was billed last, for a statement that reads both."""
    period = sa.orm.aliased(SubscriptionPeriod)
    return (
        sa.select(period.id)
        .where(period.subscription_id == Subscription.id)
        .order_by(period.starts_on.desc())
        .limit(1)
        .correlate(Subscription)
        .scalar_subquery()
    )


def standing_of(whole: Whole, changes: Sequence[SubscriptionChange]) -> Standing:
    """How it stands, with the changes that wait, of which those of price and plan count."""
    return stands(whole.subscription, whole.period, changes)


def stands(
    subscription: Subscription, period: SubscriptionPeriod | None, changes: Sequence[SubscriptionChange]
) -> Standing:
    """The same of one that was read with the period that was billed last."""
    grid_day: date | None = None
    if period is not None:
        grid_day = period.ends_on + DAY
    elif subscription.periods_billed and subscription.period_end is not None:
        grid_day = subscription.period_end + DAY
    paid_until = subscription.period_end
    if (
        paid_until is None
        and subscription.status is SubscriptionStatus.ACTIVE
        and subscription.next_billing_on
    ):
        # Nothing says what was billed, as with one that came from elsewhere: it is paid up to its next bill.
        paid_until = subscription.next_billing_on - DAY
    return Standing(
        status=subscription.status,
        unit=subscription.interval_unit,
        count=subscription.interval_count,
        anchor_day=subscription.anchor_day,
        price=price_of(subscription),
        next_billing_on=subscription.next_billing_on,
        paid_until=paid_until,
        grid_day=grid_day,
        trial_ends_on=subscription.trial_ends_on,
        paused_on=subscription.paused_on,
        resume_on=subscription.resume_on,
        unused_days=subscription.unused_days,
        periods_billed=subscription.periods_billed,
        terms=subscription.terms,
        changes=tuple(plan for _change, plan in counted(changes, subscription)),
    )


def price_of(subscription: Subscription) -> Price:
    """What a period of it costs as it stands."""
    return Price.of(
        subscription.quantity,
        subscription.unit_price,
        subscription.vat_category,
        subscription.vat_rate,
        subscription.prices_include_vat,
    )


def list_waiting(subscription_id: int) -> list[SubscriptionChange]:
    """The changes that wait for their day, the next first."""
    return list(
        db.session.scalars(
            sa.select(SubscriptionChange)
            .where(
                SubscriptionChange.subscription_id == subscription_id,
                SubscriptionChange.status == ChangeStatus.WAITING,
            )
            .order_by(SubscriptionChange.effective_on, SubscriptionChange.id)
            .execution_options(populate_existing=True)
        )
    )


def find_waiting(subscription_id: int, kind: ChangeKind) -> SubscriptionChange | None:
    """The change of a kind that waits for its day."""
    return next((each for each in list_waiting(subscription_id) if each.kind is kind), None)


def counted(
    changes: Sequence[SubscriptionChange], subscription: Subscription
) -> list[tuple[SubscriptionChange, Plan]]:
    """Of the waiting changes those of price and plan that count, in the order in which they begin.

    A new price (``amount_minor``, VAT included) was made for the plan and quantity of its day: for more of the same it
    counts in proportion, and for another plan not at all. What a change of plan holds says ``switching.planned``.
    """
    found: list[tuple[SubscriptionChange, Plan]] = []
    product_id, times = subscription.product_id, Fraction(1)
    for change in changes:
        data = change.data
        if change.kind is ChangeKind.SWITCH and "unit_price" in data:
            product_id = data["product_id"]
            times = Fraction(Decimal(data["quantity"])) / Fraction(subscription.quantity)
            found.append((change, Plan(change.effective_on, *_switched(data, subscription))))
        elif (
            change.kind is ChangeKind.PRICE
            and "amount_minor" in data
            and product_id == subscription.product_id
        ):
            amount = round_half_up(data["amount_minor"] * times)
            price = Price(amount, subscription.vat_category, subscription.vat_rate, True)
            found.append((change, Plan(change.effective_on, price)))
    return found


def _switched(
    data: dict[str, Any], subscription: Subscription
) -> tuple[Price, tuple[IntervalUnit, int] | None]:
    price = Price.of(
        Decimal(data["quantity"]),
        Decimal(data["unit_price"]),
        VatCategory(data["vat_category"]),
        Decimal(data["vat_rate"]),
        data["prices_include_vat"],
    )
    interval = IntervalUnit(data["interval_unit"]), int(data["interval_count"])
    same = interval == (subscription.interval_unit, subscription.interval_count)
    return price, None if same else interval
