"""The safety net under webhooks: asks about every payment that has been under way for too long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.core import outbox
from portal.core.audit import Actor
from portal.core.errors import NotFound, ProviderError
from portal.core.schedule import periodic
from portal.domain.payments import actions, asking, queries, starting
from portal.domain.payments.asking import or_error
from portal.domain.payments.models import Payment
from portal.domain.payments.provider import ProviderPayment, Started
from portal.domain.payments.states import RUNNING, Move
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: How long before a provider may forget a key background work stops using it.
MARGIN = timedelta(minutes=5)


@periodic("payments.ask_open", minutes=5, per_shop=True)
def ask_open(*, now: datetime) -> None:
    """Queues a question for each payment that has been created, open or pending for more than ten minutes.

    One row per payment, so that one provider that is away holds nobody else up.
    """
    ids = queries.list_to_ask(now=now)
    for payment_id in ids:
        outbox.repeat(asking.ASK, {"payment_id": payment_id}, key=str(payment_id), now=now)
    if ids:
        # Not through the objects: a note of ours must not make a webhook of this very moment look overtaken.
        db.session.execute(
            sa.update(Payment).where(Payment.id.in_(ids)).values(asked_at=now),
            execution_options={"synchronize_session": False},
        )


@outbox.handler(asking.ASK, lane="billing", attempts=3, alone=True)
def ask(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Asks about one payment, or sends it again when its first answer never arrived.

    What was given up here is cancelled there. A provider that stays away is asked again by a later run, so a few
    attempts are enough.
    """
    payment = db.session.get_one(Payment, payload["payment_id"])
    is_watched = payment.watch_until is not None
    if payment.status not in RUNNING and not is_watched:
        return None
    try:
        if payment.provider_ref is None:
            return _send_again(payment, now=now)
        asked = asking.question(payment)
    except NotFound:
        # The shop no longer has this provider, or went live and left the sandbox behind.
        return outbox.Failed("the provider is not there any more")

    def then(answer: ProviderPayment | ProviderError, *, now: datetime) -> outbox.Step:
        if isinstance(answer, ProviderError):
            return outbox.Retry(str(answer)[:200])
        actor = Actor.provider(asked.provider.capabilities.name)
        if not asking.settle(asked, answer, source="asked", actor=actor, now=now):
            return ask(payload, now=now)
        return None

    return outbox.Outside(lambda: or_error(asked.cancel if is_watched else asked.ask), then)


def _send_again(payment: Payment, *, now: datetime) -> outbox.Step:
    """An attempt whose answer was lost between the two transactions.

    While its provider surely knows the key, the same key brings the same payment, so it is sent again and known
    from then on. Later it expires, and if its money arrives after all it is booked late.
    """
    shop = get_shop(payment.shop_id)
    if actions.is_forgotten(shop, payment, now=now):
        locked = queries.lock_payment(payment.id)
        actions.give_up(
            locked, Move.EXPIRE, reason="no_answer", source="asked", actor=Actor.system(), now=now
        )
        return None
    if actions.is_forgotten(shop, payment, now=now + MARGIN):
        # So near the end this could still be on its way when a click gives the attempt up and makes a new one.
        return None
    ready = starting.dispatch(shop, payment)
    actor = Actor.provider(ready.provider.capabilities.name)

    def then(answer: Started | ProviderError, *, now: datetime) -> outbox.Step:
        locked = queries.lock_payment(ready.payment_id)
        if not isinstance(answer, ProviderError):
            actions.record_started(locked, answer, actor=actor, now=now)
            return ask({"payment_id": ready.payment_id}, now=now)
        if answer.permanent and locked.provider_ref is None:
            actions.give_up(locked, Move.FAIL, reason="refused", source="asked", actor=actor, now=now)
            return None
        return outbox.Retry(str(answer)[:200])

    return outbox.Outside(lambda: or_error(ready.send), then)
