"""Asking a provider about a payment and applying the answer: read, call without a transaction, then write.

Everybody who has a reason to ask (a webhook, the customer's return, a scheduled run) goes through here, so a
report that was overtaken by another one while it was on its way is never applied: it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from portal.core.audit import Actor
from portal.core.errors import ProviderError
from portal.domain.payments import actions, queries, refunding, registry
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.payments.provider import PaymentProvider, ProviderPayment
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: The edge's own transaction: begins afresh, commits at the end. Given by the view, as only the edge commits.
Transaction = Callable[[], AbstractContextManager[None]]

T = TypeVar("T")

#: Background work: asks about one payment, or sends it again when its first answer never arrived.
ASK = "payments.ask"

#: How often a report is asked for again because the payment moved meanwhile.
TIMES = 5


def or_error(call: Callable[[], T]) -> T | ProviderError:
    """The answer of a network call, or why there is none: for work outside a transaction, which raises nothing."""
    try:
        return call()
    except ProviderError as error:
        return error


class NothingToAsk(Exception):
    """The payment never reached its provider: there is no id to ask about."""


@dataclass(frozen=True)
class Question:
    """What was known of a payment before its provider was asked; plain values, for outside transactions."""

    payment_id: int
    version: int
    provider: PaymentProvider
    provider_ref: str

    def ask(self) -> ProviderPayment:
        """The network call. ``ProviderError``; no transaction may be open."""
        return self._about_it(self.provider.fetch(self.provider_ref))

    def cancel(self) -> ProviderPayment:
        """The same, after ending the attempt where it can still be ended."""
        return self._about_it(self.provider.cancel(self.provider_ref))

    def _about_it(self, answer: ProviderPayment) -> ProviderPayment:
        if answer.provider_ref != self.provider_ref:
            raise ProviderError("the answer is about another payment")
        return answer


def question(payment: Payment) -> Question:
    """What to ask about a payment. ``NothingToAsk``; ``NotFound`` when the shop has no such provider any
    more.
    """
    if payment.provider_ref is None:
        raise NothingToAsk(payment.public_id)
    provider = registry.provider_for(get_shop(payment.shop_id), payment.provider)
    return Question(payment.id, payment.version, provider, payment.provider_ref)


def settle(asked: Question, answer: ProviderPayment, *, source: str, actor: Actor, now: datetime) -> bool:
    """Applies an answer in the caller's transaction; False when the payment moved since the question."""
    lock = refunding.lock_payment if answer.refunds else queries.lock_payment
    payment = lock(asked.payment_id)
    if payment.version != asked.version:
        return False
    actions.apply_provider_status(payment, answer, source=source, actor=actor, now=now)
    if answer.reference in (None, payment.public_id):
        refunding.apply_all(payment, answer.refunds, source=source, actor=actor, now=now)
    return True


def refresh(
    payment_id: int, *, source: str, actor: Actor, now: datetime, transaction: Transaction
) -> PaymentStatus:
    """Asks and applies until an answer was not overtaken; the status the payment then has.

    For edges. ``ProviderError`` when the provider is away or talks nonsense: nothing was changed then.
    """
    for _ in range(TIMES):
        asked = question(db.session.get_one(Payment, payment_id, populate_existing=True))
        db.session.rollback()
        answer = asked.ask()
        with transaction():
            if settle(asked, answer, source=source, actor=actor, now=now):
                return db.session.get_one(Payment, payment_id).status
    raise ProviderError("the payment kept changing while its provider was asked")


def adopt(
    shop_id: int,
    provider_name: str,
    provider_ref: str,
    *,
    actor: Actor,
    now: datetime,
    transaction: Transaction,
) -> PaymentStatus | None:
    """Finds the attempt that an unknown id belongs to: one whose answer was lost on the way back from the
    provider.

    For webhooks. The provider itself must name our attempt; anything else is none of ours and books nothing.
    """
    if not queries.has_unanswered(provider_name):
        return None
    provider = registry.provider_for(get_shop(shop_id), provider_name)
    db.session.rollback()
    try:
        answer = provider.fetch(provider_ref)
    except ProviderError as error:
        if error.permanent:
            return None
        raise
    if answer.provider_ref != provider_ref or answer.reference is None:
        return None
    with transaction():
        found = queries.find_by_reference(provider_name, answer.reference)
        if found is None or found.provider_ref is not None:
            return None
        payment = queries.lock_payment(found.id)
        actions.name_at_provider(payment, provider_ref, answer.checkout_url, now=now)
        actions.apply_provider_status(payment, answer, source="webhook", actor=actor, now=now)
        return payment.status
