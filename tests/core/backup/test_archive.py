"""An archive: what was written is read back, and whatever was damaged, cut, added or made by a stranger is refused."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest

from portal.core.backup import archive, sealing
from portal.core.backup.archive import ArchiveWriter, Checker, Contents, FileEntry, Read, read
from portal.core.backup.errors import BackupError, BadArchive, WrongPassphrase
from portal.core.backup.members import MemberReader, MemberWriter
from portal.core.backup.sealing import HEADER, PIECE, TAG, Opener, Sealer
from portal.core.backup.shapes import Shape
from tests.services import IN_TURN

# As in tests/backups.py: the key of an archive is made once for each.
sealing._derive = cache(sealing._derive)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KINDS = ("integer", "text", "boolean", "moment", "date", "json", "bytes")
THINGS = Shape("things", tuple((f"a_{kind}", kind) for kind in KINDS), ("a_integer",))
ROWS: list[list[Any]] = [
    [
        1,
        "Zoë 🥐 \x00 \u2028\r\n",
        True,
        NOON.replace(microsecond=1),
        date(2026, 2, 28),
        '{"b": 1, "a": [1.0]}',
        b"",
    ],
    [2**63 - 1, "", False, datetime(1, 1, 1, tzinfo=UTC), date(1, 1, 1), "null", bytes(range(256))],
    [-(2**63), None, None, None, None, None, None],
]
PASSPHRASE = "four quiet green boats"


class Collector(Checker):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.all_rows: list[list[Any]] = []
        self.all_files: dict[str, bytes] = {}
        self.entries: list[FileEntry] = []

    def rows(self, shape: Shape, rows: list[list[Any]]) -> None:
        self.all_rows += rows

    def file(self, key: str, pieces: Iterator[bytes]) -> None:
        self.all_files[key] = b"".join(pieces)

    def files(self, group: list[FileEntry]) -> None:
        self.entries += group


def contents(**changes: Any) -> Contents:
    values: dict[str, Any] = {
        "made_at": NOON,
        "mode": "serve",
        "revisions": ("0001",),
        "has_keys": False,
        "field_checks": (),
        "tables": (THINGS,),
    }
    return Contents(**{**values, **changes})


FILES = {
    "a-b.txt": b"before a/",
    "a/one.pdf": b"%PDF one",
    "a/two.pdf": b"",
    "shops/1/logo.png": b"\x89PNG" * 300,
}


def plain(**changes: Any) -> bytes:
    """An archive as Loket writes it."""
    out = io.BytesIO()
    writer = ArchiveWriter(MemberWriter(out, moment=0), contents(**changes))
    writer.table(THINGS, (THINGS.line(row) for row in ROWS))
    for key, data in FILES.items():
        writer.file(key, len(data), [data])
    writer.files_end()
    writer.finish()
    return out.getvalue()


def read_bytes(data: bytes, taker: Checker | None = None) -> Read:
    return read(MemberReader(io.BytesIO(data)), taker or Checker())


def sealed(data: bytes) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, PASSPHRASE)
    sealer.write(data)
    sealer.finish()
    return out.getvalue()


def opened(data: bytes) -> bytes:
    opener = Opener(io.BytesIO(data), PASSPHRASE)
    return b"".join(iter(lambda: opener.read(100_000), b""))


def test_what_was_written_is_read_exactly() -> None:
    taken = Collector()
    found = read_bytes(plain(), taken)
    assert taken.all_rows == ROWS
    assert [list(map(type, row)) for row in taken.all_rows] == [list(map(type, row)) for row in ROWS]
    assert taken.all_files == FILES
    assert [entry.key for entry in taken.entries] == list(FILES)
    assert (found.manifest.rows, found.manifest.files.count) == (3, 4)
    assert found.manifest.files.size == sum(map(len, FILES.values()))
    assert found.contents == contents()


def test_the_usual_tool_reads_it_too() -> None:
    with tarfile.open(fileobj=io.BytesIO(plain())) as tar:
        names = tar.getnames()
        assert names[0] == "contents.json" and names[-1] == "manifest.json"
        part = tar.extractfile("tables/things/000001.jsonl.gz")
        assert part is not None
        lines = gzip.decompress(part.read()).splitlines(keepends=True)
        assert json.loads(lines[1])[0] == 2**63 - 1
        assert {member.mode for member in tar.getmembers()} == {0o600}


def test_many_rows_and_files_go_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PART", 100)
    monkeypatch.setattr(archive, "GROUP", 2)
    taken = Collector()
    data = plain()
    read_bytes(data, taken)
    assert (taken.all_rows, taken.all_files) == (ROWS, FILES)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [n for n in tar.getnames() if n.startswith("index/")] == [
            "index/000001.jsonl.gz",
            "index/000002.jsonl.gz",
        ]
        assert sum(n.startswith("tables/") for n in tar.getnames()) == 3


def test_one_wrong_byte_anywhere_is_found() -> None:
    """Every byte in the soak, every third in `make test`."""
    data = plain()
    chance = random.Random(1)
    for place in range(0, len(data), 1 if IN_TURN == ["postgres"] else 3):
        damaged = bytearray(data)
        damaged[place] ^= 1 << chance.randrange(8)
        with pytest.raises(BackupError):
            read_bytes(bytes(damaged))


def test_an_archive_that_was_cut_or_goes_on_is_refused() -> None:
    data = plain()
    for size in {0, 1, 511, 512, 1024, len(data) - 1024, len(data) - 1, *range(0, len(data), 97)}:
        with pytest.raises(BadArchive):
            read_bytes(data[:size])
    for more in (b"x", bytes(512), data):
        with pytest.raises(BadArchive):
            read_bytes(data + more)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_is_sealed_opens_again(size: int) -> None:
    data = random.Random(size).randbytes(size)
    closed = sealed(data)
    assert opened(closed) == data
    assert size < 1000 or data[:1000] not in closed


def test_two_archives_under_one_passphrase_have_nothing_in_common() -> None:
    assert sealed(b"same" * 100)[HEADER:] != sealed(b"same" * 100)[HEADER:]


def test_another_passphrase_is_called_wrong_at_once() -> None:
    with pytest.raises(WrongPassphrase):
        Opener(io.BytesIO(sealed(b"text")), PASSPHRASE + "!")


def test_the_same_words_from_another_keyboard_are_the_same_passphrase() -> None:
    out = io.BytesIO()
    Sealer(out, "cafe\u0301 au lait au zinc").finish()
    assert Opener(io.BytesIO(out.getvalue()), "caf\u00e9 au lait au zinc").read(1) == b""


def test_pieces_cannot_be_taken_away_swapped_or_repeated() -> None:
    closed = sealed(random.Random(1).randbytes(3 * PIECE))
    head, whole = closed[:HEADER], PIECE + TAG
    pieces = [closed[at : at + whole] for at in range(HEADER, len(closed), whole)]
    assert len(pieces) == 3
    one, two, three = pieces
    for wrong in (
        [one, two],
        [one, three],
        [two, one, three],
        [one, two, two, three],
        [one, two, three, three],
        [],
    ):
        with pytest.raises(BadArchive):
            assert opened(head + b"".join(wrong)) is None
    for place in (HEADER, HEADER + whole, len(closed) - 1):
        with pytest.raises(BadArchive):
            opened(closed[:place] + bytes([closed[place] ^ 1]) + closed[place + 1 :])


def _member(name: str, data: bytes = b"", **fields: Any) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict") + data + bytes(-len(data) % 512)


def _with_member(member: bytes) -> bytes:
    """An archive that a stranger put something into, before its files."""
    data = plain()
    place = data.index(b"files/a-b.txt")
    return data[:place] + member + data[place:]


@pytest.mark.parametrize(
    "member",
    [
        _member("files/../../etc/cron.d/x", b"x"),
        _member("files//etc/passwd", b"x"),
        _member("files/.hidden", b"x"),
        _member("files/a/./b", b"x"),
        _member("files/C:\\x", b"x"),
        _member("/etc/passwd", b"x"),
        _member("../x", b"x"),
        _member("files/link", type=tarfile.SYMTYPE, linkname="/etc"),
        _member("files/link", type=tarfile.LNKTYPE, linkname="contents.json"),
        _member("files/folder", type=tarfile.DIRTYPE),
        _member("files/device", type=tarfile.CHRTYPE),
        _member("files/pipe", type=tarfile.FIFOTYPE),
        _member("files/sparse", type=tarfile.GNUTYPE_SPARSE),
        _member("x", b"30 path=files/../../../x\n", type=tarfile.XHDTYPE),
        _member("././@LongLink", b"files/../../x\0", type=tarfile.GNUTYPE_LONGNAME),
        _member("files/a", b"no index"),
        _member("notes.txt", b"x"),
    ],
    ids=lambda member: member[:40].rstrip(b"\0").decode(errors="replace"),
)
def test_a_stranger_s_member_is_refused_and_nothing_of_it_taken(member: bytes) -> None:
    taken = Collector()
    with pytest.raises(BadArchive):
        read_bytes(_with_member(member), taken)
    assert set(taken.all_files) <= {"a", *FILES}, "only a name that Loket could have given is ever handed on"


def _made_of(*members: tuple[str, bytes], **changes: Any) -> bytes:
    """An archive whose beginning is right and whose members are whatever a stranger likes."""
    out = io.BytesIO()
    writer = MemberWriter(out, moment=0)
    writer.add("contents.json", contents(**changes).as_json())
    for name, data in members:
        writer.add(name, data)
    writer.finish()
    return out.getvalue()


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_PART", 1 << 20)
    bomb = gzip.compress(bytes(64 << 20))
    assert len(bomb) < 100_000
    with pytest.raises(BadArchive, match="too large"):
        read_bytes(_made_of(("tables/things/000001.jsonl.gz", bomb)))
    with pytest.raises(BadArchive, match="too large"):
        read_bytes(_made_of(("tables/things/000001.jsonl.gz", bytes((1 << 20) + 1))))


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 200_000 + b"\n",
        b"9" * 5000 + b"\n",
        b"{}\n",
        b"[1]\n",
        b"\xff\n",
        b'["1","",true,null,null,null,null]\n',
        b"[true,null,null,null,null,null,null]\n",
        b"[9223372036854775808,null,null,null,null,null,null]\n",
        b"[1.0,null,null,null,null,null,null]\n",
        b"[1,2,null,null,null,null,null]\n",
        b"[1,null,1,null,null,null,null]\n",
        b'[1,null,null,"yesterday",null,null,null]\n',
        b'[1,null,null,"2026-11-23T12:00:00.000000",null,null,null]\n',
        b'[1,null,null,null,"2026-02-30",null,null]\n',
        b"[1,null,null,null,null,{},null]\n",
        b'[1,null,null,null,null,null,"?"]\n',
        b"[1,null,null,null,null,null,null]",
    ],
)
def test_a_row_that_loket_would_not_write_is_refused(line: bytes) -> None:
    with pytest.raises(BadArchive):
        read_bytes(_made_of(("tables/things/000001.jsonl.gz", gzip.compress(line))))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(format="zip"),
        lambda c: c.update(version="1"),
        lambda c: c.update(made_at="yesterday"),
        lambda c: c.update(tables=None),
        lambda c: c.pop("mode"),
        lambda c: c["tables"][0].update(name='things"; DROP TABLE shops; --'),
        lambda c: c["tables"][0]["columns"].append(["a) VALUES (1); --", "text"]),
        lambda c: c["tables"][0]["columns"].append(["b", "pickle"]),
        lambda c: c["tables"][0]["columns"].append(["a_text", "text"]),
        lambda c: c["tables"][0].update(order=["another"]),
        lambda c: c["tables"].append(c["tables"][0]),
    ],
)
def test_contents_that_loket_would_not_write_are_refused(change: Callable[[Any], Any]) -> None:
    value = json.loads(contents().as_json())
    change(value)
    out = io.BytesIO()
    MemberWriter(out, moment=0).add("contents.json", json.dumps(value).encode())
    with pytest.raises(BadArchive):
        read_bytes(out.getvalue() + bytes(1024))


def test_a_newer_format_says_so() -> None:
    value = {**json.loads(contents().as_json()), "version": archive.VERSION + 1}
    out = io.BytesIO()
    MemberWriter(out, moment=0).add("contents.json", json.dumps(value).encode())
    with pytest.raises(BackupError, match="newer Loket"):
        read_bytes(out.getvalue() + bytes(1024))


def test_a_file_that_changes_while_it_is_read_stops_the_backup() -> None:
    writer = ArchiveWriter(MemberWriter(io.BytesIO(), moment=0), contents())
    with pytest.raises(BackupError, match="changed while it was read"):
        writer.file("a.txt", 5, [b"four"])
