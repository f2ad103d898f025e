"""A case is paid with the last of its documents, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import database
from portal.core.audit import AuditEntry
from portal.core.tenancy import shop_scope
from portal.domain.collections.models import CaseEvent, CaseStatus, PaymentPlan, PlanStatus
from portal.domain.collections.planned import in_instalments
from portal.domain.collections.queries import get_case, list_cases
from portal.domain.collections.states import CASE_RUNNING, PLAN_AGREED, PLAN_RUNNING
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop
from portal.domain.tickets.models import TicketStatus
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.domain.invoices.paying import ACTOR, attempt, book, reverse
from tests.rows import make_case, make_ticket


@pytest.fixture(autouse=True)
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


def case_with_fee(ids: Any, **options: Any) -> Any:
    case = make_case(ids.emma_account, **options)
    fee = make_invoice(ids.emma_account, amount_minor=4000, kind=DocumentKind.COLLECTION_FEE)
    fee.case_id = case.id
    db.session.flush()
    return case, fee


def create_draft_fee(case: Any, ids: Any) -> int:
    """A fee that has no number yet, and is nobody's to pay."""
    draft = create_draft(
        get_shop(ids.shop),
        db.session.get_one(Customer, ids.emma_account),
        [LineInput("Fee", Decimal(1), Decimal(100), Decimal(21))],
        now=START,
        actor=ACTOR,
        kind=DocumentKind.COLLECTION_FEE,
    )
    draft.case_id = case.id
    db.session.flush()
    return draft.id


def plan_of(case: Any, status: PlanStatus, **options: Any) -> PaymentPlan:
    plan = PaymentPlan(
        case_id=case.id, status=status, instalment_count=3, currency="EUR", total_minor=12100, **options
    )
    db.session.add(plan)
    db.session.flush()
    return plan


def pay(customer_id: int, *shares: tuple[Any, int]) -> Any:
    source = attempt(customer_id, *shares)
    book(source, sum(amount for _document, amount in shares))
    return source


def audited() -> list[str]:
    return list(
        db.session.scalars(
            sa.select(AuditEntry.event)
            .where(AuditEntry.subject_type.in_(("collection_cases", "payment_plans")))
            .order_by(AuditEntry.id)
        )
    )


def invoice_of(case: Any) -> Document:
    return db.session.get_one(Document, case.document_id)


def test_the_last_document_of_a_case_ends_it(ids: Any) -> None:
    case, fee = case_with_fee(ids)
    pay(ids.emma_account, (invoice_of(case), 12100))
    assert case.status is CaseStatus.ACTIVE, "the fee is open"
    pay(ids.emma_account, (fee, 3999))
    assert case.status is CaseStatus.ACTIVE, "a cent is open"
    pay(ids.emma_account, (fee, 1))
    assert case.status is CaseStatus.PAID and case.ended_at == START
    assert audited() == ["collection.paid"]
    assert db.session.scalars(sa.select(CaseEvent.kind)).all() == ["paid"]


def test_all_in_one_payment(ids: Any) -> None:
    case, fee = case_with_fee(ids)
    other = make_case(ids.emma_account)
    jans = make_case(ids.jan_account)
    pay(ids.emma_account, (fee, 4000), (invoice_of(case), 12100), (invoice_of(other), 12100))
    assert (case.status, other.status, jans.status) == (CaseStatus.PAID, CaseStatus.PAID, CaseStatus.ACTIVE)
    assert audited() == ["collection.paid"] * 2


@pytest.mark.parametrize("status", CaseStatus)
def test_only_what_runs_becomes_paid(ids: Any, status: CaseStatus) -> None:
    case = make_case(ids.emma_account, status=status)
    pay(ids.emma_account, (invoice_of(case), 12100))
    assert case.status is (CaseStatus.PAID if status in CASE_RUNNING else status)
    assert audited() == (["collection.paid"] if status in CASE_RUNNING else [])


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (PlanStatus.REQUESTED, PlanStatus.CANCELLED),
        (PlanStatus.AGREED, PlanStatus.CANCELLED),
        (PlanStatus.PENDING_MANDATE, PlanStatus.CANCELLED),
        (PlanStatus.ACTIVE, PlanStatus.COMPLETED),
        (PlanStatus.REFUSED, PlanStatus.REFUSED),
        (PlanStatus.BROKEN, PlanStatus.BROKEN),
    ],
)
def test_its_plan_ends_with_it(ids: Any, status: PlanStatus, after: PlanStatus) -> None:
    case = make_case(
        ids.emma_account, status=CaseStatus.WITH_PLAN if status in PLAN_AGREED else CaseStatus.ACTIVE
    )
    ticket = make_ticket(ids.emma_account)
    plan = plan_of(case, status, ticket_public_id=ticket.public_id)
    pay(ids.emma_account, (invoice_of(case), 12100))
    assert (case.status, plan.status) == (CaseStatus.PAID, after)
    assert (ticket.status is TicketStatus.RESOLVED) is (status in PLAN_RUNNING)


def test_a_chargeback_leaves_the_case_and_opens_the_invoice(ids: Any) -> None:
    case = make_case(ids.emma_account)
    source = pay(ids.emma_account, (invoice_of(case), 12100))
    reverse(source)
    db.session.flush()
    facts = get_case(case.public_id, customer_ids=[ids.emma_account], mode=Mode.TEST)
    assert facts.status is CaseStatus.PAID and facts.remaining_minor == 12100
    # The shop can open another one.
    make_case(ids.emma_account, document=invoice_of(case))


def test_amounts_come_from_the_documents(ids: Any) -> None:
    case, fee = case_with_fee(ids)
    draft = create_draft_fee(case, ids)
    pay(ids.emma_account, (fee, 4000), (invoice_of(case), 2100))
    facts = get_case(case.public_id, customer_ids=[ids.emma_account], mode=Mode.TEST)
    assert [each.id for each in facts.documents] == [fee.id, case.document_id]
    assert draft not in [each.id for each in facts.documents]
    assert (
        facts.original_minor,
        facts.fees_minor,
        facts.paid_minor,
        facts.credited_minor,
        facts.remaining_minor,
    ) == (12100, 4000, 6100, 0, 10000)
    assert [each.id for each in facts.payable] == [case.document_id]
    (row,) = list_cases(ids.emma_account, mode=Mode.TEST, today=START.date(), planned=in_instalments()).rows
    assert row.remaining_minor == 10000
