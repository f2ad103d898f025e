"""Numbers for badges and cards: several in one statement, and none counted further than it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from portal.core import tenancy
from portal.extensions import db

#: A statement that selects numbers by name, or none when there is nothing to count.
Together = sa.Select[Any] | None

#: How far a badge counts, and a card: beyond that they show "99+" and "999+".
BADGE, CARD = 99, 999


def count_up_to(most: int, entity: Any, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """How many rows there are, as a scalar subquery that stops at one more than ``most``."""
    found = sa.select(sa.literal(1)).select_from(entity).where(*where).limit(most + 1).subquery()
    return sa.select(sa.func.count()).select_from(found).scalar_subquery()


def shown(number: int, most: int) -> str:
    """A number as it is shown that was counted so far: "999", "999+"."""
    return str(number) if number <= most else f"{most}+"


def together(numbers: Mapping[str, sa.ScalarSelect[Any]]) -> Together:
    """The statement that selects each scalar subquery by its name."""
    if not numbers:
        return None
    return tenancy.scoped(sa.select(*(number.label(name) for name, number in numbers.items())))


def count(statement: Together, values: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of such a statement by name, run with the values of its parameters."""
    if statement is None:
        return {}
    return dict(db.session.execute(statement, dict(values)).one()._mapping)
