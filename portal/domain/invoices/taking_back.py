"""Which lines of an invoice a credit note may still take back, and taking them back by somebody of the shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.invoices import booking
from portal.domain.invoices.crediting import credit_invoice, creditable
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document, DocumentKind, DocumentLine, DocumentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db


def lines_left(document: Document) -> list[DocumentLine]:
    """The lines of an invoice that no credit note on it holds yet."""
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
        else:
            left.append(line)
    return left


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
    that twice is once. ``DomainError`` when no line was chosen, or one that is taken back already.
    """
    booking.lock_credit(sa.select(Document.customer_id).where(Document.id == document_id))
    [document] = booking.lock_documents([document_id])
    is_issued = document.status in (DocumentStatus.OPEN, DocumentStatus.SETTLED)
    if not is_issued or document.kind is DocumentKind.CREDIT_NOTE:
        raise Conflict(_l("Only an issued invoice can be credited."))
    if creditable(document) != left_minor:
        raise Conflict(_l("A credit note was made meanwhile. Please look again."))
    chosen = [line for line in lines_left(document) if line.position in positions]
    if not chosen or len(chosen) != len(set(positions)):
        raise DomainError(_l("Choose at least one line of those that are left."), "lines")
    return credit_invoice(
        document,
        [_as_input(line) for line in chosen],
        shop=shop,
        customer=customer,
        note=note,
        now=now,
        actor=actor,
    )


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
