"""A file of a row stays when the row does, and goes when its transaction failed."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from portal.core import database, storage, storing
from portal.core.tenancy import shop_scope
from portal.domain.people.models import Person
from portal.extensions import db

KEY = "shops/1/tickets/aa.txt"


@pytest.fixture(autouse=True)
def here(app: Flask, ids: Any) -> Any:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        storage.delete(KEY)


def test_a_commit_keeps_it() -> None:
    db.session.add(Person(email="x@example.com"))
    assert storing.put(KEY, b"x") == KEY
    db.session.commit()
    db.session.rollback()
    assert storage.get(KEY) == b"x"
    # The next transaction of the same session has nothing to do with it.
    db.session.add(Person(email="y@example.com"))
    db.session.flush()
    db.session.rollback()
    assert storage.exists(KEY)


@pytest.mark.parametrize("end", ["rollback", "remove", "failing commit"])
def test_any_other_end_removes_it(ids: Any, end: str) -> None:
    db.session.add(Person(email="x@example.com"))
    db.session.flush()
    storing.put(KEY, b"x")
    assert storage.exists(KEY)
    if end == "failing commit":
        db.session.add(Person(email="emma@example.com"))
        with pytest.raises(Exception, match=r"UNIQUE|unique"):
            db.session.commit()
        db.session.rollback()
    else:
        getattr(db.session, end)()
    assert not storage.exists(KEY)


def test_a_savepoint_is_no_end() -> None:
    db.session.add(Person(email="x@example.com"))
    storing.put(KEY, b"x")
    with db.session.begin_nested():
        db.session.add(Person(email="y@example.com"))
    with pytest.raises(ZeroDivisionError), db.session.begin_nested():
        db.session.add(Person(email="z@example.com"))
        raise ZeroDivisionError
    assert storage.exists(KEY)
    db.session.rollback()
    assert not storage.exists(KEY)
