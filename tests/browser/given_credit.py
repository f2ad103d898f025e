"""Gives Emma credit of so many cents, or takes so many away again: nobody in the demo shop has any."""

from __future__ import annotations

import sys

from app import app
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.domain.invoices.models import CreditEntry, CreditUse
from portal.domain.people.models import Customer
from portal.domain.shops.queries import find_default_shop
from portal.extensions import db

if __name__ == "__main__":
    database.set_reading(False)
    with app.app_context():
        shop = find_default_shop()
        assert shop is not None
        with shop_scope(shop.id):
            emma = db.session.query(Customer).filter_by(email="emma@example.com").one()
            cents = int(sys.argv[1])
            entry = CreditEntry(
                mode=shop.mode,
                customer_id=emma.id,
                currency=shop.currency,
                amount_minor=cents,
                use=CreditUse.OVERPAID if cents > 0 else CreditUse.REFUND,
                created_at=clock.now(),
            )
            db.session.add(entry)
            db.session.commit()
