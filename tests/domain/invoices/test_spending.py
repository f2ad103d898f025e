"""Credit that pays documents: in paying order, never more than there is, and taken back with what it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from portal.core.audit import AuditEntry
from portal.core.errors import Conflict
from portal.domain.invoices import booking, spending
from portal.domain.invoices.balance import documents_settled, find_imbalances
from portal.domain.invoices.booking import Share, split
from portal.domain.invoices.ledger import Account
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    CreditEntry,
    CreditUse,
    Document,
    DocumentKind,
    ListState,
)
from portal.domain.invoices.spending import after_credit
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


def give_credit(make: Make, ids: Ids, amount: int) -> booking.Source:
    """Credit that a payment left."""
    source = attempt(ids.emma_account, (make(100), 100))
    book(source, 100 + amount)
    return source


S = Share


@pytest.mark.parametrize(
    ("shares", "amount", "paid", "left"),
    [
        ([S(1, 100)], 0, [], [S(1, 100)]),
        ([S(1, 100)], 30, [S(1, 30)], [S(1, 70)]),
        ([S(1, 100)], 100, [S(1, 100)], []),
        ([S(3, 100), S(1, 50)], 100, [S(3, 100)], [S(1, 50)]),
        ([S(3, 100), S(1, 50)], 101, [S(3, 100), S(1, 1)], [S(1, 49)]),
        ([S(3, 100), S(1, 50)], 150, [S(3, 100), S(1, 50)], []),
        ([S(3, 100)], 500, [S(3, 100)], []),
        ([], 10, [], []),
    ],
)
def test_credit_goes_first_in_the_order_of_the_shares(
    shares: list[Share], amount: int, paid: list[Share], left: list[Share]
) -> None:
    assert after_credit(shares, amount) == (paid, left)


def test_it_pays_fees_first_and_leaves_rows(make: Make, ids: Ids) -> None:
    give_credit(make, ids, 130)
    invoice, fee = make(100, due=1), make(100, kind=DocumentKind.COLLECTION_FEE, due=50)
    account = Account(ids.emma_account, Mode.TEST, "EUR")
    spending.spend_credit(account, split([invoice, fee], 130), now=START, actor=ACTOR)
    assert (fee.open_minor, fee.list_state) == (0, ListState.PAID)
    assert (invoice.open_minor, invoice.paid_minor) == (70, 30)
    assert credit(ids.emma_account) == 0
    entries = db.session.query(CreditEntry).filter_by(use=CreditUse.USED).order_by(CreditEntry.id).all()
    assert [(row.document_id, row.amount_minor) for row in entries] == [(fee.id, -100), (invoice.id, -30)]
    shares = db.session.query(Allocation).filter(Allocation.credit_entry_id.is_not(None)).order_by("id").all()
    assert [(row.credit_entry_id, row.amount_minor, row.state) for row in shares] == [
        (entries[0].id, 100, AllocationState.BOOKED),
        (entries[1].id, 30, AllocationState.BOOKED),
    ]
    traces = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).limit(4).all()[::-1]
    assert [(row.event, row.data["amount_minor"], row.actor_name) for row in traces] == [
        ("credit.changed", -100, "test"),
        ("invoice.credit_used", 100, "test"),
        ("credit.changed", -30, "test"),
        ("invoice.credit_used", 30, "test"),
    ]


def test_more_than_there_is_is_refused_and_changes_nothing(make: Make, ids: Ids) -> None:
    give_credit(make, ids, 30)
    document = make(100)
    with pytest.raises(Conflict):
        spend_credit(document, 31)
    assert document.open_minor == 100 and credit(ids.emma_account) == 30


@pytest.mark.parametrize("other", ["currency", "mode", "customer"])
def test_each_account_has_its_own(make: Make, ids: Ids, other: str) -> None:
    give_credit(make, ids, 30)
    account = Account(
        ids.jan_account if other == "customer" else ids.emma_account,
        Mode.LIVE if other == "mode" else Mode.TEST,
        "USD" if other == "currency" else "EUR",
    )
    with pytest.raises(Conflict):
        spending.spend_credit(account, [Share(make(100).id, 10)], now=START, actor=ACTOR)


def test_whoever_follows_the_documents_is_told_once(
    make: Make, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_credit(make, ids, 300)
    first, second, part = make(100, due=1), make(100, due=2), make(200, due=3)
    told: list[list[int]] = []
    heard = [lambda *, documents, now: told.append([each.id for each in documents])]
    monkeypatch.setattr(documents_settled, "_receivers", heard)
    account = Account(ids.emma_account, Mode.TEST, "EUR")
    spending.spend_credit(account, split([part, second, first], 300), now=START, actor=ACTOR)
    assert told == [[first.id, second.id]] and part.open_minor == 100


def test_it_is_taken_back_with_the_payment_that_it_came_from(make: Make, ids: Ids) -> None:
    """Spent on three documents, of a credit of which another payment brought a part: the newest reopen."""
    source = give_credit(make, ids, 120)
    give_credit(make, ids, 60)
    oldest, middle, newest = make(60, due=1), make(60, due=2), make(40, due=3)
    account = Account(ids.emma_account, Mode.TEST, "EUR")
    spending.spend_credit(account, split([newest, oldest, middle], 160), now=START, actor=ACTOR)
    assert credit(ids.emma_account) == 20
    first = db.session.get_one(Document, booking.shares_of(source.payment_id)[0].document_id)
    assert reverse(source) == [first.id, newest.id, middle.id]
    assert [each.open_minor for each in (oldest, middle, newest)] == [0, 60, 40]
    assert middle.reversed_at == newest.reversed_at == START and oldest.reversed_at is None
    assert credit(ids.emma_account) == 0
    assert spending.list_uses(middle.id) == [(START, 60, AllocationState.RELEASED, False)]
    assert spending.list_uses(oldest.id) == [(START, 60, AllocationState.BOOKED, False)]
