"""Bank transfer: the customer's own bank moves the money, so there is nothing to call or to start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

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
    Started,
    StartRequest,
    WebhookEvent,
)


@dataclass(frozen=True)
class Manual:
    """A shop's own bank account. ``account.key`` is its IBAN; without one there is no such provider."""

    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(name="manual", methods=(Method.TRANSFER,))
    )

    def start(self, request: StartRequest) -> Started:
        _refuse()

    def fetch(self, provider_ref: str) -> ProviderPayment:
        _refuse()

    def cancel(self, provider_ref: str) -> ProviderPayment:
        _refuse()

    def refund(self, request: RefundRequest) -> ProviderRefund:
        _refuse()

    def begin_method(self, request: MethodRequest) -> Started:
        _refuse()

    def revoke_method(self, ref: SavedRef) -> None:
        """Nothing is saved here, so nothing is left of it."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent | None:
        """Nobody calls about a bank transfer."""
        return None


def build(account: ProviderAccount) -> Manual:
    """The provider of bank transfers for one shop."""
    return Manual()


def _refuse() -> NoReturn:
    raise ProviderError("a bank transfer is made at the customer's own bank", permanent=True)
