"""Credit notes: what they take off an invoice, what becomes credit, and that no more is taken back than was billed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.errors import DomainError
from portal.domain.invoices.balance import compute_balance, find_imbalances, rebalance_all
from portal.domain.invoices.crediting import credit_invoice, creditable
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import CreditEntry, CreditUse, Document, DocumentStatus, ListState
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, credit, reverse
from tests.rows import write_invoices
from tests.statements import counted, plans

Stage = Callable[..., Any]


def note_on(invoice: Document, amount: int) -> Document:
    return credit_invoice(
        invoice,
        [LineInput("Taken back", Decimal(1), Decimal(amount), Decimal(21))],
        shop=db.session.get_one(Shop, invoice.shop_id),
        customer=db.session.get_one(Customer, invoice.customer_id),
        note="",
        now=START,
        actor=ACTOR,
    )


@pytest.mark.parametrize(
    ("paid", "noted", "still_open", "kept", "state"),
    [
        (0, 40, 60, 0, ListState.UNPAID),
        (0, 100, 0, 0, ListState.CREDITED),
        (30, 40, 30, 0, ListState.UNPAID),
        (80, 40, 0, 20, ListState.PAID),
        (100, 40, 0, 40, ListState.PAID),
        (80, 100, 0, 80, ListState.CREDITED),
        (100, 100, 0, 100, ListState.CREDITED),
    ],
)
def test_the_open_part_goes_first_and_the_rest_is_kept(
    on_stage: Stage, ids: Ids, paid: int, noted: int, still_open: int, kept: int, state: ListState
) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account, amount_minor=100)
        if paid:
            book(attempt(ids.emma_account, (invoice, paid)), paid)
        note = note_on(invoice, noted)
        assert (note.total_minor, note.original_id, note.status) == (
            noted,
            invoice.id,
            DocumentStatus.SETTLED,
        )
        assert (invoice.open_minor, invoice.list_state, credit(ids.emma_account)) == (still_open, state, kept)
        entries = list(db.session.scalars(sa.select(CreditEntry).where(CreditEntry.document_id == note.id)))
        assert [(each.amount_minor, each.use) for each in entries] == (
            [(kept, CreditUse.CREDIT_NOTE)] if kept else []
        )
        assert creditable(invoice) == 100 - noted
        assert find_imbalances() == []


def test_a_paid_one_is_credited_with_its_last_part(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account, amount_minor=100)
        payment = attempt(ids.emma_account, (invoice, 100))
        book(payment, 100)
        note_on(invoice, 60)
        assert (invoice.list_state, invoice.settled_at) == (ListState.PAID, START)
        note_on(invoice, 40)
        assert (invoice.list_state, invoice.status) == (ListState.CREDITED, DocumentStatus.SETTLED)
        settled_at = invoice.settled_at
        assert reverse(payment) == [], "its money went back, and nothing is owed of what was taken back"
        assert (invoice.list_state, invoice.open_minor, invoice.credited_minor) == (
            ListState.CREDITED,
            0,
            100,
        )
        assert (invoice.settled_at, invoice.reversed_at, credit(ids.emma_account)) == (settled_at, None, 0)
        assert find_imbalances() == []


def test_the_check_finds_one_that_does_not_say_so(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account, amount_minor=100)
        book(attempt(ids.emma_account, (invoice, 100)), 100)
        note_on(invoice, 100)
        invoice.list_state = ListState.PAID
        [(found, balance)] = find_imbalances()
        assert found is invoice and balance.list_state is ListState.CREDITED


def test_many_are_balanced_with_no_statement_more(app: Flask, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoices = [make_invoice(ids.emma_account) for _ in range(3)]
        db.session.flush()
        with counted(app) as found:
            rebalance_all(invoices, now=START)
        assert len(found) == len(invoices), "one for each"


def test_the_notes_of_a_document_are_found_by_their_index(app: Flask, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, 1_000)
        invoice = db.session.scalars(sa.select(Document).limit(1)).one()
        with plans(app) as found:
            compute_balance(invoice)
    [plan] = found
    # Of a shop without one PostgreSQL knows that its index of credit notes is empty.
    assert "ix_documents_original_id" in plan or "ix_documents_credit_notes" in plan, plan


def test_no_more_is_taken_back_than_was_billed(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account, amount_minor=100)
        note_on(invoice, 60)
        with pytest.raises(DomainError, match="more than is left"):
            note_on(invoice, 41)
        db.session.rollback()


def test_a_credit_note_is_of_its_invoice_in_language_and_vat(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account, amount_minor=100, prices_include_vat=False)
        invoice.language = "nl"
        note = note_on(invoice, 50)
        assert (note.language, note.prices_include_vat, note.currency) == ("nl", False, invoice.currency)
        # What stays is rounded, not what is taken: the two halves come to the 21 that was billed.
        assert (note.net_minor, note.total_minor) == (50, 60)
        assert (note_on(invoice, 50).total_minor, invoice.total_minor) == (61, 121)


def test_the_number_is_of_its_own_series(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        numbers = [note_on(make_invoice(ids.emma_account, amount_minor=100), 10).number for _ in range(2)]
        assert numbers == ["C2026-0001", "C2026-0002"]
