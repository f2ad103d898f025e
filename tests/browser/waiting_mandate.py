"""Writes a mandate that waits for its signature into the test bank's book, and prints its id.

Only a signed-in customer is led to one; this is for the walk of a visitor, who looks at the bank's page all the same.
"""

from __future__ import annotations

from app import app
from portal.blueprints.sandbox import book
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.domain.shops.queries import find_default_shop
from portal.extensions import db

if __name__ == "__main__":
    database.set_reading(False)
    with app.app_context():
        shop = find_default_shop()
        assert shop is not None
        with shop_scope(shop.id):
            method = book.begin_method(
                idempotency_key=f"waiting-{clock.now().timestamp()}",
                kind="sepa",
                customer="a customer of the tests",
                holder="Emma de Vries",
                reference="SHOP-1",
                return_url=f"http://127.0.0.1:{app.config['PORT']}/",
                webhook_url=f"http://127.0.0.1:{app.config['PORT']}/hooks/sandbox",
                locale="en",
                now=clock.now(),
            )
            print(method.bank_id)
            db.session.commit()
