"""Which saved method pays a subscription (product.md, P-SUB-METHOD)."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError
from portal.domain.catalog.models import Product
from portal.domain.methods.models import PaymentMethod
from portal.domain.methods.queries import list_chargeable
from portal.domain.subscriptions.models import Subscription, SubscriptionStatus
from portal.domain.subscriptions.standing import lock_subscription, today_of
from portal.domain.subscriptions.states import COUNTED_ACTIVE, LIFE, RUNNING, Move
from portal.extensions import db

_ENDED = _l("This subscription has ended, so nothing pays it any more.")


def choose_method(
    subscription_id: int, method_id: str, *, actor: Actor, now: datetime
) -> PaymentMethod | None:
    """Has a valid method of the same account pay from the next bill on. None when it does already.

    For members who may change methods; ``method_id`` is its public id. What waited for a method begins: its trial, or
    it is active and billed first today. ``DomainError`` for a method that is not there or not valid, ``Conflict`` for a
    subscription that has ended. Charges under way go on with the one they began with.
    """
    subscription = lock_subscription(subscription_id)
    if subscription.status not in RUNNING:
        raise Conflict(_ENDED)
    methods = list_chargeable(subscription.customer_id)
    method = next((each for each in methods if each.public_id == method_id), None)
    if method is None:
        raise DomainError(_l("Choose one of your valid payment methods."), "method")
    if subscription.payment_method_id == method.id and (
        subscription.status is not SubscriptionStatus.PENDING_MANDATE
    ):
        return None
    before, subscription.payment_method_id = subscription.payment_method_id, method.id
    audit.record(
        "subscription.method_changed", subscription, actor=actor, now=now, before=before, after=method.id
    )
    if subscription.status is SubscriptionStatus.PENDING_MANDATE:
        _begin(subscription, actor=actor, now=now)
    db.session.flush()
    return method


def may_pay_by_hand(subscription_id: int, status: SubscriptionStatus) -> bool:
    """Whether a subscription's customer may pay each invoice: not where it could only begin with a method."""
    if status is SubscriptionStatus.PENDING_MANDATE:
        return False
    begun = db.session.scalars(
        sa.select(AuditEntry.data).where(
            AuditEntry.subject_type == Subscription.__tablename__,
            AuditEntry.subject_id == subscription_id,
            AuditEntry.event.in_(f"subscription.{status.value}" for status in COUNTED_ACTIVE),
        )
    )
    return all(data.get("before") != SubscriptionStatus.PENDING_MANDATE.value for data in begun)


def pay_by_hand(subscription_id: int, *, actor: Actor, now: datetime) -> bool:
    """Has no saved method pay from the next bill on: its customer pays each invoice. Whether anything changed.

    For members who may change methods. ``Conflict`` for a subscription that has ended, and where it needs a method.
    Charges under way go on.
    """
    subscription = lock_subscription(subscription_id)
    if subscription.status not in RUNNING:
        raise Conflict(_ENDED)
    if not may_pay_by_hand(subscription_id, subscription.status):
        raise Conflict(_l("This subscription is only offered with a saved payment method."))
    before, subscription.payment_method_id = subscription.payment_method_id, None
    if before is None:
        return False
    audit.record("subscription.method_changed", subscription, actor=actor, now=now, before=before, after=None)
    db.session.flush()
    return True


def _begin(subscription: Subscription, *, actor: Actor, now: datetime) -> None:
    """What waited for a method starts today."""
    product, today = db.session.get_one(Product, subscription.product_id), today_of(subscription, now)
    days = product.trial_days if subscription.periods_billed == 0 else 0
    after = LIFE.next(subscription.status, Move.START_TRIAL if days else Move.ACTIVATE)
    before, subscription.status = subscription.status, after or subscription.status
    first = today + timedelta(days=days)
    subscription.started_on = today
    subscription.trial_ends_on = first if days else None
    subscription.next_billing_on, subscription.anchor_day = first, first.day
    audit.record(
        f"subscription.{subscription.status.value}", subscription, actor=actor, now=now, before=before.value
    )
