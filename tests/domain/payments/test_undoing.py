"""A payment that was booked by hand by mistake is taken back, whole and once, and the customer is not blamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.mail_message import MailMessage, MailState
from portal.core.tenancy import shop_scope
from portal.domain.collections.models import CaseStatus, PaymentPlan, PlanStatus
from portal.domain.invoices import booking, crediting, spending, taking_back
from portal.domain.invoices.balance import badge, find_imbalances
from portal.domain.invoices.booking import Source
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Badge, CreditEntry, CreditUse, Document, DocumentStatus, ListState
from portal.domain.invoices.taking_back import Part
from portal.domain.orders.models import OrderStatus
from portal.domain.payments import statements, undoing
from portal.domain.payments.models import (
    Payment,
    PaymentEvent,
    PaymentMethodKind,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from portal.domain.payments.registering import Received, register
from portal.domain.people.models import Customer, Staff
from portal.domain.shops.models import Mode, Shop
from portal.domain.tickets import paying_out
from portal.domain.tickets.models import TicketType
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, spend_credit
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql
from tests.rows import make_case, make_download, make_order, make_ticket
from tests.statements import counted

__all__ = ["here", "on_postgresql"]

LATER = START + timedelta(hours=2)
WHY = "It was for another customer"


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield ids
        assert find_imbalances() == []
        db.session.rollback()


def by_hand(document: Document, amount_minor: int, *, key: str = "k" * 22, at: Any = START) -> Payment:
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
    staff = Actor("staff", ids.saskia)
    return [each.id for each in undoing.undo(payment.id, reason=why, actor=staff, now=LATER)]


def mails(name: str = "payment_corrected") -> list[MailMessage]:
    return list(db.session.scalars(sa.select(MailMessage).where(MailMessage.name == name)))


def badge_of(document: Document) -> Badge:
    return badge(
        list_state=document.list_state,
        open_minor=document.open_minor,
        total_minor=document.total_minor,
        reversed_at=document.reversed_at,
        due_date=document.due_date,
        today=START.date(),
    )


def test_the_invoice_is_open_as_before(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    assert document.status is DocumentStatus.SETTLED
    assert undo(scene, payment) == [document.id]
    assert (document.status, document.open_minor, document.paid_minor, document.list_state) == (
        DocumentStatus.OPEN, 12100, 0, ListState.UNPAID,
    )  # fmt: skip
    assert badge_of(document) is Badge.UNPAID and document.reversed_at is None, "no chargeback"
    assert (payment.status, payment.reversed_at, payment.is_undone) == (PaymentStatus.REVERSED, LATER, True)
    assert credit(scene.emma_account) == 0


def test_who_did_it_and_why_is_written_down(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    undo(scene, payment)
    rows = db.session.scalars(
        sa.select(AuditEntry).where(AuditEntry.at == LATER).order_by(AuditEntry.id)
    ).all()
    assert [row.event for row in rows] == ["invoice.payment_reversed", "payment.reversed", "payment.undone"]
    assert {(row.actor_kind, row.actor_id) for row in rows} == {("staff", scene.saskia)}
    assert rows[1].data == {"before": "paid", "source": "staff", "by_mistake": True}
    assert (rows[2].subject_id, rows[2].data) == (payment.id, {"reason": WHY})
    event = db.session.scalars(sa.select(PaymentEvent).order_by(PaymentEvent.id.desc())).first()
    assert event is not None
    assert (event.status, event.source, event.detail) == (
        PaymentStatus.REVERSED,
        "staff",
        {"by_mistake": True},
    )


def test_a_part_that_was_booked_wrongly_leaves_the_other(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    right = by_hand(document, 2100)
    wrong = by_hand(document, 5000, key="w" * 22)
    undo(scene, wrong)
    assert (document.open_minor, document.paid_minor) == (10000, 2100)
    assert badge_of(document) is Badge.PARTLY_PAID and right.status is PaymentStatus.PAID


def test_its_excess_goes_from_the_credit(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 15000)
    assert credit(scene.emma_account) == 2900
    undo(scene, payment)
    assert credit(scene.emma_account) == 0 and document.open_minor == 12100
    uses = list(db.session.scalars(sa.select(CreditEntry.use).order_by(CreditEntry.id)))
    assert uses == [CreditUse.OVERPAID, CreditUse.UNDONE]


def test_what_was_paid_with_its_excess_reopens_the_newest_first(scene: Ids) -> None:
    wrong, first, second = (make_invoice(scene.emma_account) for _ in range(3))
    other = attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100))
    book(other, 12100 + 5000)
    payment = by_hand(wrong, 12100 + 10000)
    spend_credit(first, 9000)
    spend_credit(second, 6000)
    assert credit(scene.emma_account) == 0
    assert undo(scene, payment) == sorted([wrong.id, first.id, second.id])
    # € 100 is missing: the newest, of 60, and the one before it, of 90; what that is too much is credit again.
    assert (first.open_minor, second.open_minor, credit(scene.emma_account)) == (12100, 12100, 5000)
    assert [badge_of(each) for each in (wrong, first, second)] == [Badge.UNPAID] * 3
    assert [use.is_undone for use in spending.list_uses(second.id)] == [True]


def test_a_use_that_a_chargeback_took_back_is_told_apart(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    source = attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100))
    book(source, 12100 + 700)
    spend_credit(document, 700)
    booking.reverse_payment(source, now=LATER, actor=ACTOR)
    assert [use.is_undone for use in spending.list_uses(document.id)] == [False]
    assert document.reversed_at == LATER
    payment = by_hand(make_invoice(scene.emma_account), 12100 + 700)
    spend_credit(document, 700)
    undo(scene, payment)
    assert [use.is_undone for use in spending.list_uses(document.id)] == [True, False]


@pytest.mark.parametrize("mistake_first", [True, False])
def test_of_two_uses_of_one_amount_each_says_its_own_reason(scene: Ids, mistake_first: bool) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(make_invoice(scene.emma_account), 12100 + 50)
    source = attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100))
    book(source, 12100 + 50)
    for _ in range(2):
        spend_credit(document, 50)
    if mistake_first:
        undo(scene, payment)
        booking.reverse_payment(source, now=LATER, actor=ACTOR)
    else:
        booking.reverse_payment(source, now=LATER, actor=ACTOR)
        undo(scene, payment)
    # The newest first, which is also the first that was taken back.
    assert [use.is_undone for use in spending.list_uses(document.id)] == [mistake_first, not mistake_first]


def test_who_was_told_that_it_arrived_is_told_otherwise_once(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    (told,) = mails("payment_confirmation")
    undo(scene, payment)
    (mail,) = mails()
    assert (mail.to, mail.cc, mail.related) == (["emma@example.com"], [], told.related)
    assert (mail.context["booked_minor"], mail.context["open_minor"], mail.context["numbers"]) == (
        12100, 12100, document.number,
    )  # fmt: skip


@pytest.mark.parametrize("state", [MailState.FAILED, MailState.DROPPED])
def test_who_never_got_the_confirmation_gets_no_correction(scene: Ids, state: MailState) -> None:
    payment = by_hand(make_invoice(scene.emma_account), 12100)
    mails("payment_confirmation")[0].state = state
    undo(scene, payment)
    assert mails() == []


@pytest.mark.parametrize("when", ["before", "between"])
def test_the_switch_of_payment_confirmations_counts(scene: Ids, when: str) -> None:
    emma = db.session.get_one(Customer, scene.emma_account)
    emma.mail_payment_confirmation = when != "before"
    payment = by_hand(make_invoice(scene.emma_account), 12100)
    assert len(mails("payment_confirmation")) == (when == "between")
    emma.mail_payment_confirmation = False
    undo(scene, payment)
    assert mails() == []


def test_an_address_that_went_bad_stops_nothing(scene: Ids) -> None:
    payment = by_hand(make_invoice(scene.emma_account), 12100)
    db.session.get_one(Customer, scene.emma_account).email = "no address@"
    assert undo(scene, payment) and mails() == []


def refused(ids: Ids, payment: Payment, words: str) -> None:
    before = (payment.status, dict(payment.details), db.session.query(AuditEntry).count())
    with pytest.raises(Conflict, match=words):
        undo(ids, payment)
    with pytest.raises(Conflict, match=words):
        undoing.check(payment)
    assert (payment.status, dict(payment.details), db.session.query(AuditEntry).count()) == before


def test_twice_is_refused(scene: Ids) -> None:
    payment = by_hand(make_invoice(scene.emma_account), 12100)
    undo(scene, payment)
    refused(scene, payment, "taken back already")
    assert len(mails()) == 1


def test_another_providers_payment_is_refused(scene: Ids) -> None:
    source = attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100))
    book(source, 12100)
    payment = db.session.get_one(Payment, source.payment_id)
    payment.status = PaymentStatus.PAID
    refused(scene, payment, "came in through a payment provider")


@pytest.mark.parametrize("status", [each for each in PaymentStatus if each is not PaymentStatus.PAID])
def test_only_what_arrived_is_taken_back(scene: Ids, status: PaymentStatus) -> None:
    payment = by_hand(make_invoice(scene.emma_account), 12100)
    payment.status = status
    refused(scene, payment, "never arrived")
    payment.status = PaymentStatus.PAID


@pytest.mark.parametrize("status", list(RefundStatus))
def test_with_a_refund_done_or_under_way_it_is_refused(scene: Ids, status: RefundStatus) -> None:
    payment = by_hand(make_invoice(scene.emma_account), 12100)
    refund = Refund(
        mode=Mode.TEST, payment_id=payment.id, currency="EUR", amount_minor=100, idempotency_key="r", status=status
    )  # fmt: skip
    db.session.add(refund)
    db.session.flush()
    if status in (RefundStatus.FAILED, RefundStatus.CANCELLED):
        assert undo(scene, payment)
    else:
        refused(scene, payment, "paid out or is on its way")


def lines_of(document: Document) -> list[LineInput]:
    """All of its lines, as a credit note takes them back."""
    return [
        LineInput(line.description, line.quantity, line.unit_price, line.vat_rate, line.vat_category)
        for line in document.lines
    ]


def pay_out(ids: Ids, document: Document, amount_minor: int, *, at: Any = START) -> None:
    ticket = make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=document.id)
    paid = paying_out.PaidOut(
        amount_minor=amount_minor, paid_on=at.date(), reference="", message="Here it is.", key="o" * 22
    )
    shop, saskia = db.session.get_one(Shop, ids.shop), db.session.get_one(Staff, ids.saskia)
    assert paying_out.pay_out(ticket.id, paid, shop=shop, author=saskia, now=at)


def test_excess_that_was_paid_out_is_gone(scene: Ids) -> None:
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    payment = by_hand(document, 12100 + 3000)
    pay_out(scene, other, 1000)
    refused(scene, payment, "paid out or is on its way")


def test_excess_of_which_as_much_is_there_can_go(scene: Ids) -> None:
    """Money has no name: of two payments that left credit, what was paid out was the other's."""
    book(attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100)), 12100 + 1000)
    payment = by_hand(make_invoice(scene.emma_account), 12100 + 3000)
    pay_out(scene, make_invoice(scene.emma_account), 1000)
    assert undo(scene, payment) and credit(scene.emma_account) == 0


