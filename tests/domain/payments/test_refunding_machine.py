"""Money that goes back, among payments, chargebacks, notes and spent credit in any order: no cent goes twice.

What was paid out and is charged back as well is owed again, so credit may be below zero here, but never by more than
what was paid out.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from portal.domain.invoices import booking
from portal.domain.invoices.models import Allocation, AllocationState, Document, ListState
from portal.domain.payments import refunding
from portal.domain.payments.models import Refund, RefundStatus
from portal.domain.payments.refunding import ByHand, Order
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, reverse
from tests.domain.invoices.test_booking_machine import CENTS, EXAMPLES, STEPS, Books
from tests.domain.invoices.test_crediting import note_on


class BooksWithRefunds(Books):
    """The same books, with money that goes out of the credit and perhaps comes back."""

    def __init__(self, app: Flask, ids: Ids) -> None:
        super().__init__(app, ids)
        self.shop = db.session.get_one(Shop, ids.shop)
        self.refunds: list[Refund] = []

    def out(self) -> int:
        """What left the shop and did not come back."""
        return sum(each.amount_minor for each in self.refunds if each.status is RefundStatus.DONE)

    @rule(data=st.data(), total=CENTS, more=CENTS)
    def refund_too_much(self, data: Any, total: int, more: int) -> None:
        """Somebody pays more than an invoice asks, and gets money back at once: chance alone seldom comes to it."""
        document = make_invoice(self.account, amount_minor=total)
        self.documents.append(document)
        self.total[document.id] = total
        source = attempt(self.account, (document, total))
        self.attempts.append(source)
        book(source, total + more)
        self.received[source.payment_id] = total + more
        self._refund(document, data)

    @precondition(lambda self: self.documents)
    @rule(data=st.data())
    def refund(self, data: Any) -> None:
        self._refund(data.draw(st.sampled_from(self.documents)), data)

    def _refund(self, document: Document, data: Any) -> None:
        most = credit(self.account)
        if most > 0:
            order = Order(
                amount_minor=data.draw(st.integers(1, most) | st.just(most)),
                way=ByHand(sent_on=START.date()),
                says="Here it is.",
                key=f"{len(self.refunds):022}",
            )
            self.refunds.append(refunding.make(document, order, shop=self.shop, actor=ACTOR, now=START))

    @precondition(lambda self: self.refunds)
    @rule(data=st.data())
    def comes_back(self, data: Any) -> None:
        """At any time, and told more than once."""
        refund = data.draw(st.sampled_from(self.refunds))
        refunding.fail(refund, RefundStatus.FAILED, "closed", source="test", actor=ACTOR, now=START)

    @invariant()
    def every_cent_is_somewhere(self) -> None:
        booked = sum(
            share.amount_minor
            for share in db.session.query(Allocation).filter_by(state=AllocationState.BOOKED)
        )
        brought = sum(self.received.values()) + sum(self.noted.values())
        assert booked + credit(self.account) + self.out() == brought

    @invariant()
    def credit_is_never_below_zero(self) -> None:
        assert credit(self.account) >= -self.out()

    @invariant()
    def nothing_is_owed_of_what_was_taken_back(self) -> None:
        for document in self.documents:
            taken_back = self.noted.get(document.id, 0)
            assert document.open_minor <= document.total_minor - taken_back + self.out()
            if document.total_minor == taken_back > 0 and self.out() == 0:
                assert document.list_state is ListState.CREDITED


@pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")
@pytest.mark.slow
def test_no_cent_goes_twice(app: Flask, ids: Ids) -> None:
    run_state_machine_as_test(
        lambda: BooksWithRefunds(app, ids),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )


@pytest.mark.parametrize("is_under_way", [False, True])
def test_credit_that_comes_back_pays_the_note_of_what_was_charged_back(
    app: Flask, ids: Ids, is_under_way: bool
) -> None:
    """Also while somebody is paying that invoice once more: what arrives then is credit."""
    books = BooksWithRefunds(app, ids)
    try:
        document = make_invoice(ids.emma_account, amount_minor=100)
        source = attempt(ids.emma_account, (document, 100))
        book(source, 100)
        note_on(document, 100)
        way = ByHand(sent_on=START.date())
        order = Order(amount_minor=100, way=way, says="Here it is.", key="k" * 22)
        refund = refunding.make(document, order, shop=books.shop, actor=ACTOR, now=START)
        reverse(source)
        if is_under_way:
            booking.mark_pending(attempt(ids.emma_account, (document, 100)).payment_id, now=START)
        assert (document.open_minor, credit(ids.emma_account)) == (100, 0)
        refunding.fail(refund, RefundStatus.FAILED, "closed", source="test", actor=ACTOR, now=START)
        assert (document.open_minor, credit(ids.emma_account)) == (0, 0)
        assert document.list_state is ListState.CREDITED
    finally:
        books.teardown()
