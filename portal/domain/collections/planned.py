"""What pages about invoices know of payment plans: which documents are paid in instalments, and which comes next.

While instalments are paid in time nothing about these documents is late, whatever their own due day: what is due next
is the first instalment that is not paid whole. Money under way counts here as paid, as a direct debit takes days.

These statements are part of every page, so their words are written out: a list of parameters costs more than they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import sqlalchemy as sa

from portal.core.statements import Statement, bound
from portal.core.tables import BigId
from portal.domain.collections.models import CollectionCase, PaymentPlan, PlanInstalment, PlanStatus
from portal.domain.collections.states import PLAN_AGREED
from portal.domain.invoices.models import Document
from portal.domain.shops.models import Mode

_WITH_PLAN = CollectionCase.status == sa.literal_column("'with_plan'")
_AGREED = sa.or_(*(PaymentPlan.status == sa.literal_column(f"'{status.value}'") for status in PLAN_AGREED))


def has_plan(customer_id: Any, mode: Any) -> sa.ScalarSelect[Any]:
    """1 for an account that pays something in instalments, else none, as a scalar subquery: what to ask first."""
    return sa.select(sa.literal(1)).where(*_of_account(customer_id, mode)).limit(1).scalar_subquery()


@cache
def in_instalments() -> sa.Subquery:
    """The cases of an account that are paid in instalments, for the lists of an area to the left of this one.

    Of each ``document_id`` and ``case_id``, by which its documents are known (``invoices.queries.is_planned``),
    ``next_on`` and ``next_minor`` (no day when everything is paid or under way), and ``case_public_id``. The statement
    runs with ``customer_id`` and ``mode``.
    """
    return _plans(*_of_account(sa.bindparam("customer_id"), sa.bindparam("mode"))).subquery("in_instalments")


def in_plan(document: Any) -> sa.ColumnElement[bool]:
    """Whether a document is paid in instalments, for a statement about ``Document`` or an alias of it.

    Looked for among the plans of its account: for the few that one account has to pay.
    """
    return (
        sa.exists()
        .where(
            CollectionCase.customer_id == document.customer_id,
            CollectionCase.mode == document.mode,
            _WITH_PLAN,
            sa.or_(CollectionCase.document_id == document.id, CollectionCase.id == document.case_id),
            PaymentPlan.case_id == CollectionCase.id,
            _AGREED,
        )
        .correlate(document)
    )


def plans_of_shop(mode: Any) -> sa.CTE:
    """The same of the cases of the whole shop, which are few beside its invoices, for the office's lists and sums.

    Written once into a statement, however often it is asked (``invoices.queries.late``).
    """
    return _plans(CollectionCase.mode == mode, _WITH_PLAN).cte("in_instalments")


def plans_of_account(customer_id: Any, mode: Any) -> sa.CTE:
    """The same of the cases of one account."""
    return _plans(*_of_account(customer_id, mode)).cte("in_instalments")


def nearest_plan(customer_id: Any, mode: Any, today: Any) -> dict[str, sa.ColumnElement[Any]]:
    """Of an account's plans the one that needs it first, and how many are late, as scalar subqueries.

    One that waits for a payment method comes before others, then what is due first: ``plan_case_public_id``,
    ``plan_waits`` (for a method), ``plan_next_on``, ``plan_next_minor``, ``plan_currency``. Of those that are late and
    wait for no method ``plans_late``, and ``plans_late_on``, the first day that was missed.
    """
    found = _plans(*_of_account(customer_id, mode)).subquery()
    waits = found.c.status == PlanStatus.PENDING_MANDATE
    columns: dict[str, Any] = {
        "plan_case_public_id": found.c.case_public_id,
        "plan_waits": waits,
        "plan_next_on": found.c.next_on,
        "plan_next_minor": found.c.next_minor,
        "plan_currency": found.c.currency,
    }
    first = (waits.desc(), sa.nulls_last(found.c.next_on), found.c.case_id)
    late = sa.and_(found.c.status != PlanStatus.PENDING_MANDATE, found.c.next_on < today)
    of_late = {"plans_late": sa.func.count(), "plans_late_on": sa.func.min(found.c.next_on)}
    return {
        **{
            name: sa.select(column).order_by(*first).limit(1).scalar_subquery()
            for name, column in columns.items()
        },
        **{
            name: sa.select(column).select_from(found).where(late).scalar_subquery()
            for name, column in of_late.items()
        },
    }


def instalments_of(documents: Sequence[Document]) -> dict[int, tuple[date, int]]:
    """Of documents of one account, in one mode, those that are paid in instalments.

    By their ids when how much is due next, in minor units; documents of one case have that in common.
    """
    if not documents:
        return {}
    rows = _in_instalments_of(customer_id=documents[0].customer_id, mode=documents[0].mode).all()
    found = {}
    for row in rows:
        for document in documents:
            if row.next_on is not None and (
                document.id == row.document_id or document.case_id == row.case_id
            ):
                found[document.id] = (row.next_on, int(row.next_minor))
    return found


@bound
def _in_instalments_of(customer_id: int, mode: Mode) -> Statement:
    return _plans(*_of_account(customer_id, mode))


@dataclass(frozen=True)
class PlanDebit:
    """What a saved method is charged with next for a payment plan, in minor units; no day once all is paid."""

    method_id: int
    case_number: str
    on: date | None
    amount_minor: int | None
    currency: str


def list_plan_debits(customer_id: int, *, mode: Mode) -> list[PlanDebit]:
    """The payment plans of an account that a saved method pays, the one that is due first before the others.

    For members who may see methods. Money under way counts as paid, so nothing is told twice.
    """
    # An account has few: put in order here, no list of them is sorted by the database.
    rows = sorted(
        _debits_of(customer_id=customer_id, mode=mode),
        key=lambda row: (row.next_on is None, row.next_on or date.max, row.case_id),
    )
    return [
        PlanDebit(row.payment_method_id, row.number, row.next_on, row.next_minor, row.currency)
        for row in rows
    ]


@bound
def _debits_of(customer_id: int, mode: Mode) -> Statement:
    paid_by_one = PaymentPlan.payment_method_id.is_not(None)
    found = _plans(*_of_account(customer_id, mode), paid_by_one).subquery()
    return sa.select(found)


def next_instalment(case_public_id: str) -> tuple[date, int] | None:
    """When how much is due next of a case that the caller looked up, in minor units; none without a plan."""
    row = _next_of(public_id=case_public_id).one_or_none()
    return None if row is None or row.next_on is None else (row.next_on, int(row.next_minor))


@bound
def _next_of(public_id: str) -> Statement:
    return _plans(CollectionCase.public_id == public_id, _WITH_PLAN)


def _of_account(customer_id: Any, mode: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return CollectionCase.customer_id == customer_id, CollectionCase.mode == mode, _WITH_PLAN


def _plans(*criteria: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The plans that cases are paid by, with what comes next of each.

    All instalments are alike but the last, which takes the rest (``instalments.amounts``): what is no longer open, paid
    or credited, says which one is next.
    """
    invoice, extra = sa.orm.aliased(Document), sa.orm.aliased(Document)
    on_top = (
        sa.select(sa.cast(sa.func.coalesce(sa.func.sum(_left(extra)), 0), BigId))
        .where(
            extra.case_id == CollectionCase.id,
            extra.id != CollectionCase.document_id,
            extra.finalised_at.is_not(None),
        )
        .correlate(CollectionCase)
        .scalar_subquery()
    )
    paid = PaymentPlan.total_minor - _left(invoice) - on_top
    plan = (
        sa.select(
            CollectionCase.id.label("case_id"),
            CollectionCase.document_id,
            CollectionCase.public_id.label("case_public_id"),
            CollectionCase.number,
            PaymentPlan.payment_method_id,
            PaymentPlan.id.label("plan_id"),
            PaymentPlan.status,
            PaymentPlan.currency,
            PaymentPlan.total_minor,
            PaymentPlan.instalment_count,
            paid.label("paid_minor"),
        )
        .select_from(CollectionCase)
        .join(PaymentPlan, sa.and_(PaymentPlan.case_id == CollectionCase.id, _AGREED))
        .join(invoice, invoice.id == CollectionCase.document_id)
        .where(*criteria)
        .subquery()
        .c
    )
    none, total, count = sa.literal_column("0", BigId), plan.total_minor, plan.instalment_count
    arrived = sa.case((plan.paid_minor > none, plan.paid_minor), else_=none)
    each = sa.func.nullif(total // count, none, type_=BigId)
    following = arrived // each + sa.literal_column("1", BigId)
    position = sa.case((following > count, count), else_=following)
    up_to = sa.case((PlanInstalment.position < count, PlanInstalment.position * each), else_=total)
    return sa.select(
        plan.case_id,
        plan.document_id,
        plan.case_public_id,
        plan.number,
        plan.payment_method_id,
        plan.status,
        plan.currency,
        PlanInstalment.due_on.label("next_on"),
        (up_to - arrived).label("next_minor"),
    ).outerjoin_from(
        plan.case_id.table,
        PlanInstalment,
        sa.and_(
            PlanInstalment.plan_id == plan.plan_id,
            PlanInstalment.position == position,
            plan.paid_minor < total,
        ),
    )


def _left(document: Any) -> sa.ColumnElement[int]:
    """What is open of a document without the money under way."""
    left, none = document.open_minor - document.pending_minor, sa.literal_column("0", BigId)
    return sa.case((left > none, left), else_=none)