def test_an_invoice_that_was_credited_and_paid_out_stays_paid(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    crediting.credit_invoice(
        document,
        lines_of(document),
        shop=db.session.get_one(Shop, scene.shop),
        customer=db.session.get_one(Customer, scene.emma_account),
        note="",
        now=START,
        actor=ACTOR,
    )
    pay_out(scene, document, 5000)
    refused(scene, payment, "paid out or is on its way")


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


def test_nothing_is_owed_of_an_invoice_that_was_credited_since(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    note = note_on(scene, document)
    settled_at = document.settled_at
    assert (credit(scene.emma_account), booking.credit_going(payment.id)) == (12100, 12100)
    assert undo(scene, payment) == []
    assert (document.open_minor, document.credited_minor, document.list_state) == (
        0,
        12100,
        ListState.CREDITED,
    )
    assert (document.status, document.settled_at) == (DocumentStatus.SETTLED, settled_at)
    assert badge_of(document) is Badge.CREDITED and credit(scene.emma_account) == 0
    found = crediting.get_corrected(note)
    assert found is not None and found.off_minor == 12100
    ledger = [(each.amount_minor, each.use, each.document_id) for each in db.session.query(CreditEntry)]
    assert ledger == [(12100, CreditUse.CREDIT_NOTE, note.id), (-12100, CreditUse.UNDONE, note.id)]
    told = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "invoice.note_taken_off")).one()
    assert (told.subject_id, told.data) == (document.id, {"credit_note_id": note.id, "amount_minor": 12100})
    (mail,) = mails()
    assert (mail.context["numbers"], mail.context["open_minor"], mail.context["credit_minor"]) == (
        document.number, 0, 12100,
    )  # fmt: skip
    account = statements.Account(scene.emma_account, Mode.TEST, "EUR", "Europe/Amsterdam")
    assert statements.get_statement(account, START.date(), START.date()).closing_minor == 0


