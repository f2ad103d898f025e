"""What can be refunded of an invoice, who may ask when, and that it is asked once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.errors import Conflict, DomainError
from portal.core.tenancy import shop_scope
from portal.domain.invoices import taking_back
from portal.domain.invoices.balance import rebalance
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    CreditEntry,
    CreditUse,
    Document,
    DocumentKind,
    ListState,
)
from portal.domain.payments.models import Payment, PaymentStatus, Refund, RefundStatus
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.shops.models import Mode, Shop
from portal.domain.tickets import refunds
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import Priority, Ticket, TicketStatus, TicketType
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, spend_credit
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql
from tests.rows import make_charge, make_method, make_ticket

__all__ = ["here", "on_postgresql"]


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield ids
        db.session.rollback()


def payment(customer_id: int, received: int, key: str = "p") -> Payment:
    method = make_method(customer_id)
    status = PaymentStatus.PAID
    return make_charge(
        customer_id, method.id, status, amount_minor=received, received_minor=received,
        idempotency_key=key, provider_ref=key,
    )  # fmt: skip


def book(document: Document, amount: int, paid_by: Payment | None, **options: Any) -> None:
    state = options.pop("state", AllocationState.BOOKED)
    payment_id = paid_by.id if paid_by is not None else None
    db.session.add(
        Allocation(
            document_id=document.id,
            payment_id=payment_id,
            amount_minor=amount,
            state=state,
            created_at=START,
            **options,
        )
    )
    rebalance(document, now=START)


def refund(of: Payment, amount: int, status: RefundStatus) -> None:
    key = f"r{of.id}-{status}-{amount}"
    db.session.add(
        Refund(
            mode=Mode.TEST,
            payment_id=of.id,
            currency="EUR",
            amount_minor=amount,
            status=status,
            idempotency_key=key,
        )
    )
    db.session.flush()


def refundable(document: Document) -> int:
    return db.session.scalar(sa.select(refunds.refundable_minor(document.id))) or 0


@pytest.mark.parametrize("status", RefundStatus)
def test_a_refund_takes_from_it_unless_it_gave_up(scene: Ids, status: RefundStatus) -> None:
    document = make_invoice(scene.emma_account, amount_minor=10_000)
    paid_by = payment(scene.emma_account, 10_000)
    book(document, 10_000, paid_by)
    assert refundable(document) == 10_000
    refund(paid_by, 4_000, status)
    gave_up = status in (RefundStatus.FAILED, RefundStatus.CANCELLED)
    assert refundable(document) == (10_000 if gave_up else 6_000)


def test_of_one_payment_for_several_none_gives_back_more_than_its_share(scene: Ids) -> None:
    documents = [make_invoice(scene.emma_account, amount_minor=amount) for amount in (3_000, 7_000)]
    paid_by = payment(scene.emma_account, 10_000)
    for document in documents:
        book(document, document.total_minor, paid_by)
    refund(paid_by, 5_000, RefundStatus.DONE)
    assert [refundable(document) for document in documents] == [3_000, 5_000]
    refund(paid_by, 5_000, RefundStatus.QUEUED)
    assert [refundable(document) for document in documents] == [0, 0]


def test_what_does_not_count(scene: Ids) -> None:
    document = make_invoice(scene.emma_account, amount_minor=10_000)
    assert refundable(document) == 0
    for state in (AllocationState.PLANNED, AllocationState.PENDING, AllocationState.RELEASED):
        book(document, 10_000, payment(scene.emma_account, 10_000, key=state.value), state=state)
    note = make_invoice(scene.emma_account, amount_minor=2_000, kind=DocumentKind.CREDIT_NOTE)
    book(document, 2_000, None, credit_note_id=note.id)
    assert refundable(document) == 0
    entry = CreditEntry(
        mode=Mode.TEST,
        customer_id=scene.emma_account,
        currency="EUR",
        amount_minor=-8_000,
        use=CreditUse.USED,
    )
    db.session.add(entry)
    db.session.flush()
    book(document, 8_000, None, credit_entry_id=entry.id)
    assert refundable(document) == 8_000


@pytest.mark.parametrize("state", ListState)
@pytest.mark.parametrize("kind", DocumentKind)
@pytest.mark.parametrize("reversed_at", [None, START])
@pytest.mark.parametrize("minor", [-1, 0, 1])
def test_when_it_can_be_asked_for(state: ListState, kind: DocumentKind, reversed_at: Any, minor: int) -> None:
    document = Document(list_state=state, kind=kind, reversed_at=reversed_at)
    settled = state in (ListState.PAID, ListState.CREDITED)
    wanted = settled and kind is not DocumentKind.CREDIT_NOTE and reversed_at is None and minor > 0
    assert refunds.is_refundable(document, minor) is wanted


def ask(document_id: int, customer_id: int, person_id: int, **said: Any) -> Ticket:
    return refunds.request_refund(
        document_id,
        "Money back",
        Said("It broke.", **said),
        customer_id=customer_id,
        author=db.session.get_one(Person, person_id),
        now=START,
    )


def paid_invoice(account: int) -> Document:
    document = make_invoice(account, amount_minor=10_000)
    book(document, 10_000, payment(account, 10_000))
    return document


def test_a_request_is_a_ticket(scene: Ids) -> None:
    document = paid_invoice(scene.emma_account)
    ticket = ask(document.id, scene.emma_account, scene.emma)
    assert (ticket.type, ticket.priority, ticket.subject, ticket.document_id, ticket.status) == (
        TicketType.REFUND_REQUEST,
        Priority.MEDIUM,
        "Money back",
        document.id,
        TicketStatus.OPEN,
    )


@pytest.mark.parametrize("status", TicketStatus)
def test_while_one_runs_there_is_no_other(scene: Ids, status: TicketStatus) -> None:
    document = paid_invoice(scene.emma_account)
    first = make_ticket(
        scene.emma_account, type=TicketType.REFUND_REQUEST, status=status, document_id=document.id
    )
    # Another question about the same invoice is none.
    make_ticket(scene.emma_account, type=TicketType.BILLING, document_id=document.id)
    running = status in (TicketStatus.OPEN, TicketStatus.IN_REVIEW)
    assert db.session.scalar(sa.select(refunds.running_request(document.id))) == (
        first.public_id if running else None
    )
    asked = ask(document.id, scene.emma_account, scene.emma)
    assert (asked.id == first.id) is running


def test_what_is_not_paid_is_refused(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    with pytest.raises(Conflict):
        ask(document.id, scene.emma_account, scene.emma)


def test_two_clicks_at_once_make_one_ticket(here: tuple[Flask, Ids]) -> None:
    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        document_id = paid_invoice(ids.emma_account).id
        db.session.commit()
    answers = at_once(here, 6, lambda: ask(document_id, ids.emma_account, ids.emma).number)
    assert len(set(answers)) == 1 and isinstance(answers[0], str)
    with app.app_context(), shop_scope(ids.shop):
        counted = sa.select(sa.func.count()).where(Ticket.document_id == document_id)
        assert db.session.scalar(counted) == 1


def test_refused_by_four_at_once_it_is_refused_once(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    ticket_id = alone(here, lambda: make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST).id)

    def refuse() -> Any:
        saskia = db.session.get_one(Staff, ids.saskia)
        return refunds.refuse_refund(ticket_id, "No.", author=saskia, now=START).status

    answers = at_once(here, 4, refuse)
    assert sum(isinstance(each, Conflict) for each in answers) == 3, answers
    assert TicketStatus.REJECTED in answers


def test_a_refusal_has_words_and_is_of_a_request(scene: Ids) -> None:
    saskia = db.session.get_one(Staff, scene.saskia)
    wanted = make_ticket(scene.emma_account, type=TicketType.REFUND_REQUEST)
    with pytest.raises(DomainError, match="Say why"):
        refunds.refuse_refund(wanted.id, " ", author=saskia, now=START)
    with pytest.raises(Conflict, match="decided already"):
        refunds.refuse_refund(make_ticket(scene.emma_account).id, "No.", author=saskia, now=START)


def take_back(document: Document, account: int) -> None:
    taking_back.take_back(
        document.id,
        [taking_back.Part(1)],
        told=taking_back.plan(document, [taking_back.Part(1)]).token,
        shop=db.session.get_one(Shop, document.shop_id),
        customer=db.session.get_one(Customer, account),
        note="",
        now=START,
        actor=ACTOR,
    )


def test_what_was_credited_and_spent_is_not_refunded_again(scene: Ids) -> None:
    account = scene.emma_account
    document, other = paid_invoice(account), make_invoice(account, amount_minor=6_000)
    take_back(document, account)
    assert refundable(document) == 10_000, "its credit is there"
    spend_credit(other, 6_000)
    assert refundable(document) == 4_000
    assert refundable(other) == 6_000, "paid with credit, which a credit note gives back"
    spend_credit(make_invoice(account, amount_minor=4_000), 4_000)
    assert refundable(document) == 0
    with pytest.raises(Conflict, match="nothing to refund"):
        ask(document.id, account, scene.emma)


def test_of_a_part_that_was_credited_the_rest_stays_refundable(scene: Ids) -> None:
    account = scene.emma_account
    document = make_invoice(account, amount_minor=10_000, lines=2)
    book(document, 10_000, payment(account, 10_000))
    take_back(document, account)
    spend_credit(make_invoice(account, amount_minor=5_000), 5_000)
    assert refundable(document) == 5_000
