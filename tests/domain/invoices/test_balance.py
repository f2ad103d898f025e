"""What is open of a document, its one badge, and the check that finds a balance that is not what it should be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from portal.core import audit
from portal.domain.invoices.balance import (
    badge,
    compute_balance,
    count_documents,
    documents_settled,
    find_imbalances,
    rebalance,
)
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    Badge,
    Document,
    DocumentKind,
    DocumentStatus,
    ListState,
)
from portal.extensions import db
from tests.cast import START, Ids, make_invoice

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

TODAY = date(2026, 11, 1)
Stage = Callable[..., Any]


def expected(
    list_state: ListState, open_minor: int, total_minor: int, reversed_at: datetime | None, due: date | None
) -> Badge:
    """P-INV-LIST: one badge, the first that holds: Credited, Paid, Pending, Reversed, Overdue, Partly paid, Unpaid."""
    holds = {
        Badge.CREDITED: list_state is ListState.CREDITED,
        Badge.PAID: list_state is ListState.PAID,
        Badge.PENDING: list_state is ListState.PENDING,
        Badge.REVERSED: reversed_at is not None,
        Badge.OVERDUE: due is not None and due < TODAY,
        Badge.PARTLY_PAID: open_minor < total_minor,
        Badge.UNPAID: True,
    }
    order = ("credited", "paid", "pending", "reversed", "overdue", "partly_paid", "unpaid")
    return next(Badge(word) for word in order if holds[Badge(word)])


@pytest.mark.parametrize(
    ("list_state", "open_minor", "reversed_at", "due"),
    list(
        product(
            ListState,
            (0, 1, 99, 100),
            (None, datetime(2026, 10, 1, tzinfo=UTC)),
            (None, TODAY - timedelta(days=400), TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)),
        )
    ),
)
def test_the_badge_is_the_first_that_holds(
    list_state: ListState, open_minor: int, reversed_at: datetime | None, due: date | None
) -> None:
    found = badge(
        list_state=list_state,
        open_minor=open_minor,
        total_minor=100,
        reversed_at=reversed_at,
        is_late=due is not None and due < TODAY,
    )
    assert found is expected(list_state, open_minor, 100, reversed_at, due)


def test_the_badges_stand_in_the_order_of_their_precedence() -> None:
    assert [b.value for b in Badge] == [
        "credited", "paid", "pending", "reversed", "overdue", "partly_paid", "unpaid",
    ]  # fmt: skip
    assert all(b.label and b.tone for b in Badge)


def allocate(
    document: Document, amount: int, state: AllocationState, *, note: Document | None = None
) -> Allocation:
    share = Allocation(
        document_id=document.id, amount_minor=amount, state=state, credit_note_id=note.id if note else None
    )
    db.session.add(share)
    return share


@pytest.mark.parametrize("pending", [0, 50, 100, 150])
@pytest.mark.parametrize("credited", [0, 30, 100])
@pytest.mark.parametrize("paid", [0, 1, 70, 99, 100])
def test_a_balance_is_what_the_allocations_say(
    on_stage: Stage, ids: Ids, paid: int, credited: int, pending: int
) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account, amount_minor=100)
        note = make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE, amount_minor=credited)
        note.original_id = document.id
        allocate(document, paid, AllocationState.BOOKED)
        allocate(document, credited, AllocationState.BOOKED, note=note)
        allocate(document, pending, AllocationState.PENDING)
        # What was planned or released is no money.
        allocate(document, 1000, AllocationState.PLANNED)
        allocate(document, 1000, AllocationState.RELEASED)
        allocate(document, 1000, AllocationState.RELEASED, note=note)
        # What comes after a document is no note on it.
        fee = make_invoice(ids.emma_account, kind=DocumentKind.COLLECTION_FEE, amount_minor=100)
        fee.original_id = document.id
        rebalance(document, now=START)
        left = 100 - paid - credited
        assert (document.paid_minor, document.credited_minor) == (paid, credited)
        assert (document.open_minor, document.pending_minor) == (left, pending)
        if left > 0:
            covered = pending >= left
            assert document.list_state is (ListState.PENDING if covered else ListState.UNPAID)
            assert document.status is DocumentStatus.OPEN and document.settled_at is None
        else:
            assert document.list_state is (ListState.CREDITED if credited == 100 else ListState.PAID)
            assert document.status is DocumentStatus.SETTLED and document.settled_at == START
        assert [d.id for d, _ in find_imbalances()] == []


def test_settling_and_reopening_keep_their_moments(on_stage: Stage, ids: Ids) -> None:
    later = START + timedelta(days=1)
    with on_stage():
        document = make_invoice(ids.emma_account, amount_minor=100)
        share = allocate(document, 100, AllocationState.BOOKED)
        rebalance(document, now=START)
        rebalance(document, now=later)
        assert document.settled_at == START, "settling twice keeps the first moment"
        share.state = AllocationState.RELEASED
        rebalance(document, now=later)
        assert document.status is DocumentStatus.OPEN and document.settled_at is None
        document.reversed_at = later
        rebalance(document, now=later)
        assert document.reversed_at == later, "it stays reversed until it is paid"
        share.state = AllocationState.BOOKED
        rebalance(document, now=later)
        assert document.settled_at == later and document.reversed_at is None


@pytest.mark.parametrize("status", [DocumentStatus.DRAFT, DocumentStatus.CANCELLED])
def test_what_was_never_issued_owes_nothing(on_stage: Stage, ids: Ids, status: DocumentStatus) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        document.status = status
        rebalance(document, now=START)
        assert sums_of(document) == (0, 0, 0, 0, ListState.UNPAID)
        assert document.status is status


def test_a_credit_note_owes_nothing(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        note = make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        assert sums_of(note) == (0, 0, 0, 0, ListState.PAID)


def sums_of(document: Document) -> tuple[int, int, int, int, ListState]:
    """What a document has stored of its balance."""
    return (
        document.paid_minor,
        document.credited_minor,
        document.pending_minor,
        document.open_minor,
        document.list_state,
    )


def test_who_follows_is_told_once_when_something_was_settled(
    on_stage: Stage, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[list[int], datetime]] = []

    def hear(documents: list[Document], now: datetime) -> None:
        told.append(([each.id for each in documents], now))

    monkeypatch.setattr(documents_settled, "_receivers", [hear])
    with on_stage():
        nothing = make_invoice(ids.emma_account, amount_minor=0)
        assert told.pop() == ([nothing.id], START) and not told
        document = make_invoice(ids.emma_account, amount_minor=100)
        share = allocate(document, 99, AllocationState.BOOKED)
        for status in (DocumentStatus.DRAFT, DocumentStatus.OPEN):
            document.status = status
            rebalance(document, now=START)
        assert not told
        share.amount_minor = 100
        later = START + timedelta(days=1)
        rebalance(document, now=later)
        rebalance(document, now=later)
        assert told.pop() == ([document.id], later) and not told
        share.state = AllocationState.RELEASED
        rebalance(document, now=later)
        assert document.status is DocumentStatus.OPEN and not told


def test_an_invoice_of_nothing_is_settled_when_it_is_issued(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account, amount_minor=0)
        assert document.status is DocumentStatus.SETTLED
        assert document.list_state is ListState.PAID, "nothing was credited"


@pytest.mark.parametrize("column", ["open_minor", "pending_minor", "paid_minor", "credited_minor"])
def test_the_check_finds_every_wrong_balance(on_stage: Stage, ids: Ids, column: str) -> None:
    with on_stage():
        fine, wrong = make_invoice(ids.emma_account), make_invoice(ids.jan_account)
        setattr(wrong, column, getattr(wrong, column) + 1)
        db.session.flush()
        found = find_imbalances()
        assert [document.id for document, _ in found] == [wrong.id] != [fine.id]
        assert found[0][1] == compute_balance(wrong)


def test_the_check_finds_a_wrong_word_too(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        document.list_state = ListState.PAID
        db.session.flush()
        assert len(find_imbalances()) == 1


def test_the_check_sees_its_own_shop_alone(on_stage: Stage, ids: Ids) -> None:
    with on_stage(ids.other_shop):
        make_invoice(ids.dora_account).open_minor = 1
    with on_stage():
        assert find_imbalances() == []
    with on_stage(ids.other_shop):
        assert len(find_imbalances()) == 1


def test_issuing_leaves_its_trace(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        events = db.session.query(audit.AuditEntry).filter_by(
            subject_type="documents", subject_id=document.id
        )
        assert [entry.event for entry in events.order_by(audit.AuditEntry.id)] == [
            "invoice.drafted",
            "invoice.issued",
        ]


def test_the_check_says_of_how_many(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        before = count_documents()
        make_invoice(ids.emma_account)
        make_invoice(ids.jan_account)
        assert count_documents() == before + 2
    with on_stage(ids.other_shop):
        assert count_documents() == 0
