"""The safety net under saving: asks about what was begun and not decided, and tells providers what is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from portal.core import outbox
from portal.core.audit import Actor
from portal.core.errors import NotFound, ProviderError
from portal.core.schedule import periodic
from portal.domain.methods import queries
from portal.domain.methods.models import MethodStatus, PaymentMethod
from portal.domain.payments import registry, saving
from portal.domain.payments.asking import or_error
from portal.domain.payments.provider import ProviderPayment, SavedRef
from portal.domain.payments.queries import count_unsent_charges
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: Background work: asks about one method that was begun.
ASK = "payments.ask_method"

#: A week and more: what a customer took back must not stay valid there because a provider was away for a weekend.
END_ATTEMPTS = 50

#: The customer's own return comes long before.
PATIENCE = timedelta(minutes=10)


@periodic("payments.ask_methods", minutes=15, per_shop=True)
def ask_pending(*, now: datetime) -> None:
    """Queues a question for each method that is not decided: its webhook may never come, nor its customer."""
    for method_id in queries.list_to_ask(before=now - PATIENCE):
        outbox.repeat(ASK, {"method_id": method_id}, key=str(method_id), now=now)


@outbox.handler(ASK, lane="billing", attempts=3, alone=True)
def ask(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Asks about one method, whose account is locked then. What nobody agreed to for a day is given up, here and there.

    A provider that stays away is asked again by a later run, so a few attempts are enough.
    """
    method = db.session.get_one(PaymentMethod, payload["method_id"])
    if method.status is not MethodStatus.PENDING:
        return None
    if method.provider_ref is None:
        _give_up_if_old(method, now=now)
        return None
    provider_ref, method_id = method.provider_ref, method.id
    try:
        provider = registry.provider_for(get_shop(method.shop_id), method.provider)
    except NotFound:
        return outbox.Failed("the provider is not there any more")

    def then(answer: ProviderPayment | ProviderError, *, now: datetime) -> outbox.Step:
        if isinstance(answer, ProviderError):
            return outbox.Retry(str(answer)[:200])
        actor = Actor.provider(provider.capabilities.name)
        saving.apply(method_id, answer, actor=actor, now=now)
        _give_up_if_old(db.session.get_one(PaymentMethod, method_id), now=now)
        return None

    return outbox.Outside(lambda: or_error(lambda: saving.ask(provider, provider_ref)), then)


@outbox.handler(saving.END, lane="billing", attempts=END_ATTEMPTS)
def end(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Tells a provider that a method is over, once what was being charged with it has reached that provider.

    Safe to repeat: what is over there already is no error.
    """
    method = db.session.get_one(PaymentMethod, payload["method_id"])
    if count_unsent_charges(method.id):
        raise outbox.NotReady("a charge of it is still on its way to the provider", seconds=60)
    try:
        provider = registry.provider_for(get_shop(method.shop_id), method.provider)
    except NotFound:
        return outbox.Failed("the provider is not there any more")
    ref = SavedRef(payload["customer_ref"], payload["method_ref"])

    def work() -> SavedRef | None:
        """What turned out to be valid after all: its customer agreed at the last moment."""
        if not payload["was_begun"]:
            provider.revoke_method(ref)
            return None
        saved = provider.cancel(ref.method_ref).saved
        return saved.ref if saved is not None and saved.valid else None

    def then(answer: SavedRef | ProviderError | None, *, now: datetime) -> outbox.Step:
        if isinstance(answer, ProviderError):
            reason = str(answer)[:200]
            return outbox.Failed(reason) if answer.permanent else outbox.Retry(reason)
        if answer is not None:
            return outbox.Outside(
                lambda: or_error(lambda: provider.revoke_method(answer)),
                lambda failed, *, now: outbox.Retry(str(failed)[:200]) if failed is not None else None,
            )
        return None

    return outbox.Outside(lambda: or_error(work), then)


def _give_up_if_old(method: PaymentMethod, *, now: datetime) -> None:
    if now - method.created_at >= saving.GIVE_UP:
        saving.give_up(method, reason="no_answer", actor=Actor.system(), now=now)
