"""What the lists and sums of invoices know of payment plans: only a missed instalment is late."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import database
from portal.core.tenancy import shop_scope
from portal.domain.collections.instalments import progress, schedule
from portal.domain.collections.models import (
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.collections.planned import (
    PlanDebit,
    has_plan,
    in_instalments,
    in_plan,
    instalments_of,
    list_plan_debits,
    nearest_plan,
    next_instalment,
)
from portal.domain.collections.queries import case_of, get_case_by_id
from portal.domain.collections.states import PLAN_AGREED
from portal.domain.invoices import queries
from portal.domain.invoices.booking import mark_pending
from portal.domain.invoices.models import Badge, Document, DocumentKind
from portal.domain.invoices.queries import Filter, InvoiceRow, NextInstalment, OpenSummary
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.rows import make_case, make_method, write_invoices
from tests.statements import counted, plans

#: Two months after the start, when everything made then is late by its own due day.
AGREED = START.date() + timedelta(days=60)
DUE = [each.due_on for each in schedule(12100, 3, agreed_on=AGREED)]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


def agree(case: CollectionCase, status: PlanStatus = PlanStatus.ACTIVE, total: int = 12100) -> PaymentPlan:
    """A plan in three instalments, agreed to two months after the start."""
    plan = PaymentPlan(
        case_id=case.id,
        status=status,
        instalment_count=3,
        currency="EUR",
        total_minor=total,
        created_at=START,
    )
    db.session.add(plan)
    db.session.flush()
    for each in schedule(total, 3, agreed_on=AGREED):
        row = PlanInstalment(
            plan_id=plan.id, position=each.position, due_on=each.due_on, amount_minor=each.amount_minor
        )
        db.session.add(row)
    case.status = CaseStatus.WITH_PLAN
    db.session.flush()
    return plan


@pytest.fixture
def case(ids: Ids) -> CollectionCase:
    """One of Emma's with a plan over € 121.00."""
    case = make_case(ids.emma_account)
    agree(case)
    return case


def listed(ids: Ids, today: date, status: Filter = Filter.ALL, search: str = "") -> list[InvoiceRow]:
    page = queries.list_invoices(
        ids.emma_account,
        mode=Mode.TEST,
        today=today,
        status=status,
        search=search,
        planned=in_instalments(),
    )
    return page.rows


def owed(ids: Ids, today: date) -> OpenSummary:
    return queries.open_summary(ids.emma_account, mode=Mode.TEST, today=today, in_plan=in_plan)


def needed(ids: Ids, today: date) -> tuple[Any, ...]:
    row = db.session.execute(sa.select(*nearest_plan(ids.emma_account, Mode.TEST, today).values())).one()
    return tuple(row)


def pay(case: CollectionCase, amount: int) -> None:
    document = db.session.get_one(Document, case.document_id)
    book(attempt(case.customer_id, (document, amount)), amount)


def test_before_the_first_instalment_nothing_is_late(ids: Ids, case: CollectionCase) -> None:
    for today in (AGREED, DUE[0]):
        (row,) = listed(ids, today)
        assert (row.state, row.days_overdue) == (Badge.UNPAID, 0)
        assert row.instalment == NextInstalment(DUE[0], 4033, case.public_id)
        assert listed(ids, today, Filter.OVERDUE) == []
        assert len(listed(ids, today, Filter.UNPAID)) == 1, "it is still to be paid"
        assert owed(ids, today) == OpenSummary(0, 0, 0, 0, None)


def test_an_instalment_that_is_missed_is_late_by_its_own_day(ids: Ids, case: CollectionCase) -> None:
    today = DUE[0] + 3 * DAY
    (row,) = listed(ids, today)
    assert (row.state, row.days_overdue) == (Badge.OVERDUE, 3)
    assert [each.number for each in listed(ids, today, Filter.OVERDUE)] == [row.number]
    assert owed(ids, today) == OpenSummary(0, 0, 0, 0, None), "only the instalment is asked for"
    assert needed(ids, today) == (case.public_id, False, DUE[0], 4033, "EUR", 1, DUE[0])
    assert needed(ids, DUE[0])[-2:] == (0, None)


def test_each_late_plan_is_counted_but_not_one_that_waits(ids: Ids, case: CollectionCase) -> None:
    second, waits = make_case(ids.emma_account), make_case(ids.emma_account)
    agree(second)
    agree(waits, PlanStatus.PENDING_MANDATE)
    today = DUE[0] + 3 * DAY
    assert needed(ids, today) == (waits.public_id, True, DUE[0], 4033, "EUR", 2, DUE[0])
    pay(second, 4033)
    assert needed(ids, today)[-2:] == (1, DUE[0])
    pay(case, 4033)
    assert needed(ids, today)[-2:] == (0, None)


