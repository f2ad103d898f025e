"""Emma asks for a payment plan and cancels a subscription, twice as once; prints both tickets’ addresses."""

from __future__ import annotations

import sqlalchemy as sa

from app import app
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.domain.catalog.models import CancelMode, Product
from portal.domain.collections.models import CollectionCase
from portal.domain.collections.queries import get_case_by_id
from portal.domain.people.models import Customer, Person
from portal.domain.shops.queries import find_default_shop
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.subscriptions.models import Subscription, SubscriptionStatus
from portal.domain.tickets import cancelling, plans, undecided
from portal.extensions import db
from tests.rows import make_case


def plan_ticket(account: Customer, emma: Person) -> str:
    """The ticket of the plan that she asks for, about a case of its own."""
    number = "K-WALK"
    case = db.session.scalar(sa.select(CollectionCase).where(CollectionCase.number == number))
    case = case or make_case(account.id, number=number)
    facts = get_case_by_id(case.id)
    plan = plans.request_plan(
        facts, 3, "", total_minor=facts.remaining_minor, language="en", author=emma, now=clock.now()
    )
    return plan.ticket_public_id or ""


def cancellation_ticket(account: Customer, emma: Person) -> str:
    """The ticket of the subscription that she cancels: the first that has a notice."""
    subscription_id = db.session.scalars(
        sa.select(Subscription.id)
        .join(Product, Product.id == Subscription.product_id)
        .where(
            Subscription.customer_id == account.id,
            Subscription.status == SubscriptionStatus.ACTIVE,
            Product.cancel_mode == CancelMode.REQUEST,
        )
        .order_by(Subscription.id)
    ).first()
    assert subscription_id is not None
    change = cancelling.request_cancellation(
        subscription_id, reason=Reason.OTHER, message="", told=None, author=emma, now=clock.now()
    )
    return str(change.data[undecided.TICKET])


if __name__ == "__main__":
    database.set_reading(False)
    with app.app_context():
        shop = find_default_shop()
        assert shop is not None
        with shop_scope(shop.id), app.test_request_context():
            emma = db.session.query(Person).filter_by(email="emma@example.com").one()
            account = db.session.query(Customer).filter_by(email="emma@example.com").one()
            for ticket in (plan_ticket(account, emma), cancellation_ticket(account, emma)):
                print(f"/office/tickets/{ticket}")
            db.session.commit()
