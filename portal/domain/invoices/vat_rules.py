"""Which VAT a line may carry: the rates of the shop's country, and for whom there may be none (domain.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import vat_area
from portal.core.errors import DomainError
from portal.core.vat import TAXED, VatCategory
from portal.domain.invoices.models import Document, DocumentVat
from portal.domain.people.models import Customer, CustomerKind
from portal.domain.shops.models import Shop
from portal.extensions import db


def check_document(document: Document, *, shop: Shop, customer: Customer, day: date) -> None:
    """Refuses a document with VAT that its parties may not use, ``day`` being that of the supply.

    A credit note may carry whatever its original did, as it takes back just that.
    """
    pairs = [(group.vat_category, group.vat_rate) for group in document.vat_groups]
    corrected = _pairs_of(document.original_id) if document.original_id is not None else ()
    for category, rate in pairs:
        if (category, rate) not in corrected:
            check_line(category, rate, shop=shop, customer=customer, day=day)


def check_line(category: VatCategory, rate: Decimal, *, shop: Shop, customer: Customer, day: date) -> None:
    """Raises DomainError, naming the field, for a rate or category that may not be used here.

    Zero rate and exempt depend on what is sold, which the shop alone knows: they are taken at their word.
    """
    if category in TAXED:
        _check_rate(category, rate, shop, day)
    elif category is VatCategory.REVERSE_CHARGE:
        _check_reverse_charge(shop, customer)
    elif category is VatCategory.EXPORT:
        _check_export(customer)
    elif category is VatCategory.SMALL_BUSINESS and not shop.small_business:
        raise DomainError(_l("This shop does not take part in the small businesses scheme."), "vat_category")


def default_category(rate: Decimal, *, shop: Shop, day: date) -> VatCategory | None:
    """The category of a rate for which none is named; None for a rate that the shop's country does not have."""
    if rate == 0:
        return VatCategory.ZERO
    rates = vat_area.rates_of(shop.country, day)
    if rates is None:
        return VatCategory.STANDARD
    return next((category for category, known in rates.items() if rate in known), None)


def known_rates(shop: Shop, day: date) -> list[Decimal]:
    """The rates to name in a refusal, with none at the end; empty where any will do."""
    rates = vat_area.rates_of(shop.country, day)
    return [] if rates is None else [*(rate for known in rates.values() for rate in known), Decimal(0)]


def _check_rate(category: VatCategory, rate: Decimal, shop: Shop, day: date) -> None:
    rates = vat_area.rates_of(shop.country, day)
    if rates is not None and rate not in rates[category]:
        known = ", ".join(f"{each}%" for each in rates[category])
        raise DomainError(
            _l("With “%(category)s” the rate is %(rates)s.", category=category.label, rates=known), "vat_rate"
        )


def _check_reverse_charge(shop: Shop, customer: Customer) -> None:
    if customer.kind is not CustomerKind.BUSINESS or not customer.vat_number:
        raise DomainError(
            _l("VAT can be reverse charged only to a business with a VAT number."), "vat_category"
        )
    home, state = vat_area.member_state(shop.country), vat_area.member_state(customer.country)
    if _is_northern_irish(customer):
        # Goods sent there under such a number are as sent to a member state; without it they are not.
        prefix = vat_area.NORTHERN_IRISH
    elif state is not None and state != home:
        prefix = vat_area.prefix_in(state)
    else:
        raise DomainError(
            _l("VAT can be reverse charged only to a business in another member state of the EU."),
            "vat_category",
        )
    if home is None:
        raise DomainError(_l("Only a shop in the EU can reverse charge VAT."), "vat_category")
    if vat_area.number_prefix(customer.vat_number) != prefix:
        raise DomainError(
            _l("The VAT number of the account is of another country than its address."), "vat_category"
        )
    if customer.vat_checked_on is None:
        raise DomainError(
            _l("VAT can be reverse charged only to a business whose VAT number was checked."), "vat_category"
        )


def _check_export(customer: Customer) -> None:
    # Who sends goods to Northern Ireland does not send them out of the EU.
    if vat_area.member_state(customer.country) is not None or _is_northern_irish(customer):
        raise DomainError(
            _l("Without VAT as an export is possible only to a country outside the EU."), "vat_category"
        )


def _is_northern_irish(customer: Customer) -> bool:
    return vat_area.is_northern_ireland(
        customer.country, postal_code=customer.postal_code, vat_number=customer.vat_number
    )


def _pairs_of(document_id: int) -> Sequence[tuple[VatCategory, Decimal]]:
    rows = db.session.execute(
        sa.select(DocumentVat.vat_category, DocumentVat.vat_rate).where(
            DocumentVat.document_id == document_id
        )
    )
    return [(row.vat_category, row.vat_rate) for row in rows]
