"""What travels compressed, and what must not: pages and what they are made of, never files and pieces of files."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import Flask

from portal.core import static_files
from portal.extensions import db
from tests.cast import Ids, make_invoice
from tests.page_client import PageClient


@pytest.mark.parametrize(("accepts", "opens"), [("br", brotli.decompress), ("gzip", gzip.decompress)])
def test_a_page(client: PageClient, accepts: str, opens: Any) -> None:
    client.checks = False  # it reads pages as text
    plain = client.get("/login")
    packed = client.get("/login", headers={"Accept-Encoding": accepts})
    assert packed.headers["Content-Encoding"] == accepts
    assert {"Cookie", "Accept-Encoding"} <= set(packed.headers["Vary"].split(", "))
    assert len(packed.data) < len(plain.data) / 2
    assert b"<h1" in opens(packed.data) and "Content-Encoding" not in plain.headers


def test_brotli_where_both_are_taken(client: PageClient) -> None:
    client.checks = False
    answer = client.get("/login", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert answer.headers["Content-Encoding"] == "br"


@pytest.mark.parametrize("path", ["vendor/tabler.css", "vendor/icons.svg", "js/portal.js"])
def test_a_static_file_and_its_next_visit(client: PageClient, path: str) -> None:
    first = client.get(f"/static/{path}", headers={"Accept-Encoding": "br"})
    assert first.headers["Content-Encoding"] == "br" and first.headers["Vary"] == "Accept-Encoding"
    assert brotli.decompress(first.data) == client.get(f"/static/{path}").data
    again = client.get(
        f"/static/{path}", headers={"Accept-Encoding": "br", "If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304


@pytest.fixture
def folder(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the static files that a test may change."""
    copy = tmp_path / "static"
    shutil.copytree(str(app.static_folder), copy)
    monkeypatch.setattr(app, "static_folder", str(copy))
    return copy


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("*", "br"),
        ("identity;q=1, br;q=0.5", None),
        ("zstd", None),
        (None, None),
    ],
)
def test_a_static_file_comes_in_the_encoding_that_was_asked_for(
    client: PageClient, accepts: str | None, encoding: str | None
) -> None:
    answer = client.get("/static/portal.css", headers={"Accept-Encoding": accepts} if accepts else {})
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000" and answer.mimetype == "text/css"
    opened = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding](answer.data)
    assert opened == client.get("/static/portal.css").data


def test_a_static_file_is_as_small_as_it_gets(app: Flask, client: PageClient) -> None:
    plain = (Path(str(app.static_folder)) / "portal.css").read_bytes()
    for encoding, least in (("br", brotli.compress(plain, quality=11)), ("gzip", gzip.compress(plain, 9))):
        answer = client.get("/static/portal.css", headers={"Accept-Encoding": encoding})
        assert int(answer.headers["Content-Length"]) == len(answer.data) == len(least)


def test_a_file_that_changed_is_not_answered_with_what_it_was(client: PageClient, folder: Path) -> None:
    """Not even when its size and time are those of before, as after a restored copy."""
    path, accepts = folder / "js" / "portal.js", {"Accept-Encoding": "br"}
    path.write_text("// version 1")
    kept = path.stat().st_mtime_ns
    first = client.get("/static/js/portal.js", headers=accepts)
    path.write_text("// version 2")
    os.utime(path, ns=(kept, kept))
    second = client.get("/static/js/portal.js", headers=accepts | {"If-None-Match": first.headers["ETag"]})
    assert brotli.decompress(first.data) == b"// version 1"
    assert (second.status_code, brotli.decompress(second.data)) == (200, b"// version 2")
    path.unlink()
    client.checks = False
    assert client.get("/static/js/portal.js", headers=accepts).status_code == 404


def test_each_encoding_has_its_own_etag(client: PageClient) -> None:
    tags = {
        accepts: client.get("/static/portal.css", headers={"Accept-Encoding": accepts}).headers["ETag"]
        for accepts in ("br", "gzip", "identity")
    }
    assert len(set(tags.values())) == 3
    crossed = {"Accept-Encoding": "gzip", "If-None-Match": tags["br"]}
    assert client.get("/static/portal.css", headers=crossed).status_code == 200


@pytest.mark.parametrize("encoding", ["br", "gzip", "identity"])
def test_a_piece_is_a_piece_of_what_travels(client: PageClient, encoding: str) -> None:
    """Else a download that is taken up again would be glued together of two encodings."""
    accepts = {"Accept-Encoding": encoding}
    whole = client.get("/static/vendor/htmx.js", headers=accepts)
    piece = client.get(
        "/static/vendor/htmx.js",
        headers=accepts | {"Range": "bytes=100-299", "If-Range": whole.headers["ETag"]},
    )
    assert piece.status_code == 206 and piece.data == whole.data[100:300]
    assert piece.headers["Content-Range"] == f"bytes 100-299/{len(whole.data)}"
    assert piece.headers.get("Content-Encoding") == whole.headers.get("Content-Encoding")
    other = client.get(
        "/static/vendor/htmx.js", headers=accepts | {"Range": "bytes=100-299", "If-Range": '"of another"'}
    )
    assert other.status_code == 200


def test_head_says_the_same_and_sends_nothing(client: PageClient) -> None:
    get = client.get("/static/portal.css", headers={"Accept-Encoding": "br"})
    head = client.head("/static/portal.css", headers={"Accept-Encoding": "br"})
    assert head.data == b"" and head.headers["ETag"] == get.headers["ETag"]
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


@pytest.mark.parametrize(
    "path", ["../__init__.py", "vendor/", "vendor/build.mjs", "nothing.css", "..%2fcli.css"]
)
def test_what_is_no_static_file(client: PageClient, path: str) -> None:
    client.checks = False
    assert client.get(f"/static/{path}", headers={"Accept-Encoding": "br"}).status_code == 404


def test_everything_is_packed_before_the_forks(
    app: Flask, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    static_files.pack_all(app)
    monkeypatch.delitem(static_files.PACKERS, "gzip")
    monkeypatch.setitem(static_files.PACKERS, "br", lambda data: pytest.fail("packed for a visitor"))
    for path in Path(str(app.static_folder)).rglob("*"):
        if path.suffix in (".css", ".js", ".svg"):
            name = path.relative_to(str(app.static_folder))
            answer = client.get(f"/static/{name}", headers={"Accept-Encoding": "br"})
            assert answer.headers["Content-Encoding"] == "br", name


def test_a_pdf_stays_as_it_is(login: Any, on_stage: Any, ids: Ids) -> None:
    with on_stage():
        public_id = make_invoice(ids.emma_account).public_id
        db.session.commit()
    emma = login("emma")
    emma.send(f"/customer/invoices/{public_id}/pdf")
    answer = emma.get(f"/customer/invoices/{public_id}/pdf", headers={"Accept-Encoding": "br"})
    assert answer.data[:5] == b"%PDF-" and "Content-Encoding" not in answer.headers