def test_of_one_that_was_credited_in_part_the_rest_is_owed(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 15000)
    note_on(scene, document, 5000)
    assert credit(scene.emma_account) == 7900
    assert undo(scene, payment) == [document.id]
    assert (document.open_minor, document.credited_minor, credit(scene.emma_account)) == (7100, 5000, 0)
    assert badge_of(document) is Badge.PARTLY_PAID
    (mail,) = mails()
    assert (mail.context["open_minor"], mail.context["credit_minor"]) == (7100, 7900)


def test_of_two_payments_of_a_credited_one_the_other_stays_credit(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    wrong, right = by_hand(document, 6000), by_hand(document, 6100, key="r" * 22)
    note_on(scene, document)
    assert undo(scene, wrong) == [] and credit(scene.emma_account) == 6100
    assert undo(scene, right) == [] and credit(scene.emma_account) == 0
    assert (document.list_state, document.credited_minor) == (ListState.CREDITED, 12100)


def test_what_was_paid_with_the_credit_of_its_note_reopens(scene: Ids) -> None:
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    note_on(scene, document)
    spend_credit(other, 5000)
    assert undo(scene, payment) == [other.id]
    assert (document.list_state, other.open_minor, credit(scene.emma_account)) == (
        ListState.CREDITED,
        12100,
        0,
    )
    (mail,) = mails()
    assert (mail.context["numbers"], mail.context["open_minor"]) == (other.number, 12100)


def test_what_reopens_by_that_and_was_credited_itself_is_closed_too(scene: Ids) -> None:
    document, other, third = (make_invoice(scene.emma_account) for _ in range(3))
    payment = by_hand(document, 12100)
    note_on(scene, document)
    spend_credit(other, 12100)
    note_on(scene, other)
    spend_credit(third, 12000)
    assert undo(scene, payment) == [third.id]
    assert [each.list_state for each in (document, other)] == [ListState.CREDITED] * 2
    assert (third.open_minor, credit(scene.emma_account)) == (12100, 0)


def test_credit_of_its_note_that_was_paid_out_under_another_ticket_is_gone_all_the_same(scene: Ids) -> None:
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    note_on(scene, document)
    pay_out(scene, other, 100)
    refused(scene, payment, "paid out or is on its way")
    # As much from elsewhere will do: money has no name.
    book(attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100)), 12100 + 100)
    assert undo(scene, payment) == [] and credit(scene.emma_account) == 0


