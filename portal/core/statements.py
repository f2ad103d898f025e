"""Statements of every page, built once: putting one together costs SQLAlchemy more than running it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date, datetime
from functools import cache, wraps
from typing import Any, get_type_hints

import sqlalchemy as sa

from portal.core import tenancy
from portal.core.tables import BigId, UTCDateTime
from portal.extensions import db

_TYPES: dict[Any, Any] = {int: BigId, str: sa.String(), date: sa.Date(), datetime: UTCDateTime()}

Statement = sa.Select[*tuple[Any, ...]]
Build = Callable[..., Statement]
Run = Callable[..., sa.Result[*tuple[Any, ...]]]


def bound(build: Build) -> Run:
    """Makes a function that builds a select into one that runs it: ``_open(customer_id=7)``.

    The function is called once, for all shops, with bound parameters in place of its arguments: they may be compared
    in SQL only, and a collection stands in ``in_()``. Asking which shop this is raises ``NoShop`` in it.
    """
    names = inspect.signature(build).parameters

    @cache
    def statement() -> Statement:
        hints = get_type_hints(build)
        parameters = {name: sa.bindparam(name, type_=_TYPES.get(hints.get(name))) for name in names}
        with tenancy.no_shop():
            return tenancy.scoped(build(**parameters))

    @wraps(build)
    def run(**values: Any) -> sa.Result[*tuple[Any, ...]]:
        return db.session.execute(statement(), values)

    return run
