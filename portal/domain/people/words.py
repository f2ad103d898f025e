"""The words by which customers are found: they follow every change that the ORM writes, whoever makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapper

from portal.core.finding import words
from portal.domain.people.models import Customer, CustomerWord

#: What a customer is found by.
SEARCHED = ("name", "company", "email", "vat_number", "chamber_number")

_TABLE = cast(sa.Table, CustomerWord.__table__)


def rows_of(customer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a customer, of its columns by name; for what writes customers past the ORM."""
    found = words(*(customer.get(name) or "" for name in SEARCHED))
    return [
        {"shop_id": customer["shop_id"], "customer_id": customer["id"], "word": word}
        for word in sorted(found)
    ]


def _add(mapper: Mapper[Customer], connection: sa.Connection, customer: Customer) -> None:
    rows = rows_of({name: getattr(customer, name) for name in ("shop_id", "id", *SEARCHED)})
    if rows:
        connection.execute(sa.insert(_TABLE), rows)


def _follow(mapper: Mapper[Customer], connection: sa.Connection, customer: Customer) -> None:
    state = sa.inspect(customer)
    if any(state.attrs[name].history.has_changes() for name in SEARCHED):
        _remove(mapper, connection, customer)
        _add(mapper, connection, customer)


def _remove(mapper: Mapper[Customer], connection: sa.Connection, customer: Customer) -> None:
    theirs = _TABLE.c.shop_id == customer.shop_id, _TABLE.c.customer_id == customer.id
    connection.execute(sa.delete(_TABLE).where(*theirs))


event.listen(Customer, "after_insert", _add)
event.listen(Customer, "after_update", _follow)
event.listen(Customer, "before_delete", _remove)
