"""Files that people send: known by their bytes, under names that do no harm."""

from __future__ import annotations

import io
import time
import zipfile

import pytest

from portal.core import uploads
from portal.core.errors import DomainError
from portal.core.uploads import check, clean_name, sniff

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PDF = b"%PDF-1.7\n"


def packed(*names: str, first: bytes = b"x") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in names:
            file.writestr(name, first)
    return data.getvalue()


ODT = packed("mimetype", "content.xml", first=b"application/vnd.oasis.opendocument.text")
ODS = packed("mimetype", "content.xml", first=b"application/vnd.oasis.opendocument.spreadsheet")


@pytest.mark.parametrize(
    ("sent", "data", "kept", "media_type"),
    [
        ("a.pdf", PDF, "a.pdf", "application/pdf"),
        ("a.PDF", PDF, "a.PDF", "application/pdf"),
        ("photo.png", PNG, "photo.png", "image/png"),
        ("photo.jpeg", b"\xff\xd8\xff\xe0..", "photo.jpeg", "image/jpeg"),
        ("photo", b"\xff\xd8\xff\xe0..", "photo.jpg", "image/jpeg"),
        ("a.gif", b"GIF89a..", "a.gif", "image/gif"),
        ("a.webp", b"RIFF\n\x00\x00\x00WEBPVP8 ", "a.webp", "image/webp"),
        ("a.txt", "Zoë, een brief\r\n\t€".encode(), "a.txt", "text/plain"),
        ("a.csv", "Zoë;€ 1".encode("cp1252"), "a.csv", "text/csv"),
        ("a.docx", packed("[Content_Types].xml", "word/document.xml"), "a.docx", uploads.DOCX.media_type),
        ("a.xlsx", packed("[Content_Types].xml", "xl/workbook.xml"), "a.xlsx", uploads.XLSX.media_type),
        ("a.odt", ODT, "a.odt", uploads.ODT.media_type),
        ("a.ods", ODS, "a.ods", uploads.ODS.media_type),
        ("a.zip", packed("letter.txt"), "a.zip", "application/zip"),
        ("empty.zip", packed(), "empty.zip", "application/zip"),
        # What it says it is and what it is differ: it is kept as what it is.
        ("invoice.exe", PDF, "invoice.exe.pdf", "application/pdf"),
        ("photo.svg", PNG, "photo.svg.png", "image/png"),
        ("page.html", packed("index.html"), "page.html.zip", "application/zip"),
        ("a.docx", packed("letter.txt"), "a.docx.zip", "application/zip"),
        ("x.txt", b"<script>alert(1)</script>", "x.txt", "text/plain"),
    ],
)
def test_a_file_is_what_its_bytes_say(sent: str, data: bytes, kept: str, media_type: str) -> None:
    (file,) = check([(sent, data)], "files")
    assert (file.name, file.kind.media_type, file.data) == (kept, media_type, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<!doctype html><script>alert(1)</script>"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("run.exe", b"MZ\x90\x00"),
        ("a.sh", b"#!/bin/sh\n"),
        ("a.txt", b"a\0b"),
        ("a.txt", b"\x1b[2J"),
        ("a.pdf", b"no PDF"),
        ("a.png", b"GIF88a"),
        ("a.docm", packed("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")),
        ("a.zip", b"PK\x03\x04 and no more"),
        ("a.webp", b"RIFF\0\0\0\0WAVE"),
        ("a", b"text without an ending"),
        # What a page could be read from is no picture for standing after something else.
        ("a.pdf", b"\n%PDF-1.7"),
    ],
)
def test_what_is_not_taken_is_said(name: str, data: bytes) -> None:
    with pytest.raises(DomainError, match=name) as raised:
        check([(name, data)], "files")
    assert raised.value.field == "files" and "cannot be sent" in str(raised.value)


def test_a_zip_of_very_many_entries_is_not_looked_into() -> None:
    data = packed("[Content_Types].xml", "word/document.xml") + b"PK\x01\x02" * 6000
    started = time.monotonic()
    assert sniff(data, "docx") is uploads.ZIP
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("letter.txt", "letter.txt"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("../..", "file"),
        ("", "file"),
        ("...", "file"),
        (".htaccess", "htaccess"),
        ("a\0b\r\nc\x7f.txt", "ab c.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u200b\ufeff\u2066x\u2069.pdf", "x.pdf"),
        ("a  \u00a0 b.pdf", "a b.pdf"),
        ('q"u<o>t|e?*:.pdf', "q_u_o_t_e___.pdf"),
        ("Zoe\u0308.pdf", "Zo\u00eb.pdf"),
        ("فاتورة.pdf", "فاتورة.pdf"),
        ("\U0001f600.png", "\U0001f600.png"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("x" * 300, "x" * 100),
        ("\u202e.pdf", "pdf"),
    ],
)
def test_a_name_is_kept_without_what_could_do_harm(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


def test_a_name_still_fits_with_its_ending() -> None:
    (file,) = check([("x" * 300, PDF)], "files")
    assert len(file.name) == 100 and file.name.endswith(".pdf")


def test_limits() -> None:
    whole = PDF + b"\0" * (uploads.MAX_FILE_BYTES - len(PDF))
    assert len(check([("a.pdf", whole)], "files")) == 1
    for files, said in (
        ([("a.pdf", whole + b"\0")], "larger than 5 MB"),
        ([("a.pdf", b"")], "empty"),
        ([(f"{n}.pdf", PDF) for n in range(6)], "5 files"),
        ([(f"{n}.pdf", whole) for n in range(3)], "10 MB together"),
    ):
        with pytest.raises(DomainError, match=said):
            check(files, "files")
    assert check([], "files") == []
