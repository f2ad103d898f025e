"""Taking lines of an invoice back: in any order and in any parts, it comes to what was billed, to the cent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.core.errors import DomainError
from portal.core.vat import VatCategory
from portal.domain.catalog.models import CancelMode
from portal.domain.invoices import taking_back
from portal.domain.invoices.actions import issue_invoice
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.crediting import credit_invoice, creditable
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document, DocumentKind, ListState
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.domain.subscriptions import cancelling
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.invoices.paying import ACTOR
from tests.rows import make_billed

Stage = Callable[..., Any]
STANDARD, REDUCED, ZERO = VatCategory.STANDARD, VatCategory.REDUCED, VatCategory.ZERO


def parties(ids: Ids) -> dict[str, Any]:
    return {
        "shop": db.session.get_one(Shop, ids.shop),
        "customer": db.session.get_one(Customer, ids.emma_account),
        "now": START,
        "actor": ACTOR,
    }


def issue(ids: Ids, lines: Sequence[LineInput], *, include_vat: bool) -> Document:
    who = parties(ids)
    invoice = create_draft(
        who["shop"], who["customer"], lines, now=START, actor=ACTOR, prices_include_vat=include_vat
    )
    issue_invoice(invoice, **who)
    return invoice


def take(ids: Ids, invoice: Document, positions: Collection[int]) -> Document:
    return taking_back.take_back(
        invoice.id, positions, left_minor=creditable(invoice), note="", **parties(ids)
    )


def lines_of(*prices: int, rate: str = "21", category: VatCategory = STANDARD) -> list[LineInput]:
    return [
        LineInput(f"Line {index}", Decimal(1), Decimal(price), Decimal(rate), category)
        for index, price in enumerate(prices)
    ]


def left_of(invoice: Document) -> list[int]:
    return [line.position for line in taking_back.lines_left(invoice)]


@pytest.mark.parametrize(("price", "total"), [(103, 374), (102, 370)])
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_one_line_after_the_other(
    on_stage: Stage, ids: Ids, price: int, total: int, order: tuple[int, ...]
) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(price, price, price), include_vat=False)
        notes = [take(ids, invoice, [position]) for position in order]
        assert sum(note.total_minor for note in notes) == invoice.total_minor == total
        assert (invoice.open_minor, invoice.list_state, left_of(invoice)) == (0, ListState.CREDITED, [])


RATES = st.sampled_from([(STANDARD, "21"), (REDUCED, "9"), (ZERO, "0")])
LINES = st.tuples(st.sampled_from(["1", "3", "0.5", "2.25"]), st.decimals("0.01", "999", places=2), RATES)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(LINES, min_size=1, max_size=5), include_vat=st.booleans(), data=st.data())
def test_in_any_order_and_parts_it_comes_to_the_whole(
    on_stage: Stage, ids: Ids, wanted: list[Any], include_vat: bool, data: st.DataObject
) -> None:
    lines = [
        LineInput(f"Line {index}", Decimal(quantity), price, Decimal(rate), category)
        for index, (quantity, price, (category, rate)) in enumerate(wanted)
    ]
    with on_stage():
        invoice = issue(ids, lines, include_vat=include_vat)
        order = data.draw(st.permutations([line.position for line in invoice.lines]))
        while order:
            cut = data.draw(st.integers(1, len(order)))
            taken, order = order[:cut], order[cut:]
            # One of less than half a cent is not left once all of the others are taken back.
            taken = [position for position in taken if position in left_of(invoice)]
            if not taken:
                continue
            note = take(ids, invoice, taken)
            assert note.net_minor + note.vat_minor == note.total_minor
            assert sum(line.gross_minor for line in note.lines) == note.total_minor
            assert sum(group.vat_minor for group in note.vat_groups) == note.vat_minor
        sums = db.session.execute(
            sa.select(sa.func.sum(Document.net_minor), sa.func.sum(Document.vat_minor)).where(
                Document.original_id == invoice.id, Document.kind == DocumentKind.CREDIT_NOTE
            )
        ).one()
        assert tuple(sums) == (invoice.net_minor, invoice.vat_minor)
        assert (creditable(invoice), invoice.open_minor, find_imbalances()) == (0, 0, [])
        db.session.rollback()


def test_what_is_left_of_a_bill_whose_unused_days_were_credited(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        subscription, bill = make_billed(ids.emma_account, plan={"cancel_mode": CancelMode.IMMEDIATE})
        cancelling.cancel_now(subscription.id, told=None, actor=ACTOR, now=START + timedelta(days=10))
        left = creditable(bill)
        assert 0 < left < bill.total_minor
        assert taking_back.is_partly_taken(bill, taking_back.lines_left(bill))
        assert take(ids, bill, [1]).total_minor == left
        assert (creditable(bill), bill.open_minor, left_of(bill)) == (0, 0, [])
        with pytest.raises(DomainError, match="Choose at least one line"):
            take(ids, bill, [1])


@pytest.mark.parametrize("include_vat", [False, True])
def test_each_rate_is_taken_back_up_to_what_is_left_of_it(
    on_stage: Stage, ids: Ids, include_vat: bool
) -> None:
    with on_stage():
        low = lines_of(1000, 500, rate="9", category=REDUCED)
        invoice = issue(ids, [*lines_of(3000), *low], include_vat=include_vat)
        assert not taking_back.is_partly_taken(invoice, invoice.lines)
        credit_invoice(invoice, lines_of(700, rate="9", category=REDUCED), note="", **parties(ids))
        assert taking_back.is_partly_taken(invoice, taking_back.lines_left(invoice))
        note = take(ids, invoice, [2, 3])
        paid = [line.gross_minor if include_vat else line.net_minor for line in note.lines]
        assert paid == [533, 267], "two thirds and a third of 8.00"
        assert left_of(invoice) == [1] and not taking_back.is_partly_taken(
            invoice, taking_back.lines_left(invoice)
        )
        take(ids, invoice, [1])
        assert (creditable(invoice), invoice.list_state) == (0, ListState.CREDITED)


def test_a_cent_of_vat_that_rounding_left_can_be_taken_back(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(306), include_vat=False)
        for _ in range(3):
            credit_invoice(invoice, lines_of(102), note="", **parties(ids))
        assert creditable(invoice) == 1 and left_of(invoice) == [1]
        assert take(ids, invoice, [1]).total_minor == 1
        assert (creditable(invoice), left_of(invoice)) == (0, [])


def test_a_discount_goes_with_what_it_is_for(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = issue(ids, lines_of(10000, -2000), include_vat=False)
        assert take(ids, invoice, [1]).total_minor == invoice.total_minor == 9680
        assert left_of(invoice) == []
