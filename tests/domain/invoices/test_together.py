"""What is ticked, or all that is open, sorted into what can be paid in one payment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.errors import NotFound
from portal.domain.invoices import together
from portal.domain.invoices.booking import mark_pending
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, spend_credit
from tests.domain.invoices.test_queries import SLOW, many, plans

__all__ = ["many"]

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

Stage = Callable[..., Any]


def test_each_document_is_in_one_place(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        late, early, settled, partly, under_way, dollars = (
            make_invoice(ids.emma_account, amount_minor=100) for _ in range(6)
        )
        costs = make_invoice(ids.emma_account, amount_minor=40, kind=DocumentKind.COLLECTION_FEE)
        early.due_date = START.date() - timedelta(days=1)
        dollars.currency = "USD"
        book(attempt(ids.emma_account, (settled, 100)), 100)
        mark_pending(attempt(ids.emma_account, (under_way, 100)).payment_id, now=START)
        mark_pending(attempt(ids.emma_account, (partly, 1)).payment_id, now=START)
        everything = [late, early, settled, partly, under_way, dollars, costs]
        found = together.sort_out(everything, currency="EUR")
        assert (found.payable, found.elsewhere) == ([costs, early, late], [dollars])
        assert (found.settled, found.under_way, found.is_cut) == ([settled], [partly, under_way], False)
        late.disputed_on = START.date()
        assert together.sort_out([late, early], currency="EUR").payable == [early, late], "it was chosen"
        found = together.sort_out([late, early], currency="EUR", is_everything=True)
        assert (found.payable, found.disputed) == ([early], [late])
        assert together.sort_out([dollars, late], currency="USD").payable == [dollars]
        assert together.sort_out([dollars], currency="EUR").payable == [dollars]
        assert together.sort_out([], currency="EUR").payable == []


def test_more_than_fit_are_cut_at_the_end(on_stage: Stage, ids: Ids, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST", 2)
    with on_stage():
        made = [make_invoice(ids.emma_account) for _ in range(3)]
        found = together.sort_out(made, currency="EUR")
        assert found.payable == made[:2] and found.is_cut
        assert not together.sort_out(made[:2], currency="EUR").is_cut
        assert together.list_open(ids.emma_account, mode=Mode.TEST) == made


def test_chosen_are_ones_own_and_issued(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        mine, also = make_invoice(ids.emma_account), make_invoice(ids.emma_account, amount_minor=0)
        theirs = make_invoice(ids.jan_account)
        note = make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        shop, customer = db.session.get_one(Shop, ids.shop), db.session.get_one(Customer, ids.emma_account)
        draft = create_draft(
            shop, customer, [LineInput("x", Decimal(1), Decimal(100), Decimal(21))], now=START, actor=ACTOR
        )
        db.session.flush()

        def chosen(*documents: Document, accounts: tuple[int, ...] = (ids.emma_account,)) -> set[int]:
            public_ids = [each.public_id for each in documents]
            found = together.list_chosen(public_ids, customer_ids=accounts, mode=Mode.TEST)
            return {each.id for each in found}

        assert chosen(mine, also, mine) == {mine.id, also.id}
        both = (ids.emma_account, ids.jan_account)
        assert chosen(theirs, accounts=both) == {theirs.id}
        for wrong, accounts in (
            ((mine, theirs), (ids.emma_account,)),
            ((mine, theirs), both),
            ((mine, note), both),
            ((mine, draft), both),
        ):
            with pytest.raises(NotFound):
                chosen(*wrong, accounts=accounts)
        with pytest.raises(NotFound):
            together.list_chosen([mine.public_id], customer_ids=[ids.emma_account], mode=Mode.LIVE)


def test_what_stands_over_the_list(on_stage: Stage, ids: Ids) -> None:
    with on_stage():

        def seen() -> tuple[int, bool]:
            return together.over_the_list(ids.emma_account, mode=Mode.TEST, currency="EUR")[:2]

        assert seen() == (0, False)
        first = make_invoice(ids.emma_account, amount_minor=100)
        make_invoice(ids.jan_account), make_invoice(ids.emma_account, amount_minor=0)
        assert seen() == (0, False)
        make_invoice(ids.emma_account)
        make_invoice(ids.emma_account)
        assert seen() == (0, True)
        book(attempt(ids.emma_account, (first, 100)), 130)
        assert seen() == (30, True)
        assert together.over_the_list(ids.emma_account, mode=Mode.TEST, currency="USD") == (0, True, [])


def test_what_stands_beside_a_document(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        paid, first, second = (make_invoice(ids.emma_account, amount_minor=100) for _ in range(3))
        dollars, theirs = make_invoice(ids.emma_account), make_invoice(ids.jan_account, amount_minor=7)
        dollars.currency = "USD"
        book(attempt(ids.emma_account, (paid, 100)), 150)
        spend_credit(first, 20)
        db.session.flush()

        def beside(document: Document) -> tuple[int, ...]:
            columns = together.columns_beside(Document).values()
            return tuple(
                db.session.execute(
                    sa.select(*columns).select_from(Document).where(Document.id == document.id)
                ).one()
            )

        assert beside(first) == (30, 1, 2, 180)
        assert beside(second) == (30, 0, 2, 180)
        assert beside(theirs) == (0, 0, 1, 7)
        assert beside(dollars)[0] == 0 and beside(dollars)[2] == 1


def test_none_of_it_looks_through_the_shop(
    app: Flask, on_stage: Stage, ids: Ids, many: Callable[[int], None]
) -> None:
    many(500)
    with on_stage():
        (document,) = db.session.query(Document).filter_by(customer_id=ids.emma_account).limit(1)
        columns = together.columns_beside(Document).values()
        with plans(app) as found:
            together.list_open(ids.emma_account, mode=Mode.TEST)
            together.over_the_list(ids.emma_account, mode=Mode.TEST, currency="EUR")
            together.list_chosen([document.public_id], customer_ids=[ids.emma_account], mode=Mode.TEST)
            db.session.execute(
                sa.select(*columns).select_from(Document).where(Document.id == document.id)
            ).one()
        assert len(found) == 5 and not [plan for plan in found if SLOW.search(plan)], "\n\n".join(found)
