"""Starting a payment: two short transactions around the network call, so that neither a crash nor a second
click pays twice.

1. ``prepare_payment`` writes the attempt with its idempotency key, under the lock of its documents.
2. The provider is called with that key and no transaction; a repeat of the call gets the same payment.
3. ``record_started`` stores what it answered.

Whoever comes while an attempt is between 1 and 3 repeats 2 with the same key and lands on the same checkout. Where
a saved method is charged, 2 moves money by itself: then whoever comes is told that it is under way, and background
work repeats 2 until there is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.core import links, outbox
from portal.core.audit import Actor
from portal.core.errors import DomainError, NotFound, ProviderError
from portal.core.money import Money
from portal.domain.methods.models import PaymentMethod
from portal.domain.payments import actions, asking, queries, registry
from portal.domain.payments.actions import Wish
from portal.domain.payments.asking import Transaction
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.payments.provider import (
    Method,
    PaymentProvider,
    ProviderStatus,
    SavedRef,
    Started,
    StartRequest,
)
from portal.domain.payments.states import STARTED, Move
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop
from portal.extensions import db


@dataclass(frozen=True)
class Outcome:
    """Where an attempt stands after a click. With ``checkout_url`` the customer goes there."""

    payment_id: int
    public_id: str
    status: PaymentStatus
    checkout_url: str | None


@dataclass(frozen=True)
class Dispatch:
    """An attempt ready to be sent: plain values, good outside any transaction."""

    payment_id: int
    provider: PaymentProvider
    request: StartRequest

    def send(self) -> Started:
        """The network call. ``ProviderError``; repeating it is harmless within the provider's window."""
        return self.provider.start(self.request)


def dispatch(shop: Shop, payment: Payment) -> Dispatch:
    """What to send for an attempt, with addresses from the shop's domain row, never from a request."""
    saved = None
    if payment.payment_method_id is not None:
        method = db.session.get_one(PaymentMethod, payment.payment_method_id)
        saved = SavedRef(method.customer_ref or "", method.provider_ref or "")
    return Dispatch(
        payment.id,
        registry.provider_for(shop, payment.provider),
        StartRequest(
            amount=Money(payment.amount_minor, payment.currency),
            description=payment.description,
            reference=payment.public_id,
            return_url=links.external(shop.id, "pay.back", public_id=payment.public_id),
            webhook_url=links.external(shop.id, "hooks.receive", provider=payment.provider),
            idempotency_key=payment.idempotency_key,
            method=Method(payment.method.value),
            locale=str(payment.details.get("locale", "en")),
            saved=saved,
        ),
    )


def start_payment(
    shop_id: int, wish: Wish, *, actor: Actor, now: datetime, transaction: Transaction
) -> Outcome:
    """The whole way from a click to the address of the checkout. For edges, which give their ``transaction``.

    ``Conflict`` and ``DomainError`` as ``prepare_payment`` raises them, and a ``DomainError`` when the
    provider refuses or is away: then the customer paid nothing and may click again, which goes on where this
    stopped. A charge of a saved method that is not answered stays under way, and is no error.
    """
    with transaction():
        payment = actions.prepare_payment(get_shop(shop_id), wish, actor=actor, now=now)
        payment_id, status = payment.id, payment.status
    if status is PaymentStatus.OPEN:
        return _continue(shop_id, wish, payment_id, actor=actor, now=now, transaction=transaction)
    return _send(shop_id, payment_id, actor=actor, now=now, transaction=transaction)


def pay_with_credit(
    shop_id: int, wish: Wish, *, actor: Actor, now: datetime, transaction: Transaction
) -> None:
    """A click that needs no provider: all of the wish is paid with credit, or the rest comes by bank transfer.

    For edges. ``Conflict`` and ``DomainError`` as ``use_credit`` raises them.
    """
    with transaction():
        actions.use_credit(get_shop(shop_id), wish, actor=actor, now=now)


def cancel_attempt(
    payment_id: int, *, actor: Actor, now: datetime, transaction: Transaction
) -> PaymentStatus:
    """Ends an attempt that was merely started ("Start again"), at its provider first; the status it then has.

    For edges, for people who may pay. When it turns out to be paid or under way, it stays so. A provider that
    is away does not stop the customer: it is told later, and if the old attempt was paid after all, its
    money becomes credit.
    """
    while True:
        payment = db.session.get_one(Payment, payment_id, populate_existing=True)
        told = payment.provider_ref
        if payment.status in STARTED and told is not None:
            _cancel_at_provider(payment, actor=actor, now=now, transaction=transaction)
        with transaction():
            payment = queries.lock_payment(payment_id)
            if payment.is_under_way:
                return payment.status
            # Another click may have learnt meanwhile how the provider calls it.
            if payment.provider_ref == told:
                actions.give_up(
                    payment, Move.CANCEL, reason="restarted", source="start", actor=actor, now=now
                )
                return payment.status


