"""Restoring an archive into an empty installation: all of it or nothing, and whoever is killed on the way begins again.

The order is what makes it safe. The archive is read and compared first. A mark says that a restore has begun; from then
on nothing starts here. The tables are made as they were, files and keys are put in place, and last of all one commit
brings the rows. Killed before it, the database is empty and what else lies around is cleared by the next try; killed
after it, the next try finds the rows of the archive in place and only ends what was left: newer tables, sessions, mark.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from portal.core import database, sessions, storage, tenancy
from portal.core.backup import loading, marker
from portal.core.backup.archive import Manifest, Read
from portal.core.backup.errors import BackupError
from portal.core.backup.marker import Mark
from portal.core.backup.opening import Archive, open_archive
from portal.extensions import db
from portal.installation import database as schema
from portal.installation import keys, lock
from portal.installation.supervisor import StartFailed


@dataclass(frozen=True)
class Restored:
    """What was put in place; ``notes`` are sentences about keys that could not be."""

    manifest: Manifest
    notes: list[str]


def restore(
    app: Flask,
    config: Config,
    path: Path,
    ask_passphrase: Callable[[], str],
    *,
    lose_fields: bool,
    now: datetime,
) -> Restored:
    """Restores the archive at ``path``. Needs an application context and commits; raises ``BackupError``."""
    database.set_reading(False)
    try:
        with _alone(config), open_archive(path, ask_passphrase) as archive:
            return _Restore(app, config, archive, lose_fields=lose_fields, now=now).run()
    except StartFailed as failed:
        raise BackupError(str(failed)) from failed
    except SQLAlchemyError as error:
        # The first line only: those that follow repeat what stands in rows.
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise BackupError(f"The database cannot be used ({reason}).") from error
    except OSError as error:
        raise BackupError(f"The installation cannot be written: {error.strerror}.") from error


@contextlib.contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Nothing starts meanwhile, and nothing is running."""
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = lock.take(config.data_dir, patience=2)
    try:
        yield
    finally:
        os.close(held)


