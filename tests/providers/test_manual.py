"""Bank transfers: nothing to call, nothing to start."""

from __future__ import annotations

import pytest

from portal.domain.payments.provider import Method, ProviderAccount, ProviderError, SavedRef
from portal.providers import manual
from tests.providers.test_contract import refund, wish

ACCOUNT = ProviderAccount(shop_id=1, host="shop.example.test", live=True, key="NL91ABNA0417164300")


def test_it_offers_transfers_and_sends_nobody_anywhere() -> None:
    capabilities = manual.build(ACCOUNT).capabilities
    assert capabilities.methods == (Method.TRANSFER,)
    assert capabilities.checkout_origins == () and not capabilities.test_only


def test_whatever_would_move_money_is_refused_for_good() -> None:
    provider = manual.build(ACCOUNT)
    calls = [
        lambda: provider.start(wish()),
        lambda: provider.fetch("x"),
        lambda: provider.cancel("x"),
        lambda: provider.refund(refund("x", 1, "k")),
    ]
    for call in calls:
        with pytest.raises(ProviderError) as refused:
            call()
        assert refused.value.permanent


def test_nobody_calls_and_nothing_is_saved() -> None:
    provider = manual.build(ACCOUNT)
    assert provider.read_webhook(b"id=x", {}) is None
    provider.revoke_method(SavedRef("c", "m"))
