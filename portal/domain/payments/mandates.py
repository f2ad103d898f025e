"""A direct debit mandate on paper: what was agreed to, word by word, for the debtor to keep."""

from __future__ import annotations

from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _

from portal.core import brand, clock, locale
from portal.domain.invoices.rendering import logo_of
from portal.domain.methods.models import MethodKind, PaymentMethod
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop


def has_mandate(method: PaymentMethod) -> bool:
    """Whether there is something to print: somebody signed, and what they read was kept."""
    return method.kind is MethodKind.SEPA and method.signed_on is not None and bool(method.mandate_text)


def file_name(method: PaymentMethod, language: str) -> str:
    """What the file is called when it is saved."""
    with force_locale(language):
        word = _("Mandate")
    return f"{word}-{method.reference or method.id}.pdf".lower()


def mandate_context(method: PaymentMethod, customer: Customer, shop: Shop, language: str) -> dict[str, Any]:
    """What ``pdf/mandate.html`` prints, in plain values."""
    return {
        "mandate": {
            "reference": method.reference or "",
            "signed_on": method.signed_on,
            "revoked_on": None
            if method.revoked_at is None
            else clock.today(shop.time_zone, method.revoked_at),
            "holder": method.holder,
            "account": method.masked,
            "text": method.mandate_text,
            "test": method.mode is Mode.TEST,
        },
        "creditor": {
            "name": shop.legal_name or shop.name,
            "id": shop.creditor_id,
            "lines": _lines(shop, language),
        },
        "debtor": {"name": customer.company or customer.name, "lines": _lines(customer, language)},
        "brand": {
            "accent": shop.colour,
            "text": brand.brand_colours(shop.colour)["--brand-l"],
            "logo": logo_of(shop),
        },
    }


def _lines(party: Shop | Customer, language: str) -> list[str]:
    place = f"{party.postal_code} {party.city}".strip()
    return [line for line in (party.street, place, locale.country(party.country, language)) if line]
