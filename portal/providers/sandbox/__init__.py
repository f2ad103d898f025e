"""The sandbox: a provider for shops in test mode, whose bank is a blueprint of its own reached over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, quote

from portal.core.errors import ProviderError
from portal.domain.payments.provider import (
    Capabilities,
    Method,
    MethodRequest,
    ProviderAccount,
    ProviderPayment,
    ProviderRefund,
    RefundRequest,
    SavedRef,
    SignatureError,
    Started,
    StartRequest,
    WebhookEvent,
)
from portal.providers.sandbox import mapping
from portal.providers.sandbox.client import SandboxClient, Transport, over_http

SIGNATURE_HEADER = "X-Sandbox-Signature"
METHOD_PREFIX = "sbm_"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Sandbox:
    """One shop's account at the test bank."""

    client: SandboxClient
    capabilities: Capabilities

    def start(self, request: StartRequest) -> Started:
        return mapping.started(
            self.client.call(
                "POST",
                "/payments",
                {
                    "amount": {"minor": request.amount.minor, "currency": request.amount.currency},
                    "description": request.description,
                    "reference": request.reference,
                    "return_url": request.return_url,
                    "webhook_url": request.webhook_url,
                    "method": request.method.value,
                    "locale": request.locale,
                    "mandate": None if request.saved is None else request.saved.method_ref,
                },
                idempotency_key=request.idempotency_key,
            )
        )

    def fetch(self, provider_ref: str) -> ProviderPayment:
        if provider_ref.startswith(METHOD_PREFIX):
            return mapping.method(self.client.call("GET", f"/methods/{_segment(provider_ref)}"))
        return mapping.payment(self.client.call("GET", f"/payments/{_segment(provider_ref)}"))

    def cancel(self, provider_ref: str) -> ProviderPayment:
        if provider_ref.startswith(METHOD_PREFIX):
            return mapping.method(self.client.call("POST", f"/methods/{_segment(provider_ref)}/cancel", {}))
        return mapping.payment(self.client.call("POST", f"/payments/{_segment(provider_ref)}/cancel", {}))

    def refund(self, request: RefundRequest) -> ProviderRefund:
        return mapping.refund(
            self.client.call(
                "POST",
                f"/payments/{_segment(request.provider_ref)}/refunds",
                {
                    "amount": {"minor": request.amount.minor, "currency": request.amount.currency},
                    "description": request.description,
                    "reference": request.reference,
                },
                idempotency_key=request.idempotency_key,
            )
        )

    def begin_method(self, request: MethodRequest) -> Started:
        if request.kind not in self.capabilities.saved_methods:
            raise ProviderError(f"the test bank saves no {request.kind}", permanent=True)
        return mapping.started(
            self.client.call(
                "POST",
                "/methods",
                {
                    "kind": request.kind.value,
                    "customer": request.customer_ref or request.customer_key,
                    "holder": request.holder,
                    "reference": request.reference,
                    "return_url": request.return_url,
                    "webhook_url": request.webhook_url,
                    "locale": request.locale,
                },
                idempotency_key=request.idempotency_key,
            ),
            statuses=mapping.METHOD_STATUSES,
        )

    def revoke_method(self, ref: SavedRef) -> None:
        self.client.call("POST", f"/methods/{_segment(ref.method_ref)}/revoke", {})

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent | None:
        """A form post with ``id=``, which says no more than "ask about this one": hence unsigned is fine, but
        a signature that is there and does not fit is an attempt to deceive.
        """
        given = next((v for k, v in headers.items() if k.lower() == SIGNATURE_HEADER.lower()), None)
        if given is not None and not hmac.compare_digest(
            given.encode(), sign(self.client.key, body).encode()
        ):
            raise SignatureError
        try:
            ids = parse_qs(body.decode("ascii"), max_num_fields=20).get("id", [])
        except ValueError:
            return None
        if len(ids) != 1 or not _ID.fullmatch(ids[0]):
            return None
        return WebhookEvent(provider_ref=ids[0])


def sign(key: str, body: bytes) -> str:
    """The signature of a webhook's raw body."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _segment(provider_ref: str) -> str:
    return quote(provider_ref, safe="")


def build(
    account: ProviderAccount,
    *,
    base_url: str,
    checkout_origin: str | None = None,
    transport: Transport = over_http,
) -> Sandbox:
    """The sandbox for one shop. ``base_url`` is the portal's own web server; ``account.key`` was agreed at
    start.
    """
    capabilities = Capabilities(
        name="sandbox",
        methods=(Method.IDEAL, Method.CARD),
        saved_methods=(Method.SEPA, Method.CARD),
        refunds=True,
        checkout_origins=() if checkout_origin is None else (checkout_origin,),
        test_only=True,
        idempotency_window=timedelta(days=1),
    )
    return Sandbox(SandboxClient(base_url.rstrip("/"), account.host, account.key, transport), capabilities)
