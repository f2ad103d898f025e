"""Bringing the database up to date at the start, with a copy of an SQLite file before anything changes."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask

from config import Config
from portal.core import packages
from portal.core.packages import version_table
from portal.core.sections import Sections
from portal.extensions import db
from portal.installation.supervisor import StartFailed

log = logging.getLogger("loket.database")

COPIES_KEPT = 5


@dataclass(frozen=True)
class History:
    """The revisions of some tables: of the portal's own, or with a ``key`` of those of a package's section."""

    key: str | None
    #: Whose they are, for messages.
    name: str
    config: alembic.config.Config

    @property
    def script(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self.config)

    @property
    def wanted(self) -> set[str]:
        """The newest revisions there are."""
        return set(self.script.get_heads())

    def present(self, connection: sa.Connection) -> set[str]:
        """The revisions that the database is at."""
        options = {"version_table": version_table(self.key)}
        return set(MigrationContext.configure(connection, opts=options).get_current_heads())

    def is_known(self, revision: str) -> bool:
        """Is there such a revision? One that is not known is newer."""
        try:
            return self.script.get_revision(revision) is not None
        except CommandError:
            return False


def histories(app: Flask) -> list[History]:
    """The portal's history first, then those of packages, whose tables name the portal's."""
    migrations = app.extensions["migrate"].migrate
    found = [History(None, "Loket", migrations.get_config())]
    loaded: Sections = app.extensions.get("sections") or Sections()
    for section in loaded.all:
        if section.migrations is None:
            continue
        folder = Path(section.blueprint.root_path) / section.migrations
        config = migrations.get_config()
        config.set_main_option("version_locations", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        package = loaded.packages[section.key]
        # What migrations/env.py asks for.
        config.attributes["version_table"] = version_table(section.key)
        config.attributes["tables"] = {table.name for table in package.tables()}
        config.attributes["folder"] = str(folder)
        found.append(History(section.key, package.name, config))
    return found


def migrate(app: Flask, config: Config) -> bool:
    """Run the migrations that are missing, of the portal and of packages; True when there were any.

    Needs an application context. Raises StartFailed when the database does not answer, or belongs to a newer Loket
    or package than this one, and when a table of a package is not there afterwards.
    """
    path, kept = config.sqlite_path, histories(app)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with db.engine.connect() as connection:
            present = [history.present(connection) for history in kept]
    except (sa.exc.DBAPIError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StartFailed(f"The database of DATABASE_URL does not answer: {reason}.") from error
    for history, at in zip(kept, present, strict=True):
        for revision in at:
            if not history.is_known(revision):
                raise StartFailed(
                    f"The database was made by a newer {history.name} (it is at {revision}, unknown to this one); "
                    "install that version, or put back a copy of the database from before."
                )
    behind = [history for history, at in zip(kept, present, strict=True) if at != history.wanted]
    if behind:
        if path is not None and present[0]:
            copy = copy_sqlite(path, path.parent / "copies", label="-".join(sorted(present[0])))
            log.info("copied the database to %s before changing it", copy.name)
        # A connection that was only read from would keep SQLite's file locked for the migrations.
        db.engine.dispose()
        for history in behind:
            upgrade(history)
            log.info("the database is at %s of %s now", ", ".join(sorted(history.wanted)), history.name)
    refuse_missing_tables(app)
    return bool(behind)


def upgrade(history: History, revision: str = "heads") -> None:
    """Run one history's migrations; StartFailed names the package whose own fail, as nobody else can mend them."""
    try:
        alembic.command.upgrade(history.config, revision)
    except Exception as error:
        if history.key is None:
            raise
        reason = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}".splitlines()[0]
        raise StartFailed(
            f"{history.name}: its migrations fail, and nothing of them was kept: {reason}"
        ) from error


def refuse_missing_tables(app: Flask) -> None:
    """StartFailed when a package has tables that are not in the database: its pages could not work."""
    loaded: Sections = app.extensions.get("sections") or Sections()
    with db.engine.connect() as connection:
        for package, names in packages.missing_tables(connection, loaded.packages).items():
            raise StartFailed(
                f"{package}: the database has no table {', '.join(names)}, and no migration of it is left to make it; "
                "make it, take the package out, or start with PACKAGES=0."
            )


def is_known(app: Flask, key: str | None, revision: str) -> bool:
    """Does this Loket, or a package of it, know a revision of its tables?"""
    return any(history.key == key and history.is_known(revision) for history in histories(app))


def remake(app: Flask, config: Config, revisions: Mapping[str | None, Sequence[str]]) -> None:
    """Makes the tables of an empty database as they were at these revisions, of the portal and of sections' keys.

    Needs an application context.
    """
    if config.sqlite_path is not None:
        config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
    kept = histories(app)
    with db.engine.connect() as connection:
        present = {history.key: history.present(connection) for history in kept}
    db.engine.dispose()
    wanted = {history.key: set(revisions.get(history.key, ())) for history in kept}
    # A package's tables name the portal's: they go first and come last.
    if any(present[key] and present[key] != wanted[key] for key in present):
        for history in reversed(kept):
            if present[history.key]:
                alembic.command.downgrade(history.config, "base")
                present[history.key] = set()
    for history in kept:
        if present[history.key] != wanted[history.key]:
            for revision in revisions[history.key]:
                upgrade(history, revision)


def copy_sqlite(path: Path, folder: Path, *, label: str) -> Path:
    """A consistent copy of the file, also while others write to it; keeps the last five."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}-{label}.sqlite"
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
    for old in sorted(folder.glob("*.sqlite"))[:-COPIES_KEPT]:
        old.unlink(missing_ok=True)
    return target
