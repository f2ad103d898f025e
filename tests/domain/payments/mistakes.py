"""Payments that were booked by hand by mistake, and what else happened to them, as the tests of undoing need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict
from portal.core.mail_message import MailMessage
from portal.core.tenancy import shop_scope
from portal.domain.invoices import crediting
from portal.domain.invoices.balance import badge, find_imbalances
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Badge, Document
from portal.domain.payments import undoing
from portal.domain.payments.models import (
    Payment,
    PaymentMethodKind,
)
from portal.domain.payments.refunding import ByHand, Order
from portal.domain.payments.registering import Received, register
from portal.domain.people.models import Customer, Staff
from portal.domain.shops.models import Shop
from portal.domain.tickets import paying_out
from portal.domain.tickets.models import TicketType
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.invoices.paying import ACTOR
from tests.rows import make_ticket

LATER = START + timedelta(hours=2)
WHY = "It was for another customer"


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    """Inside the shop; whatever a test did, the books balance after it."""
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield ids
        assert find_imbalances() == []
        db.session.rollback()


def by_hand(document: Document, amount_minor: int, *, key: str = "k" * 22, at: Any = START) -> Payment:
    """Booked by hand by somebody of the shop."""
    received = Received(
        amount_minor=amount_minor,
        method=PaymentMethodKind.TRANSFER,
        paid_on=at.date(),
        reference="NL91",
        key=key,
    )
    shop = db.session.get_one(Shop, document.shop_id)
    return register(document.id, received, shop=shop, now=at, actor=Actor.system("test"))


def undo(ids: Ids, payment: Payment, why: str = WHY) -> list[int]:
    """Taken back by Saskia; the ids of the documents that are open again."""
    staff = Actor("staff", ids.saskia)
    return [each.id for each in undoing.undo(payment.id, reason=why, actor=staff, now=LATER)]


def mails(name: str = "payment_corrected") -> list[MailMessage]:
    """The mails of a name."""
    return list(db.session.scalars(sa.select(MailMessage).where(MailMessage.name == name)))


def badge_of(document: Document) -> Badge:
    """What a list says of it."""
    return badge(
        list_state=document.list_state,
        open_minor=document.open_minor,
        total_minor=document.total_minor,
        reversed_at=document.reversed_at,
        is_late=document.due_date is not None and document.due_date < START.date(),
    )


def refused(ids: Ids, payment: Payment, words: str) -> None:
    before = (payment.status, dict(payment.details), db.session.query(AuditEntry).count())
    with pytest.raises(Conflict, match=words):
        undo(ids, payment)
    with pytest.raises(Conflict, match=words):
        undoing.check(payment)
    assert (payment.status, dict(payment.details), db.session.query(AuditEntry).count()) == before


def lines_of(document: Document) -> list[LineInput]:
    """All of its lines, as a credit note takes them back."""
    return [
        LineInput(line.description, line.quantity, line.unit_price, line.vat_rate, line.vat_category)
        for line in document.lines
    ]


def pay_out(
    ids: Ids, document: Document, amount_minor: int, *, at: Any = START, paid_on: date | None = None
) -> None:
    """So much of the credit paid out, as an answer to a request about a document."""
    ticket = make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=document.id)
    way = ByHand(sent_on=paid_on or at.date())
    paid = Order(
        amount_minor=amount_minor, way=way, says="Here it is.", key=f"{ticket.id:022}", ticket_id=ticket.id
    )
    shop, saskia = db.session.get_one(Shop, ids.shop), db.session.get_one(Staff, ids.saskia)
    assert paying_out.pay_out(document.id, paid, shop=shop, author=saskia, now=at)


def note_on(ids: Ids, document: Document, amount_minor: int | None = None) -> Document:
    """A credit note on all of it, or on so much."""
    lines = lines_of(document)
    if amount_minor is not None:
        lines = [replace(lines[0], quantity=Decimal(1), unit_price=Decimal(amount_minor))]
    return crediting.credit_invoice(
        document,
        lines,
        shop=db.session.get_one(Shop, ids.shop),
        customer=db.session.get_one(Customer, ids.emma_account),
        note="",
        now=START,
        actor=ACTOR,
    )
