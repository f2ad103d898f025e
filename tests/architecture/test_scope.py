"""The guard of the session: nobody sees another shop's rows by forgetting something."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database, tenancy
from portal.core.errors import NoShop
from portal.core.tables import ShopOwned
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer, Membership, Person
from portal.extensions import db
from tests.architecture.test_layers import modules, name_of
from tests.cast import Ids, make_invoice

#: Who may look at every shop at once: sweeps, and the health page.
EVERY_SHOP = {
    "core/jobs.py", "core/schedule.py", "core/outbox_runner.py", "core/health.py", "core/lease.py", "core/tenancy.py",
    "demo/bulk.py", "demo/__init__.py", "commands/demo.py", "installation/restore.py", "installation/specimen.py",
}  # fmt: skip

#: A GET that writes: the return from the bank, and the traces after a response.
WRITES_IN_GET = {"blueprints/pay/views.py", "core/touch.py"}


def calls(name: str) -> set[str]:
    found = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if called == name:
                    found.add(name_of(path))
    return found


def test_who_looks_at_every_shop_is_listed() -> None:
    assert calls("every_shop") <= EVERY_SHOP, "scope it with shop_scope(), or list the sweep here"


def test_a_query_without_a_shop_raises(app: Flask) -> None:
    with app.app_context():
        for statement in (
            sa.select(Document),
            sa.select(Document.number),
            sa.update(Person).values(theme="dark"),
        ):
            with pytest.raises(NoShop):
                db.session.execute(statement)
        with pytest.raises(NoShop):
            db.session.get(Customer, 1)


def test_what_cannot_be_scoped_is_refused(app: Flask, ids: Ids) -> None:
    with app.app_context(), tenancy.shop_scope(ids.shop):
        for statement, values in [
            (sa.text("SELECT * FROM people"), None),
            (sa.select(Person.__table__), None),
            (sa.insert(Person), {"email": "x@example.com"}),
            (sa.update(Person), [{"id": ids.dora, "theme": "dark"}]),
        ]:
            with pytest.raises(tenancy.Refused):
                db.session.execute(statement, values)


def test_each_way_of_reading_and_writing_stays_in_the_shop(app: Flask, ids: Ids) -> None:
    with app.app_context(), tenancy.shop_scope(ids.shop):
        assert db.session.get(Person, ids.dora) is None
        assert db.session.scalar(sa.select(Person.id).where(Person.id == ids.dora)) is None
        assert db.session.scalars(sa.select(Customer)).all() and all(
            c.shop_id == ids.shop for c in db.session.scalars(sa.select(Customer))
        )
        joined = sa.select(Person.id).join(Membership).join(Customer)
        assert ids.dora not in db.session.scalars(joined).all()
        inner = sa.select(Person.id).subquery()
        assert ids.dora not in db.session.scalars(sa.select(inner.c.id)).all()
        exists = sa.select(sa.exists(sa.select(Person.id).where(Person.id == ids.dora)))
        assert db.session.scalar(exists) is False
        both = sa.union_all(sa.select(Person.id), sa.select(Person.id))
        assert ids.dora not in db.session.scalars(both).all()
        counted = sa.select(sa.select(sa.func.count()).select_from(Person).scalar_subquery())
        assert db.session.scalar(counted) == 3
        changed = db.session.execute(sa.update(Person).where(Person.id == ids.dora).values(theme="dark"))
        assert changed.rowcount == 0
        gone = db.session.execute(sa.delete(Person).where(Person.id == ids.dora))
        assert gone.rowcount == 0
        db.session.rollback()


def test_a_row_of_another_shop_is_not_flushed(app: Flask, ids: Ids) -> None:
    with app.app_context():
        with tenancy.shop_scope(ids.other_shop):
            dora = db.session.get_one(Person, ids.dora)
            dora.theme = "dark"
        with tenancy.shop_scope(ids.shop):
            with pytest.raises(NoShop):
                db.session.flush()
            db.session.rollback()
            with pytest.raises(NoShop):
                db.session.add(Person(shop_id=ids.other_shop, email="new@example.com"))
                db.session.flush()


def test_a_document_cannot_name_a_customer_of_another_shop(on_stage: Callable[..., Any], ids: Ids) -> None:
    """The last net: the database itself refuses, though every other guard were gone."""
    with on_stage():
        document_id = make_invoice(ids.emma_account).id
    with pytest.raises(sa.exc.IntegrityError), on_stage(), tenancy.every_shop():
        db.session.execute(
            sa.update(Document).where(Document.id == document_id).values(customer_id=ids.dora_account)
        )


def test_a_get_cannot_write(app: Flask, ids: Ids) -> None:
    with app.app_context(), tenancy.shop_scope(ids.shop):
        database.set_reading(True)
        try:
            db.session.get_one(Person, ids.emma).theme = "dark"
            with pytest.raises(sa.exc.DBAPIError):
                db.session.commit()
        finally:
            db.session.rollback()
            database.set_reading(False)
    assert calls("later") <= {
        "core/sessions.py",
        "blueprints/support/views.py",
        "blueprints/notifications/views.py",
        "portal/__init__.py",
        "__init__.py",
    }


def test_every_owned_model_is_guarded(app: Flask) -> None:
    assert len(tenancy.owned_models()) > 30
    assert all(issubclass(model, ShopOwned) for model in tenancy.owned_models())
