"""Putting a notice away on both databases, also twice at once; and the live audience by tag on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.errors import NotFound
from portal.domain.notices import actions, queries
from portal.domain.notices.models import Notice, NoticeMark
from portal.domain.people.models import Customer
from portal.extensions import db
from tests import cast as stage
from tests.cast import START
from tests.rows import make_notice, make_order, make_subscription, make_ticket


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[tuple[Any, stage.Ids]]:
    """The application with the cast, on PostgreSQL."""
    import flask_migrate

    from tests.conftest import make_app

    app = make_app(tmp_path_factory.mktemp("loket"), postgres_url)
    with app.app_context():
        flask_migrate.upgrade()
        ids = stage.put_on_stage()
        db.session.remove()
    yield app, ids
    with app.app_context():
        db.engine.dispose()


def twice_at_once(app: Any, ids: stage.Ids) -> list[BaseException]:
    """Two requests of one person put the same notice away, each from a transaction of its own."""
    from portal.core import database
    from portal.core.tenancy import shop_scope

    with app.app_context(), shop_scope(ids.shop):
        notice = make_notice().id
        db.session.commit()
        db.session.remove()
    start, failed = threading.Barrier(2), []

    def click() -> None:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            start.wait()
            try:
                actions.dismiss(notice, ids.emma, now=START)
                db.session.commit()
            except BaseException as error:
                db.session.rollback()
                failed.append(error)

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    with app.app_context(), shop_scope(ids.shop):
        marks = db.session.scalars(sa.select(NoticeMark).where(NoticeMark.notice_id == notice)).all()
        assert [mark.dismissed_at for mark in marks] == [START]
    return failed


def test_two_clicks_at_once_are_one_mark(app: Any, ids: stage.Ids) -> None:
    for _ in range(5):
        assert twice_at_once(app, ids) == []


@pytest.mark.postgres
def test_two_clicks_at_once_are_one_mark_on_postgresql(on_postgresql: tuple[Any, stage.Ids]) -> None:
    for _ in range(10):
        assert twice_at_once(*on_postgresql) == []


@pytest.mark.postgres
def test_tags_are_live_on_postgresql(on_postgresql: tuple[Any, stage.Ids]) -> None:
    from portal.core.tenancy import shop_scope

    app, ids = on_postgresql
    with app.app_context(), shop_scope(ids.shop):
        customer = db.session.get_one(Customer, ids.emma_account)
        notice = make_notice(title="for tags", tags=("café", 'a"b'))

        def seen() -> list[str]:
            db.session.flush()
            stmt = queries.banners(ids.shop, ids.emma_account, ids.emma, START, [Notice.title])
            return list(db.session.scalars(stmt))

        assert "for tags" not in seen()
        for tags, shown in ((["x", "café"], True), (['a"b'], True), (["caf", "a"], False)):
            customer.tags = tags
            assert ("for tags" in seen()) is shown
        customer.tags = ["café"]
        db.session.flush()
        accounts = [ids.jan_account, ids.emma_account]
        found = queries.get_notice(notice.public_id, customer_ids=accounts, now=START)
        assert found == (notice.id, ids.emma_account)
        with pytest.raises(NotFound):
            queries.get_notice(notice.public_id, customer_ids=[ids.jan_account], now=START)


@pytest.mark.postgres
def test_the_pages_on_postgresql(on_postgresql: tuple[Any, stage.Ids]) -> None:
    """Every select of home, orders, subscriptions, support and the frame, on the other database."""
    import secrets

    from portal.core import sessions
    from portal.core.tenancy import shop_scope

    app, ids = on_postgresql
    token = secrets.token_urlsafe(32)
    with app.app_context(), shop_scope(ids.shop):
        order, ticket = make_order(ids.emma_account, lines=2), make_ticket(ids.emma_account, messages=2)
        order_id, subscription = order.id, make_subscription(ids.emma_account, order_id=order.id)
        stage.make_invoice(ids.emma_account, order_id=order_id, subscription_id=subscription.id)
        for _ in range(26):
            make_order(ids.emma_account)
            make_ticket(ids.emma_account)
            make_notice()
        db.session.add(
            sessions.SessionRow(
                token_hash=sessions.token_hash(token),
                principal=f"person:{ids.emma}",
                person_id=ids.emma,
                csrf_secret=secrets.token_hex(32),
                started_at=START,
                last_seen_at=START,
                confirmed_at=START,
                expires_at=START + sessions.IDLE,
            )
        )
        paths = [
            "/customer",
            "/customer/orders",
            "/customer/orders?status=completed",
            f"/customer/orders/{order.public_id}",
            "/customer/subscriptions",
            f"/customer/subscriptions/{subscription.public_id}",
            "/customer/support?status=open",
            f"/customer/support/{ticket.public_id}",
        ]
        db.session.commit()
        db.session.remove()
    client = app.test_client()
    client.set_cookie("__Host-loket_person", token, domain=stage.HOST, secure=True, path="/")
    with clock.frozen(START):
        for path in paths:
            response = client.get(path)
            assert response.status_code == 200, path
            assert "Closed on Monday" in response.get_data(as_text=True)
            response.close()
        page = client.get("/customer/orders").get_data(as_text=True)
        assert page.count('class="row-link"') == 25 and "after=" in page
