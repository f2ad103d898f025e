"""The office's search of documents: by number, by place and by whose they are, few and many, in every filter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import word_index
from portal.core.references import format_rf, rf_reference
from portal.domain.collections.planned import plans_of_shop
from portal.domain.invoices import staff_search
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.invoices.staff_list import Filter
from portal.domain.invoices.staff_search import list_for_staff
from portal.domain.shops.models import Mode, NumberSeries
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.rows import write_customers, write_invoices
from tests.statements import counted, plans

TODAY = START.date()
SCANS = re.compile(r"SCAN (?!anon_|CONSTANT|in_instalments)|Seq Scan")


def search(text: str, status: Filter = Filter.ALL, **place: Any) -> Any:
    return list_for_staff(
        mode=Mode.TEST, today=TODAY, status=status, search=text, planned=plans_of_shop(Mode.TEST), **place
    )


def numbers(text: str, status: Filter = Filter.ALL) -> list[str]:
    return [row.number for row in search(text, status).rows]


def walk(text: str, status: Filter = Filter.ALL) -> Iterator[list[str]]:
    """Each page onward to the last one, and then each back to the first."""
    page = search(text, status)
    yield [row.number for row in page.rows]
    while page.next_cursor:
        page = search(text, status, after=page.next_cursor)
        yield [row.number for row in page.rows]
    while page.prev_cursor:
        page = search(text, status, before=page.prev_cursor)
        yield [row.number for row in page.rows]


def begin_series(shop_id: int, last: int) -> None:
    """The series of the invoices that ``write_invoices`` makes past it."""
    db.session.add(NumberSeries(shop_id=shop_id, mode=Mode.TEST, kind="invoice", year=2026, last_number=last))


@pytest.fixture(params=[word_index.FEW, 2], ids=["few", "many"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """What a search finds is the same whichever way it is looked for."""
    for module in (word_index, staff_search):
        monkeypatch.setattr(module, "FEW", request.param)
    return int(request.param)


def test_what_is_found_in_every_filter(on_stage: Any, ids: Any, few: int) -> None:
    with on_stage():
        late = make_invoice(ids.emma_account, now=START - timedelta(days=40))
        one = make_invoice(ids.emma_account)
        make_invoice(ids.jan_account)
        paid = make_invoice(ids.emma_account)
        paid.list_state, paid.status = ListState.PAID, DocumentStatus.SETTLED
        pending = make_invoice(ids.emma_account)
        pending.list_state = ListState.PENDING
        make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        draft = make_invoice(ids.emma_account)
        draft.number = draft.issue_date = draft.year = draft.sequence = None
        draft.status = DocumentStatus.DRAFT
        assert (late.number, one.number, pending.number) == ("2026-0001", "2026-0002", "2026-0005")
    every = ["2026-0005", "2026-0004", "2026-0002", "2026-0001"]
    with on_stage():
        for text in ("emma", "vries emma", "EMMA@example.com"):
            for status, expected in {
                Filter.ALL: every, Filter.PAID: ["2026-0004"], Filter.UNPAID: ["2026-0002", "2026-0001"],
                Filter.PENDING: ["2026-0005"], Filter.OVERDUE: ["2026-0001"], Filter.CREDIT_NOTES: ["C2026-0001"],
                Filter.DRAFT: [None],
            }.items():  # fmt: skip
                assert numbers(text, status) == expected, (text, status)
        with_jan = ["2026-0005", "2026-0004", "2026-0003", "2026-0002", "2026-0001"]
        for text in ("2", "2026", "2026-", "2026-0"):
            for status, expected in {
                Filter.ALL: with_jan, Filter.PAID: ["2026-0004"], Filter.CREDIT_NOTES: [], Filter.DRAFT: [],
                Filter.UNPAID: ["2026-0003", "2026-0002", "2026-0001"], Filter.OVERDUE: ["2026-0001"],
                Filter.PENDING: ["2026-0005"],
            }.items():  # fmt: skip
                assert numbers(text, status) == expected, (text, status)
        assert numbers("example") == with_jan
        assert numbers("jansen") == numbers("2026-0003") == numbers("3") == numbers("0003") == ["2026-0003"]
        assert numbers("c2026-0", Filter.CREDIT_NOTES) == ["C2026-0001"]
        for text in (
            "2025",
            "026",
            "9999",
            "emma jan",
            "%",
            "_",
            "\\",
            "'",
            "x" * 200,
            "2026-0003x",
            "🐘",
            "dora",
        ):
            for status in Filter:
                assert numbers(text, status) == [], (text, status)


def test_a_banks_reference_finds_its_invoice_and_no_other(on_stage: Any, ids: Any, few: int) -> None:
    with on_stage():
        for _ in range(12):
            make_invoice(ids.emma_account)
        # Begins as the first one does.
        other = make_invoice(ids.jan_account)
        other.number, other.reference = "2026-00011", rf_reference("2026-00011")
        note = make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        draft = make_invoice(ids.emma_account)
        draft.number = draft.issue_date = None
        draft.reference, draft.status = "", DocumentStatus.DRAFT
        documents = db.session.query(Document).filter(Document.number.is_not(None)).all()
        stored = {document.reference: document.number for document in documents}
        noted = note.number
    with on_stage():
        for reference, number in stored.items():
            for text in (reference, format_rf(reference), reference.lower()):
                assert numbers(text) == [number], text
            is_note = number == noted
            assert numbers(reference, Filter.CREDIT_NOTES) == ([number] if is_note else [])
            assert numbers(reference, Filter.UNPAID) == ([] if is_note else [number])
            assert numbers(reference, Filter.DRAFT) == numbers(reference, Filter.PAID) == []
        assert numbers(rf_reference("2025-0001")) == [] and numbers("RF00 2026 0001") == []


def test_a_credit_note_is_found_among_all_by_its_number_alone(on_stage: Any, ids: Any, few: int) -> None:
    with on_stage():
        for _ in range(5):
            make_invoice(ids.emma_account)
        for _ in range(4):
            make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
    every = [f"C2026-000{place}" for place in (4, 3, 2, 1)]
    with on_stage():
        assert numbers("C2026-0003") == numbers("c2026-0003") == ["C2026-0003"]
        assert numbers("C2026") == numbers("c2") == every
        assert set(numbers("3")) == {"2026-0003", "C2026-0003"} and numbers("5") == ["2026-0005"]
        assert numbers("emma") == numbers("2026") == [f"2026-000{place}" for place in (5, 4, 3, 2, 1)]
        for status in (Filter.PAID, Filter.UNPAID, Filter.PENDING, Filter.OVERDUE, Filter.DRAFT):
            assert numbers("C2026-0003", status) == [], status
        assert numbers("3", Filter.CREDIT_NOTES) == ["C2026-0003"]
    with on_stage():
        db.session.query(Document).update({Document.mode: Mode.LIVE})
    with on_stage():
        assert numbers("C2026-0003") == numbers(rf_reference("2026-0003")) == []


def test_a_business_is_called_by_its_company(on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        make_invoice(ids.jan_account)
    with on_stage():
        for text in ("", "2026"):
            assert [row.customer_name for row in search(text).rows] == ["Jansen BV", "Emma de Vries"]


def test_each_shop_and_mode_finds_its_own(on_stage: Any, ids: Any, few: int) -> None:
    with on_stage(ids.other_shop):
        make_invoice(ids.dora_account)
    with on_stage():
        for text in ("2026", "2026-0001", "1", "dora"):
            assert numbers(text) == []
        make_invoice(ids.emma_account)
        for text in ("2026", "2026-0001", "1", "emma"):
            found = list_for_staff(mode=Mode.LIVE, today=TODAY, search=text, planned=plans_of_shop(Mode.LIVE))
            assert found.rows == [] and numbers(text) == ["2026-0001"]


def test_pages_both_ways(on_stage: Any, ids: Any, few: int) -> None:
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, 52)
        write_invoices(ids.shop, ids.jan_account, 8, first=52)
        begin_series(ids.shop, 60)
    with on_stage():
        unpaid = sa.select(Document.sequence).where(Document.list_state == ListState.UNPAID)
        every, left = range(1, 61), set(db.session.scalars(unpaid))
        for text, expected in {
            "2026": every, "2026-00": every, "2026-003": range(30, 40), "emma": range(1, 53), "example": every,
            "12": [12], "jan example": range(53, 61),
        }.items():  # fmt: skip
            for status, shown_there in {Filter.ALL: set(every), Filter.UNPAID: left}.items():
                [*shown] = walk(text, status)
                half = len(shown) // 2
                onward = [number for page in shown[: half + 1] for number in page]
                wanted = [f"2026-{place:04d}" for place in expected if place in shown_there]
                assert sorted(onward) == wanted, (text, status)
                assert shown[half:] == list(reversed(shown[: half + 1])), (text, status)


def test_ten_thousand_are_searched_within_indexes(app: Flask, on_stage: Any, ids: Any) -> None:
    with on_stage():
        write_invoices(ids.shop, write_customers(ids.shop, 200)[7], 10_050)
        latest = sa.case((Document.sequence > 10_000, TODAY), else_=Document.issue_date)
        db.session.execute(sa.update(Document).values(issue_date=latest))
        begin_series(ids.shop, 10_050)
    for text, first in {
        "2026": ["2026-10050"], "2026-1": ["2026-10050"], "2026-12": ["2026-1200"], "2026-1234": ["2026-1234"],
        "1234": ["2026-1234"], "1": ["2026-0001"], "c00007": ["2026-10050"], "c01 example": [], "emma": [],
        "nothing of this": [], "2025": ["2026-2025"], "99999": [], "C2026": [],
        "RF11 2026 1234": ["2026-1234"], "C2026-0001": [],
    }.items():  # fmt: skip
        for status in Filter:
            with on_stage(), plans(app) as found, counted(app) as statements:
                page = search(text, status)
            assert len(statements) <= 3, "\n\n".join(statements)
            assert status is not Filter.ALL or [row.number for row in page.rows[:1]] == first, text
            for plan in found:
                assert not SCANS.search(plan), (text, status, plan)
