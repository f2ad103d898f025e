"""A payment that was booked by hand by mistake is taken back, whole and once, and the customer is not blamed."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.core.audit import AuditEntry
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.mail_message import MailState
from portal.domain.collections.models import CaseStatus, PaymentPlan, PlanStatus
from portal.domain.invoices import booking, spending
from portal.domain.invoices.models import Badge, CreditEntry, CreditUse, Document, DocumentStatus, ListState
from portal.domain.orders.models import OrderStatus
from portal.domain.payments import statements, undoing
from portal.domain.payments.models import (
    Payment,
    PaymentEvent,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, spend_credit
from tests.domain.payments.mistakes import (
    LATER,
    WHY,
    badge_of,
    by_hand,
    mails,
    note_on,
    pay_out,
    refused,
    scene,
    undo,
)
from tests.rows import make_case, make_download, make_order

__all__ = ["scene"]


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
