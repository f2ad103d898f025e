"""How money reaches documents: order, excess, repeats, two payments at once, and chargebacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from portal.core.audit import AuditEntry
from portal.domain.invoices import booking
from portal.domain.invoices.balance import find_imbalances, rebalance
from portal.domain.invoices.booking import Share, split
from portal.domain.invoices.models import (
    AllocationState,
    CreditEntry,
    CreditUse,
    Document,
    DocumentKind,
    ListState,
)
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, reverse, spend_credit

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

Make = Callable[..., Document]


@pytest.fixture
def make(on_stage: Callable[..., Any], ids: Ids) -> Iterator[Make]:
    """Makes invoices of Emma's inside one transaction; whatever a test did, the books balance after it."""

    def invoice(total: int, *, kind: DocumentKind = DocumentKind.INVOICE, due: int = 14) -> Document:
        document = make_invoice(ids.emma_account, amount_minor=total, kind=kind)
        document.due_date = START.date() + timedelta(days=due)
        db.session.flush()
        return document

    with on_stage():
        yield invoice
        db.session.flush()
        assert find_imbalances() == []
        stored = db.session.query(booking.Allocation).filter_by(state=AllocationState.BOOKED)
        assert all(share.amount_minor > 0 for share in stored)


FEE, INTEREST, INVOICE = DocumentKind.COLLECTION_FEE, DocumentKind.INTEREST, DocumentKind.INVOICE


def test_fees_come_before_interest_before_principal_by_due_date(make: Make) -> None:
    late, early = make(100, due=20), make(100, due=10)
    interest, fee = make(100, kind=INTEREST, due=30), make(100, kind=FEE, due=40)
    same_day = make(100, due=10)
    assert booking.in_paying_order([late, early, same_day, interest, fee]) == [
        fee,
        interest,
        early,
        same_day,
        late,
    ]
    assert split([late, early, interest, fee], 250) == [
        Share(fee.id, 100), Share(interest.id, 100), Share(early.id, 50),
    ]  # fmt: skip
    assert split([late, early], 1000) == [Share(early.id, 100), Share(late.id, 100)]
    assert split([late], 0) == [] and split([], 100) == []
    assert split([late], 1) == [Share(late.id, 1)]


def test_without_a_due_date_comes_last(make: Make) -> None:
    without, due = make(100), make(100)
    without.due_date = None
    assert booking.in_paying_order([without, due]) == [due, without]


def test_nothing_is_split_to_what_is_settled(make: Make, ids: Ids) -> None:
    settled, open_ = make(100), make(100)
    book(attempt(ids.emma_account, (settled, 100)), 100)
    assert split([settled, open_], 150) == [Share(open_.id, 100)]


def test_a_payment_settles_its_document(make: Make, ids: Ids) -> None:
    document = make(100)
    assert book(attempt(ids.emma_account, (document, 100)), 100) == [document.id]
    assert (document.open_minor, document.paid_minor, document.list_state) == (0, 100, ListState.PAID)
    assert credit(ids.emma_account) == 0


def test_what_arrives_goes_in_paying_order_whatever_the_order_of_the_plan(make: Make, ids: Ids) -> None:
    invoice, fee = make(100, due=1), make(100, kind=FEE, due=50)
    book(attempt(ids.emma_account, (invoice, 100), (fee, 100)), 120)
    assert (fee.open_minor, invoice.open_minor) == (0, 80)


def test_too_little_leaves_the_rest_open(make: Make, ids: Ids) -> None:
    first, second = make(100, due=1), make(100, due=2)
    source = attempt(ids.emma_account, (first, 100), (second, 100))
    assert book(source, 60) == [first.id]
    assert (first.open_minor, second.open_minor) == (40, 100)
    assert [share.state for share in booking.shares_of(source.payment_id)] == [
        AllocationState.BOOKED, AllocationState.RELEASED,
    ]  # fmt: skip


def test_too_much_becomes_credit(make: Make, ids: Ids) -> None:
    document = make(100)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 130)
    assert document.open_minor == 0 and credit(ids.emma_account) == 30
    entry = db.session.query(CreditEntry).one()
    assert (entry.use, entry.payment_id, entry.amount_minor) == (CreditUse.OVERPAID, source.payment_id, 30)
    assert entry.created_at == START


def test_more_than_a_planned_part_becomes_credit_though_more_is_open(make: Make, ids: Ids) -> None:
    """A part that somebody chose is not widened behind their back."""
    document = make(100)
    book(attempt(ids.emma_account, (document, 40)), 60)
    assert document.open_minor == 60 and credit(ids.emma_account) == 20


