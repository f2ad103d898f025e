"""Drafts: what an invoice says before it has a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from flask_babel import lazy_gettext as _l

from portal.core import audit, vat
from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.core.vat import VatCategory
from portal.domain.invoices.models import Document, DocumentKind, DocumentLine, DocumentStatus, DocumentVat
from portal.domain.people.models import Customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Shop
from portal.extensions import db

#: More lines than a person would print; beyond this the PDF takes minutes.
MAX_LINES = 500


@dataclass(frozen=True)
class LineInput:
    """A line as somebody wrote it. ``unit_price`` in minor units, ``vat_rate`` in percent, up to four decimals each.

    ``original_position`` is, on a credit note, the line of its invoice that this takes back, or a part of it.
    """

    description: str
    quantity: Decimal
    unit_price: Decimal
    vat_rate: Decimal
    vat_category: VatCategory = VatCategory.STANDARD
    product_id: int | None = None
    original_position: int | None = None


def create_draft(
    shop: Shop,
    customer: Customer,
    lines: Sequence[LineInput],
    *,
    now: datetime,
    actor: Actor,
    kind: DocumentKind = DocumentKind.INVOICE,
    prices_include_vat: bool | None = None,
    note: str = "",
    supply_date: date | None = None,
    order_id: int | None = None,
    subscription_id: int | None = None,
    rests: vat.Rests | None = None,
) -> Document:
    """A draft for a customer, in the shop's mode and currency. For staff, commands and runs.

    ``rests`` is what is left of the invoice that a credit note takes its lines off. Raises DomainError for no or too
    many lines, an amount beyond the limits, or a rate its category forbids.
    """
    document = new_draft(
        shop,
        customer,
        lines,
        language=account_language(customer, shop),
        now=now,
        kind=kind,
        prices_include_vat=prices_include_vat,
        note=note,
        supply_date=supply_date,
        order_id=order_id,
        subscription_id=subscription_id,
        rests=rests,
    )
    keep_drafts([document], now=now, actor=actor)
    return document


def keep_drafts(documents: Sequence[Document], *, now: datetime, actor: Actor) -> None:
    """Writes drafts into the caller's transaction, all at once."""
    db.session.add_all(documents)
    db.session.flush()
    for document in documents:
        audit.record("invoice.drafted", document, actor=actor, now=now, total_minor=document.total_minor)


def new_draft(
    shop: Shop,
    customer: Customer,
    lines: Sequence[LineInput],
    *,
    language: str,
    now: datetime,
    kind: DocumentKind = DocumentKind.INVOICE,
    prices_include_vat: bool | None = None,
    note: str = "",
    supply_date: date | None = None,
    order_id: int | None = None,
    subscription_id: int | None = None,
    rests: vat.Rests | None = None,
) -> Document:
    """A draft with its sums worked out, that is not stored yet: this asks the database nothing. Raises as above."""
    document = Document(
        mode=shop.mode,
        kind=kind,
        customer_id=customer.id,
        status=DocumentStatus.DRAFT,
        currency=shop.currency,
        language=language,
        prices_include_vat=shop.prices_include_vat if prices_include_vat is None else prices_include_vat,
        note=note,
        supply_date=supply_date,
        order_id=order_id,
        subscription_id=subscription_id,
        created_at=now,
    )
    write_lines(document, lines, rests=rests)
    return document


def write_lines(document: Document, lines: Sequence[LineInput], *, rests: vat.Rests | None = None) -> None:
    """Replaces the lines of a draft and works out its totals."""
    if not lines:
        raise DomainError(_l("An invoice needs at least one line."), "lines")
    if len(lines) > MAX_LINES:
        raise DomainError(_l("An invoice holds at most %(count)s lines.", count=MAX_LINES), "lines")
    totals = vat.compute(
        [vat.Line(line.quantity, line.unit_price, line.vat_rate, line.vat_category) for line in lines],
        prices_include_vat=document.prices_include_vat,
        rests=rests,
    )
    if document.lines:
        # The old ones go first: a position may be taken once.
        document.lines, document.vat_groups = [], []
        db.session.flush()
    document.lines = [
        DocumentLine(
            position=position,
            description=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            vat_category=line.vat_category,
            vat_rate=line.vat_rate,
            net_minor=sums.net,
            gross_minor=sums.gross,
            product_id=line.product_id,
            original_position=line.original_position,
        )
        for position, (line, sums) in enumerate(zip(lines, totals.lines, strict=True), start=1)
    ]
    document.vat_groups = [
        DocumentVat(
            vat_category=group.category, vat_rate=group.rate, net_minor=group.net, vat_minor=group.vat
        )
        for group in totals.groups
    ]
    document.net_minor, document.vat_minor, document.total_minor = totals.net, totals.vat, totals.gross