def test_a_chargeback_of_what_was_paid_out_leaves_it_owed(scene: Ids) -> None:
    """A refund went out, then the bank takes the payment back: what the customer got twice is owed, and no more."""
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    source = attempt(scene.emma_account, (document, 12100))
    book(source, 12100)
    note_on(scene, document)
    pay_out(scene, document, 5000)
    spend_credit(other, 1000)
    booking.reverse_payment(source, now=LATER, actor=ACTOR)
    assert (document.open_minor, other.open_minor, credit(scene.emma_account)) == (5000, 12100, 0)
    assert badge_of(document) is badge_of(other) is Badge.REVERSED
    # The bank gives it back after all.
    book(source, 12100)
    assert (document.open_minor, credit(scene.emma_account)) == (0, 7100)


def test_a_chargeback_of_a_credited_invoice_that_was_won(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    source = attempt(scene.emma_account, (document, 12100))
    book(source, 12100)
    note_on(scene, document)
    for _ in range(2):
        booking.reverse_payment(source, now=LATER, actor=ACTOR)
        assert (document.list_state, document.reversed_at, credit(scene.emma_account)) == (
            ListState.CREDITED, None, 0,
        )  # fmt: skip
        book(source, 12100)
        assert (document.list_state, credit(scene.emma_account)) == (ListState.CREDITED, 12100)


@pytest.mark.parametrize("noted", [False, True])
def test_what_was_spent_is_read_as_a_sum(app: Flask, scene: Ids, noted: bool) -> None:
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    if noted:
        note_on(scene, document)
    else:
        book(attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100)), 12100 + 100)
    for _ in range(3):
        spend_credit(other, 20)
    db.session.flush()
    db.session.expunge_all()
    source = Source(payment.id, scene.emma_account, Mode.TEST, "EUR")
    with counted(app) as found:
        assert booking.is_credit_there(source)
    about = [each for each in found if "credit_entries" in each and "credit_entry_id" in each]
    assert len(about) == noted and all("sum(" in each for each in about), about


