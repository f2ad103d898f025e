"""How the demo's subscriptions ran: begun, billed period by period, paused or ended."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from portal.core import vat
from portal.core.audit import Actor
from portal.core.vat import VatCategory
from portal.demo.selling import bill
from portal.demo.story import Story
from portal.domain.catalog.models import IntervalUnit
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer
from portal.domain.subscriptions import cancelling
from portal.domain.subscriptions.cadence import DAYS, MONTHS, add_months
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.subscriptions.models import (
    ChangeKind,
    Subscription,
    SubscriptionChange,
    SubscriptionPeriod,
    SubscriptionStatus,
)
from portal.domain.subscriptions.states import LIFE, Move
from portal.domain.tickets.undecided import TICKET


def nth_start(start: date, unit: IntervalUnit, count: int, number: int) -> date:
    """The day on which the period after so many others begins; the day of the month of the first is kept."""
    if unit in DAYS:
        return start + timedelta(days=DAYS[unit] * count * number)
    return add_months(start, MONTHS[unit] * count * number)


def begin(
    story: Story,
    key: str,
    email: str,
    product: str,
    *,
    now: datetime,
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
    price: int | None = None,
    include_vat: bool = True,
    method: str | None = None,
    answers: tuple[tuple[str, str], ...] = (),
) -> Subscription:
    """A subscription from today on, at the price of the list or one of its own in cents."""
    article = story.products[product]
    if article.interval_unit is None:
        raise ValueError(f"{product} is no subscription")
    today = story.local_day(now)
    trial_ends_on = today + timedelta(days=article.trial_days)
    unit_price = article.unit_price if price is None else Decimal(price)
    in_trial = status is SubscriptionStatus.TRIAL
    subscription = Subscription(
        mode=story.shop.mode,
        customer_id=story.customers[email].id,
        product_id=article.id,
        payment_method_id=story.methods[method].id if method else None,
        status=status,
        name=article.name,
        icon=article.icon,
        unit_price=unit_price,
        vat_category=article.vat_category,
        vat_rate=article.vat_rate,
        prices_include_vat=include_vat,
        currency=story.shop.currency,
        amount_minor=_gross(unit_price, article.vat_rate, article.vat_category, include_vat),
        interval_unit=article.interval_unit,
        interval_count=article.interval_count,
        started_on=today,
        anchor_day=today.day,
        trial_ends_on=trial_ends_on if in_trial else None,
        next_billing_on=trial_ends_on if in_trial else today,
        answers=[{"label": label, "value": value} for label, value in answers],
        created_at=now,
    )
    story.add(subscription)
    actor = Actor.person(story.people[email])
    story.record("subscription.started", subscription, now=now, actor=actor, status=status.value)
    story.subscriptions[key] = subscription
    return subscription


def starts_between(subscription_start: date, unit: IntervalUnit, count: int, last: date) -> list[date]:
    """The first days of all periods that began up to a day."""
    starts = [subscription_start]
    while (following := nth_start(subscription_start, unit, count, len(starts))) <= last:
        starts.append(following)
    return starts


def bill_period(story: Story, subscription: Subscription, customer: Customer, *, now: datetime) -> Document:
    """The invoice of the period that begins today; the dates move on to the next."""
    today = story.local_day(now)
    unit, count = subscription.interval_unit, subscription.interval_count
    billed = subscription.periods_billed
    following = nth_start(subscription.started_on, unit, count, billed + 1)
    line = LineInput(
        description=f"{subscription.name} ({today:%d-%m-%Y} – {following - timedelta(days=1):%d-%m-%Y})",
        quantity=subscription.quantity,
        unit_price=subscription.unit_price,
        vat_rate=subscription.vat_rate,
        vat_category=subscription.vat_category,
        product_id=subscription.product_id,
    )
    invoice = bill(
        story,
        customer,
        [line],
        now=now,
        include_vat=subscription.prices_include_vat,
        subscription_id=subscription.id,
    )
    story.add(
        SubscriptionPeriod(
            subscription_id=subscription.id,
            starts_on=today,
            ends_on=following - timedelta(days=1),
            document_id=invoice.id,
            created_at=now,
        )
    )
    subscription.period_start, subscription.period_end = today, following - timedelta(days=1)
    subscription.next_billing_on = following
    subscription.periods_billed = billed + 1
    return invoice


def ask_to_end(story: Story, key: str, ticket: str, reason: Reason, *, now: datetime) -> None:
    """A cancellation with notice that was asked for in a ticket, and waits for its date."""
    subscription, today = story.subscriptions[key], story.local_day(now)
    ending = cancelling.preview(subscription.id, today=today)
    change = SubscriptionChange(
        subscription_id=subscription.id,
        kind=ChangeKind.CANCEL,
        effective_on=ending.effective_on,
        data={
            "asked_on": today.isoformat(),
            "reason": reason.value,
            TICKET: story.tickets[ticket].public_id,
        },
        created_at=now,
    )
    cancelling.hold_bill(subscription, change)
    story.add(change)
    story.record(
        "subscription.cancellation_requested",
        subscription,
        now=now,
        effective_on=ending.effective_on.isoformat(),
        reason=reason.value,
    )


def move(story: Story, subscription: Subscription, step: Move, *, now: datetime) -> None:
    """One legal step of a subscription; what has ended is billed no more."""
    after = LIFE.next(subscription.status, step)
    if after is None:
        return
    before, subscription.status = subscription.status, after
    today = story.local_day(now)
    if after is SubscriptionStatus.PAUSED:
        subscription.paused_on = today
        subscription.unused_days = (
            max(0, (subscription.period_end - today).days) if subscription.period_end else 0
        )
        subscription.next_billing_on = None
    if after is SubscriptionStatus.CANCELLED:
        subscription.ended_on = today
        subscription.next_billing_on = None
    story.record(f"subscription.{after.value}", subscription, now=now, before=before.value)


def reverse_charge(subscription: Subscription) -> None:
    """From now on its VAT is the customer's own affair."""
    subscription.vat_category, subscription.vat_rate = VatCategory.REVERSE_CHARGE, Decimal(0)
    subscription.amount_minor = _gross(
        subscription.unit_price,
        subscription.vat_rate,
        subscription.vat_category,
        subscription.prices_include_vat,
    )


def _gross(price: Decimal, rate: Decimal, category: VatCategory, include_vat: bool) -> int:
    return vat.compute([vat.Line(Decimal(1), price, rate, category)], prices_include_vat=include_vat).gross
