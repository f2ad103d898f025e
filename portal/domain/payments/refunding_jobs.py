"""Giving a provider the order to pay back, and asking what became of it until that is decided.

The answer to an order can be lost, and a provider forgets a key after a while. So whoever gives an order asks first
whether the provider has it already, by the reference that every order carries: an order is given once, however late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.core import outbox
from portal.core.audit import Actor
from portal.core.errors import NotFound, ProviderError
from portal.core.money import Money
from portal.core.schedule import periodic
from portal.domain.payments import actions, asking, refunding, registry
from portal.domain.payments.models import Payment, PaymentStatus, Refund, RefundStatus
from portal.domain.payments.provider import PaymentProvider, ProviderRefund, ProviderStatus, RefundRequest
from portal.domain.payments.states import TAKES
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: The provider's own message comes long before.
PATIENCE = timedelta(minutes=10)
#: So young a refund is asked about each time; after that so seldom.
FRESH, SELDOM = timedelta(hours=1), timedelta(hours=6)
#: How long a bank may send back what had arrived, and how often that is asked.
MAY_COME_BACK, DAILY = timedelta(days=40), timedelta(days=1)
#: How many of each kind are asked about at a time; the others are, a quarter of an hour later.
AT_ONCE = 500


@dataclass(frozen=True)
class Refused:
    """What a provider says to an order that it does not take."""

    reason: str


@dataclass(frozen=True)
class _Ready:
    """An order in plain values, for outside transactions."""

    provider: PaymentProvider
    payment_ref: str
    request: RefundRequest
    provider_ref: str | None
    may_order: bool

    def run(self) -> ProviderRefund | Refused:
        """The refund as the provider knows it, ordered now if it did not. ``ProviderError`` where that is not known."""
        answer = self.provider.fetch(self.payment_ref)
        if answer.provider_ref != self.payment_ref:
            raise ProviderError("the answer is about another payment")
        for each in answer.refunds:
            if each.provider_ref == self.provider_ref or each.reference == self.request.reference:
                return each
        if self.provider_ref is not None:
            raise ProviderError("the provider does not know a refund any more that it took")
        if not self.may_order or answer.status is not ProviderStatus.PAID:
            return Refused(refunding.NOT_PAID)
        try:
            return self.provider.refund(self.request)
        except ProviderError as error:
            if error.permanent:
                return Refused(str(error))
            raise


def tell_that_it_waits(payload: dict[str, Any], *, reason: str, now: datetime) -> None:
    """Tells the shop, once for each, that an order does not get to its provider; it is tried again by each run."""
    refund = refunding.lock_refund(payload["refund_id"])
    if refund.status is RefundStatus.QUEUED and refund.provider_ref is None:
        payment = db.session.get_one(Payment, refund.payment_id)
        actor = Actor.system("refunds")
        actions.mark(payment, "refund_waits", source="job", actor=actor, now=now, refund_id=refund.id)


@outbox.handler(refunding.SEND, lane="billing", attempts=3, alone=True, gave_up=tell_that_it_waits)
def send(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Has one refund paid, or asks how far it is. A provider that stays away is asked again by a later run."""
    refund = db.session.get_one(Refund, payload["refund_id"], populate_existing=True)
    shop = get_shop(refund.shop_id)
    if refund.status not in TAKES or refund.payment_id is None or refund.mode is not shop.mode:
        return None
    payment = db.session.get_one(Payment, refund.payment_id, populate_existing=True)
    try:
        provider = registry.provider_for(shop, payment.provider)
    except NotFound:
        return outbox.Failed("the provider is not there any more")
    ready = _Ready(
        provider,
        payment.provider_ref or "",
        RefundRequest(
            provider_ref=payment.provider_ref or "",
            amount=Money(refund.amount_minor, refund.currency),
            description=payment.description,
            reference=refund.public_id,
            idempotency_key=refund.idempotency_key,
        ),
        refund.provider_ref,
        payment.status is PaymentStatus.PAID,
    )
    refund.asked_at = now
    db.session.flush()
    refund_id, version = refund.id, refund.version
    actor = Actor.provider(provider.capabilities.name)

    def then(answer: ProviderRefund | Refused | ProviderError, *, now: datetime) -> outbox.Step:
        if isinstance(answer, ProviderError):
            reason = str(answer)[:200]
            return outbox.Failed(reason) if answer.permanent else outbox.Retry(reason)
        locked = refunding.lock_refund(refund_id)
        if locked.version != version:
            # Moved by a message while the question was on its way: what it was answered is old.
            return send(payload, now=now)
        if isinstance(answer, ProviderRefund):
            refunding.apply(locked, answer, source="asked", actor=actor, now=now)
        elif locked.provider_ref is None:
            refunding.fail(locked, RefundStatus.FAILED, answer.reason, source="asked", actor=actor, now=now)
        return None

    return outbox.Outside(lambda: asking.or_error(ready.run), then)


@periodic("payments.ask_refunds", minutes=15, per_shop=True)
def ask_refunds(*, now: datetime) -> None:
    """Queues a question for each refund that has no end yet: its order may be lost, its message may never come.

    Orders that a provider does not have come first, each time; what is under way is asked about more and more seldom,
    and what arrived once a day for some weeks, as it may still come back.
    """
    waits = sa.and_(
        Refund.status == RefundStatus.PENDING,
        sa.or_(Refund.created_at > now - FRESH, Refund.asked_at.is_(None), Refund.asked_at <= now - SELDOM),
    )
    arrived = sa.and_(
        Refund.status == RefundStatus.DONE,
        Refund.created_at > now - MAY_COME_BACK,
        sa.or_(Refund.asked_at.is_(None), Refund.asked_at <= now - DAILY),
    )
    for which in (Refund.status == RefundStatus.QUEUED, waits, arrived):
        found = sa.select(Refund.id, Refund.public_id).where(
            which, Refund.created_at <= now - PATIENCE, Refund.payment_id.is_not(None)
        )
        for refund_id, public_id in db.session.execute(found.order_by(Refund.created_at).limit(AT_ONCE)):
            outbox.repeat(refunding.SEND, {"refund_id": refund_id}, key=public_id, now=now)
