"""What pages about invoices know of payment plans: which documents are paid in instalments, and which comes next.

While instalments are paid in time nothing about these documents is late, whatever their own due day: what is due next
is the first instalment that is not paid whole. Money under way counts here as paid, as a direct debit takes days.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa

from portal.domain.collections.models import (
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.collections.queries import is_case_of, is_on_top
from portal.domain.collections.states import PLAN_AGREED
from portal.domain.invoices.models import Document


@cache
def in_instalments() -> sa.Subquery:
    """The documents of an account that are paid in instalments: an area to the left of this one joins them.

    Of each ``document_id``, ``next_on`` and ``next_minor`` (none when everything is paid or under way), and
    ``case_public_id``. The statement runs with ``customer_id`` and ``mode``.
    """
    extra = sa.orm.aliased(Document)
    shown = (CollectionCase.public_id.label("case_public_id"), *_next_instalment())
    # Two selects, and an outer join, whose rows without a document match none: else a database may begin with the
    # documents, of which a shop has very many.
    return sa.union_all(
        _agreed(CollectionCase.document_id.label("document_id"), *shown),
        _agreed(extra.id, *shown).outerjoin(extra, is_on_top(extra, CollectionCase.id)),
    ).subquery("in_instalments")


def nearest_plan(customer_id: Any, mode: Any) -> dict[str, sa.ScalarSelect[Any]]:
    """Of an account's plans the one that needs it first, as scalar subqueries for home.

    One that waits for a payment method comes before others, then what is due first: ``plan_case_public_id``,
    ``plan_waits`` (for a method), ``plan_next_on``, ``plan_next_minor``, ``plan_currency``.
    """
    next_on, next_minor = _next_instalment()
    waits = PaymentPlan.status == PlanStatus.PENDING_MANDATE
    columns: dict[str, Any] = {
        "plan_case_public_id": CollectionCase.public_id,
        "plan_waits": waits,
        "plan_next_on": next_on,
        "plan_next_minor": next_minor,
        "plan_currency": PaymentPlan.currency,
    }
    first = (waits.desc(), sa.nulls_last(next_on), PaymentPlan.id)
    return {
        name: _agreed(column, customer_id=customer_id, mode=mode).order_by(*first).limit(1).scalar_subquery()
        for name, column in columns.items()
    }


def plan_of(document: type[Document]) -> dict[str, sa.ScalarSelect[Any]]:
    """The next instalment of the plan that a document is paid by, for what finds it: ``next_on``, ``next_minor``."""
    next_on, next_minor = _next_instalment()
    found = (*is_case_of(document), CollectionCase.status == CaseStatus.WITH_PLAN)
    return {
        column.name: sa.select(column)
        .join_from(CollectionCase, PaymentPlan, _plan_of_case())
        .where(*found)
        .limit(1)
        .correlate(document)
        .scalar_subquery()
        for column in (next_on, next_minor)
    }


_CUSTOMER_ID: sa.BindParameter[int] = sa.bindparam("customer_id")
_MODE: sa.BindParameter[Any] = sa.bindparam("mode")


def _agreed(*columns: Any, customer_id: Any = _CUSTOMER_ID, mode: Any = _MODE) -> sa.Select[Any]:
    """A select of the plans of an account that its cases are paid by."""
    return (
        sa.select(*columns)
        .select_from(CollectionCase)
        .join(PaymentPlan, _plan_of_case())
        .where(
            CollectionCase.customer_id == customer_id,
            CollectionCase.mode == mode,
            CollectionCase.status == CaseStatus.WITH_PLAN,
        )
    )


def _plan_of_case() -> sa.ColumnElement[bool]:
    return sa.and_(PaymentPlan.case_id == CollectionCase.id, PaymentPlan.status.in_(PLAN_AGREED))


def _next_instalment() -> tuple[sa.Label[Any], sa.Label[Any]]:
    """The day of a plan's first instalment that the money does not cover, and what of it is left."""
    each, until = sa.orm.aliased(PlanInstalment), sa.orm.aliased(PlanInstalment)
    paid = PaymentPlan.total_minor - _not_covered()
    up_to = (
        sa.select(sa.func.sum(until.amount_minor))
        .where(until.plan_id == each.plan_id, until.position <= each.position)
        .correlate(each)
        .scalar_subquery()
    )

    def of_the_first(column: Any) -> sa.ScalarSelect[Any]:
        return (
            sa.select(column)
            .where(each.plan_id == PaymentPlan.id, up_to > paid)
            .order_by(each.position)
            .limit(1)
            .correlate(PaymentPlan, CollectionCase)
            .scalar_subquery()
        )

    left = up_to - sa.case((paid > 0, paid), else_=0)
    return of_the_first(each.due_on).label("next_on"), of_the_first(left).label("next_minor")


def _not_covered() -> sa.ColumnElement[Any]:
    """What is open of a case's documents without the money under way."""

    def left_of(document: Any, which: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
        left = document.open_minor - document.pending_minor
        total = sa.select(sa.func.coalesce(sa.func.sum(sa.case((left > 0, left), else_=0)), 0))
        return total.where(which).correlate(CollectionCase).scalar_subquery()

    invoice, extra = sa.orm.aliased(Document), sa.orm.aliased(Document)
    return left_of(invoice, invoice.id == CollectionCase.document_id) + left_of(
        extra, is_on_top(extra, CollectionCase.id)
    )