def stays_of(payment: Payment) -> list[str] | None:
    entry = db.session.scalars(
        sa.select(AuditEntry).where(AuditEntry.event == "payment.undone", AuditEntry.subject_id == payment.id)
    ).one()
    return entry.data.get("stays")


@pytest.mark.parametrize("status", [PlanStatus.ACTIVE, PlanStatus.REQUESTED, None])
def test_what_stays_of_a_case_and_its_plan_is_said(scene: Ids, status: PlanStatus | None) -> None:
    with_plan = CaseStatus.WITH_PLAN if status is PlanStatus.ACTIVE else CaseStatus.ACTIVE
    case = make_case(scene.emma_account, number="K-1001", status=with_plan)
    if status is not None:
        plan = PaymentPlan(
            case_id=case.id, status=status, instalment_count=3, currency="EUR", total_minor=12100
        )
        db.session.add(plan)
        db.session.flush()
    document = db.session.get_one(Document, case.document_id)
    other = by_hand(make_invoice(scene.emma_account), 12100, key="o" * 22)
    payment = by_hand(document, 12100)
    assert case.status is CaseStatus.PAID
    found = undoing.list_what_stays(payment, {document.id})
    words = ["Collection case K-1001 stays closed as paid."]
    words += ["The payment plan of case K-1001 stays ended."] if status is not None else []
    assert [each.says for each in found] == words
    assert undoing.list_what_stays(payment, ()) == []
    undo(scene, payment)
    undo(scene, other)
    assert stays_of(payment) == ["case K-1001", "plan K-1001"][: len(words)] and stays_of(other) is None
    # One that is paid later has nothing to do with a case that ended before.
    later = by_hand(document, 12100, key="l" * 22, at=LATER)
    assert undoing.list_what_stays(later, {document.id}) == []


