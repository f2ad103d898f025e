"""Reading invoices: the list with its filters and pages, one invoice, and the sums of the frame and the home page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.errors import NotFound
from portal.core.references import format_rf, rf_reference
from portal.domain.invoices import queries
from portal.domain.invoices.booking import mark_pending
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import (
    Badge,
    Document,
    DocumentKind,
    DocumentStatus,
    ListState,
)
from portal.domain.invoices.queries import Filter
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, reverse
from tests.rows import write_invoices
from tests.statements import counted, plans

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

Stage = Callable[..., Any]
TODAY = START.date()


def numbers(account: int, status: Filter = Filter.ALL, **options: Any) -> list[str]:
    page = queries.list_invoices(
        account,
        mode=options.pop("mode", Mode.TEST),
        today=options.pop("today", TODAY),
        status=status,
        **options,
    )
    return [row.number for row in page.rows]


def one_of_each(ids: Ids) -> dict[str, Document]:
    """Invoices of Emma's in every state, the name of the state in each one's number."""
    account = ids.emma_account
    made = {
        name: make_invoice(account, amount_minor=100)
        for name in ("unpaid", "overdue", "partly", "pending", "pending_late", "paid", "reversed", "credited")
    }
    for name, document in made.items():
        document.number = name
    for late in ("overdue", "pending_late"):
        made[late].due_date = TODAY - timedelta(days=3)
    made["unpaid"].due_date = TODAY
    book(attempt(account, (made["partly"], 40)), 40)
    for name in ("pending", "pending_late"):
        mark_pending(attempt(account, (made[name], 100)).payment_id, now=START)
    book(attempt(account, (made["paid"], 100)), 100)
    taken_back = attempt(account, (made["reversed"], 100))
    book(taken_back, 100)
    reverse(taken_back)
    made["credited"].list_state, made["credited"].open_minor = ListState.CREDITED, 0
    db.session.flush()
    return made


def test_each_filter_holds_what_it_says(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        one_of_each(ids)
        found = {status: set(numbers(ids.emma_account, status)) for status in Filter}
        assert found == {
            Filter.ALL: {
                "unpaid", "overdue", "partly", "pending", "pending_late", "paid", "reversed", "credited",
            },
            Filter.UNPAID: {"unpaid", "overdue", "partly", "reversed"},
            Filter.PENDING: {"pending", "pending_late"},
            Filter.OVERDUE: {"overdue"},
            Filter.PAID: {"paid", "credited"},
        }  # fmt: skip
        everything = found[Filter.ALL]
        assert found[Filter.UNPAID] | found[Filter.PENDING] | found[Filter.PAID] == everything


def test_each_row_says_how_it_stands(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        made = one_of_each(ids)
        rows = {
            row.number: row
            for row in queries.list_invoices(ids.emma_account, mode=Mode.TEST, today=TODAY).rows
        }
        assert {name: row.state for name, row in rows.items()} == {
            "unpaid": Badge.UNPAID, "overdue": Badge.OVERDUE, "partly": Badge.PARTLY_PAID, "pending": Badge.PENDING,
            "pending_late": Badge.PENDING, "paid": Badge.PAID, "reversed": Badge.REVERSED, "credited": Badge.CREDITED,
        }  # fmt: skip
        assert {name for name, row in rows.items() if row.days_overdue} == {"overdue"}
        assert rows["overdue"].days_overdue == 3
        assert (rows["partly"].open_minor, rows["partly"].total_minor) == (60, 100)
        for name, document in made.items():
            assert queries.badge_of(document, TODAY) is rows[name].state
            assert rows[name].public_id == document.public_id


@pytest.mark.parametrize(("state", "days"), list(product(ListState, (-400, -1, 0, 1, 400, None))))
def test_overdue_is_unpaid_and_past_its_day(state: ListState, days: int | None) -> None:
    due = None if days is None else TODAY + timedelta(days=days)
    expected = -days if state is ListState.UNPAID and days is not None and days < 0 else 0
    assert queries.days_overdue(state, due, TODAY) == expected


def test_an_invoice_becomes_overdue_by_the_calendar_alone(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        assert document.due_date is not None
        assert numbers(ids.emma_account, Filter.OVERDUE, today=document.due_date) == []
        after = document.due_date + timedelta(days=1)
        assert numbers(ids.emma_account, Filter.OVERDUE, today=after) == [document.number]


def test_only_issued_ones_of_this_customer_and_mode_are_listed(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        shop, emma = db.session.get_one(Shop, ids.shop), db.session.get_one(Customer, ids.emma_account)
        make_invoice(ids.jan_account)
        make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        create_draft(
            shop, emma, [LineInput("x", Decimal(1), Decimal(1), Decimal(21))], now=START, actor=ACTOR
        )
        kinds = (DocumentKind.INVOICE, DocumentKind.COLLECTION_FEE, DocumentKind.INTEREST)
        shown = [make_invoice(ids.emma_account, kind=kind).number for kind in kinds]
        assert numbers(ids.emma_account) == shown[::-1]
        assert numbers(ids.emma_account, mode=Mode.LIVE) == []


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("-0002", {"2026-0002"}), ("2026", {"2026-0001", "2026-0002", "F2026-0001"}), ("F2026", {"F2026-0001"}),
        ("f2026", {"F2026-0001"}), ("%", set()), ("_", set()), ("2026_0001", set()), ("\\", set()), ("'", set()),
        ("' OR 1=1 --", set()), ("\U0001f600", set()), ("x" * 1000, set()),
    ],
)  # fmt: skip
def test_the_search_is_by_number(on_stage: Stage, ids: Ids, search: str, expected: set[str]) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        make_invoice(ids.emma_account)
        make_invoice(ids.emma_account, kind=DocumentKind.COLLECTION_FEE)
        assert set(numbers(ids.emma_account, search=search)) == expected


def test_the_search_knows_the_reference_that_is_printed(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        first, second = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
        fee = make_invoice(ids.emma_account, kind=DocumentKind.COLLECTION_FEE)
        # Begins as the first one does.
        longer = make_invoice(ids.emma_account)
        longer.number, longer.reference = "2026-00011", rf_reference("2026-00011")
        theirs = make_invoice(ids.jan_account)
        for document in (first, second, fee, longer):
            printed = format_rf(document.reference)
            for search in (document.reference, printed, printed.lower(), f" {printed} "):
                assert numbers(ids.emma_account, search=search) == [document.number], search
        assert numbers(ids.emma_account, search=format_rf(theirs.reference)) == []
        assert numbers(ids.emma_account, search="RF00 2026 0001") == [], "mistyped"


# Pages.


@pytest.fixture
def many(app: Flask, ids: Ids) -> Callable[[int], None]:
    """Writes so many invoices of Emma's at once."""

    def write(count: int) -> None:
        with app.app_context():
            write_invoices(ids.shop, ids.emma_account, count)

    return write


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 51, pytest.param(10_000, marks=pytest.mark.slow)])
def test_pages_hold_each_invoice_once_newest_first(
    on_stage: Stage, ids: Ids, many: Callable[[int], None], count: int
) -> None:
    many(count)
    with on_stage():
        seen: list[str] = []
        after, pages = None, 0
        while pages <= count // 25:
            page = queries.list_invoices(ids.emma_account, mode=Mode.TEST, today=TODAY, after=after)
            seen += [row.number for row in page.rows]
            pages += 1
            assert (page.prev_cursor is None) == (pages == 1)
            after = page.next_cursor
            if after is None:
                break
        expected = sa.select(Document.number).order_by(Document.issue_date.desc(), Document.id.desc())
        assert seen == list(db.session.scalars(expected)) and len(seen) == count
        assert pages == max(1, -(-count // 25)) and after is None


def test_going_back_shows_the_page_before(on_stage: Stage, ids: Ids, many: Callable[[int], None]) -> None:
    many(60)

    def page(**place: str | None) -> Any:
        return queries.list_invoices(ids.emma_account, mode=Mode.TEST, today=TODAY, **place)

    with on_stage():
        first = page()
        second = page(after=first.next_cursor)
        third = page(after=second.next_cursor)
        assert [len(each.rows) for each in (first, second, third)] == [25, 25, 10]
        assert page(before=third.prev_cursor).rows == second.rows
        assert page(before=second.prev_cursor).rows == first.rows
        assert third.next_cursor is None and first.prev_cursor is None


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "null", "W10", "WzEsMl0", "\0", "%00", "\u00e9" * 40, "A" * 10_000, "' OR 1=1 --",
        "WyIyMDI2LTExLTAxIiwgMWUzMDhd",
        "WyIyMDI2LTExLTAxIiwgOTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ",
        "WyIwMDAxLTAxLTAxIiwgMV0",
    ],
)  # fmt: skip
def test_a_cursor_of_somebody_elses_making_is_the_first_page(on_stage: Stage, ids: Ids, cursor: str) -> None:
    with on_stage():
        number = make_invoice(ids.emma_account).number
        assert numbers(ids.emma_account, after=cursor) == [number]
        assert numbers(ids.emma_account, before=cursor) == [number]


