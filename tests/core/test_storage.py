"""Stored files: whole or not at all, and never outside the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from portal.core import clock, storage
from portal.core.storage import BadKey


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    app = Flask(__name__)
    app.config["FILES_DIR"] = tmp_path / "files"
    with app.app_context():
        yield tmp_path / "files"


def test_what_is_put_is_there_under_its_key(folder: Path) -> None:
    key = storage.put("shops/1/invoices/2026-0001.pdf", b"%PDF")
    assert key == "shops/1/invoices/2026-0001.pdf"
    assert storage.exists(key)
    assert storage.get(key) == b"%PDF"
    with storage.open_(key) as file:
        assert file.read(2) == b"%P"
    assert (folder / key).read_bytes() == b"%PDF"


def test_a_second_put_replaces_the_first(folder: Path) -> None:
    storage.put("a/b.txt", b"one")
    storage.put("a/b.txt", b"two")
    assert storage.get("a/b.txt") == b"two"
    assert [path.name for path in (folder / "a").iterdir()] == ["b.txt"]


def test_a_put_that_is_interrupted_leaves_the_old_file_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("a/b.txt", b"one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        storage.put("a/b.txt", b"two")
    assert storage.get("a/b.txt") == b"one"
    assert [path.name for path in (folder / "a").iterdir()] == ["b.txt"]


def test_a_deleted_file_is_gone_and_deleting_twice_is_no_error(folder: Path) -> None:
    storage.put("a/b.txt", b"one")
    storage.delete("a/b.txt")
    storage.delete("a/b.txt")
    assert not storage.exists("a/b.txt")
    with pytest.raises(FileNotFoundError):
        storage.get("a/b.txt")


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", ".hidden", "a/.b", "a\\b", "a b", "a\x00b", "a/", "~/x",
     "file://x", "a" * 91, "a/" * 70 + "a", "é.txt", "a\n"],
)  # fmt: skip
def test_a_key_cannot_leave_the_folder(folder: Path, key: str) -> None:
    for use in (storage.get, storage.exists, storage.open_, storage.delete, lambda k: storage.put(k, b"x")):
        with pytest.raises(BadKey):
            use(key)
    assert not folder.exists()


def test_the_same_bytes_have_the_same_key(folder: Path) -> None:
    one = storage.content_key("shops/1/logo", b"same", "png")
    assert one == storage.content_key("shops/1/logo", b"same", "png")
    assert one != storage.content_key("shops/2/logo", b"same", "png")
    assert one != storage.content_key("shops/1/logo", b"other", "png")
    assert storage.put(one, b"same") == one
    with pytest.raises(BadKey):
        storage.content_key("shops/1/logo", b"same", "../png")


def test_all_keys_come_in_order_and_only_of_whole_files(folder: Path) -> None:
    assert list(storage.walk()) == []
    keys = ["a-b.txt", "a.pdf", "a/a.pdf", "a/b/c.pdf", "a0.pdf", "b/1.pdf", "documents/0a/x.pdf"]
    for key in reversed(keys):
        storage.put(key, b"x")
    (folder / "a" / f"a.pdf.{'0' * 16}.part").write_bytes(b"half")
    (folder / ".hidden").write_bytes(b"")
    (folder / "no key at all").write_bytes(b"")
    assert list(storage.walk()) == keys == sorted(keys)


def test_what_a_killed_writer_left_is_removed_once_nobody_can_be_at_it(folder: Path) -> None:
    now = clock.now()
    storage.put("shops/1/a.pdf", b"whole")
    old, young, strange = (
        folder / "shops" / "1" / name
        for name in (f"a.pdf.{'0' * 16}.part", f"a.pdf.{'1' * 16}.part", "somebody's.part")
    )
    for path, age in ((old, 6.1), (young, 5.9), (strange, 100)):
        path.write_bytes(b"half")
        then = (now - timedelta(hours=age)).timestamp()
        os.utime(path, (then, then))
    assert storage.remove_unfinished(now=now) == 1
    assert not old.exists() and young.exists() and strange.exists()
    assert storage.get("shops/1/a.pdf") == b"whole"
    assert storage.remove_unfinished(now=now) == 0


def test_there_may_be_nothing_to_remove(folder: Path) -> None:
    assert not folder.exists()
    assert storage.remove_unfinished(now=clock.now()) == 0
