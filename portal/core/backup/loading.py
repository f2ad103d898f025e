"""Putting the rows and files of an archive into an empty database and folder, and comparing both afterwards.

All rows go in within one transaction, which the caller commits. Foreign keys are set aside meanwhile, as rows may name
later ones, and are checked for all of them at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from portal.core import database, storage
from portal.core.backup.archive import FileEntry, Manifest, Total
from portal.core.backup.creating import Named, named_files
from portal.core.backup.errors import BackupError
from portal.core.backup.members import PIECE
from portal.core.backup.shapes import Shape, reflect
from portal.core.schedule import PeriodicRun

#: An installation that was started and not used yet has these rows already.
_OF_A_START = PeriodicRun.__tablename__

#: How long to wait for somebody else's transaction on PostgreSQL before giving up.
_LOCK_TIMEOUT = "10s"


@contextlib.contextmanager
def connected(url: sa.URL) -> Iterator[sa.Connection]:
    """A connection of its own to the database to be filled, with foreign keys off on SQLite."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, hide_parameters=True)
    database.install(engine)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.cursor().execute("PRAGMA foreign_keys=OFF")  # means nothing once a transaction has begun
        else:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        yield connection


def first_with_rows(connection: sa.Connection) -> str | None:
    """The name of a table that is not empty, but for what a mere start leaves; None when the database is empty."""
    for table in reflect(connection):
        query = sa.select(sa.literal(1)).select_from(sa.table(table.name)).limit(1)
        if table.name != _OF_A_START and connection.scalar(query) is not None:
            return table.name
    return None


def equals(connection: sa.Connection, tables: tuple[Shape, ...], manifest: Manifest) -> bool:
    """Does the database hold exactly these rows?"""
    shapes = {table.name: table for table in reflect(connection)}
    return all(
        _fits(table, shapes) and count(connection, table) == manifest.tables[table.name] for table in tables
    )


def count(connection: sa.Connection, table: Shape) -> Total:
    """How many rows a table holds, and the digest of all of them, as an archive has it."""
    total = Total()
    for row in table.rows(connection):
        total.add(table.line(row), count=1)
    return total


