"""The mark of a restore that has begun and not ended: until it is gone the installation does not start."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from portal.core.backup.errors import BackupError

NAME = "restore-unfinished"
SENTENCE = (
    "A restore into this installation has not ended:"
    " run `.venv/bin/flask backup restore` with the same archive again."
)


@dataclass(frozen=True)
class Mark:
    """Which archive is being restored, and whether its rows and files are all in place."""

    archive: str
    is_written: bool


def is_there(data_dir: Path) -> bool:
    """Has a restore not ended?"""
    return (data_dir / NAME).exists()


def find(data_dir: Path) -> Mark | None:
    """The mark, if there is one."""
    try:
        value = json.loads((data_dir / NAME).read_text(encoding="utf-8"))
        return Mark(str(value["archive"]), value["is_written"] is True)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise BackupError(
            f"{data_dir / NAME} cannot be read; empty the installation and restore again."
        ) from None


def put(data_dir: Path, mark: Mark) -> None:
    """Writes it, whole and on the disk before anything else happens."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = data_dir / f".{NAME}.part"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(asdict(mark), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, data_dir / NAME)
    _sync(data_dir)


def remove(data_dir: Path) -> None:
    """The restore has ended."""
    (data_dir / NAME).unlink(missing_ok=True)
    _sync(data_dir)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