def test_two_payments_that_both_succeed(make: Make, ids: Ids) -> None:
    document = make(100)
    first, second = attempt(ids.emma_account, (document, 100)), attempt(ids.emma_account, (document, 100))
    book(first, 100)
    assert book(second, 100) == []
    assert document.open_minor == 0 and credit(ids.emma_account) == 100


def test_a_late_success_is_booked(make: Make, ids: Ids) -> None:
    document = make(100)
    source = attempt(ids.emma_account, (document, 100))
    booking.release(source.payment_id, now=START)
    assert document.open_minor == 100
    assert book(source, 100) == [document.id]
    assert document.open_minor == 0


def test_a_late_success_of_what_was_paid_otherwise_is_credit(make: Make, ids: Ids) -> None:
    document = make(100)
    late = attempt(ids.emma_account, (document, 100))
    booking.release(late.payment_id, now=START)
    book(attempt(ids.emma_account, (document, 70)), 70)
    book(late, 100)
    assert document.open_minor == 0 and credit(ids.emma_account) == 70


@pytest.mark.parametrize("received", [1, 50, 100, 130])
def test_booking_again_changes_nothing(make: Make, ids: Ids, received: int) -> None:
    document = make(100)
    source = attempt(ids.emma_account, (document, 100))
    book(source, received)
    db.session.flush()
    before = (
        document.open_minor,
        document.version,
        credit(ids.emma_account),
        db.session.query(AuditEntry).count(),
    )
    for _ in range(3):
        assert book(source, received) == []
    db.session.flush()
    after = (
        document.open_minor,
        document.version,
        credit(ids.emma_account),
        db.session.query(AuditEntry).count(),
    )
    assert after == before


def test_booking_again_what_became_credit_alone_changes_nothing(make: Make, ids: Ids) -> None:
    document = make(100)
    book(attempt(ids.emma_account, (document, 100)), 100)
    late = attempt(ids.emma_account, (document, 100))
    for _ in range(3):
        book(late, 100)
    assert credit(ids.emma_account) == 100


def test_what_is_under_way_shows_as_pending_and_comes_back(make: Make, ids: Ids) -> None:
    document = make(100)
    source = attempt(ids.emma_account, (document, 100))
    assert (document.pending_minor, document.list_state) == (0, ListState.UNPAID)
    booking.mark_pending(source.payment_id, now=START)
    booking.mark_pending(source.payment_id, now=START)
    assert (document.pending_minor, document.list_state) == (100, ListState.PENDING)
    booking.release(source.payment_id, now=START)
    assert (document.pending_minor, document.list_state) == (0, ListState.UNPAID)
    booking.mark_pending(source.payment_id, now=START)
    book(source, 100)
    assert (document.pending_minor, document.list_state) == (0, ListState.PAID)
    booking.release(source.payment_id, now=START)
    assert document.list_state is ListState.PAID, "what is booked is not released by a late message"


def test_a_pending_part_leaves_the_rest_unpaid(make: Make, ids: Ids) -> None:
    document = make(100)
    booking.mark_pending(attempt(ids.emma_account, (document, 40)).payment_id, now=START)
    assert (document.pending_minor, document.list_state) == (40, ListState.UNPAID)


def test_a_chargeback_reopens_the_document(make: Make, ids: Ids) -> None:
    document, other = make(100), make(100)
    source = attempt(ids.emma_account, (document, 100))
    book(attempt(ids.emma_account, (other, 100)), 100)
    book(source, 100)
    assert reverse(source) == [document.id]
    assert document.open_minor == 100 and document.reversed_at == START and document.settled_at is None
    assert other.open_minor == 0
    assert reverse(source) == [], "it can be taken back once"
    assert credit(ids.emma_account) == 0


def test_a_chargeback_takes_the_excess_back(make: Make, ids: Ids) -> None:
    document = make(100)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 150)
    reverse(source)
    assert document.open_minor == 100 and credit(ids.emma_account) == 0
    assert [entry.amount_minor for entry in db.session.query(CreditEntry).order_by(CreditEntry.id)] == [
        50,
        -50,
    ]


def test_a_chargeback_of_spent_credit_reopens_the_newest_first(make: Make, ids: Ids) -> None:
    document, oldest, middle, newest = make(100), make(40), make(40), make(40)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 220)
    for each in (oldest, middle, newest):
        spend_credit(each, 40)
    assert credit(ids.emma_account) == 0
    # Another 60 of credit from elsewhere covers a part of what is taken back.
    book(attempt(ids.emma_account, (document, 1)), 60)
    assert reverse(source) == [document.id, newest.id, middle.id]
    assert (oldest.open_minor, middle.open_minor, newest.open_minor) == (0, 40, 40)
    assert middle.reversed_at == newest.reversed_at == START and oldest.reversed_at is None
    # 120 came back as a hole, 60 filled it in part, 80 was taken from two documents: 20 is left over.
    assert credit(ids.emma_account) == 20


