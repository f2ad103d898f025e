"""Gives somebody a subscription, a card and a bought file of two downloads, as there is no checkout; prints names."""

from __future__ import annotations

import sys
from datetime import timedelta

from app import app
from portal.core import clock, database, storage
from portal.core.tenancy import shop_scope
from portal.domain.catalog.models import IntervalUnit
from portal.domain.methods.models import MethodKind
from portal.domain.people.models import Customer
from portal.domain.shops.queries import find_default_shop
from portal.extensions import db
from tests.rows import make_download, make_method, make_order, make_subscription

FILE = b"%PDF-1.7 the guide\n%%EOF\n"

if __name__ == "__main__":
    database.set_reading(False)
    with app.app_context():
        shop, now = find_default_shop(), clock.now()
        assert shop is not None
        with shop_scope(shop.id):
            today = clock.today(shop.time_zone)
            account = db.session.query(Customer).filter_by(email=sys.argv[1]).one()
            card = make_method(
                account.id, kind=MethodKind.CARD, provider_ref=f"card-{account.id}", masked="•••• 4242"
            )
            card.is_default = True
            subscription = make_subscription(
                account.id,
                payment_method_id=card.id,
                interval_unit=IntervalUnit.MONTH,
                interval_count=1,
                period_start=today - timedelta(days=10),
                period_end=today + timedelta(days=19),
                next_billing_on=today + timedelta(days=20),
                anchor_day=(today + timedelta(days=20)).day,
                started_on=today - timedelta(days=10),
                periods_billed=1,
            )
            order = make_order(
                account.id, number=f"O-W{account.id}", order_date=today, placed_at=now, created_at=now
            )
            make_download(
                order,
                expires_at=now + timedelta(days=30),
                download_limit=2,
                storage_key=storage.put(storage.content_key(f"shops/{shop.id}/files", FILE, "pdf"), FILE),
                size_bytes=len(FILE),
                created_at=now,
            )
            print(subscription.public_id, order.public_id, card.public_id)
            db.session.commit()
