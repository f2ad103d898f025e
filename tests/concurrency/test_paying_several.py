"""Several documents in one payment: locked at once and in id order, and a customer's credit spent by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.errors import Conflict, DomainError
from portal.core.tenancy import shop_scope
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.booking import Share
from portal.domain.invoices.models import Document
from portal.domain.orders.models import Order, OrderStatus
from portal.domain.payments import actions
from portal.domain.payments.actions import Wish
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.shops.queries import get_shop
from portal.extensions import db
from tests import cast
from tests.cast import START
from tests.concurrency.test_lock_order import LOCK, url, wait_until_somebody_waits
from tests.concurrency.test_numbering import staged
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, reverse, spend_credit
from tests.rows import make_order

pytestmark = pytest.mark.postgres

__all__ = ["url"]


def wish(customer_id: int, *document_ids: int, **options: int) -> Wish:
    shares = tuple(Share(document_id, 100) for document_id in document_ids)
    return Wish(customer_id=customer_id, shares=shares, kind=PaymentMethodKind.IDEAL, locale="en", **options)  # type: ignore[arg-type]


def begin(app: Flask, shop_id: int, wanted: Wish, ends: list[object]) -> threading.Thread:
    """A click in a thread of its own: how it ended is in ``ends``."""

    def click() -> None:
        database.set_reading(False)
        with app.app_context(), shop_scope(shop_id):
            try:
                if wanted.rest:
                    actions.prepare_payment(get_shop(shop_id), wanted, actor=ACTOR, now=START)
                else:
                    actions.use_credit(get_shop(shop_id), wanted, actor=ACTOR, now=START)
                db.session.commit()
                ends.append("done")
            except Exception as error:
                db.session.rollback()
                ends.append(error)

    return threading.Thread(target=click)


def test_what_an_earlier_attempt_is_about_is_locked_with_the_wish(url: str, tmp_path: Path) -> None:
    """It never got to a bank and is given up, which changes its other document too: the one with the lower id."""
    with staged(url, tmp_path) as (app, ids):
        with shop_scope(ids.shop):
            low, high = (cast.make_invoice(ids.emma_account, amount_minor=100) for _ in range(2))
            low_id, high_id = low.id, high.id
            actions.prepare_payment(
                get_shop(ids.shop), wish(ids.emma_account, high_id, low_id), actor=ACTOR, now=START
            )
            db.session.commit()
        ends: list[object] = []
        clicked = begin(app, ids.shop, wish(ids.emma_account, high_id), ends)
        with db.engine.connect() as first, db.engine.connect() as other:
            first.execute(sa.text(LOCK), {"id": low_id})
            clicked.start()
            wait_until_somebody_waits(app)
            other.execute(sa.text(LOCK), {"id": high_id})
            other.rollback()
            first.rollback()
        clicked.join(30)
        assert ends == ["done"]
        with shop_scope(ids.shop):
            statuses = [each.status for each in db.session.query(Payment).order_by(Payment.id)]
            assert statuses == [PaymentStatus.CANCELLED, PaymentStatus.CREATED]


def test_an_attempt_that_came_in_between_is_a_conflict(url: str, tmp_path: Path) -> None:
    """Begun for more than the wish, after the wish looked and before it had its locks."""
    with staged(url, tmp_path) as (app, ids), shop_scope(ids.shop):
        low, high = (cast.make_invoice(ids.emma_account, amount_minor=100) for _ in range(2))
        low_id, high_id = low.id, high.id
        db.session.commit()
        # Another click's transaction, open.
        actions.prepare_payment(
            get_shop(ids.shop), wish(ids.emma_account, high_id, low_id), actor=ACTOR, now=START
        )
        ends: list[object] = []
        clicked = begin(app, ids.shop, wish(ids.emma_account, high_id), ends)
        clicked.start()
        wait_until_somebody_waits(app)
        db.session.commit()
        clicked.join(30)
        assert [type(end) for end in ends] == [Conflict]


def test_orders_are_locked_in_id_order_whatever_is_paid_first(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (app, ids):
        with shop_scope(ids.shop):
            orders = [make_order(ids.emma_account, status=OrderStatus.PENDING_PAYMENT).id for _ in range(2)]
            documents = [
                cast.make_invoice(ids.emma_account, amount_minor=100, order_id=order_id)
                for order_id in orders
            ]
            # Due first, and so paid first: the invoice of the order with the higher id.
            documents[1].due_date = START.date() - timedelta(days=9)
            source = attempt(ids.emma_account, (documents[0], 100), (documents[1], 100))
            db.session.commit()
        booked: list[int] = []

        def arrive() -> None:
            database.set_reading(False)
            with app.app_context(), shop_scope(ids.shop):
                booked.extend(book(source, 200))
                db.session.commit()

        arrived = threading.Thread(target=arrive)
        lock = sa.text("SELECT id FROM orders WHERE id = :id FOR UPDATE NOWAIT")
        with db.engine.connect() as first, db.engine.connect() as other:
            first.execute(lock, {"id": orders[0]})
            arrived.start()
            wait_until_somebody_waits(app)
            other.execute(lock, {"id": orders[1]})
            other.rollback()
            first.rollback()
        arrived.join(30)
        assert len(booked) == 2
        with shop_scope(ids.shop):
            assert {order.status for order in db.session.query(Order)} == {OrderStatus.PAID}


def at_once(*threads: threading.Thread) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_credit_is_spent_by_one_of_two_at_once(url: str, tmp_path: Path) -> None:
    """On two documents, which alone would let both through."""
    with staged(url, tmp_path) as (app, ids):
        for turn in range(5):
            with shop_scope(ids.shop):
                own, one, two = (cast.make_invoice(ids.emma_account, amount_minor=100) for _ in range(3))
                book(attempt(ids.emma_account, (own, 100)), 200)
                wishes = [wish(ids.emma_account, each.id, credit_minor=100) for each in (one, two)]
                db.session.commit()
            ends: list[object] = []
            at_once(*(begin(app, ids.shop, each, ends) for each in wishes))
            assert sorted(type(end) for end in ends if end != "done") == [Conflict], (turn, ends)
            with shop_scope(ids.shop):
                assert credit(ids.emma_account) == 0 and find_imbalances() == []
                db.session.rollback()


def test_two_clicks_at_once_spend_credit_once_and_begin_one_attempt(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (app, ids):
        with shop_scope(ids.shop):
            own, one, two = (cast.make_invoice(ids.emma_account, amount_minor=100) for _ in range(3))
            book(attempt(ids.emma_account, (own, 100)), 250)
            wanted = wish(ids.emma_account, one.id, two.id, credit_minor=150)
            two_id = two.id
            db.session.commit()
        ends: list[object] = []
        at_once(*(begin(app, ids.shop, wanted, ends) for _ in range(4)))
        assert ends == ["done"] * 4
        with shop_scope(ids.shop):
            (payment,) = db.session.query(Payment).filter_by(status=PaymentStatus.CREATED, provider="sandbox")
            assert payment.amount_minor == 50 and payment.description.endswith(
                str(db.session.get_one(Document, two_id).number)
            )
            assert credit(ids.emma_account) == 0 and find_imbalances() == []
            db.session.rollback()


def test_credit_is_not_spent_while_what_it_came_from_is_taken_back(url: str, tmp_path: Path) -> None:
    """Whichever comes first, the ledger ends at zero and nothing waits in a circle."""
    with staged(url, tmp_path) as (app, ids):
        for turn in range(5):
            with shop_scope(ids.shop):
                older, own, earlier = (
                    cast.make_invoice(ids.emma_account, amount_minor=100) for _ in range(3)
                )
                source = attempt(ids.emma_account, (own, 100))
                book(source, 200)
                spend_credit(earlier, 40)
                wanted = wish(ids.emma_account, older.id, credit_minor=60)
                mine = {older.id, own.id, earlier.id}
                db.session.commit()
            ends: list[object] = []

            def charge_back(source: object = source, ends: list[object] = ends) -> None:
                database.set_reading(False)
                with app.app_context(), shop_scope(ids.shop):
                    try:
                        reverse(source)  # type: ignore[arg-type]
                        db.session.commit()
                    except Exception as error:
                        ends.append(error)

            pair: list[Callable[[], None]] = [
                begin(app, ids.shop, wanted, ends).run,
                charge_back,
            ]
            at_once(*(threading.Thread(target=each) for each in (pair if turn % 2 else pair[::-1])))
            assert all(end == "done" or isinstance(end, DomainError) for end in ends), ends
            with shop_scope(ids.shop):
                left = {each.open_minor for each in db.session.query(Document).filter(Document.id.in_(mine))}
                assert left == {100} and credit(ids.emma_account) == 0 and find_imbalances() == []
                db.session.query(Payment).update({"status": PaymentStatus.CANCELLED})
                db.session.commit()