def test_a_chargeback_leaves_other_customers_alone(make: Make, ids: Ids) -> None:
    """Jan spent credit of his own, after Emma spent the credit that goes: his stays, and hers reopens."""
    theirs, mine, also_mine = make_invoice(ids.jan_account, amount_minor=100), make(100), make(60)
    book(attempt(ids.jan_account, (theirs, 100)), 160)
    source = attempt(ids.emma_account, (mine, 100))
    book(source, 160)
    spend_credit(also_mine, 60)
    again = make_invoice(ids.jan_account, amount_minor=60)
    spend_credit(again, 60)
    assert reverse(source) == [mine.id, also_mine.id]
    assert (theirs.open_minor, again.open_minor) == (0, 0) and credit(ids.jan_account) == 0


def test_a_cent_that_is_open_again_is_open(make: Make, ids: Ids) -> None:
    document = make(100)
    book(attempt(ids.emma_account, (document, 99)), 99)
    source = attempt(ids.emma_account, (document, 1))
    book(source, 1)
    assert reverse(source) == [document.id]
    assert (document.open_minor, document.reversed_at) == (1, START)


@pytest.mark.parametrize(("spent", "kept"), [(60, True), (61, False)])
def test_no_more_spent_credit_is_taken_back_than_is_missing(
    make: Make, ids: Ids, spent: int, kept: bool
) -> None:
    """To the cent: what the newest covers alone leaves the one before it alone."""
    document, before, newest = make(100), make(61), make(60)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 100 + spent)
    book(attempt(ids.emma_account, (document, 1)), 61 + 60 - spent)
    spend_credit(before, 61)
    spend_credit(newest, 60)
    reverse(source)
    assert newest.open_minor == 60 and before.open_minor == (0 if kept else 61)


def test_only_credit_of_the_same_account_is_taken_back(make: Make, ids: Ids) -> None:
    """Newer credit of another mode or currency was spent, and some of this one that was given back: all stays."""
    document, spent, dollars, live, released = make(100), make(50), make(50), make(50), make(50)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 150)
    spend_credit(spent, 50)
    for other, mode, currency in (
        (dollars, Mode.TEST, "USD"),
        (live, Mode.LIVE, "EUR"),
        (released, Mode.TEST, "EUR"),
    ):
        entry = CreditEntry(
            mode=mode,
            customer_id=ids.emma_account,
            currency=currency,
            amount_minor=-50 if other is not released else 0,
            use=CreditUse.USED,
            document_id=other.id,
            created_at=START,
        )
        db.session.add(entry)
        db.session.flush()
        state = AllocationState.RELEASED if other is released else AllocationState.BOOKED
        db.session.add(
            booking.Allocation(document_id=other.id, credit_entry_id=entry.id, amount_minor=50, state=state)
        )
        rebalance(other, now=START)
    assert reverse(source) == [document.id, spent.id]
    assert (dollars.open_minor, live.open_minor, released.open_minor) == (0, 0, 50)


@pytest.mark.parametrize("excess", [0, 1])
def test_a_chargeback_leaves_its_trace(make: Make, ids: Ids, excess: int) -> None:
    """In the ledger and in the audit log: what was taken back of what, and when; nothing of no credit."""
    document, spent, later = make(100), make(1), START + timedelta(days=3)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 100 + excess)
    if excess:
        spend_credit(spent, 1)
    before = db.session.query(CreditEntry).count()
    booking.reverse_payment(source, now=later, actor=ACTOR)
    db.session.flush()
    ledger = db.session.query(CreditEntry).order_by(CreditEntry.id).offset(before)
    rows = [
        (each.amount_minor, each.use, each.payment_id, each.document_id, each.created_at) for each in ledger
    ]
    traces = [
        (each.event, each.subject_id, each.data, each.at)
        for each in db.session.query(AuditEntry).filter(
            AuditEntry.at == later, AuditEntry.subject_type == "documents"
        )
    ]
    reversed_ = ("invoice.payment_reversed", document.id, {"payment_id": source.payment_id}, later)
    if excess:
        assert rows == [
            (-1, CreditUse.REVERSED, source.payment_id, None, later),
            (1, CreditUse.REVERSED, None, spent.id, later),
        ]
        assert traces == [reversed_, ("invoice.credit_taken_back", spent.id, {"amount_minor": 1}, later)]
    else:
        assert (rows, traces) == ([], [reversed_])


