"""Counting what a page asks of the database, and how the database means to answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements run inside, without those that begin and end transactions or set up a connection.

    Traces that a page leaves after its response are no part of the answer; a caller that reads a response
    without closing it does not see them.
    """
    from portal.extensions import db

    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE")):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def plans(app: Flask) -> Iterator[list[str]]:
    """How the database means to answer each statement run inside."""
    from portal.extensions import db

    found: list[str] = []
    with app.app_context():
        engine = db.engine

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            other = cursor.connection.cursor()
            if engine.dialect.name == "sqlite":
                rows = other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
                found.append("\n".join(str(row[3]) for row in rows))
            else:
                # A table as small as a test's is read whole or sorted: what is asked is whether it need be.
                for way in ("seqscan", "bitmapscan", "sort"):
                    other.execute(f"SET LOCAL enable_{way} = off")
                rows = other.execute(f"EXPLAIN {statement}", parameters).fetchall()
                found.append("\n".join(str(row[0]) for row in rows))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)