#: What a statement must not do whose cost may not grow with the shop.
SLOW = re.compile(r"TEMP B-TREE|SCAN documents|Sort|Seq Scan|Bitmap")


@pytest.mark.parametrize("search", ["", "2026-0001", "nothing like it", rf_reference("2026-0001")])
@pytest.mark.parametrize("status", Filter)
def test_a_page_is_read_from_an_index_without_sorting(
    app: Flask, on_stage: Stage, ids: Ids, many: Callable[[int], None], status: Filter, search: str
) -> None:
    many(500)

    def page(**place: str | None) -> Any:
        return queries.list_invoices(
            ids.emma_account, mode=Mode.TEST, today=TODAY, status=status, search=search, **place
        )

    with on_stage():
        crowd(ids)
        first = page()
        with plans(app) as found:
            page()
            page(after=first.next_cursor)
        assert len(found) == 2
        for plan in found:
            # In a state that no invoice of the shop is in, the office's index is as good.
            which = "list" if status in (Filter.ALL, Filter.PAID) else "(list|office)"
            assert re.search(rf"(?i)using (covering )?(index )?ix_documents_{which}(_state)?\b", plan), plan
            assert not SLOW.search(plan), plan


def crowd(ids: Ids) -> None:
    """Invoices of somebody else, and what PostgreSQL does by itself after a while: it weighs the indexes by that."""
    write_invoices(ids.shop, ids.jan_account, 2_000, first=500)
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE documents")


