"""Background work on bundles: the PDFs of a year in a ZIP, in slices so that nothing waits for it, and the sweep."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale

from portal.core import outbox, pdf, storage, uploads
from portal.core.schedule import periodic
from portal.domain.invoices import bundles, rendering
from portal.domain.invoices.bundles import BUILD_YEAR
from portal.domain.invoices.models import Bundle, Document, DocumentFile, DocumentKind
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: How many documents are looked at between two notes of how far it is: so many PDFs are in memory at once.
TOGETHER = 50
#: After so many seconds of making PDFs that are missing, other work of the lane gets its turn.
SLICE = 20.0
PIECE = 256 * 1024


@dataclass(frozen=True)
class Entry:
    """A document in the ZIP: its name there, and where its PDF is stored."""

    name: str
    key: str
    day: date


def _gave_up(payload: dict[str, Any], *, reason: str, now: datetime) -> None:
    """Whoever waits for it learns that there will be none."""
    bundles.fail(payload["bundle_id"], now=now)


@outbox.handler(BUILD_YEAR, lane="documents", gave_up=_gave_up)
def build_year(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Makes the PDFs that are missing of the documents after ``after``, then puts all of the year into one file.

    Killed at any point it begins again at its slice: PDFs that were made stay, and the file is put in place as a whole.
    """
    bundle = bundles.begin(payload["bundle_id"])
    if bundle is None:
        return None
    until = time.monotonic() + SLICE
    return _look(bundle, after=payload.get("after", 0), done=payload.get("done", 0), until=until)


def _look(bundle: Bundle, *, after: int, done: int, until: float) -> outbox.Step:
    """The next documents: making what is missing of them, or the ZIP when there are no more."""
    rows = db.session.execute(
        sa.select(Document.id, DocumentFile.storage_key)
        .outerjoin(DocumentFile, sa.and_(DocumentFile.document_id == Document.id, DocumentFile.is_original))
        .where(*bundles.of_period(bundle), Document.id > after)
        .order_by(Document.id)
        .limit(TOGETHER)
    ).all()
    if not rows:
        return _pack(bundle)
    missing = [row.id for row in rows if row.storage_key is None or not storage.exists(row.storage_key)]
    then = partial(_made, bundle.id, after=rows[-1].id, done=done + len(rows), until=until)
    return outbox.Outside(partial(_render, _contents(missing)), then)


def _contents(document_ids: Sequence[int]) -> list[tuple[int, str, dict[str, Any]]]:
    """Id, language and content of each of these documents."""
    documents = db.session.scalars(
        sa.select(Document).where(Document.id.in_(document_ids)).order_by(Document.id)
    )
    return [
        (each.id, each.language, rendering.document_context(each, get_shop(each.shop_id), each.language))
        for each in (documents if document_ids else ())
    ]


def _render(missing: Sequence[tuple[int, str, dict[str, Any]]]) -> list[tuple[int, str, bytes]]:
    return [
        (document_id, language, pdf.render("pdf/invoice.html", context, locale=language))
        for document_id, language, context in missing
    ]


def _made(
    bundle_id: int,
    made: Sequence[tuple[int, str, bytes]],
    *,
    after: int,
    done: int,
    until: float,
    now: datetime,
) -> outbox.Step:
    """Keeps what was made and notes how far it is; goes on, or lets others go first."""
    bundle = bundles.begin(bundle_id)
    if bundle is None:
        return None
    for document_id, language, data in made:
        rendering.keep_file(db.session.get_one(Document, document_id), language, data, now=now)
    bundle.done = min(done, bundle.total)
    if made and time.monotonic() > until:
        outbox.add(BUILD_YEAR, {"bundle_id": bundle_id, "after": after, "done": done}, now=now)
        return None
    return _look(bundle, after=after, done=done, until=until)


def _pack(bundle: Bundle) -> outbox.Step:
    entries, key = _entries(bundle), bundles.key_of(bundle)
    return outbox.Outside(partial(_write, key, entries), partial(_packed, bundle.id, key))


def _entries(bundle: Bundle) -> list[Entry]:
    """Every document of the year with its original, by number; rows of columns, as there may be ten thousand."""
    rows = db.session.execute(
        sa.select(
            Document.kind, Document.number, Document.issue_date, Document.language, DocumentFile.storage_key
        )
        .join(DocumentFile, DocumentFile.document_id == Document.id)
        .where(*bundles.of_period(bundle), DocumentFile.is_original)
        .order_by(Document.issue_date, Document.id)
    )
    names: dict[tuple[str, DocumentKind], str] = {}
    found: dict[str, Entry] = {}
    for kind, number, day, language, key in rows:
        if (language, kind) not in names:
            with force_locale(language):
                names[language, kind] = str(kind.label)
        name = uploads.clean_name(f"{names[language, kind]}-{number}.pdf".replace(" ", "-").lower())
        if name in found:
            # Two series with the same numbers, as after an import from elsewhere.
            name = f"{name.removesuffix('.pdf')}-{len(found) + 1}.pdf"
        found[name] = Entry(name, key, day or bundle.first_day)
    return list(found.values())


def _write(key: str, entries: Sequence[Entry]) -> int:
    """The size of the ZIP, which goes to the storage piece by piece; PDFs are packed already."""
    with storage.writing(key) as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
            for entry in entries:
                info = zipfile.ZipInfo(entry.name, (entry.day.year, entry.day.month, entry.day.day, 0, 0, 0))
                info.external_attr = 0o644 << 16
                with storage.open_(entry.key) as source, packed.open(info, "w") as part:
                    shutil.copyfileobj(source, part, PIECE)
        return target.tell()


def _packed(bundle_id: int, key: str, size_bytes: int, *, now: datetime) -> outbox.Step:
    bundles.finish(bundle_id, key, size_bytes, now=now)
    return None


@periodic("invoices.expire_bundles", minutes=60, per_shop=True)
def expire_bundles(*, now: datetime) -> None:
    """Removes files whose week is over."""
    bundles.expire(now=now)
