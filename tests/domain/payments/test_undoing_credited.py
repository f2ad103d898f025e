"""Taking a payment back of an invoice that was credited since, or whose credit went elsewhere."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.audit import AuditEntry
from portal.domain.invoices import booking, crediting
from portal.domain.invoices.booking import Source
from portal.domain.invoices.models import Allocation, Badge, CreditEntry, CreditUse, DocumentStatus, ListState
from portal.domain.payments import statements
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, spend_credit
from tests.domain.payments.mistakes import (
    LATER,
    badge_of,
    by_hand,
    lines_of,
    mails,
    note_on,
    pay_out,
    refused,
    scene,
    undo,
)
from tests.statements import counted

__all__ = ["scene"]


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


def test_each_of_two_notes_is_taken_off_by_itself(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    payment = by_hand(document, 12100)
    notes = [note_on(scene, document, 3000), note_on(scene, document, 4000)]
    assert undo(scene, payment) == [document.id]
    assert (document.open_minor, document.credited_minor, credit(scene.emma_account)) == (5100, 7000, 0)
    assert [found.off_minor for note in notes if (found := crediting.get_corrected(note))] == [3000, 4000]
    assert taken() == [(-3000, notes[0].id), (-4000, notes[1].id)]
    off = db.session.scalars(sa.select(Allocation.created_at).where(Allocation.credit_note_id.is_not(None)))
    assert set(off) == {LATER}


def test_notes_are_taken_off_as_far_as_is_open_again(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    wrong, _right = by_hand(document, 6000), by_hand(document, 6100, key="r" * 22)
    notes = [note_on(scene, document, 5000), note_on(scene, document, 4000)]
    assert undo(scene, wrong) == []
    assert (document.open_minor, credit(scene.emma_account)) == (0, 3000)
    assert taken() == [(-5000, notes[0].id), (-1000, notes[1].id)]


def test_a_note_that_nothing_is_taken_off_by_keeps_none_of_the_others_back(scene: Ids) -> None:
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    by_hand(document, 6100)
    source = attempt(scene.emma_account, (document, 6000), (other, 12100))
    book(source, 18100)
    first, _second = note_on(scene, document, 6000), note_on(scene, document, 6100)
    third = note_on(scene, other)
    booking.reverse_payment(source, now=LATER, actor=ACTOR)
    assert (document.open_minor, other.open_minor, credit(scene.emma_account)) == (0, 0, 6100)
    assert taken(CreditUse.REVERSED) == [(-6000, first.id), (-12100, third.id)]


def taken(use: CreditUse = CreditUse.UNDONE) -> list[tuple[int, int | None]]:
    """What was taken of credit, and the note it had come from."""
    entries = db.session.query(CreditEntry).filter_by(use=use).order_by(CreditEntry.id)
    return [(each.amount_minor, each.document_id) for each in entries]


def test_a_cent_that_was_paid_out_is_a_cent(scene: Ids) -> None:
    document, other = make_invoice(scene.emma_account), make_invoice(scene.emma_account)
    payment = by_hand(document, 12101)
    pay_out(scene, other, 1)
    refused(scene, payment, "paid out or is on its way")


def test_a_chargeback_of_what_was_paid_out_entirely_takes_nothing_more(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    source = attempt(scene.emma_account, (document, 12100))
    book(source, 12100)
    note_on(scene, document)
    pay_out(scene, document, 12100)
    booking.reverse_payment(source, now=LATER, actor=ACTOR)
    assert (document.open_minor, credit(scene.emma_account), taken(CreditUse.REVERSED)) == (12100, 0, [])


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
