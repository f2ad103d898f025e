"""Files that people send: what they are by their own bytes, and under which name they may be kept."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from portal.core.errors import DomainError

MAX_FILES = 5
MAX_FILE_BYTES = 5 * 1024 * 1024
#: All files of one form together; the whole request may hold 12 MB.
MAX_TOTAL_BYTES = 10 * 1024 * 1024

_LONGEST_NAME = 100
#: What some system gives a meaning in the name of a file.
_SPECIAL = re.compile(r'[<>:"|?*]')
#: Entries of a packed file that are looked at; whoever packs more has packed no letter.
_MOST_ENTRIES = 5000


@dataclass(frozen=True)
class Kind:
    """A kind of file that is taken: its ending and its type."""

    ending: str
    media_type: str
    #: Other endings under which the same kind is known.
    also: tuple[str, ...] = ()

    def fits(self, ending: str) -> bool:
        """Whether a name with this ending says what the file is."""
        return ending in (self.ending, *self.also)


PDF = Kind("pdf", "application/pdf")
ZIP = Kind("zip", "application/zip")
TEXT = Kind("txt", "text/plain")
CSV = Kind("csv", "text/csv")
_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = Kind("docx", f"{_OFFICE}wordprocessingml.document")
XLSX = Kind("xlsx", f"{_OFFICE}spreadsheetml.sheet")
ODT = Kind("odt", "application/vnd.oasis.opendocument.text")
ODS = Kind("ods", "application/vnd.oasis.opendocument.spreadsheet")

#: How a file of each kind begins; a dot stands for any byte.
_BEGINNINGS = (
    (re.compile(rb"%PDF-"), PDF),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), Kind("png", "image/png")),
    (re.compile(rb"\xff\xd8\xff"), Kind("jpg", "image/jpeg", ("jpeg",))),
    (re.compile(rb"GIF8[79]a"), Kind("gif", "image/gif")),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), Kind("webp", "image/webp")),
)
KINDS = (PDF, *(kind for _, kind in _BEGINNINGS[1:]), TEXT, CSV, DOCX, XLSX, ODT, ODS, ZIP)
#: For the ``accept`` of a file field: a comfort of the browser, no check.
ACCEPT = ",".join(f".{ending}" for kind in KINDS for ending in (kind.ending, *kind.also))


@dataclass(frozen=True)
class Upload:
    """A file that is taken, under a name that cannot do harm."""

    name: str
    kind: Kind
    data: bytes


def check(files: Sequence[tuple[str, bytes]], field: str) -> list[Upload]:
    """Names and contents as they were sent, checked; raises ``DomainError`` for the first that is not taken."""
    if len(files) > MAX_FILES:
        raise DomainError(_l("You can send %(count)s files at a time.", count=MAX_FILES), field)
    if sum(len(data) for _name, data in files) > MAX_TOTAL_BYTES:
        raise DomainError(_l("These files are larger than 10 MB together."), field)
    return [_checked(name, data, field) for name, data in files]


def _checked(sent_name: str, data: bytes, field: str) -> Upload:
    name = clean_name(sent_name)
    if not data:
        raise DomainError(_l("‘%(name)s’ is empty.", name=name), field)
    if len(data) > MAX_FILE_BYTES:
        raise DomainError(_l("‘%(name)s’ is larger than 5 MB.", name=name), field)
    kind = sniff(data, _ending(name))
    if kind is None:
        raise DomainError(
            _l(
                "‘%(name)s’ is of a kind that cannot be sent. Send a PDF, a picture (PNG, JPEG, GIF, WebP), a text "
                "(TXT, CSV), a document (DOCX, XLSX, ODT, ODS) or a ZIP.",
                name=name,
            ),
            field,
        )
    return Upload(_named_as(name, kind), kind, data)


def sniff(data: bytes, ending: str) -> Kind | None:
    """What a file is by its content; None for what is not taken. Its name only tells two kinds of text apart."""
    for beginning, kind in _BEGINNINGS:
        if beginning.match(data):
            return kind
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed(data)
    if _is_text(data):
        return next((kind for kind in (TEXT, CSV) if kind.fits(ending)), None)
    return None


def clean_name(name: str) -> str:
    """The last part of a name without what is not seen, turns the line around, or means something to a system."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    seen = "".join(" " if char.isspace() else char for char in last)
    seen = "".join(char for char in seen if unicodedata.category(char)[0] != "C")
    plain = _SPECIAL.sub("_", " ".join(seen.split())).strip(" .")
    stem, dot, ending = plain.rpartition(".")
    if dot and len(ending) <= 8:
        return f"{stem[: _LONGEST_NAME - len(ending) - 1].strip(' .') or 'file'}.{ending}"
    return plain[:_LONGEST_NAME].strip(" .") or "file"


def _named_as(name: str, kind: Kind) -> str:
    """The name with the ending of what the file is: one that claims to be something else opens as what it is."""
    if kind.fits(_ending(name)):
        return name
    return f"{name[: _LONGEST_NAME - len(kind.ending) - 1]}.{kind.ending}"


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _packed(data: bytes) -> Kind | None:
    """A document by the names of its parts; nothing is ever unpacked. Macros are not taken."""
    if data.count(b"PK\x01\x02") > _MOST_ENTRIES:
        return ZIP
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            names = set(parts.namelist())
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, RuntimeError):
        return None
    if any(name.endswith("vbaProject.bin") for name in names):
        return None
    if "[Content_Types].xml" in names:
        return DOCX if "word/document.xml" in names else XLSX if "xl/workbook.xml" in names else ZIP
    # An OpenDocument says what it is in its first part, which is not compressed.
    said = (kind for kind in (ODT, ODS) if data[30:].startswith(f"mimetype{kind.media_type}PK".encode()))
    return next(said, ZIP)


def _is_text(data: bytes) -> bool:
    """Whether it reads as text: no control characters but the usual, in UTF-8 or in what older programs write."""
    if re.search(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]", data):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return not re.search(rb"[\x81\x8d\x8f\x90\x9d]", data)
    return True