def _send(shop_id: int, payment_id: int, *, actor: Actor, now: datetime, transaction: Transaction) -> Outcome:
    ready = dispatch(get_shop(shop_id), db.session.get_one(Payment, payment_id))
    db.session.rollback()
    try:
        started = ready.send()
    except ProviderError as error:
        with transaction():
            payment = queries.lock_payment(payment_id)
            if payment.provider_ref is not None:
                # Another click got through.
                return _outcome(payment_id)
            if error.permanent:
                actions.give_up(payment, Move.FAIL, reason="refused", source="start", actor=actor, now=now)
            elif payment.is_charge:
                outbox.repeat(asking.ASK, {"payment_id": payment_id}, key=str(payment_id), now=now)
                return _outcome(payment_id)
        raise DomainError(_not_sent(error, payment)) from error
    with transaction():
        payment = queries.lock_payment(payment_id)
        actions.record_started(payment, started, actor=actor, now=now)
        given_up = payment.watch_until is not None
        status = payment.status
    if given_up:
        # Somebody pressed "Start again" while this was on its way.
        lost = db.session.get_one(Payment, payment_id)
        _cancel_at_provider(lost, actor=actor, now=now, transaction=transaction)
        raise DomainError(_l("This payment was started again elsewhere."))
    is_decided = started.status not in (ProviderStatus.OPEN, ProviderStatus.PENDING)
    if is_decided or (status is PaymentStatus.OPEN and started.checkout_url is None):
        status = _ask_quietly(payment_id, actor=actor, now=now, transaction=transaction)
    return _outcome(payment_id)


def _not_sent(error: ProviderError, payment: Payment) -> Any:
    if payment.credit_minor and error.permanent:
        return _l(
            "The bank refused this payment. Only your credit was used. Please try another way for the rest."
        )
    if payment.credit_minor:
        return _l("The bank cannot be reached at the moment. Only your credit was used. Please try again.")
    if error.permanent:
        return _l("The bank refused this payment. Nothing was paid. Please try another way.")
    return _l("The bank cannot be reached at the moment. Nothing was paid. Please try again.")


def _continue(
    shop_id: int, wish: Wish, payment_id: int, *, actor: Actor, now: datetime, transaction: Transaction
) -> Outcome:
    """Back to a checkout that was started before, unless the bank knows that it is over: then a new one."""
    status = _ask_quietly(payment_id, actor=actor, now=now, transaction=transaction)
    if status in (PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED):
        with transaction():
            again = actions.prepare_payment(get_shop(shop_id), wish, actor=actor, now=now)
            payment_id, status = again.id, again.status
        if status is PaymentStatus.CREATED:
            return _send(shop_id, payment_id, actor=actor, now=now, transaction=transaction)
    return _outcome(payment_id)


def _cancel_at_provider(payment: Payment, *, actor: Actor, now: datetime, transaction: Transaction) -> None:
    payment_id = payment.id
    try:
        asked = asking.question(payment)
        db.session.rollback()
        answer = asked.cancel()
    except (ProviderError, NotFound):
        # Away, or not this shop's any more: a customer must be able to choose another way.
        return
    with transaction():
        payment = queries.lock_payment(payment_id)
        actions.apply_provider_status(payment, answer, source="start", actor=actor, now=now)


def _ask_quietly(payment_id: int, *, actor: Actor, now: datetime, transaction: Transaction) -> PaymentStatus:
    """The status after asking; a provider that is away leaves it as we know it."""
    try:
        return asking.refresh(payment_id, source="start", actor=actor, now=now, transaction=transaction)
    except (ProviderError, NotFound):
        return db.session.get_one(Payment, payment_id, populate_existing=True).status


def _outcome(payment_id: int) -> Outcome:
    payment = db.session.get_one(Payment, payment_id, populate_existing=True)
    open_at_bank = payment.status is PaymentStatus.OPEN
    return Outcome(
        payment.id, payment.public_id, payment.status, payment.checkout_url if open_at_bank else None
    )
