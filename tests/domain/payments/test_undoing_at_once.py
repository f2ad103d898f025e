"""Taking a payment back while something else happens to its money: one of them holds, and the books balance."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.invoices import crediting, taking_back
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.models import CreditEntry, Document
from portal.domain.invoices.taking_back import Part
from portal.domain.payments import undoing
from portal.domain.payments.refunding import ByHand, Order
from portal.domain.people.models import Customer, Staff
from portal.domain.shops.models import Shop
from portal.domain.tickets import paying_out
from portal.domain.tickets.models import TicketType
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import credit
from tests.domain.payments.mistakes import LATER, WHY, by_hand
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql
from tests.rows import make_ticket

__all__ = ["here", "on_postgresql"]


def test_several_at_once_take_it_back_once(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    made = alone(here, lambda: by_hand(make_invoice(ids.emma_account), 15000, key="u" * 22).id)
    staff = Actor("staff", ids.saskia)

    def act() -> int:
        return len(undoing.undo(made, reason=WHY, actor=staff, now=LATER))

    answers = at_once(here, 4, act)
    assert sorted(map(str, answers))[0] == "1" and sum(isinstance(each, Conflict) for each in answers) == 3, (
        answers
    )

    def check() -> None:
        of_it = sa.select(sa.func.sum(CreditEntry.amount_minor)).where(CreditEntry.payment_id == made)
        assert db.session.scalar(of_it) == 0 and find_imbalances() == []

    alone(here, check)


def test_taken_back_while_its_excess_is_paid_out_one_of_them_holds(here: tuple[Flask, Ids]) -> None:
    ids = here[1]

    def begin() -> tuple[int, int, int]:
        document = make_invoice(ids.jan_account)
        payment = by_hand(document, 12100 + 3000, key="v" * 22)
        about = make_invoice(ids.jan_account)
        ticket = make_ticket(ids.jan_account, type=TicketType.REFUND_REQUEST, document_id=about.id)
        return payment.id, ticket.id, about.id

    payment_id, ticket_id, document_id = alone(here, begin)
    staff = Actor("staff", ids.saskia)

    def take() -> str:
        undoing.undo(payment_id, reason=WHY, actor=staff, now=LATER)
        return "undone"

    def send() -> str:
        way = ByHand(sent_on=START.date())
        paid = Order(amount_minor=3000, way=way, says="Here.", key="o" * 22, ticket_id=ticket_id)
        shop, saskia = db.session.get_one(Shop, ids.shop), db.session.get_one(Staff, ids.saskia)
        paying_out.pay_out(document_id, paid, shop=shop, author=saskia, now=LATER)
        return "paid out"

    turns = iter([take, send])
    answers = at_once(here, 2, lambda: next(turns)())
    assert len([each for each in answers if isinstance(each, str)]) == 1, answers
    assert all(isinstance(each, str | DomainError) for each in answers), answers
    assert alone(here, lambda: (credit(ids.jan_account), find_imbalances())) == (0, [])


def test_taken_back_while_its_invoice_is_credited_nothing_is_owed(here: tuple[Flask, Ids]) -> None:
    ids = here[1]

    def begin() -> tuple[int, int, str]:
        document = make_invoice(ids.jan_account)
        payment = by_hand(document, 12100, key="w" * 22)
        parts = [Part(each.position) for each in taking_back.lines_left(document)]
        return payment.id, document.id, taking_back.plan(document, parts).token

    payment_id, document_id, told = alone(here, begin)
    staff = Actor("staff", ids.saskia)

    def take() -> None:
        undoing.undo(payment_id, reason=WHY, actor=staff, now=LATER)

    def credit_it() -> None:
        document = db.session.get_one(Document, document_id)
        taking_back.take_back(
            document_id,
            [Part(each.position) for each in document.lines],
            told=told,
            shop=db.session.get_one(Shop, ids.shop),
            customer=db.session.get_one(Customer, ids.jan_account),
            note="",
            now=LATER,
            actor=staff,
        )

    turns = iter([take, credit_it])
    answers = at_once(here, 2, lambda: next(turns)())

    def check() -> tuple[int, int, int]:
        document = db.session.get_one(Document, document_id)
        assert find_imbalances() == []
        return document.open_minor, crediting.creditable(document), credit(ids.jan_account)

    # Where the credit note came second, its page had said that all of it becomes credit: it asks again.
    refused = [each for each in answers if isinstance(each, Exception)]
    assert all(isinstance(each, Conflict) for each in refused), answers
    assert alone(here, check) == ((12100, 12100, 0) if refused else (0, 0, 0))