class Loader:
    """Takes the rows and files of an archive; made after the schema is the archive's and everything is empty."""

    def __init__(self, connection: sa.Connection, tables: tuple[Shape, ...], folder: Path) -> None:
        self._connection, self._tables, self._folder = connection, tables, folder
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._foreign_keys: list[tuple[str, str, str]] = []
        self._prepare()

    def rows(self, shape: Shape, rows: list[list[Any]]) -> None:
        """Writes some rows of a table."""
        try:
            if self._is_sqlite:
                self._insert(shape, rows)
            else:
                self._copy(shape, rows)
        except (DBAPIError, self._connection.dialect.loaded_dbapi.Error) as error:
            raise _refusal(shape.name, error) from None

    def file(self, key: str, pieces: Iterator[bytes]) -> None:
        """Writes a file; ``key`` was checked by the reader."""
        path = self._folder / storage.checked(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for piece in pieces:
                file.write(piece)

    def files(self, group: list[FileEntry]) -> None:
        """Reads the files again that were just written."""
        for entry in group:
            digest, size = hashlib.sha256(), 0
            with (self._folder / entry.key).open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    size += len(piece)
            if (size, digest.hexdigest()) != (entry.size, entry.sha256):
                raise BackupError(f"{entry.key} was not written as it is in the archive; look at the disk.")

    def finish(self, manifest: Manifest) -> None:
        """Checks parents, numbers further rows, and compares everything with the archive; then it may be committed."""
        self._restore_foreign_keys()
        for table in self._tables:
            if not self._is_sqlite:
                self._set_sequences(table)
            if count(self._connection, table) != manifest.tables[table.name]:
                raise BackupError(f"The rows of {table.name} did not arrive as they are in the archive.")
        named = Named(named_files(self._connection, self._tables))
        files = 0
        for key in storage.walk():
            named.pass_by(key)
            files += 1
        named.pass_by(None)
        if files != manifest.files.count or named.missing != manifest.missing:
            raise BackupError("The files that were restored are not those that the rows name.")
        os.sync()  # once for all of them: a file at a time takes hours with a million

    def _prepare(self) -> None:
        shapes = {table.name: table for table in reflect(self._connection)}
        if not self._is_sqlite:
            names = ", ".join(self._quoted(name) for name in shapes)
            self._execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        if (name := first_with_rows(self._connection)) is not None:
            raise BackupError(f"The installation is not empty: there are rows in {name}.")
        for table in self._tables:
            if not _fits(table, shapes):
                raise BackupError(
                    f"The archive holds a table {table.name} that this database does not have like that; "
                    "if it is of a section of your own, install that and make its tables first."
                )
        self._connection.execute(sa.delete(sa.table(_OF_A_START)))
        if not self._is_sqlite:
            found = self._execute(
                "SELECT conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS made_by "
                "FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY 1, 2"
            ).mappings()
            self._foreign_keys = [(row["of"], row["name"], row["made_by"]) for row in found]
            for table_name, name, _ in self._foreign_keys:
                self._execute(f"ALTER TABLE {table_name} DROP CONSTRAINT {self._quoted(name)}")

    def _restore_foreign_keys(self) -> None:
        if self._is_sqlite:
            broken = self._execute("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise BackupError(f"A row of {broken[0]} names another that is not in the archive.")
            return
        for table, name, made_by in self._foreign_keys:
            try:
                self._execute(f"ALTER TABLE {table} ADD CONSTRAINT {self._quoted(name)} {made_by}")
            except DBAPIError as error:
                raise _refusal(table, error) from None

    def _insert(self, shape: Shape, rows: list[list[Any]]) -> None:
        names = ", ".join(map(self._quoted, shape.names))
        marks = ", ".join("?" * len(shape.names))
        store = [(at, _SQLITE[kind]) for at, (_, kind) in enumerate(shape.columns) if kind in _SQLITE]
        for row in rows:
            for at, write in store:
                if row[at] is not None:
                    row[at] = write(row[at])
        statement = f"INSERT INTO {self._quoted(shape.name)} ({names}) VALUES ({marks})"  # noqa: S608  # names were checked
        self._connection.exec_driver_sql(statement, [tuple(row) for row in rows])

    def _copy(self, shape: Shape, rows: list[list[Any]]) -> None:
        raw: Any = self._connection.connection.dbapi_connection
        names = ", ".join(map(self._quoted, shape.names))
        with (
            raw.cursor() as cursor,
            cursor.copy(f"COPY {self._quoted(shape.name)} ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def _set_sequences(self, table: Shape) -> None:
        """The next row gets the number after the last one."""
        for name in table.order:
            sequence = self._connection.scalar(
                sa.text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": self._quoted(table.name), "column": name},
            )
            if sequence is not None:
                last = self._connection.scalar(
                    sa.select(sa.func.max(sa.column(name))).select_from(sa.table(table.name))
                )
                self._connection.execute(
                    sa.text("SELECT setval(CAST(:sequence AS regclass), :value, :is_used)"),
                    {"sequence": sequence, "value": last or 1, "is_used": last is not None},
                )

    def _execute(self, statement: str) -> sa.CursorResult[Any]:
        return self._connection.exec_driver_sql(statement)

    def _quoted(self, name: str) -> str:
        return self._connection.dialect.identifier_preparer.quote_identifier(name)


def clear(folder: Path) -> None:
    """Empties the folder of files; it may be a mount, so it stays itself."""
    if folder.exists():
        for each in folder.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()


def _fits(table: Shape, shapes: dict[str, Shape]) -> bool:
    known = shapes.get(table.name)
    return known is not None and sorted(known.columns) == sorted(table.columns)


def _refusal(table: str, error: Exception) -> BackupError:
    """Which table, and the kind of error; the database's own words would repeat people's data."""
    cause = getattr(error, "orig", None) or error
    return BackupError(
        f"The database refuses rows of {table}, so nothing was restored ({type(cause).__name__})."
    )


#: How SQLite keeps what it has no type for; the same as SQLAlchemy writes it.
_SQLITE: dict[str, Any] = {
    "moment": lambda moment: moment.replace(tzinfo=None).isoformat(" ", "microseconds"),
    "date": lambda day: day.isoformat(),
    "boolean": int,
}