@pytest.mark.parametrize("files", [0, 2])
def test_what_stays_of_an_order_is_said(scene: Ids, files: int) -> None:
    order = make_order(scene.emma_account, status=OrderStatus.PENDING_PAYMENT)
    document = make_invoice(scene.emma_account, order_id=order.id)
    payment = by_hand(document, 12100)
    assert order.status is OrderStatus.PAID
    for _ in range(files):
        make_download(order, expires_at=LATER)
    words = [f"Order {order.number} stays paid."]
    words += [f"The customer keeps the files of order {order.number}."] if files else []
    assert [each.says for each in undoing.list_what_stays(payment, {document.id})] == words
    undo(scene, payment)
    assert stays_of(payment) == [f"order {order.number}", f"files {order.number}"][: len(words)]


def test_nothing_stays_of_what_is_not_open_again(scene: Ids) -> None:
    order = make_order(scene.emma_account, status=OrderStatus.PENDING_PAYMENT)
    document = make_invoice(scene.emma_account, order_id=order.id)
    payment = by_hand(document, 12100)
    note_on(scene, document)
    undo(scene, payment)
    assert order.status is OrderStatus.PAID and stays_of(payment) is None


def test_what_was_paid_out_before_it_was_booked_is_not_its_money(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    book(attempt(scene.emma_account, (make_invoice(scene.emma_account), 12100)), 12100 + 1000)
    pay_out(scene, document, 1000)
    payment = by_hand(document, 12100, at=START + timedelta(hours=1))
    assert undo(scene, payment) == [document.id]


def test_a_statement_of_account_comes_to_what_is_owed(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 12100 + 900)
    spend_credit(make_invoice(scene.emma_account), 500)
    undo(scene, payment)
    account = statements.Account(scene.emma_account, Mode.TEST, "EUR", "Europe/Amsterdam")
    found = statements.get_statement(account, START.date(), START.date())
    assert found.closing_minor == 2 * 12100 - credit(scene.emma_account) == 24200
    assert found.sum_of(statements.Event.PAYMENT) == -found.sum_of(statements.Event.CHARGEBACK) == -13000


def test_no_reason_is_no_reason(scene: Ids) -> None:
    payment = by_hand(make_invoice(scene.emma_account), 12100)
    with pytest.raises(DomainError) as said:
        undo(scene, payment, " \n ")
    assert said.value.field == "reason" and payment.status is PaymentStatus.PAID


def test_the_same_form_does_not_book_it_again(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    undo(scene, by_hand(document, 12100))
    with pytest.raises(Conflict, match="taken back before"):
        by_hand(document, 12100)
    assert by_hand(document, 12100, key="n" * 22).status is PaymentStatus.PAID
    assert document.open_minor == 0


def test_it_is_found_with_its_document_alone(scene: Ids) -> None:
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    assert undoing.find_payment_of(document.id, payment.public_id) is payment
    assert (undoing.share_of(payment, document), undoing.share_of(payment, other)) == (12100, 0)
    for wrong in ((other.id, payment.public_id), (document.id, "x" * 22)):
        with pytest.raises(NotFound):
            undoing.find_payment_of(*wrong)


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

    def begin() -> tuple[int, int]:
        document = make_invoice(ids.jan_account)
        payment = by_hand(document, 12100 + 3000, key="v" * 22)
        about = make_invoice(ids.jan_account)
        ticket = make_ticket(ids.jan_account, type=TicketType.REFUND_REQUEST, document_id=about.id)
        return payment.id, ticket.id

    payment_id, ticket_id = alone(here, begin)
    staff = Actor("staff", ids.saskia)

    def take() -> str:
        undoing.undo(payment_id, reason=WHY, actor=staff, now=LATER)
        return "undone"

    def send() -> str:
        paid = paying_out.PaidOut(
            amount_minor=3000, paid_on=START.date(), reference="", message="Here.", key="o" * 22
        )
        shop, saskia = db.session.get_one(Shop, ids.shop), db.session.get_one(Staff, ids.saskia)
        paying_out.pay_out(ticket_id, paid, shop=shop, author=saskia, now=LATER)
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