def test_the_days_of_several_documents(ids: Ids, case: CollectionCase) -> None:
    other = make_invoice(ids.emma_account)
    fee = make_invoice(ids.emma_account, amount_minor=100, kind=DocumentKind.COLLECTION_FEE)
    fee.case_id = case.id
    planned = db.session.get_one(Document, case.document_id)
    assert instalments_of([other, planned, fee]) == {each.id: (DUE[0], 4033) for each in (planned, fee)}
    assert instalments_of([make_invoice(ids.jan_account)]) == {} and instalments_of([]) == {}


@pytest.mark.parametrize(
    ("paid", "next_on", "left"),
    [
        (1, DUE[0], 4032),
        (4032, DUE[0], 1),
        (4033, DUE[1], 4033),
        (5000, DUE[1], 3066),
        (8066, DUE[2], 4034),
        (12099, DUE[2], 1),
    ],
)
def test_the_next_one_is_the_first_that_is_not_paid_whole(
    ids: Ids, case: CollectionCase, paid: int, next_on: date, left: int
) -> None:
    pay(case, paid)
    (row,) = listed(ids, AGREED)
    assert row.instalment == NextInstalment(next_on, left, case.public_id)
    assert row.state is Badge.PARTLY_PAID
    # As the page of the case has it.
    known = progress(schedule(12100, 3, agreed_on=AGREED), 12100 - paid)
    assert known.next is not None and (known.next.due_on, known.next_minor) == (next_on, left)
    assert listed(ids, next_on)[0].days_overdue == 0
    assert listed(ids, next_on + DAY)[0].state is Badge.OVERDUE


def test_money_under_way_is_no_missed_instalment(ids: Ids, case: CollectionCase) -> None:
    document = db.session.get_one(Document, case.document_id)
    mark_pending(attempt(case.customer_id, (document, 4033)).payment_id, now=START)
    (row,) = listed(ids, DUE[0] + DAY)
    assert (row.state, row.instalment) == (Badge.UNPAID, NextInstalment(DUE[1], 4033, case.public_id))
    assert owed(ids, DUE[0] + DAY).count == 0


def test_fees_and_interest_of_the_case_are_part_of_the_plan(ids: Ids) -> None:
    case = make_case(ids.emma_account)
    fee = make_invoice(ids.emma_account, amount_minor=4000, kind=DocumentKind.COLLECTION_FEE)
    interest = make_invoice(ids.emma_account, amount_minor=100, kind=DocumentKind.INTEREST)
    for document in (fee, interest):
        document.case_id = case.id
    agree(case, total=16200)
    assert {row.instalment for row in listed(ids, AGREED)} == {NextInstalment(DUE[0], 5400, case.public_id)}
    assert listed(ids, AGREED, Filter.OVERDUE) == []
    assert len(listed(ids, DUE[0] + DAY, Filter.OVERDUE)) == 3
    assert owed(ids, DUE[0] + DAY).count == 0
    book(attempt(case.customer_id, (fee, 4000), (interest, 100)), 4100)
    (row,) = [row for row in listed(ids, AGREED) if row.instalment is not None and row.open_minor]
    assert row.instalment == NextInstalment(DUE[0], 1300, case.public_id)


def test_what_else_is_late_stays_so(ids: Ids, case: CollectionCase) -> None:
    other = make_invoice(ids.emma_account, amount_minor=700)
    make_case(ids.emma_account)
    make_case(ids.emma_account, status=CaseStatus.ON_HOLD)
    assert {row.number for row in listed(ids, AGREED) if row.state is not Badge.OVERDUE} == {
        db.session.get_one(Document, case.document_id).number
    }
    late = listed(ids, AGREED, Filter.OVERDUE)
    found = owed(ids, AGREED)
    assert (found.count, found.overdue_count) == (3, len(late))
    assert found.total_minor == 700 + 2 * 12100
    assert found.max_days_overdue == (AGREED - (other.due_date or AGREED)).days


@pytest.mark.parametrize("status", [each for each in PlanStatus if each not in PLAN_AGREED])
def test_a_plan_that_is_not_agreed_to_or_over_changes_nothing(ids: Ids, status: PlanStatus) -> None:
    case = make_case(ids.emma_account)
    agree(case, status)
    (row,) = listed(ids, AGREED)
    assert (row.state, row.instalment) == (Badge.OVERDUE, None)
    case.status = CaseStatus.ACTIVE
    db.session.flush()
    assert listed(ids, AGREED)[0].state is Badge.OVERDUE


