"""An invoice of nobody: rendered once before the forks, so that no customer's PDF is the first of its process.

And each worker that builds PDFs reads the newest invoice that there is, and throws it away.
"""

from __future__ import annotations

import io
import logging
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import Flask
from PIL import Image

from portal.core import database, epc, pdf
from portal.core.locale import LANGUAGES
from portal.core.tenancy import every_shop, shop_scope
from portal.domain.invoices import rendering
from portal.domain.invoices.models import Document
from portal.domain.shops.queries import get_shop
from portal.extensions import db

log = logging.getLogger(__name__)

IBAN = "NL91ABNA0417164300"


def render(app: Flask) -> None:
    """The invoice in every language, so that template, fonts, catalogues and formats are all loaded.

    A template of the owner's own that cannot be rendered is written down and keeps nothing from starting.
    """
    with app.app_context():
        try:
            for language in LANGUAGES:
                pdf.render("pdf/invoice.html", _context(), locale=language)
        except Exception:
            log.exception("the first PDF could not be rendered; the portal starts without it")


def rehearse(app: Flask) -> None:
    """Reads what a job reads, of the newest document of all shops: so the statements of the first job are compiled.

    It is not rendered: one that cannot be must not meet every worker that starts. Nothing is written. What stands in
    the way is written down, and the worker starts without it.
    """
    with app.app_context():
        database.set_reading(True)
        try:
            with every_shop():
                newest = sa.select(Document.id, Document.shop_id).where(Document.number.is_not(None))
                found = db.session.execute(newest.order_by(Document.id.desc()).limit(1)).one_or_none()
            if found is not None:
                with shop_scope(found.shop_id):
                    document = db.session.get_one(Document, found.id)
                    rendering.find_file(document, document.language)
                    rendering.document_context(document, get_shop(found.shop_id), document.language)
        except Exception:
            log.exception("the newest document could not be read; the worker starts without it")
        finally:
            db.session.rollback()
            database.set_reading(False)


def _context() -> dict[str, Any]:
    """What ``pdf/invoice.html`` prints; its own comment says what each name means."""
    day = date(2026, 1, 31)
    address = {
        "lines": ["Kerkstraat 1", "1234 AB Utrecht"],
        "country": "NL",
        "vat_id": "NL000000000B00",
        "kvk": "00000000",
    }
    return {
        "document": {
            "kind": "invoice",
            "number": "2026-0001",
            "issue_date": day,
            "due_date": day,
            "supply_date": day,
            "supply_until": None,
            "reference": "RF18 5390 0754 7034",
            "customer_reference": None,
            "currency": "EUR",
            "prices_include_vat": True,
            "net_minor": 10000,
            "total_minor": 12100,
            "corrects": None,
            "test": True,
            "translation_of": None,
            "vat_eur": None,
        },
        "seller": {
            **address,
            "name": "Loket",
            "iban": IBAN,
            "bic": None,
            "email": "shop@example.com",
            "phone": None,
            "website": None,
        },
        "buyer": {**address, "name": "E. Voorbeeld", "company": None},
        "lines": [
            {
                "description": "One of a kind",
                "detail": None,
                "quantity": Decimal(1),
                "unit": None,
                "unit_price": Decimal(12100),
                "unit_price_net": None,
                "vat_category": "standard",
                "vat_rate": Decimal(21),
                "amount_minor": 12100,
            }
        ],
        "vat": [
            {
                "category": "standard",
                "rate": Decimal(21),
                "net_minor": 10000,
                "vat_minor": 2100,
                "reason": None,
            }
        ],
        "payment": {
            "url": "https://shop.example.com/pay/1",
            "epc": epc.epc_qr(name="Loket", iban=IBAN, amount_minor=12100, reference="RF18539007547034"),
            "debit": None,
        },
        "notes": [],
        "brand": {"accent": "#1f5fae", "text": "#1f5fae", "logo": _logo()},
    }


def _logo() -> bytes:
    """A picture like a shop's, so that what decodes those is loaded too."""
    file = io.BytesIO()
    Image.new("RGBA", (240, 56), "#1f5fae80").save(file, "PNG")
    return file.getvalue()
