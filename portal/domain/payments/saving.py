"""Saving a mandate or a card: begun here, agreed to on the provider's own page, valid once the provider says so.

As with a payment there are two short transactions around the network call, and the key is made from our row: whoever
clicks twice, or comes back after a crash, lands on the same page of the provider. Each number is saved once: a second
mandate for an account that is saved already is ended at the provider, and the one that there was stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import audit, clock, links, outbox
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, ProviderError
from portal.core.tenancy import current_shop_id
from portal.domain.methods import actions, queries
from portal.domain.methods.actions import Agreed
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments import registry
from portal.domain.payments.asking import Transaction
from portal.domain.payments.provider import (
    Method,
    MethodRequest,
    PaymentProvider,
    ProviderPayment,
    ProviderStatus,
    SavedRef,
    Started,
)
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: How often an account may begin within an hour.
TRIES_AN_HOUR = 10
#: How long it waits for a customer who never came back; then it is ended at the provider too.
GIVE_UP = timedelta(days=1)

#: Background work: tells a provider that something saved, or merely begun, is over.
END = "payments.end_method"

#: What a provider says of a method that will never be, or no longer is.
_OVER = (ProviderStatus.FAILED, ProviderStatus.CANCELLED, ProviderStatus.EXPIRED)


class Ending(StrEnum):
    """How an attempt to save something stands, for whoever comes back from the provider's page."""

    SAVED = "saved"
    KNOWN = "known"
    WAITING = "waiting"
    NOT_SAVED = "not_saved"


@dataclass(frozen=True)
class Begun:
    """An attempt after a click. With ``checkout_url`` the customer goes there."""

    public_id: str
    checkout_url: str | None


@dataclass(frozen=True)
class _Dispatch:
    """An attempt ready to be sent: plain values, good outside any transaction."""

    method_id: int
    public_id: str
    provider: PaymentProvider
    provider_ref: str | None
    request: MethodRequest


def kinds(shop: Shop) -> list[MethodKind]:
    """What the shop's customers can save now."""
    return [kind for kind in MethodKind if registry.saving(shop, Method(kind.value)) is not None]


def mandate_text(shop: Shop, language: str) -> str:
    """What somebody agrees to who allows direct debits, in the words that SEPA asks for; kept word by word."""
    with force_locale(language):
        return str(
            _(
                "By signing this mandate you allow %(shop)s to send instructions to your bank to debit your account,"
                " and your bank to debit your account as %(shop)s instructs. You can have your bank refund a debit,"
                " under the terms of your agreement with your bank, within eight weeks of the day on which your"
                " account was debited.",
                shop=shop.legal_name or shop.name,
            )
        )


def begin(
    shop_id: int,
    customer_id: int,
    kind: MethodKind,
    *,
    read_in: str,
    actor: Actor,
    now: datetime,
    transaction: Transaction,
) -> Begun:
    """The whole way from a click to the address of the provider's page. For edges, and people who may change methods.

    ``read_in`` is the language in which they read what they agree to. ``DomainError`` when the shop takes no such
    thing, when it was tried too often, and when the provider refuses or is away: nothing was saved then, and a further
    click goes on where this one stopped.
    """
    with transaction():
        shop = get_shop(shop_id)
        method = _prepare(shop, customer_id, kind, actor=actor, now=now)
        if kind is MethodKind.SEPA:
            method.mandate_text = mandate_text(shop, read_in)
        ready = _dispatch(shop, method)
    return _send(ready, actor=actor, now=now, transaction=transaction)


def resume(method: PaymentMethod, *, actor: Actor, now: datetime, transaction: Transaction) -> Begun:
    """Back to the provider's page of something that was begun; raises as ``begin`` does. For edges."""
    if method.status is not MethodStatus.PENDING:
        return Begun(method.public_id, None)
    ready = _dispatch(get_shop(method.shop_id), method)
    db.session.rollback()
    return _send(ready, actor=actor, now=now, transaction=transaction)


