"""Rows as text that SQLite and PostgreSQL read alike: which columns a table has, and how each kind is written.

The tables are those that are in the database, not those of the models: a backup of last year has last year's columns.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from portal.core.backup.errors import BackupError, BadArchive
from portal.core.packages import REVISIONS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

_Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Shape:
    """A table: its columns with their kinds, and the columns that put its rows in order."""

    name: str
    columns: tuple[tuple[str, str], ...]
    order: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _kind in self.columns)

    @cached_property
    def _writers(self) -> tuple[tuple[int, _Convert], ...]:
        return tuple((at, _WRITE[kind]) for at, (_, kind) in enumerate(self.columns) if kind in _WRITE)

    @cached_property
    def _readers(self) -> tuple[_Convert, ...]:
        return tuple(_READ[kind] for _, kind in self.columns)

    def line(self, row: Sequence[Any]) -> bytes:
        """A row as one line of JSON, the same on both databases."""
        values = list(row)
        for at, write in self._writers:
            if values[at] is not None:
                values[at] = write(values[at])
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def row(self, line: bytes) -> list[Any]:
        """The values of a line; ``BadArchive`` for anything else than what ``line`` writes."""
        try:
            values = json.loads(line)
            if not isinstance(values, list) or len(values) != len(self.columns):
                raise ValueError
            return [
                None if value is None else read(value)
                for value, read in zip(values, self._readers, strict=True)
            ]
        except (ValueError, TypeError, RecursionError):
            raise BadArchive(f"a row of {self.name} cannot be read") from None

    def rows(self, connection: sa.Connection) -> Iterator[Sequence[Any]]:
        """Every row in order, a few at a time."""
        columns = [_selected(name, kind, connection) for name, kind in self.columns]
        kinds = dict(self.columns)
        order = [_ordered(name, kinds[name], connection) for name in self.order or self.names]
        query = sa.select(*columns).select_from(sa.table(self.name)).order_by(*order)
        few = 10 if "bytes" in kinds.values() else 500
        yield from connection.execute(query, execution_options={"yield_per": few})

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "columns": self.columns, "order": self.order}

    @classmethod
    def from_json(cls, value: Any) -> Shape:
        """Checked, for its names end in statements; ValueError, KeyError or TypeError when it is none."""
        columns = tuple((str(name), str(kind)) for name, kind in value["columns"])
        shape = cls(str(value["name"]), columns, tuple(map(str, value["order"])))
        if not all(_NAME.fullmatch(name) for name in (shape.name, *shape.names)):
            raise ValueError
        if len(set(shape.names)) != len(columns) or not columns or not set(shape.order) <= set(shape.names):
            raise ValueError
        if any(kind not in _READ for _, kind in columns):
            raise ValueError
        return shape


def reflect(connection: sa.Connection) -> list[Shape]:
    """Every table but alembic's, by name. ``BackupError`` for a column that cannot be written exactly."""
    metadata = sa.MetaData()
    metadata.reflect(connection, resolve_fks=False)
    return [
        Shape(
            _checked(table.name),
            tuple((_checked(column.name), _kind(table.name, column)) for column in table.columns),
            tuple(column.name for column in table.primary_key.columns),
        )
        for _, table in sorted(metadata.tables.items())
        # Alembic's own: the revisions stand in the contents of an archive instead.
        if table.name != REVISIONS and not table.name.startswith(f"{REVISIONS}_")
    ]


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BackupError(f"A table or column is called {name!r}, which an archive cannot hold.")
    return name


def _kind(table: str, column: sa.Column[Any]) -> str:
    for kind, types in _TYPES:
        if isinstance(column.type, types) and not isinstance(column.type, JSONB):
            return kind
    raise BackupError(f"{table}.{column.name} is a {column.type!r}, which an archive cannot hold exactly.")


def _selected(name: str, kind: str, connection: sa.Connection) -> sa.ColumnElement[Any]:
    if kind == "json" and connection.dialect.name != "sqlite":
        return sa.cast(sa.column(name), sa.Text)
    return sa.column(name, _PLAIN[kind])


def _ordered(name: str, kind: str, connection: sa.Connection) -> sa.ColumnElement[Any]:
    """By bytes, as SQLite does: the order of a language differs from server to server."""
    selected = _selected(name, kind, connection)
    if kind in ("text", "json") and connection.dialect.name != "sqlite":
        return sa.collate(selected, "C")
    return selected


#: In this order, for a Boolean of some databases is an Integer too.
_TYPES: tuple[tuple[str, type[Any]], ...] = (
    ("boolean", sa.Boolean),
    ("moment", sa.DateTime),
    ("date", sa.Date),
    ("json", sa.JSON),
    ("bytes", sa.LargeBinary),
    ("integer", sa.Integer),
    ("text", sa.String),
)
#: JSON is kept as the text it was written as.
_PLAIN: dict[str, sa.types.TypeEngine[Any]] = {
    "boolean": sa.Boolean(),
    "moment": sa.DateTime(timezone=True),
    "date": sa.Date(),
    "json": sa.Text(),
    "bytes": sa.LargeBinary(),
    "integer": sa.BigInteger(),
    "text": sa.Text(),
}


def _write_moment(value: datetime) -> str:
    moment = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds") + "Z"


def _read_moment(value: Any) -> datetime:
    if not isinstance(value, str) or len(value) != 27 or value[-1] != "Z":
        raise ValueError
    return datetime.fromisoformat(value)


def _read_integer(value: Any) -> int:
    if type(value) is not int or not _SMALLEST <= value <= _LARGEST:
        raise ValueError
    return value


def _read_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError
    return value


def _read_text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError
    return value


def _read_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError from None


_WRITE: dict[str, _Convert] = {
    "moment": _write_moment,
    "date": date.isoformat,
    "bytes": lambda value: base64.b64encode(value).decode(),
    # A scalar in a JSON column comes from SQLite as what it is.
    "json": str,
}
_READ: dict[str, _Convert] = {
    "boolean": _read_boolean,
    "moment": _read_moment,
    "date": date.fromisoformat,
    "json": _read_text,
    "bytes": _read_bytes,
    "integer": _read_integer,
    "text": _read_text,
}
