"""A session in the cast's shop for the tests of actions; nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from portal.core import database
from portal.core.tenancy import shop_scope
from portal.extensions import db


@pytest.fixture
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()