@pytest.mark.parametrize("status", [Filter.ALL, Filter.PAID])
def test_a_search_looks_through_the_numbers_in_the_index_alone(
    app: Flask, on_stage: Stage, ids: Ids, many: Callable[[int], None], status: Filter
) -> None:
    many(500)
    with on_stage(), plans(app) as found:
        crowd(ids)
        queries.list_invoices(
            ids.emma_account, mode=Mode.TEST, today=TODAY, status=status, search="nothing like it"
        )
        assert is_covered(found[0], "ix_documents_list"), found[0]


def is_covered(plan: str, index: str) -> bool:
    """Whether an index answers by itself.

    PostgreSQL chooses that only for a table that was vacuumed while nobody else looked, which a test cannot ensure:
    there another index of the account's own rows does as well.
    """
    if db.engine.dialect.name == "postgresql":
        return re.search(r"Index (Only )?Scan (Backward )?using ix_documents_(unpaid|list)", plan) is not None
    return re.search(rf"USING COVERING INDEX {index}\b", plan) is not None


def test_what_is_owed_is_read_from_the_index_of_the_unpaid(
    app: Flask, on_stage: Stage, ids: Ids, many: Callable[[int], None]
) -> None:
    many(500)
    with on_stage(), plans(app) as found, counted(app) as statements:
        crowd(ids)
        queries.open_summary(ids.emma_account, mode=Mode.TEST, today=TODAY)
        db.session.execute(sa.select(queries.count_unpaid(ids.emma_account, "test")))
        db.session.execute(sa.select(queries.count_all(ids.emma_account, "test")))
        db.session.execute(queries.select_open(ids.emma_account, "test").limit(6))
    # A plan that PostgreSQL keeps for any parameters cannot use the index of the unpaid: the word must stand there.
    assert sum("list_state = 'unpaid'" in statement for statement in statements) == 3
    assert len(found) == 4
    summary, unpaid, everything, first_due = found
    with on_stage():
        assert is_covered(summary, "ix_documents_unpaid"), summary
        assert is_covered(unpaid, "ix_documents_unpaid"), unpaid
        assert is_covered(everything, "ix_documents_list"), everything
    assert re.search(r"(?i)using (index )?ix_documents_(unpaid|list)", first_due), first_due
    for plan in found:
        assert not SLOW.search(plan), plan


