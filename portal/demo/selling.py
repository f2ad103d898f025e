"""How the demo's shop sold: orders with their invoices, credit notes, and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from portal.core import vat
from portal.core.audit import Actor
from portal.core.vat import VatCategory
from portal.demo.story import Story
from portal.domain.invoices.actions import issue_invoice
from portal.domain.invoices.balance import rebalance
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Allocation, AllocationState, Document, DocumentKind
from portal.domain.orders.models import Download, Order, OrderLine, OrderStatus
from portal.domain.orders.states import LIFE, Move
from portal.domain.people.models import Customer
from portal.domain.shops.numbers import draw_number
from portal.extensions import db


@dataclass(frozen=True)
class Item:
    """So many of an article, at the price of the list or at one of its own in cents."""

    product: str
    quantity: int = 1
    price: int | None = None


def number(story: Story, kind: str, prefix: str) -> str:
    """The next number of a series that does not begin anew each year."""
    return f"{prefix}-{1000 + draw_number(kind, mode=story.shop.mode)}"


def lines_of(story: Story, items: Sequence[Item], *, reverse_charge: bool = False) -> list[LineInput]:
    """The lines of an order or an invoice."""
    lines = []
    for item in items:
        product = story.products[item.product]
        lines.append(
            LineInput(
                description=product.name,
                quantity=Decimal(item.quantity),
                unit_price=product.unit_price if item.price is None else Decimal(item.price),
                vat_rate=Decimal(0) if reverse_charge else product.vat_rate,
                vat_category=VatCategory.REVERSE_CHARGE if reverse_charge else product.vat_category,
                product_id=product.id,
            )
        )
    return lines


def place_order(
    story: Story,
    email: str,
    items: Sequence[Item],
    *,
    now: datetime,
    answers: Sequence[tuple[str, str]] = (),
    note: str = "",
    include_vat: bool = True,
    reverse_charge: bool = False,
) -> Order:
    """An order that waits for its payment, with the downloads that come with it."""
    lines = lines_of(story, items, reverse_charge=reverse_charge)
    totals = vat.compute(
        [vat.Line(each.quantity, each.unit_price, each.vat_rate, each.vat_category) for each in lines],
        prices_include_vat=include_vat,
    )
    order = Order(
        mode=story.shop.mode,
        customer_id=story.customers[email].id,
        number=number(story, "order", "O"),
        order_date=story.local_day(now),
        placed_at=now,
        created_at=now,
        currency=story.shop.currency,
        prices_include_vat=include_vat,
        net_minor=totals.net,
        vat_minor=totals.vat,
        total_minor=totals.gross,
        vat_groups=[
            {
                "category": each.category.value,
                "rate": str(each.rate),
                "net_minor": each.net,
                "vat_minor": each.vat,
            }
            for each in totals.groups
        ],
        answers=[{"label": label, "value": value} for label, value in answers],
        note=note,
    )
    order.lines = [
        OrderLine(
            position=position,
            product_id=line.product_id,
            name=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            vat_category=line.vat_category,
            vat_rate=line.vat_rate,
            net_minor=sums.net,
            gross_minor=sums.gross,
        )
        for position, (line, sums) in enumerate(zip(lines, totals.lines, strict=True), start=1)
    ]
    story.add(order)
    actor = Actor.person(story.people[email])
    story.record("order.placed", order, now=now, actor=actor, total_minor=order.total_minor)
    return order


def move_order(story: Story, order: Order, move: Move, *, now: datetime) -> None:
    """One legal step of an order."""
    after = LIFE.next(order.status, move)
    if after is None:
        return
    before, order.status = order.status, after
    if after is OrderStatus.COMPLETED:
        order.completed_at = now
    story.record(f"order.{after.value}", order, now=now, before=before.value)


def use_downloads(story: Story, order: Order, *, used: int) -> None:
    """Some of the downloads that came with the payment were fetched already."""
    lines = sa.select(OrderLine.id).where(OrderLine.order_id == order.id)
    for download in db.session.scalars(sa.select(Download).where(Download.order_line_id.in_(lines))):
        download.downloads_used = used
        story.add(download)


def bill(
    story: Story,
    customer: Customer,
    lines: Sequence[LineInput],
    *,
    now: datetime,
    kind: DocumentKind = DocumentKind.INVOICE,
    include_vat: bool = True,
    note: str = "",
    order: Order | None = None,
    subscription_id: int | None = None,
    original: Document | None = None,
) -> Document:
    """A document with its number; its mail went out in its time, so none is queued now."""
    actor = Actor.system("demo")
    document = create_draft(
        story.shop,
        customer,
        lines,
        now=now,
        actor=actor,
        kind=kind,
        prices_include_vat=include_vat,
        note=note,
        order_id=order.id if order else None,
        subscription_id=subscription_id,
    )
    document.original_id = original.id if original else None
    issue_invoice(document, shop=story.shop, customer=customer, now=now, actor=actor)
    return document


def bill_order(story: Story, order: Order, *, now: datetime, note: str = "") -> Document:
    """The invoice of an order, with the order's own lines."""
    customer = next(each for each in story.customers.values() if each.id == order.customer_id)
    lines = [
        LineInput(
            line.name, line.quantity, line.unit_price, line.vat_rate, line.vat_category, line.product_id
        )
        for line in order.lines
    ]
    return bill(story, customer, lines, now=now, include_vat=order.prices_include_vat, note=note, order=order)


def credit(
    story: Story,
    invoice: Document,
    customer: Customer,
    lines: Sequence[LineInput],
    *,
    now: datetime,
    note: str,
) -> Document:
    """A credit note on an invoice that is not paid, taken off what is open."""
    credit_note = bill(
        story,
        customer,
        lines,
        now=now,
        kind=DocumentKind.CREDIT_NOTE,
        include_vat=invoice.prices_include_vat,
        note=note,
        original=invoice,
    )
    story.add(
        Allocation(
            document_id=invoice.id,
            credit_note_id=credit_note.id,
            amount_minor=credit_note.total_minor,
            state=AllocationState.BOOKED,
            created_at=now,
        )
    )
    rebalance(invoice, now=now)
    story.record("invoice.credited", invoice, now=now, amount_minor=credit_note.total_minor)
    return credit_note
