"""Where the test bank finds its server, its keys and its delays, and for which shops it exists at all."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app

from portal.core.errors import NotFound
from portal.core.tenancy import current_shop_id
from portal.domain.payments.registry import derived_key
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db


def test_shop() -> Shop:
    """The shop of this request, if in test mode; for a live one there is no bank: ``NotFound``."""
    shop = db.session.get(Shop, current_shop_id())
    if shop is None or shop.mode is not Mode.TEST:
        raise NotFound("sandbox")
    return shop


def bank_key() -> str:
    """What the shop of this request shows at the bank's API, and what the bank signs webhooks with."""
    return derived_key("sandbox", current_shop_id())


def paid_later() -> timedelta:
    """How long "Paid later" and a direct debit take when nobody decides."""
    return timedelta(seconds=current_app.config.get("SANDBOX_DELAY_SECONDS", 60))
