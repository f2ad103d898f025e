"""Which lines of an invoice a credit note may still take back, and taking them back by somebody of the shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import vat
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.money import fit_to_total
from portal.core.vat import VatCategory
from portal.domain.invoices import booking
from portal.domain.invoices.crediting import credit_invoice, creditable, rests_of
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document, DocumentKind, DocumentLine, DocumentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db


def lines_left(document: Document) -> list[DocumentLine]:
    """The lines of an invoice that no credit note on it holds yet; none once all of its amount was taken back.

    Of a line that was taken back in part, as a bill is for unused days, the rest is still there.
    """
    if document.total_minor and not creditable(document):
        return []
    rests = rests_of(document)
    notes = sa.select(Document.id).where(
        Document.original_id == document.id,
        Document.kind == DocumentKind.CREDIT_NOTE,
        Document.number.is_not(None),
    )
    taken = Counter(
        _same(line)
        for line in db.session.scalars(sa.select(DocumentLine).where(DocumentLine.document_id.in_(notes)))
    )
    left = []
    for line in document.lines:
        if taken[_same(line)]:
            taken[_same(line)] -= 1
        elif _amount(document, line) == 0 or rests[_rate(line)].gross:
            left.append(line)
    return left


def is_partly_taken(document: Document, lines: Sequence[DocumentLine]) -> bool:
    """Whether these lines are taken back up to what is left of the invoice, as they come to more than that."""
    rests = rests_of(document)
    return any(
        sum(_amount(document, line) for line in lines if _rate(line) == rate) > _amount_left(document, rest)
        for rate, rest in rests.items()
    )


def take_back(
    document_id: int,
    positions: Collection[int],
    *,
    left_minor: int,
    shop: Shop,
    customer: Customer,
    note: str,
    now: datetime,
    actor: Actor,
) -> Document:
    """A credit note on these lines of an issued invoice. For staff who may change invoices.

    ``left_minor`` is what the page said could still be credited: ``Conflict`` when it is another amount meanwhile, so
    that twice is once. Lines that come to more than is left at their rate, as part of them was taken back by days, are
    taken back up to that. ``DomainError`` when no line was chosen, or one that is taken back already.
    """
    booking.lock_credit(sa.select(Document.customer_id).where(Document.id == document_id))
    [document] = booking.lock_documents([document_id])
    is_issued = document.status in (DocumentStatus.OPEN, DocumentStatus.SETTLED)
    if not is_issued or document.kind is DocumentKind.CREDIT_NOTE:
        raise Conflict(_l("Only an issued invoice can be credited."))
    if creditable(document) != left_minor:
        raise Conflict(_l("A credit note was made meanwhile. Please look again."))
    chosen = [line for line in lines_left(document) if line.position in positions]
    rests = rests_of(document)
    if not chosen or len(chosen) != len(set(positions)):
        raise DomainError(_l("Choose at least one line of those that are left."), "lines")
    return credit_invoice(
        document,
        _fitted(document, chosen, rests),
        shop=shop,
        customer=customer,
        note=note,
        now=now,
        actor=actor,
        rests=rests,
    )


def _fitted(document: Document, lines: Sequence[DocumentLine], rests: vat.Rests) -> list[LineInput]:
    """Lines as they are, and those of a rate of which less is left, as their share in that."""
    taken = []
    for rate, rest in rests.items():
        own = [line for line in lines if _rate(line) == rate]
        left, amounts = _amount_left(document, rest), [_amount(document, line) for line in own]
        if sum(amounts) <= left:
            taken += [(line, _as_input(line)) for line in own]
            continue
        parts = fit_to_total([Fraction(amount * left, sum(amounts)) for amount in amounts], left)
        found = [(line, _as_part(line, part)) for line, part in zip(own, parts, strict=True) if part]
        # A cent of VAT alone is left where a bill was credited by days more than once.
        taken += found or ([(own[0], _as_part(own[0], 0))] if rest.gross > 0 else [])
    if not taken:
        raise DomainError(_l("Nothing is left of these lines."), "lines")
    return [line for _original, line in sorted(taken, key=lambda each: each[0].position)]


def _rate(line: DocumentLine) -> tuple[VatCategory, Decimal]:
    return line.vat_category, line.vat_rate


def _amount(document: Document, line: DocumentLine) -> int:
    return line.gross_minor if document.prices_include_vat else line.net_minor


def _amount_left(document: Document, rest: vat.Rest) -> int:
    return max(0, rest.gross if document.prices_include_vat else rest.net)


def _same(line: DocumentLine) -> tuple[Any, ...]:
    return (line.description, line.quantity, line.unit_price, line.vat_category, line.vat_rate)


def _as_input(line: DocumentLine) -> LineInput:
    return LineInput(
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        vat_rate=line.vat_rate,
        vat_category=line.vat_category,
        product_id=line.product_id,
    )


def _as_part(line: DocumentLine, amount_minor: int) -> LineInput:
    return replace(_as_input(line), quantity=Decimal(1), unit_price=Decimal(amount_minor))
