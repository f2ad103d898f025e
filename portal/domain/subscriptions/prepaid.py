"""What a customer paid for days that they will not use: the part of the last bill that is credited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from portal.core import vat
from portal.core.audit import Actor
from portal.domain.invoices import crediting
from portal.domain.invoices.booking import lock_documents
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document, DocumentLine, DocumentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.domain.subscriptions.prices import part
from portal.domain.subscriptions.standing import Whole
from portal.extensions import db


@dataclass(frozen=True)
class Rest:
    """A part of a bill in minor units: its lines, what they come to with VAT, and how much of that was not paid yet.

    ``off_minor`` is taken off the invoice; what is more becomes the customer's credit.
    """

    document: Document
    lines: tuple[LineInput, ...]
    total_minor: int
    off_minor: int


def rest_of(whole: Whole, days: int, *, locked: bool = False) -> Rest | None:
    """What is credited for so many days of the period that was billed last; None for nothing.

    ``locked`` holds its invoice, which the action does that credits it: the customer's credit is held before.
    """
    period = whole.period
    if days <= 0 or period is None or period.document_id is None:
        return None
    if locked:
        (document,) = lock_documents([period.document_id])
    else:
        document = db.session.get_one(Document, period.document_id)
    if document.status not in (DocumentStatus.OPEN, DocumentStatus.SETTLED):
        return None
    of_days = (period.ends_on - period.starts_on).days + 1
    own = [line for line in document.lines if line.product_id == whole.product.id]
    billed = own or list(document.lines)
    lines = part_of_lines(
        billed, min(days, of_days), of_days, document.prices_include_vat, crediting.creditable(document)
    )
    total = _total(lines, document.prices_include_vat)
    off = max(0, min(total, document.open_minor))
    return Rest(document, tuple(lines), total, off) if total > 0 else None


def credit_rest(
    rest: Rest, *, shop: Shop, customer: Customer, note: str, actor: Actor, now: datetime
) -> Document:
    """The credit note for a rest that was looked up ``locked``."""
    return crediting.credit_invoice(
        rest.document, rest.lines, shop=shop, customer=customer, note=note, actor=actor, now=now
    )


def part_of_lines(
    lines: Sequence[DocumentLine], days: int, of_days: int, include_vat: bool, most_minor: int
) -> list[LineInput]:
    """The share of some days in lines of an invoice, each a half rounded up, and in all no more than ``most_minor``."""
    amounts = [part(line.gross_minor if include_vat else line.net_minor, days, of_days) for line in lines]
    found = _lines(lines, amounts)
    total = _total(found, include_vat)
    if total > most_minor:
        # An earlier credit note took some of it back.
        amounts = [int(Fraction(amount) * most_minor / total) for amount in amounts]
        found = _lines(lines, amounts)
        while _total(found, include_vat) > most_minor:
            largest = max(range(len(amounts)), key=amounts.__getitem__)
            amounts[largest] -= 1
            found = _lines(lines, amounts)
    return found


def _lines(lines: Sequence[DocumentLine], amounts: Sequence[int]) -> list[LineInput]:
    return [
        LineInput(
            line.description, Decimal(1), Decimal(amount), line.vat_rate, line.vat_category, line.product_id
        )
        for line, amount in zip(lines, amounts, strict=True)
        if amount
    ]


def _total(lines: Sequence[LineInput], include_vat: bool) -> int:
    return vat.compute(
        [vat.Line(line.quantity, line.unit_price, line.vat_rate, line.vat_category) for line in lines],
        prices_include_vat=include_vat,
    ).gross
