"""Lets Emma into Jan's account too, or out of it again: nobody in the demo shop shares one."""

from __future__ import annotations

import sys

from app import app
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.domain.people.models import Customer, Membership, Person, Role
from portal.domain.shops.queries import find_default_shop
from portal.extensions import db

if __name__ == "__main__":
    database.set_reading(False)
    with app.app_context():
        shop = find_default_shop()
        assert shop is not None
        with shop_scope(shop.id):
            emma = db.session.query(Person).filter_by(email="emma@example.com").one()
            account = db.session.query(Customer).filter_by(email="jan@example.com").one()
            if sys.argv[1] == "in":
                db.session.add(
                    Membership(
                        person_id=emma.id,
                        customer_id=account.id,
                        role=Role.READ_ONLY,
                        created_at=clock.now(),
                    )
                )
            else:
                shared = db.session.query(Membership).filter_by(person_id=emma.id, customer_id=account.id)
                db.session.delete(shared.one())
            db.session.commit()
