"""Background work on documents: building a PDF, outside of any transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portal.core import mailer, outbox, pdf
from portal.domain.invoices import rendering
from portal.domain.invoices.links import relation
from portal.domain.invoices.models import Document
from portal.domain.invoices.rendering import BUILD
from portal.domain.shops.models import Shop
from portal.extensions import db


def _gave_up(payload: dict[str, Any], *, reason: str, now: datetime) -> None:
    """Mails that wait for the PDF learn that there will be none."""
    document = db.session.get(Document, payload["document_id"])
    if document is not None and payload["language"] == document.language:
        mailer.wake(relation(document), now=now)


@outbox.handler(BUILD, lane="documents", gave_up=_gave_up)
def build_pdf(payload: dict[str, Any], *, now: datetime) -> outbox.Step:
    """Builds and keeps the PDF of ``document_id`` in ``language``; repeated, it finds it there and is done."""
    document = db.session.get(Document, payload["document_id"])
    language = payload["language"]
    if document is None or rendering.find_file(document, language) is not None:
        return None
    shop = db.session.get_one(Shop, document.shop_id)
    context = rendering.document_context(document, shop, language)

    def work() -> bytes:
        return pdf.render("pdf/invoice.html", context, locale=language)

    def then(data: bytes, *, now: datetime) -> outbox.Step:
        rendering.keep_file(db.session.get_one(Document, payload["document_id"]), language, data, now=now)
        return None

    return outbox.Outside(work, then)
