"""Files that come with an order: given once, counted exactly, granted anew; on both databases where it matters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database, storage
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError
from portal.core.mailer import MailMessage
from portal.core.tenancy import shop_scope
from portal.domain.catalog.models import Product, ProductFile
from portal.domain.orders import downloads
from portal.domain.orders.models import Download, Order, OrderLine
from portal.domain.people.models import Staff
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.people.test_at_once import at_once, here, on_postgresql
from tests.rows import make_download, make_order

__all__ = ["here", "on_postgresql"]

ACTOR = Actor.system("test")
LATER = START + timedelta(days=30)


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield ids
        db.session.rollback()


def product(*names: str, **options: Any) -> Product:
    made = Product(name="Book", unit_price=Decimal(2420), vat_rate=Decimal(21), created_at=START)
    db.session.add(made)
    db.session.flush()
    for name in names:
        values = {"storage_key": f"files/{name}", "media_type": "application/pdf", "size_bytes": 5, **options}
        db.session.add(ProductFile(product_id=made.id, name=name, created_at=START, **values))
    db.session.flush()
    return made


def given(order: Order) -> list[Download]:
    lines = sa.select(OrderLine.id).where(OrderLine.order_id == order.id)
    return list(
        db.session.scalars(sa.select(Download).where(Download.order_line_id.in_(lines)).order_by(Download.id))
    )


def test_each_line_gets_its_files_with_the_limits_of_the_day(scene: Ids) -> None:
    book = product("a.pdf", "b.epub", download_limit=7, valid_days=10)
    product("of another product.pdf")
    order = make_order(scene.emma_account, lines=3)
    order.lines[0].product_id = order.lines[2].product_id = book.id
    db.session.flush()
    for _ in range(2):
        downloads.give_downloads(order, now=START)
        db.session.flush()
    found = given(order)
    assert [(each.order_line_id, each.name) for each in found] == [
        (order.lines[at].id, name) for at in (0, 2) for name in ("a.pdf", "b.epub")
    ]
    assert {(each.download_limit, each.downloads_used, each.expires_at) for each in found} == {
        (7, 0, START + timedelta(days=10))
    }
    assert {each.storage_key for each in found} == {"files/a.pdf", "files/b.epub"}


def test_the_sold_file_stays_the_one_served(scene: Ids) -> None:
    book = product("a.pdf")
    order = make_order(scene.emma_account)
    order.lines[0].product_id = book.id
    db.session.flush()
    downloads.give_downloads(order, now=START)
    file = db.session.scalars(sa.select(ProductFile).where(ProductFile.product_id == book.id)).one()
    file.storage_key, file.name, file.download_limit, file.archived_at = "files/new.pdf", "new.pdf", 1, START
    db.session.flush()
    (kept,) = given(order)
    assert (kept.storage_key, kept.name, kept.download_limit) == ("files/a.pdf", "a.pdf", 5)
    # Who buys it now gets none: it was taken out of the shop.
    other = make_order(scene.emma_account)
    other.lines[0].product_id = book.id
    db.session.flush()
    downloads.give_downloads(other, now=START)
    assert given(other) == []


@pytest.fixture
def sold(here: tuple[Flask, Ids]) -> Iterator[Any]:
    """``sold(used)`` makes a file of Emma's with a limit of 5: its id."""
    app, ids = here

    def make(used: int) -> int:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            key = storage.put("shops/1/files/a.pdf", b"%PDF-")
            order = make_order(ids.emma_account)
            made = make_download(order, storage_key=key, downloads_used=used, expires_at=LATER)
            db.session.commit()
            return made.id

    yield make
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        for model in (Download, OrderLine, Order, AuditEntry, MailMessage):
            db.session.execute(sa.delete(model), execution_options={"synchronize_session": False})
        db.session.commit()


