"""Making an archive while the portal runs: one moment of the database, then the files.

A file is stored before the row that names it is committed, and is never changed: whatever the snapshot names is in the
folder by then. Files that came later travel along and do no harm.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
from alembic.migration import MigrationContext

from portal.core import storage
from portal.core.backup import opening
from portal.core.backup.archive import NAMED, ArchiveWriter, Contents, Read
from portal.core.backup.errors import BackupError
from portal.core.backup.members import PIECE, MemberWriter
from portal.core.backup.sealing import SHORTEST_PASSPHRASE, Sealer, Sink
from portal.core.backup.shapes import Shape, reflect
from portal.core.packages import present_revisions
from portal.core.tables import STORED_FILE, Base


@dataclass(frozen=True)
class Installation:
    """What an archive says of where it was made; ``keys`` is None when they are to be left out."""

    mode: str
    field_checks: tuple[str, ...]
    keys: dict[str, list[str]] | None


def create(
    path: Path,
    connection: sa.Connection,
    installation: Installation,
    *,
    passphrase: str | None,
    now: datetime,
) -> Read:
    """Writes an archive to ``path``, which must not exist, and reads it back; answers what was read.

    ``connection`` is a ``database.snapshot``. Raises ``BackupError``; nothing is left at ``path`` then.
    """
    if installation.keys is not None and passphrase is None:
        raise BackupError("Keys go into an archive only under a passphrase.")
    if passphrase is not None and len(passphrase) < SHORTEST_PASSPHRASE:
        raise BackupError(f"The passphrase is shorter than {SHORTEST_PASSPHRASE} characters.")
    unfinished = path.with_name(f".{path.name}.part")
    try:
        if path.exists():
            raise BackupError(f"{path} exists already; give another name.")
        with _new_file(unfinished) as file:
            _write(file, connection, installation, passphrase=passphrase, now=now)
            file.flush()
            os.fsync(file.fileno())
        with opening.open_archive(unfinished, lambda: passphrase or "") as archive:
            made = archive.check()
        os.replace(unfinished, path)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return made


def named_files(connection: sa.Connection, tables: tuple[Shape, ...]) -> Iterator[str]:
    """The key of every file that a row of these tables names, once each and in order."""
    there = {(table.name, column) for table in tables for column in table.names}
    queries: list[sa.Select[tuple[str]]] = [
        sa.select(sa.column(column.name).label("key"))
        .select_from(sa.table(table.name))
        .where(sa.column(column.name).is_not(None))
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.info.get(STORED_FILE) and (table.name, column.name) in there
    ]
    if queries:
        keys = sa.union(*queries).subquery()
        by_bytes = keys.c.key if connection.dialect.name == "sqlite" else sa.collate(keys.c.key, "C")
        query = sa.select(keys.c.key).order_by(by_bytes)
        yield from connection.execute(query, execution_options={"yield_per": 1000}).scalars()


class Named:
    """Goes along the files in order and finds those that are named and not there."""

    def __init__(self, named: Iterator[str]) -> None:
        self._named = named
        self._next = next(named, None)
        self.missing = 0
        self.names: list[str] = []

    def pass_by(self, key: str | None) -> None:
        """The next file that is there; None after the last."""
        while self._next is not None and (key is None or self._next < key):
            self.missing += 1
            self.names = [*self.names, self._next][:NAMED]
            self._next = next(self._named, None)
        if self._next == key:
            self._next = next(self._named, None)


def _write(
    file: BinaryIO,
    connection: sa.Connection,
    installation: Installation,
    *,
    passphrase: str | None,
    now: datetime,
) -> None:
    sealer = None if passphrase is None else Sealer(file, passphrase)
    out: Sink = file if sealer is None else sealer
    contents = Contents(
        made_at=now,
        mode=installation.mode,
        revisions=tuple(sorted(MigrationContext.configure(connection).get_current_heads())),
        sections=present_revisions(connection),
        has_keys=installation.keys is not None,
        field_checks=installation.field_checks,
        tables=tuple(reflect(connection)),
    )
    writer = ArchiveWriter(MemberWriter(out, moment=int(now.timestamp())), contents)
    for table in contents.tables:
        writer.table(table, (table.line(row) for row in table.rows(connection)))
    if installation.keys is not None:
        writer.keys(installation.keys)
    named = Named(named_files(connection, contents.tables))
    for key in storage.walk():
        # Gone since the folder was listed: then it is missing if a row names it, and else nobody's.
        with contextlib.suppress(FileNotFoundError), storage.open_(key) as stored:
            named.pass_by(key)
            writer.file(key, os.fstat(stored.fileno()).st_size, iter(lambda: stored.read(PIECE), b""))
    named.pass_by(None)
    writer.files_end()
    writer.manifest.missing, writer.manifest.missing_names = named.missing, named.names
    writer.finish()
    if sealer is not None:
        sealer.finish()


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Readable by its owner alone; what a killed run left behind is replaced."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
