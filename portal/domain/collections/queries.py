"""What customers see of their collection cases. Every amount comes from the documents of a case."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import sqlalchemy as sa

from portal.core.counting import BADGE, count_up_to
from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.domain.collections.instalments import Instalment
from portal.domain.collections.models import (
    CaseEvent,
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.collections.stages import NOTICE, NOTICE_TERM, Stage, stage_of
from portal.domain.collections.states import CASE_RUNNING
from portal.domain.invoices.booking import in_paying_order
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus
from portal.domain.people.models import Customer, CustomerKind
from portal.domain.shops.models import Mode
from portal.extensions import db

#: How many events the page of a case shows, the newest.
EVENT_ROWS = 25

_ISSUED = (DocumentStatus.OPEN, DocumentStatus.SETTLED)


@dataclass(frozen=True)
class CaseRow:
    """A case in the list. Amounts in minor units."""

    public_id: str
    number: str
    invoice_number: str
    status: CaseStatus
    stage: Stage
    days_overdue: int
    remaining_minor: int
    currency: str


@dataclass(frozen=True)
class CasePlan:
    """The latest payment plan of a case."""

    id: int
    public_id: str
    status: PlanStatus
    count: int
    total_minor: int
    method_id: int | None
    ticket_public_id: str | None


@dataclass(frozen=True)
class CaseFacts:
    """A case with its documents: first what they claim in fees, then interest, then the invoice. Minor units."""

    id: int
    public_id: str
    customer_id: int
    number: str
    status: CaseStatus
    stage: Stage
    #: The day it came to this stage, on which its letter was sent.
    stage_since: date | None
    is_consumer: bool
    allow_plan: bool
    opened_on: date
    version: int
    plan: CasePlan | None
    invoice: Document
    documents: list[Document]

    @property
    def currency(self) -> str:
        """The currency of all of it."""
        return self.invoice.currency

    @property
    def original_minor(self) -> int:
        """What the invoice came to."""
        return self.invoice.total_minor

    @property
    def fees_minor(self) -> int:
        """Collection fees and interest that came on top."""
        return sum(each.total_minor for each in self.documents if each.id != self.invoice.id)

    @property
    def paid_minor(self) -> int:
        """What was paid of all of it."""
        return sum(each.paid_minor for each in self.documents)

    @property
    def credited_minor(self) -> int:
        """What credit notes took off."""
        return sum(each.credited_minor for each in self.documents)

    @property
    def remaining_minor(self) -> int:
        """What is open of all of it."""
        return sum(max(0, each.open_minor) for each in self.documents)

    @property
    def under_way_minor(self) -> int:
        """The money among that which is on its way."""
        return sum(each.pending_minor for each in self.documents if each.open_minor > 0)

    @property
    def payable(self) -> list[Document]:
        """What can be paid now."""
        return [each for each in self.documents if each.open_minor > 0 and not each.pending_minor]

    @property
    def is_running(self) -> bool:
        """Whether it has no end yet."""
        return self.status in CASE_RUNNING

    @property
    def notice_ends_on(self) -> date | None:
        """At the formal notice, the last day on which a consumer pays without costs."""
        is_told = self.stage.number == NOTICE and self.is_consumer and self.stage_since is not None
        return self.stage_since + NOTICE_TERM if is_told and self.stage_since is not None else None

    def days_overdue(self, today: date) -> int:
        """By how many days its invoice is late while something is open; days on hold or disputed count here too."""
        return _days_overdue(self.invoice.due_date, self.remaining_minor, today)

    @property
    def may_ask_plan(self) -> bool:
        """Whether a plan can be asked for now: the shop allows it, nothing is on its way, and none was asked for."""
        return (
            self.allow_plan
            and self.status is CaseStatus.ACTIVE
            and self.remaining_minor > 1
            and not self.under_way_minor
            and (self.plan is None or self.plan.status is not PlanStatus.REQUESTED)
        )


def running_count(customer_id: int, mode: Mode) -> sa.ScalarSelect[Any]:
    """How many cases of an account have no end yet, as a scalar subquery."""
    return count_up_to(
        BADGE,
        CollectionCase,
        CollectionCase.customer_id == customer_id,
        CollectionCase.mode == mode,
        CollectionCase.status.in_(CASE_RUNNING),
    )


def case_of(document: type[Document]) -> dict[str, sa.ScalarSelect[Any]]:
    """The case that collects a document, or that it is a fee of, while that runs: for what finds the document.

    ``case_public_id``, ``case_number``, and ``case_open_minor``: what is open of all of its documents.
    """
    invoice = sa.orm.aliased(Document)
    found = (
        # Looked for among the account's.
        CollectionCase.customer_id == document.customer_id,
        CollectionCase.mode == document.mode,
        sa.or_(CollectionCase.document_id == document.id, CollectionCase.id == document.case_id),
        sa.or_(*(CollectionCase.status == sa.literal_column(f"'{word.value}'") for word in CASE_RUNNING)),
    )
    total = sa.select(_open(invoice.open_minor) + _fees_open()).join_from(
        CollectionCase, invoice, invoice.id == CollectionCase.document_id
    )
    return {
        "case_public_id": _first(CollectionCase.public_id, document, *found),
        "case_number": _first(CollectionCase.number, document, *found),
        "case_open_minor": total.where(*found).limit(1).correlate(document).scalar_subquery(),
    }


def _first(column: Any, document: type[Document], *criteria: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    return sa.select(column).where(*criteria).limit(1).correlate(document).scalar_subquery()


def list_cases(
    customer_id: int,
    *,
    mode: Mode,
    today: date,
    planned: sa.Subquery,
    after: str | None = None,
    before: str | None = None,
) -> Page[CaseRow]:
    """A page of an account's cases, the latest first, in one statement. For members who may see cases.

    ``planned`` (``planned.in_instalments``): one with a plan is late by its instalments.
    """
    page = keyset(
        db.session,
        sa.select(
            CollectionCase.public_id,
            CollectionCase.number,
            CollectionCase.status,
            CollectionCase.stage,
            Document.number.label("invoice_number"),
            Document.due_date,
            Document.currency,
            (_open(Document.open_minor) + _fees_open()).label("remaining_minor"),
            planned.c.next_on,
        )
        .join(Document, Document.id == CollectionCase.document_id)
        .outerjoin(planned, planned.c.case_id == CollectionCase.id)
        .where(CollectionCase.customer_id == customer_id, CollectionCase.mode == mode),
        key_columns=[CollectionCase.id.desc()],
        after=after,
        before=before,
        values={"customer_id": customer_id, "mode": mode},
    )
    return Page([_row(row, today) for row in page.rows], page.next_cursor, page.prev_cursor)


def _row(row: Any, today: date) -> CaseRow:
    return CaseRow(
        public_id=row.public_id,
        number=row.number,
        invoice_number=row.invoice_number,
        status=row.status,
        stage=stage_of(row.stage),
        days_overdue=_days_overdue(_late_from(row), row.remaining_minor, today),
        remaining_minor=row.remaining_minor,
        currency=row.currency,
    )


def _late_from(row: Any) -> date | None:
    """The day since which a case is late: with a plan that of the first instalment which is not paid whole."""
    day: date | None = row.next_on if row.status is CaseStatus.WITH_PLAN else row.due_date
    return day


def _open(column: Any) -> sa.ColumnElement[int]:
    return sa.case((column > 0, column), else_=0)


@cache
def _fees_open() -> sa.ScalarSelect[int]:
    """What is open of the other documents of a case, for a statement that finds the case; an alias is dear to make."""
    fee = sa.orm.aliased(Document)
    return (
        sa.select(sa.func.coalesce(sa.func.sum(_open(fee.open_minor)), 0))
        .where(
            fee.case_id == CollectionCase.id,
            fee.id != CollectionCase.document_id,
            fee.status.in_(_ISSUED),
        )
        .correlate(CollectionCase)
        .scalar_subquery()
    )


def _days_overdue(due_date: date | None, remaining_minor: int, today: date) -> int:
    return 0 if due_date is None or remaining_minor <= 0 else max(0, (today - due_date).days)


def get_case(public_id: str, *, customer_ids: Collection[int], mode: Mode) -> CaseFacts:
    """One case of one of these accounts with its latest plan and its documents, in one statement.

    ``NotFound`` for any other case, whoever owns it.
    """
    return _facts(
        CollectionCase.public_id == public_id,
        CollectionCase.customer_id.in_(customer_ids),
        CollectionCase.mode == mode,
    )


def get_case_by_id(case_id: int) -> CaseFacts:
    """The same of a case that the caller found already; its rows are read anew."""
    return _facts(CollectionCase.id == case_id)


def _facts(*criteria: sa.ColumnElement[bool]) -> CaseFacts:
    other = sa.orm.aliased(PaymentPlan)
    latest = (
        sa.select(sa.func.max(other.id))
        .where(other.case_id == CollectionCase.id)
        .correlate(CollectionCase)
        .scalar_subquery()
    )
    invoice, extra = sa.orm.aliased(Document), sa.orm.aliased(Document)
    found = db.session.execute(
        sa.select(CollectionCase, PaymentPlan, invoice, extra, Customer.kind)
        .join(Customer, Customer.id == CollectionCase.customer_id)
        .join(invoice, invoice.id == CollectionCase.document_id)
        .outerjoin(extra, is_extra(extra, CollectionCase.id))
        .outerjoin(PaymentPlan, PaymentPlan.id == latest)
        .where(*criteria)
        .execution_options(populate_existing=True)
    ).all()
    if not found:
        raise NotFound("no such case")
    case, plan, of_case, _first_extra, kind = found[0]
    documents = in_paying_order([of_case, *(row[3] for row in found if row[3] is not None)])
    return CaseFacts(
        id=case.id,
        public_id=case.public_id,
        customer_id=case.customer_id,
        number=case.number,
        status=case.status,
        stage=stage_of(case.stage),
        stage_since=case.stage_since,
        is_consumer=kind is CustomerKind.CONSUMER,
        allow_plan=case.allow_plan,
        opened_on=case.opened_on,
        version=case.version,
        plan=_plan(plan),
        invoice=of_case,
        documents=documents,
    )


def _plan(plan: PaymentPlan | None) -> CasePlan | None:
    if plan is None:
        return None
    return CasePlan(
        id=plan.id,
        public_id=plan.public_id,
        status=plan.status,
        count=plan.instalment_count,
        total_minor=plan.total_minor,
        method_id=plan.payment_method_id,
        ticket_public_id=plan.ticket_public_id,
    )


def is_extra(document: Any, case_id: Any) -> sa.ColumnElement[bool]:
    """The fees and interest that were issued for a case."""
    return sa.and_(
        document.case_id == case_id,
        document.kind.in_([DocumentKind.COLLECTION_FEE, DocumentKind.INTEREST]),
        document.status.in_(_ISSUED),
    )


def list_document_ids(case: CollectionCase) -> list[int]:
    """What a case that the caller looked up is about: its invoice, and what was issued for it."""
    extra = db.session.scalars(sa.select(Document.id).where(is_extra(Document, case.id)))
    return [case.document_id, *extra]


def list_events(case_id: int) -> Sequence[Any]:
    """What happened in a case that the caller looked up, the newest first: kind, data, created_at."""
    return db.session.execute(
        sa.select(CaseEvent.kind, CaseEvent.data, CaseEvent.created_at)
        .where(CaseEvent.case_id == case_id)
        .order_by(CaseEvent.id.desc())
        .limit(EVENT_ROWS)
    ).all()


def list_instalments(plan_id: int) -> list[Instalment]:
    """The instalments of a plan that was agreed to, in their order."""
    rows = db.session.execute(
        sa.select(PlanInstalment.position, PlanInstalment.due_on, PlanInstalment.amount_minor)
        .where(PlanInstalment.plan_id == plan_id)
        .order_by(PlanInstalment.position)
    )
    return [Instalment(*row) for row in rows]
