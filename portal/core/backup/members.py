"""The container of a backup: a plain tar of regular files, written and read in one pass in constant memory.

It is read by rules of its own and not by ``tarfile``: whatever is no regular file with a plain name is refused, and
nothing of the archive ever names a place on the disk by itself.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator

from portal.core.backup.errors import BackupError, BadArchive
from portal.core.backup.sealing import Sink, Source

BLOCK = 512
PIECE = 1 << 20
#: What the size field of this kind of tar can say.
LARGEST = 8**11 - 1
_END = bytes(2 * BLOCK)


class MemberWriter:
    """Adds members, one after the other."""

    def __init__(self, out: Sink, *, moment: int) -> None:
        self._out, self._moment = out, moment
        self._hash = hashlib.sha256()

    def add(self, name: str, data: bytes) -> None:
        """A member that is in memory."""
        self.add_pieces(name, len(data), [data])

    def add_pieces(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        """A member of a size known before; ``BackupError`` when it turns out to be another."""
        try:
            self._write(_header(name, size, self._moment))
        except ValueError:
            raise BackupError(f"{name} has too long a name, or too much in it, for an archive.") from None
        written = 0
        for piece in pieces:
            self._write(piece)
            written += len(piece)
        if written != size:
            raise BackupError(f"{name} changed while it was read; try again.")
        self._write(bytes(-size % BLOCK))

    def finish(self) -> None:
        """Writes the end of the archive."""
        self._write(_END)

    @property
    def digest(self) -> str:
        """The SHA-256 of all that was written so far."""
        return self._hash.hexdigest()

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._out.write(data)


class MemberReader:
    """Stands at a member, whose name and size are known and whose content is read at most once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        #: The SHA-256 of all that stands before this member.
        self.digest = ""
        self._left = self._padding = 0
        self.name: str | None = None
        self.size = 0
        self.advance()

    def advance(self) -> None:
        """Goes on to the next member; at the end ``name`` is None."""
        for _ in self.pieces():
            continue
        if any(self._take(self._padding)):
            raise BadArchive("something stands between two of its members")
        self._padding, self.digest = 0, self._hash.hexdigest()
        block = self._take(BLOCK)
        if block == _END[:BLOCK]:
            if self._take(BLOCK) != block or self._source.read(1):
                raise BadArchive("something follows its end")
            self.name, self.size = None, 0
            return
        try:
            entry = tarfile.TarInfo.frombuf(block, "ascii", "strict")
            plain = _header(entry.name, entry.size, int(entry.mtime)) == block
        except (tarfile.HeaderError, ValueError):
            plain = False
        if not plain:
            raise BadArchive("it holds something that is no plain file")
        self.name, self.size = entry.name, entry.size
        self._left, self._padding = entry.size, -entry.size % BLOCK

    def pieces(self) -> Iterator[bytes]:
        """The content, a piece at a time."""
        while self._left:
            piece = self._take(min(PIECE, self._left))
            self._left -= len(piece)
            yield piece

    def content(self, most: int) -> bytes:
        """The whole content; ``BadArchive`` when it is larger than ``most``."""
        if self.size > most:
            raise BadArchive(f"{self.name} is too large")
        return b"".join(self.pieces())

    def _take(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(data) != size:
            raise BadArchive("it ends too early")
        self._hash.update(data)
        return data


def _header(name: str, size: int, moment: int) -> bytes:
    """What stands before a member; ValueError when its name is too long or its size too large."""
    entry = tarfile.TarInfo(name)
    if not 0 <= size <= LARGEST:
        raise ValueError
    entry.size, entry.mtime, entry.mode = size, moment, 0o600
    return entry.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
