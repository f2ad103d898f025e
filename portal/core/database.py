"""How a transaction begins: SQLite and PostgreSQL behave alike, and a GET cannot write.

SQLite's driver begins a transaction only at the first write, which makes a read-then-write lose with "database is
locked" whatever the timeout. So the driver is put in autocommit and the BEGIN is ours: immediate where something may
be written, deferred and ``query_only`` where nothing may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.orm import Session, scoped_session

_reading: ContextVar[bool] = ContextVar("reading", default=False)
_forced: ContextVar[bool] = ContextVar("forced", default=True)

#: How long somebody waits for others, in milliseconds: for all writers on SQLite, for a locked row or table on
#: PostgreSQL, which by itself waits for ever. SQLite lets writers race instead of queue: where eight write without
#: pause, one of them may lose for many seconds.
LOCK_TIMEOUT = 30_000


def set_reading(reading: bool) -> None:
    """Whether transactions begun from here on in this context may only read (a GET)."""
    _reading.set(reading)


def is_reading() -> bool:
    """Whether they may."""
    return _reading.get()


@contextmanager
def writing(session: scoped_session[Any] | Session) -> Iterator[None]:
    """A write inside a reading request: its own immediate transaction, committed at the end.

    Only for the named exceptions (the return from the bank, ``core.touch``); ``tests/architecture`` lists the callers.
    """
    session.rollback()
    token = _reading.set(False)
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        _reading.reset(token)


@contextmanager
def unforced() -> Iterator[None]:
    """Transactions begun inside are committed without waiting for the disk.

    They are whole and seen by everybody, and survive whatever is killed but the machine itself: only a power cut can
    undo the latest of them, all from some point on. Any commit outside of this forces them to disk with itself. For
    notes whose loss leads to a repeat and to nothing worse, never for what books, numbers or pays.
    """
    token = _forced.set(False)
    try:
        yield
    finally:
        _forced.reset(token)


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one moment of the whole database for as long as it is open, while others write.

    SQLite keeps that moment in its write-ahead log, which grows meanwhile; nobody waits for anybody.
    """
    token = _reading.set(True)
    try:
        with engine.connect() as connection:
            if engine.dialect.name != "sqlite":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
    finally:
        _reading.reset(token)


def install(engine: sa.Engine) -> None:
    """Puts the rules on an engine; called once per engine by ``create_app`` and by the migrations."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        # SQLAlchemy leaves hints out for SQLite, though it knows where they stand.
        engine.dialect.statement_compiler = _HintedCompiler
    else:
        event.listen(engine, "connect", _open_postgresql)
        event.listen(engine, "begin", _begin_postgresql)


class _HintedCompiler(SQLiteCompiler):
    """Writes ``with_hint(entity, "INDEXED BY …", "sqlite")`` behind the table."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text


def _open_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={LOCK_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: a payment that was answered for survives a power cut, not only a crash of the process.
    cursor.execute("PRAGMA synchronous=FULL")
    record.info["forced"] = True
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _open_postgresql(connection: Any, record: Any) -> None:
    connection.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")
    connection.commit()


def _begin_sqlite(connection: sa.Connection) -> None:
    reading = _reading.get()
    if connection.info.get("query_only", False) != reading:
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
        connection.info["query_only"] = reading
    forced = _forced.get()
    if connection.info.get("forced") != forced:
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if forced else 'NORMAL'}")
        connection.info["forced"] = forced
    connection.exec_driver_sql("BEGIN DEFERRED" if reading else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: sa.Connection) -> None:
    raw = connection.connection.dbapi_connection
    reading = _reading.get()
    if raw is not None and raw.read_only != (reading or None):
        raw.read_only = reading or None
    if not _forced.get() and not reading:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def engine_options(url: str) -> dict[str, Any]:
    """How connections are kept: checked before use on PostgreSQL, whose server may have gone meanwhile.

    Errors do not repeat the values of their statement: these are people's data, and errors are logged.
    """
    pool = {} if url.startswith("sqlite") else {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 10}
    return {"hide_parameters": True, **pool}