def test_what_is_under_way_no_more_can_be_paid_again(make: Make, ids: Ids) -> None:
    document, other = make(100), make(100)
    source = attempt(ids.emma_account, (document, 100))
    beside = attempt(ids.emma_account, (other, 100))
    for each in (source, beside):
        booking.mark_pending(each.payment_id, now=START)
    booking.mark_planned(source.payment_id, now=START)
    assert (document.list_state, other.list_state) == (ListState.UNPAID, ListState.PENDING)
    assert [share.state for share in booking.shares_of(source.payment_id)] == [AllocationState.PLANNED]
    # Only what is under way goes back: what was given up stays given up.
    booking.release(source.payment_id, now=START)
    booking.mark_planned(source.payment_id, now=START)
    assert [share.state for share in booking.shares_of(source.payment_id)] == [AllocationState.RELEASED]


def test_a_chargeback_that_was_won_is_booked_again(make: Make, ids: Ids) -> None:
    document = make(100)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 130)
    reverse(source)
    book(source, 130)
    assert document.open_minor == 0 and credit(ids.emma_account) == 30 and document.reversed_at is None


def test_a_won_chargeback_of_what_was_paid_again_is_credit(make: Make, ids: Ids) -> None:
    document = make(100)
    first = attempt(ids.emma_account, (document, 100))
    book(first, 100)
    reverse(first)
    book(attempt(ids.emma_account, (document, 100)), 100)
    book(first, 100)
    assert document.open_minor == 0 and credit(ids.emma_account) == 100


def test_a_credit_note_and_a_payment_make_credit_of_what_is_too_much(make: Make, ids: Ids) -> None:
    document, note = make(100), make(30, kind=DocumentKind.CREDIT_NOTE)
    db.session.add(
        booking.Allocation(
            document_id=document.id, credit_note_id=note.id, amount_minor=30, state=AllocationState.BOOKED
        )
    )
    rebalance(document, now=START)
    assert (document.open_minor, document.credited_minor) == (70, 30)
    book(attempt(ids.emma_account, (document, 100)), 100)
    assert document.open_minor == 0 and document.list_state is ListState.PAID
    assert credit(ids.emma_account) == 30


def test_credit_is_counted_by_mode_and_currency(make: Make, ids: Ids) -> None:
    book(attempt(ids.emma_account, (make(100), 100)), 130)
    assert credit(ids.emma_account) == 30
    assert booking.credit_balance(ids.emma_account, mode=Mode.LIVE, currency="EUR") == 0
    assert booking.credit_balance(ids.emma_account, mode=Mode.TEST, currency="USD") == 0
    assert credit(ids.jan_account) == 0


def test_each_booking_leaves_its_trace(make: Make, ids: Ids) -> None:
    document = make(100)
    source = attempt(ids.emma_account, (document, 100))
    book(source, 130)
    reverse(source)
    events = [entry.event for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert events[-4:] == [
        "invoice.payment_booked",
        "credit.changed",
        "invoice.payment_reversed",
        "credit.changed",
    ]
    entry = db.session.query(AuditEntry).filter_by(event="invoice.payment_booked").one()
    assert entry.data == {"payment_id": source.payment_id, "amount_minor": 100}


def test_each_row_of_the_ledger_has_an_audit_entry_of_its_own(make: Make, ids: Ids) -> None:
    """Overpaid, spent on another, charged back: what came, went, came back and is gone again."""
    paid, other = make(100), make(30)
    source = attempt(ids.emma_account, (paid, 100))
    book(source, 130)
    spend_credit(other, 30)
    reverse(source)
    rows = db.session.query(CreditEntry).order_by(CreditEntry.id).all()
    entries = db.session.query(AuditEntry).filter_by(event="credit.changed").order_by(AuditEntry.id).all()
    assert [row.amount_minor for row in rows] == [30, -30, -30, 30]
    assert [(entry.subject_type, entry.subject_id) for entry in entries] == [
        ("credit_entries", row.id) for row in rows
    ]
    of_payment, of_other = {"payment_id": source.payment_id}, {"document_id": other.id}
    assert [entry.data for entry in entries] == [
        {"amount_minor": 30, "use": "overpaid", **of_payment},
        {"amount_minor": -30, "use": "used", **of_other},
        {"amount_minor": -30, "use": "reversed", **of_payment},
        {"amount_minor": 30, "use": "reversed", **of_other},
    ]
