"""A subscription as the pure functions take it, and holding one for a change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from portal.core import clock
from portal.domain.catalog.models import IntervalUnit
from portal.domain.invoices.booking import lock_credit
from portal.domain.shops.queries import get_shop
from portal.domain.subscriptions.forecast import DAY, Plan, Standing
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.domain.subscriptions.prepaid import last_period
from portal.domain.subscriptions.prices import Price
from portal.extensions import db


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


def standing_of(subscription: Subscription, changes: Sequence[SubscriptionChange] | None = None) -> Standing:
    """How it stands, with the changes of price and plan that wait; ``changes`` where the caller has them."""
    if changes is None:
        changes = list_waiting(subscription.id)
    period = last_period(subscription.id)
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
        changes=tuple(plan for each in changes if (plan := _plan(each, subscription)) is not None),
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


def _plan(change: SubscriptionChange, subscription: Subscription) -> Plan | None:
    """A change of price (``amount_minor``, VAT included) or of plan (``switching.planned`` says what it holds)."""
    data = change.data
    if change.kind is ChangeKind.PRICE and "amount_minor" in data:
        price = Price(data["amount_minor"], subscription.vat_category, subscription.vat_rate, True)
        return Plan(change.effective_on, price)
    if change.kind is ChangeKind.SWITCH and "unit_price" in data:
        price = Price.of(
            Decimal(data["quantity"]),
            Decimal(data["unit_price"]),
            type(subscription.vat_category)(data["vat_category"]),
            Decimal(data["vat_rate"]),
            data["prices_include_vat"],
        )
        unit, count = IntervalUnit(data["interval_unit"]), int(data["interval_count"])
        same = (unit, count) == (subscription.interval_unit, subscription.interval_count)
        return Plan(change.effective_on, price, None if same else (unit, count))
    return None
