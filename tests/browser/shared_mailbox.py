"""Makes an account billed at an address that none of its people reads, and its owner: `OWNER BILLED_AT`."""

from __future__ import annotations

import sys

from app import app
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.domain.people import passwords
from portal.domain.people.models import Customer, CustomerKind, Membership, Person, Role
from portal.domain.shops.queries import find_default_shop
from portal.extensions import db

if __name__ == "__main__":
    database.set_reading(False)
    owner_email, billed_at = sys.argv[1:]
    with app.app_context():
        shop, now = find_default_shop(), clock.now()
        assert shop is not None
        with shop_scope(shop.id):
            owner = Person(
                email=owner_email,
                given_name="Saskia",
                family_name="Kuiper",
                password_hash=passwords.hash_password("a horse that knows a battery"),
                confirmed_at=now,
                created_at=now,
            )
            account = Customer(
                kind=CustomerKind.BUSINESS,
                name="Kuiper Advies",
                email=billed_at,
                country=shop.country,
                last_language="en",
                created_at=now,
            )
            db.session.add_all([owner, account])
            db.session.flush()
            db.session.add(
                Membership(person_id=owner.id, customer_id=account.id, role=Role.OWNER, created_at=now)
            )
            db.session.commit()
