"""Bringing the database up to date at the start, with a copy of an SQLite file before anything changes."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from pathlib import Path

import flask_migrate
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask

from config import Config
from portal.extensions import db
from portal.installation.supervisor import StartFailed

log = logging.getLogger("loket.database")

COPIES_KEPT = 5


def migrate(app: Flask, config: Config) -> bool:
    """Run the migrations that are missing; True when there were any. Needs an application context.

    Raises StartFailed when the database does not answer, or belongs to a newer Loket than this one.
    """
    script = _script(app)
    wanted = set(script.get_heads())
    try:
        path = config.sqlite_path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with db.engine.connect() as connection:
            present = set(MigrationContext.configure(connection).get_current_heads())
    except (sa.exc.DBAPIError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StartFailed(f"The database of DATABASE_URL does not answer: {reason}.") from error
    if present == wanted:
        return False
    for revision in present:
        if not is_known(app, revision):
            raise StartFailed(
                f"The database was made by a newer Loket (it is at {revision}, unknown to this one); "
                "install that version, or put back a copy of the database from before."
            )
    if path is not None and present:
        copy = copy_sqlite(path, path.parent / "copies", label="-".join(sorted(present)))
        log.info("copied the database to %s before changing it", copy.name)
    # A connection that was only read from would keep SQLite's file locked for the migrations.
    db.engine.dispose()
    flask_migrate.upgrade()
    log.info("the database is at %s now", ", ".join(sorted(wanted)))
    return True


def is_known(app: Flask, revision: str) -> bool:
    """Does this Loket know a revision of the schema? One that it does not know is newer."""
    try:
        return _script(app).get_revision(revision) is not None
    except CommandError:
        return False


def remake(app: Flask, config: Config, revisions: tuple[str, ...]) -> None:
    """Makes the tables of an empty database as they were at these revisions. Needs an application context."""
    if config.sqlite_path is not None:
        config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    db.engine.dispose()
    if set(present) == set(revisions):
        return
    if present:
        flask_migrate.downgrade(revision="base")
    for revision in revisions:
        flask_migrate.upgrade(revision=revision)


def _script(app: Flask) -> ScriptDirectory:
    return ScriptDirectory.from_config(app.extensions["migrate"].migrate.get_config())


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
