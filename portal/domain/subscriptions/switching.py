"""Another plan or quantity from the next bill on, where the shop offers that (product.md, P-SUB-SWITCH).

The change waits for the day of the next bill. ``planned`` says what it holds: all that the run has to write then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.vat import TAXED, VatCategory
from portal.domain.catalog.models import IntervalUnit, Product, ProductKind
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop
from portal.domain.subscriptions import mails
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
)
from portal.domain.subscriptions.prices import Price, per_year
from portal.domain.subscriptions.standing import (
    BILL_DUE,
    find_waiting,
    lock_subscription,
    price_of,
    today_of,
)
from portal.domain.subscriptions.states import BILLED
from portal.extensions import db

#: More plans than anybody chooses from.
MOST_PLANS = 25
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Terms:
    """What one pays, and how often; amounts in minor units, VAT included."""

    product_public_id: str
    name: str
    quantity: Decimal
    amount_minor: int
    unit: IntervalUnit
    count: int

    @property
    def year_minor(self) -> int:
        """What a year of it costs."""
        return per_year(self.amount_minor, self.unit, self.count)


@dataclass(frozen=True)
class Difference:
    """A change of plan before it is agreed: from what to what, and from which day on."""

    before: Terms
    after: Terms
    from_day: date

    @property
    def next_bill_minor(self) -> int:
        """How much more, or below zero less, the next bill comes to."""
        return self.after.amount_minor - self.before.amount_minor

    @property
    def year_minor(self) -> int:
        """How much more, or less, a year costs."""
        return self.after.year_minor - self.before.year_minor

    @property
    def token(self) -> str:
        """What a page showed, so that nobody confirms something else."""
        return f"{self.from_day.isoformat()}.{self.before.amount_minor}.{self.after.amount_minor}"


def list_plans(subscription: Subscription) -> list[Product]:
    """The plans that may be chosen: its own first, then those of the same group that are still sold."""
    own = db.session.get_one(Product, subscription.product_id)
    if not own.switch_group:
        return [own]
    others = db.session.scalars(
        sa.select(Product)
        .where(
            Product.switch_group == own.switch_group,
            Product.id != own.id,
            *sold(Product, subscription.currency),
        )
        .order_by(Product.unit_price, Product.id)
        .limit(MOST_PLANS)
    )
    return [own, *others]


def sold(plan: type[Product], currency: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """What a plan must be to be switched to, for a subscription in a currency."""
    return (
        plan.kind == ProductKind.SUBSCRIPTION,
        plan.interval_unit.is_not(None),
        plan.currency == currency,
        plan.archived_at.is_(None),
    )


def most_of(subscription: Subscription, plan: Product) -> int:
    """Up to how many of a plan may be taken, never fewer than there are of the present one."""
    own = int(subscription.quantity) if plan.id == subscription.product_id else 1
    return max(1, plan.most_quantity, own)


def preview(subscription: Subscription, plan_id: str, quantity: int) -> Difference:
    """What a change would mean. Nothing is held. Raises ``DomainError`` for what is not offered or is no change."""
    return _difference(subscription, *_wanted(subscription, plan_id, quantity))


def switch(
    subscription_id: int, plan_id: str, quantity: int, *, told: str | None, actor: Actor, now: datetime
) -> Difference | None:
    """Plans another plan or quantity for the day of the next bill, in place of one that was planned before.

    For members who may change subscriptions. None when that very change waits already. ``told`` is the token of what
    they confirmed; ``Conflict`` when it means something else by now, while a cancellation waits, and where nothing is
    billed.
    """
    subscription = lock_subscription(subscription_id)
    if subscription.status not in BILLED or subscription.next_billing_on is None:
        raise Conflict(_l("It can be changed while it runs."))
    if find_waiting(subscription_id, ChangeKind.CANCEL) is not None:
        raise Conflict(_l("It is cancelled. Take the cancellation back first, then you can change it."))
    plan, wanted = _wanted(subscription, plan_id, quantity)
    found = _difference(subscription, plan, wanted)
    data = planned(subscription, plan, wanted)
    known = find_waiting(subscription_id, ChangeKind.SWITCH)
    if known is not None and (known.data, known.effective_on) == (data, found.from_day):
        return None
    if told is not None and told != found.token:
        raise Conflict(_l("This changed meanwhile. Please look again at what happens, and confirm it."))
    if found.from_day < today_of(subscription, now):
        raise Conflict(BILL_DUE)
    if known is not None:
        known.status, known.done_at = ChangeStatus.WITHDRAWN, now
    db.session.add(
        SubscriptionChange(
            subscription_id=subscription_id,
            kind=ChangeKind.SWITCH,
            effective_on=found.from_day,
            data=data,
            created_at=now,
        )
    )
    audit.record(
        "subscription.switch_planned",
        subscription,
        actor=actor,
        now=now,
        effective_on=found.from_day.isoformat(),
        product_id=plan.id,
        before_minor=found.before.amount_minor,
        after_minor=found.after.amount_minor,
    )
    db.session.flush()
    mails.switch_planned(subscription, found, now=now)
    return found


def keep(subscription_id: int, *, actor: Actor, now: datetime) -> bool:
    """Takes a planned change of plan back; whether there was one. For members who may change subscriptions."""
    subscription = lock_subscription(subscription_id)
    known = find_waiting(subscription_id, ChangeKind.SWITCH)
    if known is None:
        return False
    known.status, known.done_at = ChangeStatus.WITHDRAWN, now
    audit.record("subscription.switch_withdrawn", subscription, actor=actor, now=now)
    db.session.flush()
    return True


def planned(subscription: Subscription, plan: Product, quantity: int) -> dict[str, Any]:
    """What a waiting change of plan holds: everything of the new plan, at the price of today.

    The agreed price stays where only the quantity changes.
    """
    price = _unit_price(subscription, plan, get_shop(subscription.shop_id))
    same = plan.id == subscription.product_id
    unit, count = _interval(subscription, plan)
    name = subscription.name if same else plan.name
    data: dict[str, Any] = {
        "product_id": plan.id,
        "name": name if quantity == 1 else f"{quantity} × {name}",
        "plan": name,
        "icon": subscription.icon if same else plan.icon,
        "quantity": str(quantity),
        "unit_price": str(price.unit),
        "vat_category": price.category.value,
        "vat_rate": str(price.rate),
        "prices_include_vat": price.includes_vat,
        "interval_unit": unit.value,
        "interval_count": count,
    }
    return {**data, "amount_minor": _gross(price, quantity)}


@dataclass(frozen=True)
class _UnitPrice:
    unit: Decimal
    category: VatCategory
    rate: Decimal
    includes_vat: bool


def _unit_price(subscription: Subscription, plan: Product, shop: Shop) -> _UnitPrice:
    if plan.id == subscription.product_id:
        return _UnitPrice(
            subscription.unit_price,
            subscription.vat_category,
            subscription.vat_rate,
            subscription.prices_include_vat,
        )
    if subscription.vat_category in TAXED or plan.vat_category not in TAXED:
        return _UnitPrice(plan.unit_price, plan.vat_category, plan.vat_rate, shop.prices_include_vat)
    # Whose VAT is reverse charged, exempt or zero for a reason of their own pays the net price.
    net = plan.unit_price / (1 + plan.vat_rate / 100) if shop.prices_include_vat else plan.unit_price
    return _UnitPrice(
        net.quantize(_PLACES, ROUND_HALF_UP), subscription.vat_category, subscription.vat_rate, False
    )


def _gross(price: _UnitPrice, quantity: int) -> int:
    return Price.of(Decimal(quantity), price.unit, price.category, price.rate, price.includes_vat).gross_minor


def _interval(subscription: Subscription, plan: Product) -> tuple[IntervalUnit, int]:
    if plan.id == subscription.product_id or plan.interval_unit is None:
        return subscription.interval_unit, subscription.interval_count
    return plan.interval_unit, plan.interval_count


def _wanted(subscription: Subscription, plan_id: str, quantity: int) -> tuple[Product, int]:
    plan = next((each for each in list_plans(subscription) if each.public_id == plan_id), None)
    if plan is None:
        raise DomainError(_l("Choose one of these plans."), "plan")
    most = most_of(subscription, plan)
    if not 1 <= quantity <= most:
        told = (
            _l("You can have only one of it.")
            if most == 1
            else _l("Choose a number from 1 to %(most)s.", most=most)
        )
        raise DomainError(told, "quantity")
    if plan.id == subscription.product_id and quantity == subscription.quantity:
        raise DomainError(_l("This is what you have. Choose another plan or number."), "plan")
    return plan, quantity


def _difference(subscription: Subscription, plan: Product, quantity: int) -> Difference:
    if subscription.next_billing_on is None:
        raise Conflict(_l("It can be changed while it runs."))
    data = planned(subscription, plan, quantity)
    own = db.session.get_one(Product, subscription.product_id)
    return Difference(
        Terms(
            own.public_id,
            subscription.name,
            subscription.quantity,
            price_of(subscription).gross_minor,
            subscription.interval_unit,
            subscription.interval_count,
        ),
        Terms(
            plan.public_id,
            data["plan"],
            Decimal(quantity),
            data["amount_minor"],
            *_interval(subscription, plan),
        ),
        subscription.next_billing_on,
    )


def plan_choices(plans: Sequence[Product], subscription: Subscription) -> list[tuple[Product, int]]:
    """Each plan with what one of it costs this customer, VAT included, in minor units."""
    shop = get_shop(subscription.shop_id)
    return [(plan, _gross(_unit_price(subscription, plan, shop), 1)) for plan in plans]
