"""Background work on statements of account."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from portal.core import outbox, pdf, storage
from portal.domain.invoices import bundles
from portal.domain.payments import statements
from portal.domain.payments.statements import BUILD_STATEMENT, Account
from portal.domain.people.queries import get_customer
from portal.domain.shops.queries import get_shop


def _gave_up(payload: dict[str, Any], *, reason: str, now: datetime) -> None:
    """Whoever waits for it learns that there will be none."""
    bundles.fail(payload["bundle_id"], now=now)


@outbox.handler(BUILD_STATEMENT, lane="documents", gave_up=_gave_up)
def build_statement(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Makes the statement of ``bundle_id``; repeated, it makes it again in the same place, or finds it made."""
    bundle = bundles.begin(payload["bundle_id"])
    if bundle is None:
        return None
    shop, customer = get_shop(bundle.shop_id), get_customer(bundle.customer_id)
    account = Account(customer.id, bundle.mode, shop.currency, shop.time_zone)
    found = statements.get_statement(account, bundle.first_day, bundle.last_day)
    context = statements.statement_context(found, customer, shop, account, bundle.language)
    key = bundles.key_of(bundle)
    return outbox.Outside(partial(_store, key, context, bundle.language), partial(_stored, bundle.id, key))


def _store(key: str, context: dict[str, Any], language: str) -> int:
    data = pdf.render("pdf/statement.html", context, locale=language)
    storage.put(key, data)
    return len(data)


def _stored(bundle_id: int, key: str, size_bytes: int, *, now: datetime) -> outbox.Step:
    bundles.finish(bundle_id, key, size_bytes, now=now)
    return None