def refresh(
    method_id: int, *, actor: Actor, now: datetime, transaction: Transaction
) -> ProviderPayment | None:
    """Asks the provider about one that it knows, and applies the answer. For edges.

    ``ProviderError`` when it is away or talks nonsense; ``NotFound`` when the shop has no such provider any more.
    Nothing was changed then.
    """
    method = db.session.get_one(PaymentMethod, method_id, populate_existing=True)
    if method.provider_ref is None:
        return None
    provider_ref = method.provider_ref
    provider = registry.provider_for(get_shop(method.shop_id), method.provider)
    db.session.rollback()
    answer = ask(provider, provider_ref)
    with transaction():
        apply(method_id, answer, actor=actor, now=now)
    return answer


def ask(provider: PaymentProvider, provider_ref: str) -> ProviderPayment:
    """The network call, with no transaction open. ``ProviderError``."""
    answer = provider.fetch(provider_ref)
    if answer.provider_ref != provider_ref:
        raise ProviderError("the answer is about another method")
    return answer


def apply(method_id: int, answer: ProviderPayment, *, actor: Actor, now: datetime) -> None:
    """Moves a method to what its provider says. Safe to repeat, and in any order: nothing ever becomes valid again."""
    method = queries.lock_method(method_id)
    if answer.reference is not None and answer.reference != method.public_id:
        audit.record("method.wrong_reference", method, actor=actor, now=now)
        return
    saved = answer.saved
    if method.status is MethodStatus.PENDING and saved is not None and saved.valid:
        _keep(method, answer, actor=actor, now=now)
    elif method.status in (MethodStatus.PENDING, MethodStatus.VALID) and answer.status in _OVER:
        reason = "refused" if method.status is MethodStatus.PENDING else "ended_there"
        actions.invalidate(method, reason=reason, actor=actor, now=now)


def give_up(method: PaymentMethod, *, reason: str, actor: Actor, now: datetime) -> None:
    """Ends what was merely begun, here and at the provider. Nothing happens to one that got further meanwhile."""
    method = queries.lock_method(method.id)
    if method.status is MethodStatus.PENDING:
        actions.invalidate(method, reason=reason, actor=actor, now=now)
        if method.provider_ref is not None:
            queue_end(method, now=now)


def queue_end(method: PaymentMethod, *, now: datetime, other: SavedRef | None = None) -> None:
    """Has the provider told that a method is over: ``other`` instead of it, where that is what was made in vain.

    What was never valid was only begun there. A provider that is away is told later; it takes no harm from hearing it
    twice.
    """
    ref = other or SavedRef(method.customer_ref or "", method.provider_ref or "")
    was_begun = other is None and method.signed_on is None
    payload = {
        "method_id": method.id,
        "customer_ref": ref.customer_ref,
        "method_ref": ref.method_ref,
        "was_begun": was_begun,
    }
    outbox.add(END, payload, now=now, key=f"{method.id}")


def how_it_ended(method: PaymentMethod) -> Ending:
    """What to tell whoever comes back from the provider's page."""
    match method.status:
        case MethodStatus.VALID:
            return Ending.SAVED
        case MethodStatus.PENDING:
            return Ending.WAITING
        case _ if queries.find_twin(method, method.fingerprint) is not None:
            return Ending.KNOWN
        case _:
            return Ending.NOT_SAVED


def _prepare(shop: Shop, customer_id: int, kind: MethodKind, *, actor: Actor, now: datetime) -> PaymentMethod:
    """The attempt that fits the wish: the one that waits for its customer already, or a new one."""
    queries.lock_account(customer_id)
    found = registry.saving(shop, Method(kind.value))
    if found is None:
        raise DomainError(_l("This cannot be saved here. Choose another way."), "kind")
    waiting = queries.find_pending(customer_id, kind, found[0])
    if waiting is not None and now - waiting.created_at < GIVE_UP:
        return waiting
    if waiting is not None:
        give_up(waiting, reason="no_answer", actor=actor, now=now)
    if queries.count_begun(customer_id, since=now - timedelta(hours=1)) >= TRIES_AN_HOUR:
        raise DomainError(_l("This was tried very often just now. Wait an hour, then try again."))
    method = PaymentMethod(
        mode=shop.mode,
        customer_id=customer_id,
        provider=found[0],
        kind=kind,
        status=MethodStatus.PENDING,
        created_at=now,
    )
    db.session.add(method)
    db.session.flush()
    if kind is MethodKind.SEPA:
        method.reference = f"M{customer_id:05}-{method.id:05}"
    audit.record("method.begun", method, actor=actor, now=now, kind=kind.value)
    return method


