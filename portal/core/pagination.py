"""Pages of a list by key: each starts where the one before ended, so the last costs what the first does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Result, result_tuple
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import asc_op, desc_op
from sqlalchemy.types import TypeDecorator, TypeEngine

T = TypeVar("T")

# Longer than any cursor of ours: what is longer was made by somebody else.
_LONGEST_CURSOR = 1000


class Executor(Protocol):
    """What runs a statement: a session, a scoped session or a connection."""

    def execute(
        self, statement: sa.Select[*tuple[Any, ...]], params: Mapping[str, Any] | None = None, /
    ) -> Result[*tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and the cursors of the pages after and before it (None where there is none)."""

    rows: list[T]
    next_cursor: str | None
    prev_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Key:
    """One column of the order of a list."""

    column: Any
    descending: bool


def keyset(
    session: Executor,
    stmt: sa.Select[*tuple[Any, ...]],
    *,
    key_columns: Sequence[sa.ColumnExpressionArgument[Any]],
    after: str | None = None,
    before: str | None = None,
    size: int = 25,
    filled: Callable[[sa.Subquery], sa.Select[*tuple[Any, ...]]] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Page[Any]:
    """One page of `stmt`, ordered by `key_columns`, after or before a cursor of an earlier page.

    `key_columns` such as `[Document.issued_on.desc(), Document.id.desc()]` replace the statement's own order;
    they are integers, texts, dates or instants, never NULL, and the last one is unique. Directions may
    differ, but one direction throughout makes the best use of an index. `after` wins over `before`.

    The rows are entities when the statement selects one entity, else named rows of the selected columns. A
    cursor that was not made by this list, or that leads to nothing any more, means the first page. Runs one
    statement, and a second one only when the list shrank meanwhile.

    Where many rows are sorted, `stmt` selects what an index holds of them, and `filled` makes of the rows of
    a page the statement that selects what is shown, in the same single statement of the database.

    `values` are those of the parameters that `stmt` has of its own, by name.
    """
    keys = [_key(column) for column in key_columns]
    if not keys or size < 1:
        raise ValueError("a page needs an order and room for a row")
    onward = _decode(after, keys)
    back = _decode(before, keys) if onward is None else None
    position, backward = onward or back, back is not None

    found = _fetch(session, stmt, keys, position, backward, size + 1, filled, values)
    more, found = len(found) > size, found[:size]
    if position is not None and (not found or (backward and len(found) < size)):
        # Rows have gone, and what is left there is no whole page: start from the beginning.
        return keyset(session, stmt, key_columns=key_columns, size=size, filled=filled, values=values)
    if backward:
        found.reverse()
    has_next, has_prev = more or backward, more if backward else position is not None
    return Page(
        rows=[row for row, _ in found],
        next_cursor=_encode(found[-1][1], keys) if found and has_next else None,
        prev_cursor=_encode(found[0][1], keys) if found and has_prev else None,
    )


def _key(column: sa.ColumnExpressionArgument[Any]) -> _Key:
    if isinstance(column, UnaryExpression) and column.modifier in (asc_op, desc_op):
        return _Key(column.element, column.modifier is desc_op)
    return _Key(column, False)


def _fetch(
    session: Executor,
    stmt: sa.Select[*tuple[Any, ...]],
    keys: Sequence[_Key],
    position: Sequence[Any] | None,
    backward: bool,
    limit: int,
    filled: Callable[[sa.Subquery], sa.Select[*tuple[Any, ...]]] | None,
    values: Mapping[str, Any] | None,
) -> list[tuple[Any, Sequence[Any]]]:
    """The rows from the position on, in reading direction, each with the values of its key."""
    query = stmt.add_columns(*(key.column.label(f"keyset_{n}") for n, key in enumerate(keys)))
    query = query.order_by(None).order_by(*_order([key.column for key in keys], keys, backward)).limit(limit)
    if position is not None:
        query = query.where(_beyond(keys, position, backward))
    if filled is not None:
        entries = query.subquery()
        stmt, columns = filled(entries), [entries.c[f"keyset_{n}"] for n in range(len(keys))]
        query = stmt.add_columns(*columns).order_by(*_order(columns, keys, backward))
    selected = stmt.column_descriptions
    width = len(selected)
    one_entity = width == 1 and "entity" in selected[0] and selected[0]["entity"] is selected[0]["expr"]
    result = session.execute(query, values)
    as_row = result_tuple(list(result.keys())[:width])
    return [(row[0] if one_entity else as_row(row[:width]), row[width:]) for row in result.all()]


def _order(columns: Sequence[Any], keys: Sequence[_Key], backward: bool) -> list[Any]:
    return [
        column.desc() if key.descending != backward else column.asc()
        for column, key in zip(columns, keys, strict=True)
    ]


def _beyond(keys: Sequence[_Key], position: Sequence[Any], backward: bool) -> sa.ColumnElement[bool]:
    """The rows behind the position: by comparing tuples, or column by column when directions differ."""
    bounds = [sa.literal(value, key.column.type) for key, value in zip(keys, position, strict=True)]
    downward = [key.descending != backward for key in keys]
    if len(set(downward)) == 1 and len(keys) > 1:
        row, bound = sa.tuple_(*(key.column for key in keys)), sa.tuple_(*bounds)
        return row < bound if downward[0] else row > bound
    alternatives = []
    for n, key in enumerate(keys):
        equal = [earlier.column == bounds[m] for m, earlier in enumerate(keys[:n])]
        passed = key.column < bounds[n] if downward[n] else key.column > bounds[n]
        alternatives.append(sa.and_(*equal, passed))
    # Implied by the rest, but the only part of it that an index can use.
    first = keys[0].column <= bounds[0] if downward[0] else keys[0].column >= bounds[0]
    return sa.and_(first, sa.or_(*alternatives))


def _encode(values: Sequence[Any], keys: Sequence[_Key]) -> str:
    plain = []
    for value, key in zip(values, keys, strict=True):
        text = value.isoformat() if isinstance(value, date) else value
        try:
            survives = _read(text, key.column.type) == value
        except (TypeError, ValueError):
            survives = False
        if not survives:
            raise TypeError(f"{key.column} cannot order pages: {value!r} does not fit into a cursor")
        plain.append(text)
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decode(cursor: str | None, keys: Sequence[_Key]) -> list[Any] | None:
    """The key values in a cursor, or None for anything that this list cannot have made."""
    if not cursor or len(cursor) > _LONGEST_CURSOR:
        return None
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(plain, list) or len(plain) != len(keys):
            return None
        return [_read(value, key.column.type) for value, key in zip(plain, keys, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def _read(value: Any, kind: TypeEngine[Any]) -> Any:
    """A value out of a cursor as the column takes it; ValueError or TypeError when it would not."""
    decorated = isinstance(kind, TypeDecorator)
    plain: TypeEngine[Any] = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(plain, sa.Integer):
        bits = 63 if isinstance(plain, sa.BigInteger) else 31
        if type(value) is not int or not -(2**bits) <= value < 2**bits:
            raise ValueError("not an integer of this column")
        return value
    if not isinstance(value, str):
        raise TypeError("not a text")
    if isinstance(plain, sa.DateTime):
        moment = datetime.fromisoformat(value)
        # Every decorated instant of ours is aware, whatever the database itself keeps.
        if (moment.tzinfo is not None) != (decorated or plain.timezone):
            raise ValueError("not an instant of this column")
        return moment.astimezone(UTC) if moment.tzinfo else moment
    if isinstance(plain, sa.Date):
        return date.fromisoformat(value)
    if isinstance(plain, sa.String) and not isinstance(plain, sa.Enum):
        if "\0" in value:
            raise ValueError("not a text that a database holds")
        value.encode()
        return value
    raise TypeError("pages are ordered by integers, texts, dates and instants")
