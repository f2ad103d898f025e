"""What stands in an archive and in which order, and the one reader that checks every row and every file of it.

contents.json                    when it was made, of which schema, with which tables and columns
tables/<table>/000001.jsonl.gz   rows, one line of JSON each, in parts
keys.json                        the installation's keys; only in a sealed archive
files/<key>                      the stored files, in the order of their keys
index/000001.jsonl.gz            key, size and SHA-256 of the files before it
manifest.json                    counts and SHA-256 of all tables and of the index
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from portal.core import storage
from portal.core.backup.errors import BackupError, BadArchive
from portal.core.backup.members import MemberReader, MemberWriter
from portal.core.backup.shapes import Shape
from portal.core.storage import BadKey

FORMAT, VERSION = "loket-backup", 1
#: Rows go out in parts of about this size; one part is in memory at a time.
PART = 4 << 20
#: No part is larger, whatever its rows hold; what unpacks to more is refused.
LARGEST_PART = 64 << 20
LARGEST_DESCRIPTION = 4 << 20
#: So many files are described by one part of the index.
GROUP = 1000
#: So many files that the database names and nobody has are called by name.
NAMED = 20


@dataclass(frozen=True)
class Contents:
    """What the archive is of. ``field_checks`` are texts, one for each field key, that no other key decrypts.

    ``sections`` are the revisions of the tables of packages, by the keys of their sections.
    """

    made_at: datetime
    mode: str
    revisions: tuple[str, ...]
    has_keys: bool
    field_checks: tuple[str, ...]
    tables: tuple[Shape, ...]
    sections: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> bytes:
        return _json(
            {
                "format": FORMAT,
                "version": VERSION,
                "made_at": self.made_at.isoformat(timespec="seconds"),
                "mode": self.mode,
                "revisions": self.revisions,
                "sections": self.sections,
                "has_keys": self.has_keys,
                "field_checks": self.field_checks,
                "tables": [table.as_json() for table in self.tables],
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Contents:
        value = _parsed(data, "contents.json")
        try:
            if value["format"] != FORMAT or type(value["version"]) is not int:
                raise ValueError
            if value["version"] > VERSION:
                raise BackupError(
                    "The archive was made by a newer Loket than this one; install that version."
                )
            tables = tuple(Shape.from_json(table) for table in value["tables"])
            if [table.name for table in tables] != sorted({table.name for table in tables}):
                raise ValueError
            return cls(
                made_at=datetime.fromisoformat(value["made_at"]),
                mode=str(value["mode"]),
                revisions=tuple(map(str, value["revisions"])),
                has_keys=value["has_keys"] is True,
                field_checks=tuple(map(str, value["field_checks"])),
                tables=tables,
                sections={
                    str(key): list(map(str, at)) for key, at in dict(value.get("sections", {})).items()
                },
            )
        except (KeyError, TypeError, ValueError):
            raise BadArchive("contents.json is not as Loket writes it") from None


@dataclass
class Total:
    """How many there are, how many bytes they have, and the SHA-256 of those bytes in order."""

    count: int = 0
    size: int = 0
    sha256: str = ""
    _hash: Any = field(default_factory=hashlib.sha256, repr=False, compare=False)

    def add(self, data: bytes, *, count: int, size: int | None = None) -> None:
        self.count += count
        self.size += len(data) if size is None else size
        self._hash.update(data)
        self.sha256 = self._hash.hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "size": self.size, "sha256": self.sha256 or self._hash.hexdigest()}


@dataclass
class Manifest:
    """Counts and digests of all there is; ``missing`` counts files that the database names and nobody has.

    ``archive`` is the digest of everything that stands before the manifest in the archive.
    """

    tables: dict[str, Total] = field(default_factory=dict)
    files: Total = field(default_factory=Total)
    missing: int = 0
    missing_names: list[str] = field(default_factory=list)
    archive: str = ""

    @property
    def rows(self) -> int:
        return sum(total.count for total in self.tables.values())

    def as_json(self) -> bytes:
        return _json(
            {
                "tables": {name: total.as_json() for name, total in self.tables.items()},
                "files": self.files.as_json(),
                "missing_files": self.missing_as_json(),
                "archive": self.archive,
            }
        )

    def missing_as_json(self) -> dict[str, Any]:
        return {"count": self.missing, "first": self.missing_names}


@dataclass(frozen=True)
class FileEntry:
    """One stored file in the index."""

    key: str
    size: int
    sha256: str

    def line(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"


class ArchiveWriter:
    """Writes the parts in their order and counts along."""

    def __init__(self, members: MemberWriter, contents: Contents) -> None:
        self.manifest = Manifest()
        self._members = members
        self._group: list[FileEntry] = []
        self._groups = 0
        members.add("contents.json", contents.as_json())

    def table(self, shape: Shape, lines: Iterable[bytes]) -> None:
        """All rows of a table; memory holds one part of them."""
        total = self.manifest.tables[shape.name] = Total()
        for number, (part, count) in enumerate(_parts(lines), start=1):
            if len(part) > LARGEST_PART:
                raise BackupError(f"A row of {shape.name} is larger than an archive can hold.")
            self._members.add(f"tables/{shape.name}/{number:06}.jsonl.gz", _packed(part))
            total.add(part, count=count)

    def keys(self, keys: dict[str, list[str]]) -> None:
        self._members.add("keys.json", _json(keys))

    def file(self, key: str, size: int, pieces: Iterable[bytes]) -> None:
        """A stored file; call ``files_end`` after the last."""
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in pieces:
                digest.update(piece)
                yield piece

        self._members.add_pieces(f"files/{key}", size, hashed())
        self._group.append(FileEntry(key, size, digest.hexdigest()))
        if len(self._group) == GROUP:
            self.files_end()

    def files_end(self) -> None:
        if not self._group:
            return
        self._groups += 1
        self._members.add(f"index/{self._groups:06}.jsonl.gz", _packed(_index(self._group)))
        count_files(self.manifest.files, self._group)
        self._group = []

    def finish(self) -> None:
        self._members.add("missing.json", _json(self.manifest.missing_as_json()))
        self.manifest.archive = self._members.digest
        self._members.add("manifest.json", self.manifest.as_json())
        self._members.finish()


class Taker(Protocol):
    """What is done with an archive while it is read; everything is also checked by the reader."""

    def rows(self, shape: Shape, rows: list[list[Any]]) -> None: ...

    def file(self, key: str, pieces: Iterator[bytes]) -> None: ...

    def files(self, group: list[FileEntry]) -> None: ...


class Checker:
    """Takes nothing: reading alone is the check."""

    def rows(self, shape: Shape, rows: list[list[Any]]) -> None:
        """Their lines were parsed, which is all there is to see."""

    def file(self, key: str, pieces: Iterator[bytes]) -> None:
        for _ in pieces:
            continue

    def files(self, group: list[FileEntry]) -> None:
        """Compared by the reader."""


@dataclass(frozen=True)
class Read:
    """An archive that was read to its end and is whole. ``identity`` tells it from every other one."""

    contents: Contents
    manifest: Manifest
    keys: dict[str, list[str]]
    identity: str


def read(members: MemberReader, taker: Taker) -> Read:
    """Reads all of it once, in constant memory. Raises ``BadArchive`` for whatever is not as it was written."""
    contents = Contents.from_json(_described(members, "contents.json"))
    found = Manifest()
    for shape in contents.tables:
        found.tables[shape.name] = _read_table(members, shape, taker)
    keys: dict[str, list[str]] = {}
    if contents.has_keys:
        keys = _keys(_described(members, "keys.json"))
    _read_files(members, found.files, taker)
    found.missing, found.missing_names = _missing(_described(members, "missing.json"))
    found.archive = members.digest
    described = _described(members, "manifest.json")
    if members.name is not None:
        raise BadArchive(f"{members.name} does not belong there")
    if described != found.as_json():
        raise BadArchive("its rows and files are not those of its manifest")
    return Read(contents, found, keys, hashlib.sha256(described).hexdigest())


def _read_table(members: MemberReader, shape: Shape, taker: Taker) -> Total:
    total, number = Total(), 1
    while members.name == f"tables/{shape.name}/{number:06}.jsonl.gz":
        part = _unpacked(members)
        if not part.endswith(b"\n"):
            raise BadArchive(f"{members.name} ends within a row")
        rows = [shape.row(line) for line in part[:-1].split(b"\n")]
        total.add(part, count=len(rows))
        taker.rows(shape, rows)
        members.advance()
        number += 1
    return total


def _read_files(members: MemberReader, total: Total, taker: Taker) -> None:
    """Files in the order of their keys, so that none comes twice, and after each group its index."""
    last, number = "", 1
    group: list[FileEntry] = []
    while members.name is not None and members.name.startswith("files/"):
        key = members.name.removeprefix("files/")
        try:
            storage.checked(key)
        except BadKey:
            raise BadArchive("a file in it has a name that Loket never gives") from None
        if key <= last or len(group) == GROUP:
            raise BadArchive("its files are not in order")
        last, digest = key, hashlib.sha256()

        def hashed(digest: Any = digest) -> Iterator[bytes]:
            for piece in members.pieces():
                digest.update(piece)
                yield piece

        size = members.size
        taker.file(key, hashed())
        group.append(FileEntry(key, size, digest.hexdigest()))
        members.advance()
        if members.name == f"index/{number:06}.jsonl.gz":
            if _unpacked(members) != _index(group):
                raise BadArchive("its files are not those of its index")
            members.advance()
            taker.files(group)
            count_files(total, group)
            group, number = [], number + 1
    if group:
        raise BadArchive("its last files have no index")


def count_files(total: Total, group: list[FileEntry]) -> None:
    """Adds the entries of a group to the total of all files."""
    total.add(_index(group), count=len(group), size=sum(entry.size for entry in group))


def _missing(data: bytes) -> tuple[int, list[str]]:
    value = _parsed(data, "missing.json")
    if type(value.get("count")) is not int or not isinstance(value.get("first"), list):
        raise BadArchive("missing.json is not as Loket writes it")
    return value["count"], [str(name) for name in value["first"]]


def _keys(data: bytes) -> dict[str, list[str]]:
    value = _parsed(data, "keys.json")
    if not all(
        isinstance(keys, list) and all(isinstance(key, str) for key in keys) for keys in value.values()
    ):
        raise BadArchive("keys.json is not as Loket writes it")
    return value


def _described(members: MemberReader, name: str) -> bytes:
    if members.name != name:
        raise BadArchive(f"{name} is not where it belongs")
    data = members.content(LARGEST_DESCRIPTION)
    members.advance()
    return data


def _parts(lines: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    part, count = bytearray(), 0
    for line in lines:
        part += line
        count += 1
        if len(part) >= PART:
            yield bytes(part), count
            part, count = bytearray(), 0
    if count:
        yield bytes(part), count


def _index(group: list[FileEntry]) -> bytes:
    return b"".join(entry.line() for entry in group)


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


def _unpacked(members: MemberReader) -> bytes:
    """A part without its packing, which says nothing of how large it will be until it is unpacked."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(members.content(LARGEST_PART), LARGEST_PART + 1)
    except zlib.error:
        raise BadArchive(f"{members.name} cannot be unpacked") from None
    if len(data) > LARGEST_PART:
        raise BadArchive(f"{members.name} is too large")
    if not unpacker.eof or unpacker.unused_data:
        raise BadArchive(f"{members.name} cannot be unpacked")
    return data


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BadArchive(f"{name} is no JSON") from None
    if not isinstance(value, dict):
        raise BadArchive(f"{name} is not as Loket writes it")
    return value