class _Restore:
    """One restore, step by step."""

    def __init__(
        self, app: Flask, config: Config, archive: Archive, *, lose_fields: bool, now: datetime
    ) -> None:
        self.app, self.config, self.archive = app, config, archive
        self.lose_fields, self.now = lose_fields, now
        # Asked before anything is written: afterwards the files hold more than the settings that were read from them.
        self.kept = {name for name in (keys.SECRET, keys.FIELD) if keys.are_kept(config, name)}

    def run(self) -> Restored:
        begun = marker.find(self.config.data_dir)
        if begun is None:
            self._refuse_unless_empty()
        read = self.archive.check()
        self._refuse_misfit(read)
        if begun is None or not self._is_written(begun, read):
            self._write(read)
        marker.put(self.config.data_dir, Mark(read.identity, is_written=True))
        schema.migrate(self.app, self.config)
        # Somebody may have signed out, or been signed out, after the backup was made.
        with tenancy.every_shop():
            sessions.end_everywhere(now=self.now)
            db.session.commit()
        marker.remove(self.config.data_dir)
        return Restored(read.manifest, self._notes_on_keys(read))

    def _refuse_unless_empty(self) -> None:
        if next(storage.walk(), None) is not None:
            raise BackupError(f"The installation is not empty: there are files in {self.config.files_dir}.")
        path = self.config.sqlite_path
        if path is not None and not path.exists():
            return
        with database.snapshot(db.engine) as connection:
            name = loading.first_with_rows(connection)
        db.engine.dispose()
        if name is not None:
            raise BackupError(f"The installation is not empty: there are rows in {name}.")

    def _refuse_misfit(self, read: Read) -> None:
        contents = read.contents
        if contents.mode != self.config.mode:
            raise BackupError(
                f"The archive is of an installation in the mode {contents.mode}, this one is in {self.config.mode}: "
                "set LOKET_MODE, or use another INSTANCE_DIR."
            )
        for revision in contents.revisions:
            if not schema.is_known(self.app, None, revision):
                raise BackupError(
                    f"The archive was made by a newer Loket (its database is at {revision}, unknown to this one); "
                    "install that version."
                )
        for key, revisions in contents.sections.items():
            for revision in revisions:
                if not schema.is_known(self.app, key, revision):
                    raise BackupError(
                        f"The archive holds the tables of a section {key} as its package makes them (at {revision}), "
                        "which is not installed here, or an older one: install that version first."
                    )
        self._refuse_lost_fields(read)

    def _refuse_lost_fields(self, read: Read) -> None:
        there = self._field_keys_afterwards(read)
        if self.lose_fields or all(keys.fit(check, there) for check in read.contents.field_checks):
            return
        # Nothing was encrypted here yet, so the next start takes the right keys once somebody puts them there.
        keys.forget_check(self.config)
        raise BackupError(
            "The archive holds fields encrypted with keys that are neither in it nor here: put them in "
            f"{self.config.secrets_dir / keys.FIELD} or FIELD_KEYS, or give --lose-encrypted-fields to do without."
        )

    def _field_keys_afterwards(self, read: Read) -> tuple[str, ...]:
        if keys.FIELD in self.kept:
            return (*read.keys.get(keys.FIELD, ()), *self.config.field_keys)
        return self.config.field_keys

    def _refuse_without_room(self, manifest: Manifest) -> None:
        needed = manifest.files.size
        if self.config.sqlite_path is not None:
            # Once in the write-ahead log and once in the file.
            needed += 2 * sum(total.size for total in manifest.tables.values())
        free = shutil.disk_usage(self.config.data_dir).free
        if needed > free:
            raise BackupError(f"The archive needs {needed:,} bytes of the disk, and {free:,} are free.")

    def _is_written(self, begun: Mark, read: Read) -> bool:
        """Was the former try killed after its rows were committed? Raises when something else is in the database."""
        if begun.is_written and begun.archive != read.identity:
            raise BackupError(
                "Another archive was restored into this installation and is not ended yet: give that one."
            )
        if begun.is_written:
            return True
        path = self.config.sqlite_path
        if path is not None and not path.exists():
            return False
        with database.snapshot(db.engine) as connection:
            name = loading.first_with_rows(connection)
            same = name is not None and loading.equals(connection, read.contents.tables, read.manifest)
        db.engine.dispose()
        if name is not None and not same:
            raise BackupError(f"The installation is not empty: there are rows in {name}.")
        return same

    def _write(self, read: Read) -> None:
        marker.put(self.config.data_dir, Mark(read.identity, is_written=False))
        committing = False
        try:
            loading.clear(self.config.files_dir)
            self._refuse_without_room(read.manifest)  # after the remains of a former try have made some
            wanted: dict[str | None, Sequence[str]] = {None: read.contents.revisions}
            wanted.update(read.contents.sections)
            schema.remake(self.app, self.config, wanted)
            with loading.connected(db.engine.url) as connection:
                self._load(read, loading.Loader(connection, read.contents.tables, self.config.files_dir))
                self._put_keys(read)
                committing = True
                connection.commit()
        except BaseException:
            # A commit whose answer is lost may have happened: then the mark stays, and the next try finds out.
            if not committing:
                loading.clear(self.config.files_dir)
                marker.remove(self.config.data_dir)
            raise
        finally:
            db.engine.dispose()

    def _load(self, read: Read, loader: loading.Loader) -> None:
        again = self.archive.read(loader)
        if again.identity != read.identity:
            raise BackupError("The archive changed while it was read; nothing was restored.")
        loader.finish(read.manifest)

    def _put_keys(self, read: Read) -> None:
        for name in (keys.SECRET, keys.FIELD):
            if name in read.keys and name in self.kept:
                keys.put_in_front(self.config, name, tuple(read.keys[name]))
        fitting = [
            check
            for check in read.contents.field_checks
            if keys.fit(check, self._field_keys_afterwards(read))
        ]
        if fitting:
            keys.set_check(self.config, fitting[0])

    def _notes_on_keys(self, read: Read) -> list[str]:
        notes = []
        if not read.contents.has_keys:
            notes.append(
                "The archive has no keys in it. Links that were mailed before work only with the former SECRET_KEYS."
            )
        elif keys.SECRET not in self.kept and not set(read.keys.get(keys.SECRET, ())) <= set(
            self.config.secret_keys
        ):
            notes.append(
                "SECRET_KEYS is set and lacks keys of the archive: links that were mailed before do not work."
            )
        if not all(
            keys.fit(check, self._field_keys_afterwards(read)) for check in read.contents.field_checks
        ):
            notes.append("Some encrypted fields cannot be read: their keys are lost.")
        return notes