@pytest.mark.parametrize(("used", "clicks"), [(4, 2), (0, 50)])
def test_clicks_at_once_never_exceed_the_limit(
    here: tuple[Flask, Ids], sold: Any, used: int, clicks: int
) -> None:
    app, ids = here
    file_id = sold(used)

    def click() -> str:
        public_id, order = db.session.execute(
            sa.select(Download.public_id, Order.public_id)
            .join(OrderLine, OrderLine.id == Download.order_line_id)
            .join(Order, Order.id == OrderLine.order_id)
            .where(Download.id == file_id)
        ).one()
        file = downloads.get_download(public_id, order=order, customer_ids=[ids.emma_account], mode=Mode.TEST)
        return downloads.fetch(file, actor=ACTOR, now=START)

    answers = at_once(here, clicks, click)
    taken = [each for each in answers if isinstance(each, str)]
    assert len(taken) == 5 - used
    assert all(type(each) is DomainError for each in answers if not isinstance(each, str))
    with app.app_context(), shop_scope(ids.shop):
        assert db.session.get_one(Download, file_id).downloads_used == 5
        counted = sa.select(sa.func.count()).where(AuditEntry.event == "download.used")
        assert db.session.scalar(counted) == 5 - used


def test_granted_by_two_at_once_it_is_granted_once(here: tuple[Flask, Ids], sold: Any) -> None:
    app, ids = here
    file_id = sold(5)

    def grant() -> None:
        saskia = db.session.get_one(Staff, ids.saskia)
        downloads.grant_downloads(file_id, version=1, actor=Actor.staff(saskia), now=START)

    answers = at_once(here, 4, grant)
    assert sum(isinstance(each, Conflict) for each in answers) == 3
    with app.app_context(), shop_scope(ids.shop):
        assert db.session.get_one(Download, file_id).download_limit == 10
        assert db.session.scalar(sa.select(sa.func.count()).select_from(MailMessage)) == 1


@pytest.mark.parametrize(
    ("limit", "used", "more", "becomes"), [(5, 5, 5, 10), (5, 2, 5, 10), (5, 5, 100, 105), (100, 0, 5, 100)]
)
def test_more_is_granted_on_top_and_never_more_than_a_purchase_gives(
    scene: Ids, limit: int, used: int, more: int, becomes: int
) -> None:
    file = make_download(
        make_order(scene.emma_account), expires_at=START, download_limit=limit, downloads_used=used
    )
    saskia = db.session.get_one(Staff, scene.saskia)
    downloads.grant_downloads(
        file.id, version=1, actor=Actor.staff(saskia), now=START, downloads=more, days=7
    )
    assert (file.download_limit, file.downloads_used) == (becomes, used)
    assert file.expires_at == START + timedelta(days=7)
    entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "download.granted")).one()
    assert (entry.actor_kind, entry.actor_id, entry.data["limit"]) == ("staff", scene.saskia, becomes)


def test_a_grant_never_shortens(scene: Ids) -> None:
    far = START + timedelta(days=200)
    file = make_download(make_order(scene.emma_account), expires_at=far)
    saskia = db.session.get_one(Staff, scene.saskia)
    downloads.grant_downloads(file.id, version=1, actor=Actor.staff(saskia), now=START)
    assert file.expires_at == far


@pytest.mark.parametrize(
    ("field", "values"), [("downloads", {"downloads": 0}), ("downloads", {"downloads": 101}), ("days", {"days": 0}),
                          ("days", {"days": 366})]
)  # fmt: skip
def test_numbers_out_of_bounds(scene: Ids, field: str, values: dict[str, int]) -> None:
    file = make_download(make_order(scene.emma_account), expires_at=LATER)
    with pytest.raises(DomainError) as refused:
        downloads.grant_downloads(
            file.id,
            version=1,
            actor=Actor.staff(db.session.get_one(Staff, scene.saskia)),
            now=START,
            **values,
        )
    assert refused.value.field == field and file.download_limit == 5
