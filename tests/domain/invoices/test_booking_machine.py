"""Any order of payments, chargebacks, credit notes and spent credit: no cent is lost, made, or counted twice."""

from __future__ import annotations

import os
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from portal.core import database
from portal.core.tenancy import shop_scope
from portal.domain.invoices import booking
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.booking import Source
from portal.domain.invoices.crediting import creditable
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    Document,
    DocumentKind,
    DocumentStatus,
    ListState,
)
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import attempt, book, credit, reverse, spend_credit
from tests.domain.invoices.test_crediting import note_on

KINDS = st.sampled_from([DocumentKind.INVOICE, DocumentKind.COLLECTION_FEE, DocumentKind.INTEREST])
CENTS = st.integers(1, 300)
#: How many sequences of how many steps; the soak asks for more.
EXAMPLES, STEPS = map(int, os.environ.get("LOKET_BOOKS", "25,20").split(","))


class Books(RuleBasedStateMachine):
    """One customer's documents and payments, beside a model that only counts."""

    def __init__(self, app: Flask, ids: Ids) -> None:
        super().__init__()
        database.set_reading(False)
        self.context = app.app_context()
        self.context.push()
        self.scope = shop_scope(ids.shop)
        self.scope.__enter__()
        self.account = ids.emma_account
        self.documents: list[Document] = []
        self.attempts: list[Source] = []
        #: What each payment brought, as long as it was not taken back.
        self.received: dict[int, int] = {}
        #: What credit notes took back of each document.
        self.noted: dict[int, int] = {}
        #: What each document was to cost.
        self.total: dict[int, int] = {}

    def teardown(self) -> None:
        db.session.rollback()
        db.session.remove()
        self.scope.__exit__(None, None, None)
        self.context.pop()

    @rule(kind=KINDS, total=st.integers(0, 300), due=st.integers(0, 5))
    def issue(self, kind: DocumentKind, total: int, due: int) -> None:
        document = make_invoice(self.account, amount_minor=total, kind=kind)
        document.due_date = START.date().replace(day=1 + due)
        self.documents.append(document)
        self.total[document.id] = total

    @precondition(lambda self: self.documents)
    @rule(data=st.data())
    def start(self, data: Any) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.documents), min_size=1, max_size=3, unique=True))
        self.attempts.append(attempt(self.account, *((each, data.draw(CENTS)) for each in chosen)))

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), received=CENTS)
    def arrive(self, data: Any, received: int) -> None:
        """At any time: at once, late, again, or after a chargeback that was won."""
        source = data.draw(st.sampled_from(self.attempts))
        book(source, received)
        self.received.setdefault(source.payment_id, received)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def is_under_way(self, data: Any) -> None:
        source = data.draw(st.sampled_from(self.attempts))
        if source.payment_id not in self.received:
            booking.mark_pending(source.payment_id, now=START)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def fail(self, data: Any) -> None:
        booking.release(data.draw(st.sampled_from(self.attempts)).payment_id, now=START)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def charge_back(self, data: Any) -> None:
        """By the customer, or because the shop booked it by mistake: the books come to the same."""
        source = data.draw(st.sampled_from(self.attempts))
        reverse(source, is_mistake=data.draw(st.booleans()))
        self.received.pop(source.payment_id, None)

    @precondition(lambda self: self.documents)
    @rule(data=st.data())
    def spend(self, data: Any) -> None:
        document = data.draw(st.sampled_from(self.documents))
        amount = min(credit(self.account), document.open_minor)
        if amount > 0:
            spend_credit(document, data.draw(st.integers(1, amount)))

    @precondition(lambda self: self.documents)
    @rule(data=st.data())
    def take_back(self, data: Any) -> None:
        document = data.draw(st.sampled_from(self.documents))
        left = creditable(document)
        if left > 0:
            amount = data.draw(st.integers(1, left) | st.just(left))
            note_on(document, amount)
            self.noted[document.id] = self.noted.get(document.id, 0) + amount

    @invariant()
    def every_cent_is_somewhere(self) -> None:
        booked = sum(
            share.amount_minor
            for share in db.session.query(Allocation).filter_by(state=AllocationState.BOOKED)
        )
        assert booked + credit(self.account) == sum(self.received.values()) + sum(self.noted.values())

    @invariant()
    def credit_is_never_below_zero(self) -> None:
        assert credit(self.account) >= 0

    @invariant()
    def each_document_is_within_its_bounds(self) -> None:
        for document in self.documents:
            assert 0 <= document.open_minor <= self.total[document.id] == document.total_minor
            taken_off = document.credited_minor
            assert document.open_minor + document.paid_minor + taken_off == document.total_minor
            settled = document.open_minor == 0
            assert document.status is (DocumentStatus.SETTLED if settled else DocumentStatus.OPEN)
            assert (document.settled_at is not None) is settled
            assert (document.list_state in (ListState.PAID, ListState.CREDITED)) is settled

    @invariant()
    def nothing_is_owed_of_what_was_taken_back(self) -> None:
        for document in self.documents:
            taken_back = self.noted.get(document.id, 0)
            assert document.open_minor <= document.total_minor - taken_back
            if document.total_minor == taken_back > 0:
                assert document.list_state is ListState.CREDITED

    @invariant()
    def the_check_finds_nothing(self) -> None:
        assert find_imbalances() == []


@pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")
@pytest.mark.slow
def test_no_cent_is_lost(app: Flask, ids: Ids) -> None:
    run_state_machine_as_test(
        lambda: Books(app, ids),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
