"""``flask backup``: all there is of an installation in one archive, and back again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from getpass import GetPassWarning
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_babel import force_locale
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from portal.commands.running import Lines, Refused, check_database, say
from portal.core import clock, database
from portal.core.backup import creating
from portal.core.backup.archive import Manifest
from portal.core.backup.creating import Installation
from portal.core.backup.errors import BackupError
from portal.core.backup.opening import open_archive
from portal.core.backup.sealing import SHORTEST_PASSPHRASE
from portal.extensions import db
from portal.installation import keys
from portal.installation import restore as restoring

group = click.Group("backup", help="Make, check and restore backups.")


def answering(command: Callable[..., Lines]) -> Callable[..., None]:
    """Runs a command that minds its own transactions; why it cannot be done is one sentence and exit code 2."""

    @with_appcontext
    @wraps(command)
    def run(**values: Any) -> None:
        try:
            with force_locale("en"):
                lines = command(**values)
        except BackupError as error:
            raise Refused(str(error)) from error
        say(lines)

    return run


@group.command("create")
@click.argument("path", metavar="PATH")
@click.option("--without-keys", is_flag=True, help="Leave the installation's keys out.")
@answering
def create(*, path: str, without_keys: bool) -> Lines:
    """Write all rows, files and keys to PATH. The portal may run meanwhile.

    PATH is a folder, in which the archive is named by its moment, or a new file whose name ends in .backup.

    The passphrase that encrypts the archive is asked for, or read from BACKUP_PASSPHRASE or BACKUP_PASSPHRASE_FILE.
    Without keys, and without a passphrase in these settings, the archive is not encrypted.
    """
    database.set_reading(True)
    check_database()
    db.session.remove()
    config, now = _config(), clock.now()
    place = _place(path, now)
    passphrase = config.backup_passphrase if without_keys else _passphrase(config, new=True)
    kept = {keys.SECRET: list(config.secret_keys), keys.FIELD: list(config.field_keys)}
    installation = Installation(config.mode, keys.field_checks(config), None if without_keys else kept)
    try:
        with database.snapshot(db.engine) as connection:
            made = creating.create(place, connection, installation, passphrase=passphrase, now=now)
    except SQLAlchemyError as error:
        raise BackupError(
            f"The database stopped answering ({type(error).__name__}); there is no archive."
        ) from error
    lines = [f"{place}: {_counted(made.manifest)}, read back and compared."]
    if passphrase is None:
        lines.append("It is not encrypted: whoever can read it sees your customers' data.")
    else:
        lines.append("It is encrypted; without the passphrase nobody can restore it.")
    if without_keys:
        where = config.secrets_dir
        lines.append(f"The keys are left out: keep {where}, or SECRET_KEYS and FIELD_KEYS, somewhere else.")
    else:
        lines.append("The keys are in it.")
    lines.append("Of Redis nothing is needed: work that waits is in the database.")
    if made.manifest.missing:
        say(lines)
        click.echo(_lost(made.manifest.missing), err=True)
        raise click.exceptions.Exit(1)
    return lines


@group.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@answering
def check(*, path: Path) -> Lines:
    """Read the archive at PATH to its end and compare every row and file with its digests."""
    with open_archive(path, lambda: _passphrase(_config())) as archive:
        read = archive.check()
    made_at = read.contents.made_at
    lines = [
        f"It is whole: {_counted(read.manifest)}, of {made_at:%d %B %Y, %H:%M} UTC.",
        "The keys are in it." if read.contents.has_keys else "The keys are not in it.",
    ]
    if read.manifest.missing:
        lines.append(_lost(read.manifest.missing))
    return lines


@group.command("restore")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--lose-encrypted-fields", is_flag=True, help="Restore although the keys of encrypted fields are lost."
)
@answering
def restore(*, path: Path, lose_encrypted_fields: bool) -> Lines:
    """Put the archive at PATH into an empty installation that is not running; all of it, or nothing.

    The database may be of the other kind than the one that was backed up.
    """
    config = _config()
    done = restoring.restore(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        config,
        path,
        lambda: _passphrase(config),
        lose_fields=lose_encrypted_fields,
        now=clock.now(),
    )
    return [
        f"Restored and compared: {_counted(done.manifest)}.",
        *done.notes,
        "Everybody is signed out. Work that was waiting goes on when Loket starts.",
        *([_lost(done.manifest.missing)] if done.manifest.missing else []),
    ]


def _config() -> Config:
    config: Config = current_app.config["LOKET"]
    return config


def _place(path: str, now: datetime) -> Path:
    """Where the archive is to be: in a folder under a name of its own, or the new file that is named.

    A folder that is not there is not made: it may be the place of a disk that is not mounted, and every night's
    archive would fill the one that is to be backed up. Nor is it taken for a file, which the second night finds.
    """
    if os.path.isdir(path):
        return Path(path) / f"loket-{now:%Y%m%d-%H%M%S}.backup"
    if path.endswith("/") or Path(path).suffix != ".backup":
        raise BackupError(
            f"{path} is no folder: make it with mkdir -p, or name a new file that ends in .backup."
        )
    return Path(path)


def _passphrase(config: Config, *, new: bool = False) -> str:
    """From the settings, else asked at the keyboard; as an option it would stand in the list of processes."""
    if config.backup_passphrase is not None:
        return config.backup_passphrase
    try:
        return _asked_new() if new else _asked("Passphrase")
    except (click.Abort, GetPassWarning):
        raise BackupError(
            "There is no passphrase: set BACKUP_PASSPHRASE or BACKUP_PASSPHRASE_FILE"
            + (", or leave the keys out with --without-keys." if new else ".")
        ) from None


def _asked_new() -> str:
    """A passphrase for a new archive, asked for until it is long enough."""
    while len(answer := _asked(f"Passphrase ({SHORTEST_PASSPHRASE} characters or more)", twice=True)) < (
        SHORTEST_PASSPHRASE
    ):
        click.echo(f"It is shorter than {SHORTEST_PASSPHRASE} characters; take a longer one.", err=True)
    return answer


def _asked(words: str, *, twice: bool = False) -> str:
    """An answer that is not shown; ``GetPassWarning`` where no terminal could hide it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        answer: str = click.prompt(words, hide_input=True, confirmation_prompt=twice, err=True)
    return answer


def _counted(manifest: Manifest) -> str:
    files = manifest.files
    return (
        f"{_number(len(manifest.tables), 'table')} with {_number(manifest.rows, 'row')},"
        f" {_number(files.count, 'file')} of {_number(files.size, 'byte')}"
    )


def _lost(count: int) -> str:
    are = "is" if count == 1 else "are"
    return (
        f"{_number(count, 'file')} that rows name {are} not in the folder of files;"
        " the archive's manifest names the first of them."
    )


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
