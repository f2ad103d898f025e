"""Money that went out is written down once, takes the customer's credit, and is never more than that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.audit import AuditEntry
from portal.core.errors import Conflict, DomainError
from portal.core.mail_message import MailMessage
from portal.core.tenancy import shop_scope
from portal.domain.invoices import taking_back
from portal.domain.invoices.models import CreditEntry, CreditUse
from portal.domain.payments import refunded
from portal.domain.payments.models import Payment, Refund, RefundStatus
from portal.domain.payments.refunding import ByHand, Order
from portal.domain.people.models import Customer, Staff
from portal.domain.shops.models import Shop
from portal.domain.tickets import paying_out, refunds
from portal.domain.tickets.models import Ticket, TicketMessage, TicketStatus, TicketType
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, spend_credit
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql
from tests.rows import make_credit_note, make_ticket

__all__ = ["here", "on_postgresql"]

TODAY = ByHand(sent_on=START.date(), reference="NL91")
PAID = Order(amount_minor=4900, way=TODAY, says="It is on its way.", key="k" * 22)


def credit_about(document_id: int) -> tuple[int, int, int]:
    """The credit in all, of this invoice, and what of that was used."""
    found = paying_out.credit_about(document_id)
    return found.minor, found.here_minor, found.used_minor


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield ids
        db.session.rollback()


def wanted(ids: Ids, *, credited: bool = True) -> Ticket:
    """A request about an invoice of € 49 that was paid, and credited unless said otherwise."""
    document = make_invoice(ids.emma_account, amount_minor=4900)
    book(attempt(ids.emma_account, (document, 4900)), 4900)
    if credited:
        taking_back.take_back(
            document.id,
            [taking_back.Part(1)],
            told="4900.4900.0",
            shop=db.session.get_one(Shop, ids.shop),
            customer=db.session.get_one(Customer, ids.emma_account),
            note="",
            now=START,
            actor=ACTOR,
        )
    return make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=document.id)


def pay(ids: Ids, ticket: Ticket, paid: Order = PAID, *, document_id: int | None = None) -> Refund:
    shop, saskia = db.session.get_one(Shop, ids.shop), db.session.get_one(Staff, ids.saskia)
    about, order = document_id or ticket.document_id or 0, replace(paid, ticket_id=ticket.id)
    return paying_out.pay_out(about, order, shop=shop, author=saskia, now=START)


def mails() -> list[str]:
    """What was mailed, but for the credit note, which comes first."""
    first, *others = db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id))
    assert first == "credit_note_issued"
    return others


def test_it_takes_the_credit_tells_the_customer_and_ends_the_request(scene: Ids) -> None:
    ticket = wanted(scene)
    assert credit_about(ticket.document_id or 0)[0] == credit(scene.emma_account) == 4900
    assert pay(scene, ticket)
    entry = db.session.scalars(sa.select(CreditEntry).where(CreditEntry.use == CreditUse.REFUND)).one()
    assert (entry.amount_minor, entry.document_id) == (-4900, ticket.document_id)
    refund = db.session.scalars(sa.select(Refund)).one()
    assert (refund.id, refund.status, refund.payment_id) == (entry.refund_id, RefundStatus.DONE, None)
    assert (refund.sent_on, refund.reference, refund.ticket_id) == (START.date(), "NL91", ticket.id)
    assert credit(scene.emma_account) == 0 and ticket.status is TicketStatus.RESOLVED
    assert mails() == ["refund_paid"]
    data = db.session.scalars(sa.select(AuditEntry.data).where(AuditEntry.event == "credit.changed")).all()[
        -1
    ]
    assert (data["amount_minor"], data["use"], data["refund_id"], data["ticket_id"]) == (
        -4900, "refund", refund.id, ticket.id,
    )  # fmt: skip
    said = sa.select(TicketMessage.body).where(TicketMessage.ticket_id == ticket.id)
    assert db.session.scalars(said.where(TicketMessage.staff_id == scene.saskia)).all() == [PAID.says]
    refundable = db.session.scalar(sa.select(refunds.refundable_minor(ticket.document_id)))
    assert refundable == 0, "the same money never goes twice"


def test_the_same_form_twice_is_once_and_another_is_refused(scene: Ids) -> None:
    ticket = wanted(scene)
    assert pay(scene, ticket, replace(PAID, amount_minor=900))
    pay(scene, ticket, replace(PAID, amount_minor=900))
    assert db.session.query(Refund).count() == 1
    with pytest.raises(Conflict, match="decided already"):
        pay(scene, ticket, replace(PAID, amount_minor=900, key="m" * 22))
    assert credit(scene.emma_account) == 4000 and mails() == ["refund_paid"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount_minor": 4901}, "amount"),
        ({"amount_minor": 0}, "amount"),
        ({"amount_minor": -1}, "amount"),
        ({"way": replace(TODAY, sent_on=START.date() + timedelta(days=1))}, "paid_on"),
        ({"way": replace(TODAY, sent_on=START.date() - timedelta(days=1))}, "paid_on"),
        ({"says": " \n"}, "body"),
    ],
)
def test_what_cannot_be_is_refused(scene: Ids, change: dict[str, Any], field: str) -> None:
    ticket = wanted(scene)
    with pytest.raises(DomainError) as refused:
        pay(scene, ticket, replace(PAID, **change))
    assert refused.value.field == field
    assert credit(scene.emma_account) == 4900 and ticket.status is TicketStatus.OPEN and mails() == []


def test_without_a_credit_note_or_with_the_credit_spent_there_is_nothing_to_pay_out(scene: Ids) -> None:
    with pytest.raises(DomainError, match="Make a credit note first"):
        pay(scene, wanted(scene, credited=False))
    ticket = wanted(scene)
    spend_credit(make_invoice(scene.emma_account, amount_minor=100), 100)
    with pytest.raises(DomainError, match="less credit than that"):
        pay(scene, ticket)
    assert credit_about(ticket.document_id or 0) == (4800, 4800, 100)
    assert pay(scene, ticket, replace(PAID, amount_minor=4800)) and credit(scene.emma_account) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"type": TicketType.BILLING},
        {"status": TicketStatus.REJECTED},
        {"status": TicketStatus.RESOLVED},
        {"status": TicketStatus.CLOSED},
        {"document_id": None},
    ],
)
def test_what_is_no_open_request_is_refused(scene: Ids, options: dict[str, Any]) -> None:
    document_id = wanted(scene).document_id
    about = {"type": TicketType.REFUND_REQUEST, "document_id": document_id, **options}
    with pytest.raises(Conflict, match="decided already"):
        pay(scene, make_ticket(scene.emma_account, **about), document_id=document_id)


@pytest.mark.parametrize("change", [{"mail_payment_confirmation": False}, {"email": "no address@"}])
def test_who_gets_no_mails_about_payments_is_told_that_there_is_an_answer(
    scene: Ids, change: dict[str, Any]
) -> None:
    ticket = wanted(scene)
    for name, value in change.items():
        setattr(db.session.get_one(Customer, scene.emma_account), name, value)
    assert pay(scene, ticket)
    assert mails() == (["ticket_answered"] if "email" not in change else [])


def test_what_was_paid_out_is_told_and_other_credit_is_not_taken_for_it(scene: Ids) -> None:
    """Credit from elsewhere does not make an invoice refundable whose own was paid out."""
    ticket = wanted(scene)
    document_id = ticket.document_id or 0
    other = make_invoice(scene.emma_account, amount_minor=100)
    book(attempt(scene.emma_account, (other, 100)), 6100)
    assert credit_about(document_id) == (10900, 4900, 0)
    assert refunded.list_refunded(document_id) == []
    assert pay(scene, ticket)
    assert credit_about(document_id) == (6000, 0, 0)
    assert db.session.scalar(sa.select(refunds.refundable_minor(document_id))) == 0
    assert db.session.scalar(sa.select(refunded.refunds_count(document_id))) == 1
    (told,) = refunded.list_refunded(document_id)
    assert (told.refund.amount_minor, told.payment, told.refund.reference) == (4900, None, "NL91")
    assert refunded.of_ticket([told], ticket.id) == [told] and refunded.of_ticket([told], ticket.id + 1) == []


def test_what_was_paid_out_before_the_credit_note_was_other_credit(scene: Ids) -> None:
    """What came in too much went back first; then the invoice was credited, and that credit is there whole."""
    document = make_invoice(scene.emma_account, amount_minor=4900)
    source = attempt(scene.emma_account, (document, 4900))
    book(source, 10900)
    db.session.get_one(Payment, source.payment_id).received_minor = 10900
    first, second = (
        make_ticket(scene.emma_account, type=TicketType.REFUND_REQUEST, document_id=document.id)
        for _ in range(2)
    )
    assert credit_about(document.id) == (6000, 0, 0)
    assert pay(scene, first, replace(PAID, amount_minor=6000))
    make_credit_note(document, 4900)
    assert credit_about(document.id) == (4900, 4900, 0)
    refundable = sa.select(refunds.refundable_minor(document.id))
    assert db.session.scalar(refundable) == 4900
    assert pay(scene, second, replace(PAID, key="m" * 22))
    assert credit_about(document.id) == (0, 0, 0) and db.session.scalar(refundable) == 0
    assert [each.refund.amount_minor for each in refunded.list_refunded(document.id)] == [4900, 6000]


def test_more_than_its_own_credit_leaves_nothing_below_zero(scene: Ids) -> None:
    ticket = wanted(scene)
    book(attempt(scene.emma_account, (make_invoice(scene.emma_account, amount_minor=100), 100)), 6100)
    assert pay(scene, ticket, replace(PAID, amount_minor=10000))
    assert credit_about(ticket.document_id or 0) == (900, 0, 0)


def test_two_colleagues_at_once_pay_once(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    ticket_id = alone(here, lambda: wanted(ids).id)
    keys = iter("abcd")

    def act() -> Any:
        ticket = db.session.get_one(Ticket, ticket_id)
        return pay(ids, ticket, replace(PAID, amount_minor=2000, key=next(keys) * 22)).amount_minor

    answers = at_once(here, 4, act)
    assert sum(isinstance(each, Conflict) for each in answers) == 3 and 2000 in answers, answers
    assert alone(here, lambda: credit(ids.emma_account)) == 2900