def test_a_page_is_one_statement(app: Flask, on_stage: Stage, ids: Ids, many: Callable[[int], None]) -> None:
    many(60)
    with on_stage(), counted(app) as statements:
        queries.list_invoices(ids.emma_account, mode=Mode.TEST, today=TODAY)
        assert len(statements) == 1


# One invoice.


def test_an_invoice_is_found_in_ones_own_accounts(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        public_id = document.public_id

        def get(*accounts: int, mode: Mode = Mode.TEST) -> Document:
            return queries.get_invoice(public_id, customer_ids=accounts, mode=mode)

        assert get(ids.emma_account) is document
        assert get(ids.jan_account, ids.emma_account) is document
        for accounts in [(), (ids.jan_account,), (ids.dora_account,)]:
            with pytest.raises(NotFound):
                get(*accounts)
        with pytest.raises(NotFound):
            get(ids.emma_account, mode=Mode.LIVE)
    with on_stage(ids.other_shop), pytest.raises(NotFound):
        queries.get_invoice(public_id, customer_ids=[ids.emma_account], mode=Mode.TEST)


@pytest.mark.parametrize("status", DocumentStatus)
def test_drafts_and_cancelled_ones_have_no_page(on_stage: Stage, ids: Ids, status: DocumentStatus) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        document.status = status
        if status in (DocumentStatus.OPEN, DocumentStatus.SETTLED):
            assert queries.get_invoice(document.public_id, customer_ids=[ids.emma_account], mode=Mode.TEST)
        else:
            with pytest.raises(NotFound):
                queries.get_invoice(document.public_id, customer_ids=[ids.emma_account], mode=Mode.TEST)


def test_credit_notes_stand_with_their_invoice(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice, other = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
        note = make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE, amount_minor=500)
        note.original_id = invoice.id
        assert [(row.number, row.total_minor) for row in queries.list_credit_notes(invoice)] == [
            ("C2026-0001", 500)
        ]
        assert queries.list_credit_notes(other) == []
        found = queries.get_invoice(note.public_id, customer_ids=[ids.emma_account], mode=Mode.TEST)
        assert found is note, "a credit note has a page too"


# The frame and the home page.


def test_what_somebody_owes(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        nothing = queries.open_summary(ids.emma_account, mode=Mode.TEST, today=TODAY)
        assert nothing == queries.OpenSummary(0, 0, 0, 0, None)
        made = one_of_each(ids)
        owed = queries.open_summary(ids.emma_account, mode=Mode.TEST, today=TODAY)
        assert owed == queries.OpenSummary(4, 100 + 100 + 60 + 100, 1, 3, None)
        for document in made.values():
            if document is not made["overdue"]:
                document.list_state = ListState.PAID
        db.session.flush()
        owed = queries.open_summary(ids.emma_account, mode=Mode.TEST, today=TODAY)
        assert owed == queries.OpenSummary(1, 100, 1, 3, made["overdue"].public_id)
        assert queries.open_summary(ids.jan_account, mode=Mode.TEST, today=TODAY).count == 0


def test_counts_for_the_frame(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        one_of_each(ids)

        def count(counting: Callable[[int, str], Any], account: int, mode: str = "test") -> int:
            return db.session.execute(sa.select(counting(account, mode))).scalar_one()  # type: ignore[no-any-return]

        assert count(queries.count_unpaid, ids.emma_account) == 4
        assert count(queries.count_all, ids.emma_account) == 8
        assert count(queries.count_all, ids.emma_account, "live") == 0
        assert count(queries.count_unpaid, ids.jan_account) == 0


def test_the_counts_stop_where_they_are_no_longer_shown(
    on_stage: Stage, ids: Ids, many: Callable[[int], None]
) -> None:
    many(1_200)
    with on_stage():
        unpaid, everything = db.session.execute(
            sa.select(
                queries.count_unpaid(ids.emma_account, "test"), queries.count_all(ids.emma_account, "test")
            )
        ).one()
        assert (unpaid, everything) == (100, 1_000)
        assert queries.open_summary(ids.emma_account, mode=Mode.TEST, today=TODAY).count == 1_200 - 172


def test_those_to_be_paid_come_by_due_day(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        one_of_each(ids)
        found = [d.number for d in db.session.scalars(queries.select_open(ids.emma_account, "test"))]
        assert found[:2] == ["overdue", "unpaid"]
        assert set(found) == {"unpaid", "overdue", "partly", "reversed"}, "what the badge counts, and no more"
