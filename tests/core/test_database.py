"""What the database may say aloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from portal.core import clock
from portal.domain.people.models import Person
from portal.extensions import db


def test_an_error_does_not_repeat_what_was_to_be_stored(on_stage: Callable[..., Any]) -> None:
    with pytest.raises(IntegrityError) as error, on_stage():
        db.session.add(Person(email="emma@example.com", password_hash="the-hash", created_at=clock.now()))
        db.session.flush()
    assert "the-hash" not in str(error.value)


def test_a_hint_for_sqlite_stands_behind_its_table(on_stage: Callable[..., Any]) -> None:
    with on_stage():
        stmt = sa.select(Person.id).with_hint(Person, "INDEXED BY nothing_like_it", "sqlite")
        if db.engine.dialect.name != "sqlite":
            assert db.session.scalars(stmt).all()
            return
        with pytest.raises(OperationalError, match="no such index: nothing_like_it"):
            db.session.scalars(stmt).all()