@pytest.mark.parametrize("status", PLAN_AGREED)
def test_one_that_waits_for_its_method_is_agreed_to(ids: Ids, status: PlanStatus) -> None:
    agree(make_case(ids.emma_account), status)
    assert listed(ids, AGREED)[0].state is Badge.UNPAID


def test_nobody_elses_plan_and_none_of_the_other_mode_counts(ids: Ids) -> None:
    invoice = make_invoice(ids.emma_account)
    for case in (
        make_case(ids.jan_account),
        make_case(ids.emma_account, document=make_invoice(ids.emma_account), mode=Mode.LIVE),
    ):
        agree(case)
    late = listed(ids, AGREED, Filter.OVERDUE)
    assert invoice.number in [row.number for row in late]
    assert {row.instalment for row in late} == {None}
    theirs = queries.list_invoices(
        ids.jan_account, mode=Mode.TEST, today=AGREED, planned=in_instalments()
    ).rows
    assert [row.state for row in theirs] == [Badge.UNPAID]


def test_a_search_and_a_page_know_it_too(ids: Ids, case: CollectionCase) -> None:
    number = db.session.get_one(Document, case.document_id).number or ""
    (row,) = listed(ids, AGREED, search=number[-4:])
    assert row.instalment == NextInstalment(DUE[0], 4033, case.public_id)
    assert listed(ids, AGREED, Filter.OVERDUE, search=number[-4:]) == []


def test_the_day_it_is_the_only_one_left_its_page_is_named(ids: Ids, case: CollectionCase) -> None:
    other = make_invoice(ids.emma_account)
    assert owed(ids, AGREED).only_public_id == other.public_id


def test_lists_stay_one_statement_each_and_are_not_sorted(app: Any, ids: Ids, case: CollectionCase) -> None:
    document_id, public_id = case.document_id, case.public_id
    db.session.commit()
    write_invoices(ids.shop, ids.emma_account, 500, first=500)
    write_invoices(ids.shop, ids.jan_account, 2_000, first=2_000)
    with plans(app) as found, counted(app) as statements:
        db.session.execute(sa.select(*nearest_plan(ids.emma_account, Mode.TEST, AGREED).values()))
        beside = [*case_of(Document).values(), has_plan(ids.emma_account, Mode.TEST)]
        db.session.execute(sa.select(Document.id, *beside).where(Document.id == document_id))
        assert next_instalment(public_id) == (DUE[0], 4033)
        get_case_by_id(case.id)
        for status in (Filter.ALL, Filter.OVERDUE):
            listed(ids, AGREED, status)
        owed(ids, AGREED)
    assert len([each for each in statements if each.startswith("SELECT")]) == 7 + 1, "and the case anew"
    for plan in found:
        # What is looked through is the account's own plans, however many invoices the shop has.
        assert not re.search(r"SCAN documents|Seq Scan on documents|\(shop_id=\?\)", plan), plan
    # An account's few plans are put in order for home; documents never.
    assert not any("TEMP B-TREE" in plan for plan in found[1:]), found


def test_what_a_method_is_charged_with_next(ids: Ids, case: CollectionCase) -> None:
    """What arrived and what is under way counts, and nobody else's plan."""
    assert list_plan_debits(ids.emma_account, mode=Mode.TEST) == [], "nothing pays it yet"
    method = make_method(ids.emma_account)
    db.session.scalars(sa.select(PaymentPlan)).one().payment_method_id = method.id
    other = make_case(ids.jan_account)
    agree(other).payment_method_id = make_method(ids.jan_account).id

    def found() -> list[PlanDebit]:
        db.session.flush()
        return list_plan_debits(ids.emma_account, mode=Mode.TEST)

    number = case.number
    assert found() == [PlanDebit(method.id, number, DUE[0], 4033, "EUR")]
    pay(case, 5000)
    assert found() == [PlanDebit(method.id, number, DUE[1], 3066, "EUR")]
    document = db.session.get_one(Document, case.document_id)
    mark_pending(attempt(ids.emma_account, (document, 3066)).payment_id, now=START)
    assert found() == [PlanDebit(method.id, number, DUE[2], 4034, "EUR")]
    assert list_plan_debits(ids.emma_account, mode=Mode.LIVE) == []
    case.status = CaseStatus.ACTIVE
    assert found() == [], "a broken plan takes nothing"
