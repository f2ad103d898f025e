"""Emma asks for a payment plan and cancels a subscription, twice as once; prints both tickets’ addresses."""

from __future__ import annotations

import sqlalchemy as sa

from app import app
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.domain.collections.models import CollectionCase
from portal.domain.collections.queries import get_case_by_id
from portal.domain.people.models import Customer, Person
from portal.domain.shops.queries import find_default_shop
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.subscriptions.models import Subscription
from portal.domain.tickets import cancelling, plans, undecided
from portal.extensions import db
from tests.rows import make_case, make_subscription


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
    """The ticket of the subscription that she cancels, one of its own: other tests change those of the demo."""
    name = "Walk, 1 kg"
    subscription = db.session.scalar(sa.select(Subscription).where(Subscription.name == name))
    subscription = subscription or make_subscription(account.id, name=name)
    change = cancelling.request_cancellation(
        subscription.id, reason=Reason.OTHER, message="", told=None, author=emma, now=clock.now()
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
