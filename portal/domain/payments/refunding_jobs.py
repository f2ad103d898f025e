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
from portal.domain.payments import asking, refunding, registry
from portal.domain.payments.models import Payment, Refund, RefundStatus
from portal.domain.payments.provider import PaymentProvider, ProviderRefund, RefundRequest
from portal.domain.payments.states import UNDER_WAY
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: The provider's own message comes long before.
PATIENCE = timedelta(minutes=10)
#: How many are asked about at a time; the others are, a quarter of an hour later.
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
        try:
            return self.provider.refund(self.request)
        except ProviderError as error:
            if error.permanent:
                return Refused(str(error))
            raise


@outbox.handler(refunding.SEND, lane="billing", attempts=3, alone=True)
def send(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Has one refund paid, or asks how far it is. A provider that stays away is asked again by a later run."""
    refund = db.session.get_one(Refund, payload["refund_id"])
    if refund.status not in UNDER_WAY or refund.payment_id is None:
        return None
    payment = db.session.get_one(Payment, refund.payment_id)
    try:
        provider = registry.provider_for(get_shop(refund.shop_id), payment.provider)
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
    )
    refund_id, actor = refund.id, Actor.provider(provider.capabilities.name)

    def then(answer: ProviderRefund | Refused | ProviderError, *, now: datetime) -> outbox.Step:
        if isinstance(answer, ProviderError):
            reason = str(answer)[:200]
            return outbox.Failed(reason) if answer.permanent else outbox.Retry(reason)
        locked = refunding.lock_refund(refund_id)
        if isinstance(answer, ProviderRefund):
            refunding.apply(locked, answer, source="asked", actor=actor, now=now)
        elif locked.provider_ref is None:
            refunding.fail(locked, RefundStatus.FAILED, answer.reason, source="asked", actor=actor, now=now)
        return None

    return outbox.Outside(lambda: asking.or_error(ready.run), then)


@periodic("payments.ask_refunds", minutes=15, per_shop=True)
def ask_refunds(*, now: datetime) -> None:
    """Queues a question for each refund that has no end yet: its order may be lost, its message may never come."""
    found = sa.select(Refund.id, Refund.public_id).where(
        Refund.status.in_(UNDER_WAY), Refund.created_at <= now - PATIENCE, Refund.payment_id.is_not(None)
    )
    for refund_id, public_id in db.session.execute(found.order_by(Refund.created_at).limit(AT_ONCE)):
        outbox.repeat(refunding.SEND, {"refund_id": refund_id}, key=public_id, now=now)
