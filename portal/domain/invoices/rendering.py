"""The PDF of a document: from its own snapshot alone, so that the same document always looks the same."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel import gettext as _

from portal.core import brand, epc, locale, mailer, outbox, pdf, storage
from portal.core.outbox import OutboxRow
from portal.core.references import format_rf
from portal.domain.invoices.links import payment_url, relation
from portal.domain.invoices.models import Document, DocumentFile, DocumentKind
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db

#: The outbox job that builds a PDF.
BUILD = "invoices.build_pdf"


def find_build(document: Document, language: str) -> OutboxRow | None:
    """The background work on a PDF in a language, if it was ever asked for."""
    return outbox.find(BUILD, build_key(document, language))


def build_state(language: sa.ColumnElement[str]) -> sa.ScalarSelect[Any]:
    """How that work stands, as a scalar subquery for what finds the document."""
    key = sa.cast(Document.id, sa.String).concat(":").concat(language)
    return sa.select(OutboxRow.state).where(OutboxRow.job == BUILD, OutboxRow.key == key).scalar_subquery()


def build_key(document: Document, language: str) -> str:
    """Under which a PDF in a language is built once."""
    return f"{document.id}:{language}"


def find_file(document: Document, language: str) -> DocumentFile | None:
    """The stored PDF in a language, if it was built and is still there: one whose file was lost is built again."""
    file = _row_of(document, language)
    return file if file is not None and storage.exists(file.storage_key) else None


def _row_of(document: Document, language: str) -> DocumentFile | None:
    return db.session.scalar(
        sa.select(DocumentFile).where(
            DocumentFile.document_id == document.id, DocumentFile.language == language
        )
    )


def render_document(document: Document, shop: Shop, language: str) -> bytes:
    """The PDF's bytes. Needs no transaction once ``document_context`` was made; raises ``pdf.PdfError``."""
    return pdf.render("pdf/invoice.html", document_context(document, shop, language), locale=language)


def keep_file(document: Document, language: str, data: bytes, *, now: datetime) -> DocumentFile:
    """Stores a PDF under a key made from its content. The first one stays: the original is never replaced.

    Mails that wait for it leave with the commit.
    """
    # Two that build at once take turns here, so that the second finds the file of the first.
    db.session.execute(sa.select(Document.id).where(Document.id == document.id).with_for_update())
    file = _row_of(document, language)
    if file is not None and storage.exists(file.storage_key):
        return file
    key = storage.put(storage.content_key("documents", data, "pdf"), data)
    if file is None:
        file = DocumentFile(
            document_id=document.id,
            language=language,
            is_original=language == document.language,
            created_at=now,
        )
        db.session.add(file)
    file.storage_key = key
    file.sha256 = hashlib.sha256(data).hexdigest()
    file.size_bytes = len(data)
    if file.is_original:
        mailer.wake(relation(document), now=now)
    return file


def file_name(document: Document, language: str) -> str:
    """What the file is called when it is saved or attached."""
    with force_locale(language):
        return f"{document.kind.label}-{document.number}.pdf".replace(" ", "-").lower()


def document_context(document: Document, shop: Shop, language: str) -> dict[str, Any]:
    """What ``pdf/invoice.html`` prints, in plain values."""
    original = db.session.get(Document, document.original_id) if document.original_id else None
    seller, buyer = document.seller, document.buyer
    return {
        "document": {
            "kind": document.kind.value,
            "number": document.number,
            "issue_date": document.issue_date,
            "due_date": document.due_date if document.kind is not DocumentKind.CREDIT_NOTE else None,
            "supply_date": document.supply_date,
            "supply_until": None,
            # One to pay by, so a credit note has none.
            "reference": format_rf(document.reference)
            if document.reference and document.kind is not DocumentKind.CREDIT_NOTE
            else "",
            "customer_reference": None,
            "currency": document.currency,
            "prices_include_vat": document.prices_include_vat,
            "net_minor": document.net_minor,
            "total_minor": document.total_minor,
            "corrects": (
                {"number": original.number, "issue_date": original.issue_date}
                if original is not None
                else None
            ),
            "test": document.mode is Mode.TEST,
            "translation_of": _language_name(document.language, language)
            if language != document.language
            else None,
            "vat_eur": None,
        },
        "seller": {
            "name": seller["name"],
            "lines": _address(seller, seller["country"], buyer["country"], language),
            "country": seller["country"],
            "vat_id": seller["vat_number"],
            "kvk": seller["chamber_number"],
            "iban": _grouped(seller["iban"]),
            "bic": seller["bic"],
            "email": seller["email"],
            "phone": seller["phone"],
            "website": None,
        },
        "buyer": {
            "name": buyer["name"],
            "company": buyer["company"],
            "lines": _address(buyer, seller["country"], buyer["country"], language),
            "country": buyer["country"],
            "vat_id": buyer["vat_number"],
            "kvk": buyer["chamber_number"],
        },
        "lines": [
            {
                "description": line.description,
                "detail": None,
                "quantity": line.quantity,
                "unit": None,
                "unit_price": line.unit_price,
                "unit_price_net": None,
                "vat_category": line.vat_category.value,
                "vat_rate": line.vat_rate,
                "amount_minor": line.gross_minor if document.prices_include_vat else line.net_minor,
            }
            for line in document.lines
        ],
        "vat": [
            {
                "category": group.vat_category.value,
                "rate": group.vat_rate,
                "net_minor": group.net_minor,
                "vat_minor": group.vat_minor,
                "reason": None,
            }
            for group in document.vat_groups
        ],
        "payment": _payment(document),
        "notes": [document.note] if document.note else [],
        "brand": {
            "accent": shop.colour,
            "text": brand.brand_colours(shop.colour)["--brand-l"],
            "logo": logo_of(shop),
        },
    }


def _payment(document: Document) -> dict[str, Any] | None:
    if document.kind is DocumentKind.CREDIT_NOTE or document.total_minor <= 0:
        return None
    return {"url": payment_url(document), "epc": _code(document), "debit": None}


def _code(document: Document) -> epc.EpcQr | None:
    """The code to scan; a document is printed without it where there can be none, as for a billion."""
    if not document.seller["iban"] or document.currency != "EUR":
        return None
    try:
        return epc.epc_qr(
            name=document.seller["name"],
            iban=document.seller["iban"],
            amount_minor=document.total_minor,
            reference=document.reference,
        )
    except ValueError:
        return None


def logo_of(shop: Shop) -> bytes | None:
    """The logo as a PDF can show it, if there is one."""
    if shop.logo_key is None or shop.logo_key.endswith(".svg") or not storage.exists(shop.logo_key):
        return None
    return storage.get(shop.logo_key)


def _address(party: dict[str, Any], seller_country: str, buyer_country: str, language: str) -> list[str]:
    place = f"{party['postal_code']} {party['city']}".strip()
    # The country goes without saying at home, and must not when a border lies between the two.
    country = locale.country(party["country"], language) if seller_country != buyer_country else ""
    return [line for line in (party["street"], place, country) if line]


def _grouped(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))


def _language_name(original: str, language: str) -> str:
    with force_locale(language):
        return str(_("Dutch") if original == "nl" else _("English"))
