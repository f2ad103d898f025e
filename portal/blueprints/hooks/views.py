"""Where payment providers say that something happened: verified, looked up, asked about, booked once."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flask import Blueprint, Response, request

from portal.core import clock, database, errorpages
from portal.core.audit import Actor
from portal.core.errors import ProviderError
from portal.core.shops import current_shop
from portal.core.tenancy import current_shop_id
from portal.domain.methods.queries import find_by_provider
from portal.domain.payments import asking, queries, registry, saving
from portal.domain.payments.models import Payment
from portal.domain.payments.provider import SignatureError, WebhookEvent
from portal.domain.shops.queries import get_shop
from portal.extensions import csrf, db, limiter

bp = Blueprint("hooks", __name__)

#: No provider's message is longer.
MAX_BODY = 64 * 1024


@bp.post("/<provider>")
@limiter.limit("1200/minute")
def receive(provider: str) -> Response:
    """A provider calls, at the host of one shop; it has no session, so there is no token to check.

    400 for a wrong signature, 413 for a body beyond reason, 404 for a provider that this shop does not have
    (in a live shop the sandbox); 503 when the provider could not be asked back, so that it calls again.
    Everything else, an id we do not know included, is 200: a caller learns nothing from it.
    """
    request.max_content_length = MAX_BODY
    adapter = registry.provider_for(get_shop(current_shop().id), provider)
    try:
        event = adapter.read_webhook(request.get_data(cache=False), dict(request.headers))
    except SignatureError:
        errorpages.note_refusal(f"a wrong signature of {provider}")
        return _plain(400)
    if event is not None:
        try:
            _act_on(provider, event)
        except ProviderError:
            db.session.rollback()
            return _plain(503)
    return _plain(200)


csrf.exempt(receive)


def _act_on(provider: str, event: WebhookEvent) -> None:
    actor, now = Actor.provider(provider), clock.now()
    payment = _find(provider, event)
    if payment is not None and payment.provider_ref is not None:
        asking.refresh(payment.id, source="webhook", actor=actor, now=now, transaction=_transaction)
        return
    method = None if event.provider_ref is None else find_by_provider(provider, event.provider_ref)
    if method is not None:
        saving.refresh(method.id, actor=actor, now=now, transaction=_transaction)
    elif event.provider_ref is not None:
        asking.adopt(
            current_shop_id(), provider, event.provider_ref, actor=actor, now=now, transaction=_transaction
        )


def _find(provider: str, event: WebhookEvent) -> Payment | None:
    if event.provider_ref is not None:
        found = queries.find_by_provider(provider, event.provider_ref)
        if found is not None:
            return found
    return queries.find_by_reference(provider, event.reference) if event.reference is not None else None


def _transaction() -> AbstractContextManager[None]:
    return database.writing(db.session)


def _plain(status: int) -> Response:
    return Response("", status=status, mimetype="text/plain")
