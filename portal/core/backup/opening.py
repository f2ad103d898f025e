"""Opening an archive, sealed or not, to read it as often as it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from portal.core.backup.archive import Checker, Read, Taker, read
from portal.core.backup.errors import BackupError
from portal.core.backup.members import MemberReader
from portal.core.backup.sealing import MAGIC, Opener


class Archive:
    """An open archive."""

    def __init__(self, file: BinaryIO, passphrase: str | None) -> None:
        self._file, self._passphrase = file, passphrase

    @property
    def is_sealed(self) -> bool:
        return self._passphrase is not None

    def check(self) -> Read:
        """Reads all of it and compares every digest; raises ``BadArchive``."""
        return self.read(Checker())

    def read(self, taker: Taker) -> Read:
        """Reads it from its beginning, and hands its rows and files to ``taker``."""
        self._file.seek(0)
        sealed = self._passphrase is not None
        return read(MemberReader(Opener(self._file, self._passphrase or "") if sealed else self._file), taker)


@contextlib.contextmanager
def open_archive(path: Path, ask_passphrase: Callable[[], str]) -> Iterator[Archive]:
    """The archive at ``path``; the passphrase is asked for when it needs one."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        try:
            sealed = file.read(len(MAGIC)) == MAGIC
        except OSError as error:  # a folder opens and does not read
            raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
        yield Archive(file, ask_passphrase() if sealed else None)
