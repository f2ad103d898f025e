"""Files of the portal under keys in one local folder, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

from flask import current_app
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

#: A key is a path of plain names: no traversal, nothing hidden, nothing a file system treats specially.
_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*(\.[A-Za-z0-9]+)*")
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
#: So that every key also fits into an archive: its last name, and all of it.
_LONGEST_NAME, _LONGEST_KEY = 90, 140
#: What ``put`` writes before it is whole, and for how long nobody is waited for who writes no more.
_UNFINISHED = re.compile(r".*\.[0-9a-f]{16}\.part", re.DOTALL)
UNFINISHED = timedelta(hours=6)


class BadKey(ValueError):
    """A key that does not name a place inside the folder."""


def content_key(prefix: str, data: bytes, ext: str) -> str:
    """The key of ``data`` under ``prefix``: the same bytes get the same key. ``prefix`` names the shop."""
    if not _EXTENSION.fullmatch(ext):
        raise BadKey(f"{ext!r} is no file extension")
    digest = hashlib.sha256(data).hexdigest()
    return checked(f"{prefix}/{digest[:2]}/{digest}.{ext}")


def put(key: str, data: bytes) -> str:
    """Stores ``data`` under ``key``, the answer; after a crash there is the whole file or the one before."""
    with writing(key) as file:
        file.write(data)
    return key


@contextmanager
def writing(key: str) -> Iterator[BinaryIO]:
    """A file to write in pieces, which is under ``key`` once it is whole; after an error nothing of it stays."""
    files = _files()
    temporary = f"{checked(key)}.{secrets.token_hex(8)}.part"
    try:
        with files.open(temporary, "wb") as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(_path(temporary), _path(key))
    except BaseException:
        if files.exists(temporary):
            files.rm_file(temporary)
        raise
    _sync_folder(_path(key).parent)


def remove_unfinished(*, now: datetime) -> int:
    """Removes what killed processes left unfinished hours ago; answers how many files. For the daily run."""
    before = (now - UNFINISHED).timestamp()
    removed = 0
    for path in _folder().rglob("*.part"):
        # Its writer may finish it, or another run remove it, in this very moment.
        with contextlib.suppress(FileNotFoundError):
            if _UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed


def get(key: str) -> bytes:
    """The bytes under ``key``; raises FileNotFoundError."""
    return cast(bytes, _files().cat_file(checked(key)))


def open_(key: str) -> BinaryIO:
    """The file under ``key`` for reading in pieces; the caller closes it. Raises FileNotFoundError."""
    return cast(BinaryIO, _files().open(checked(key), "rb"))


def exists(key: str) -> bool:
    """Whether there is a file under ``key``."""
    return bool(_files().isfile(checked(key)))


def delete(key: str) -> None:
    """Removes the file under ``key``; nothing happens when there is none."""
    if exists(key):
        _files().rm_file(key)


def walk() -> Iterator[str]:
    """The keys of all files, in order; memory holds the names of one folder at each level."""
    return _walk(_folder(), "")


def checked(key: str) -> str:
    """The key itself; raises BadKey for one that does not name a place inside the folder."""
    fits = len(key) <= _LONGEST_KEY and len(key.rpartition("/")[2]) <= _LONGEST_NAME
    if not fits or not _KEY.fullmatch(key):
        raise BadKey(f"{key!r} is no key of a stored file")
    return key


def _files() -> DirFileSystem:
    return DirFileSystem(path=str(_folder()), fs=LocalFileSystem(auto_mkdir=True))


def _folder() -> Path:
    return Path(current_app.config["FILES_DIR"])


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    # A folder's name is compared with the stroke that follows it, or the keys would not be in order.
    for name in sorted(f"{each.name}/" if each.is_dir() else each.name for each in entries):
        if name.endswith("/"):
            yield from _walk(folder / name, prefix + name)
        elif not _UNFINISHED.fullmatch(name) and _KEY.fullmatch(prefix + name):
            yield prefix + name


def _path(key: str) -> Path:
    return _folder() / key


def _sync_folder(folder: Path) -> None:
    """A rename is only safe once its folder is written, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