def _dispatch(shop: Shop, method: PaymentMethod) -> _Dispatch:
    """What to send for an attempt, with addresses from the shop's domain row, never from a request."""
    customer = get_customer(method.customer_id)
    place: dict[str, Any] = {"public_id": method.public_id}
    return _Dispatch(
        method.id,
        method.public_id,
        registry.provider_for(shop, method.provider),
        method.provider_ref,
        MethodRequest(
            kind=Method(method.kind.value),
            customer_key=customer.public_id,
            customer_ref=None,
            holder=customer.name,
            email=customer.email,
            reference=method.public_id,
            return_url=links.external(shop.id, "payment_methods.back", **place),
            webhook_url=links.external(shop.id, "hooks.receive", provider=method.provider),
            idempotency_key=f"method-{method.public_id}",
            locale=account_language(customer, shop),
        ),
    )


def _send(ready: _Dispatch, *, actor: Actor, now: datetime, transaction: Transaction) -> Begun:
    """To the provider for the first time, or back to its page; where it is decided by now, that is applied."""
    try:
        if ready.provider_ref is None:
            started = ready.provider.begin_method(ready.request)
            with transaction():
                status = _record(ready.method_id, started, now=now)
            if status is MethodStatus.INVALID:
                raise Conflict(_l("This was stopped elsewhere meanwhile. Nothing was saved."))
            if started.checkout_url is not None and started.status is ProviderStatus.OPEN:
                return Begun(ready.public_id, started.checkout_url)
        answer = refresh(ready.method_id, actor=actor, now=now, transaction=transaction)
    except ProviderError as error:
        if not error.permanent:
            raise DomainError(
                _l("The bank cannot be reached at the moment. Nothing was saved. Please try again.")
            ) from error
        with transaction():
            give_up(
                db.session.get_one(PaymentMethod, ready.method_id), reason="refused", actor=actor, now=now
            )
        raise DomainError(_l("The bank refused this. Nothing was saved. Please try another way.")) from error
    return Begun(ready.public_id, answer.checkout_url if answer is not None else None)


def _record(method_id: int, started: Started, *, now: datetime) -> MethodStatus:
    """Stores the provider's answer; what was given up while it was on its way is ended there, too."""
    method = queries.lock_method(method_id)
    if method.provider_ref is None:
        method.provider_ref = started.provider_ref
        if method.status is MethodStatus.INVALID:
            queue_end(method, now=now)
    return method.status


def _keep(method: PaymentMethod, answer: ProviderPayment, *, actor: Actor, now: datetime) -> None:
    """The customer agreed: valid from now on, unless the same number is saved already."""
    saved = answer.saved
    assert saved is not None
    twin = queries.find_twin(method, saved.fingerprint)
    if twin is not None:
        method.fingerprint = saved.fingerprint
        actions.invalidate(method, reason="known", actor=actor, now=now)
        if saved.ref.method_ref != twin.provider_ref:
            queue_end(method, now=now, other=saved.ref)
        return
    shop = get_shop(current_shop_id())
    agreed = Agreed(
        provider_ref=saved.ref.method_ref,
        customer_ref=saved.ref.customer_ref,
        masked=saved.masked,
        holder=saved.holder,
        fingerprint=saved.fingerprint,
        signed_on=clock.today(shop.time_zone, saved.signed_at or now),
        expires_on=saved.expires_on,
    )
    actions.confirm(method, agreed, actor=actor, now=now)
