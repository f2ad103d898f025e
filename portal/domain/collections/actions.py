"""What happens to collection cases. Callers commit.

Whoever changes a case by hand calls ``lock_case``: the account first, then the documents, then the case, which is the
order in which payments come to it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.core import audit, signals
from portal.core.audit import Actor
from portal.domain.collections.models import (
    CaseEvent,
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanStatus,
)
from portal.domain.collections.queries import list_document_ids
from portal.domain.collections.states import CASE, CASE_RUNNING, PLAN, PLAN_RUNNING, CaseMove, PlanMove
from portal.domain.invoices import booking
from portal.domain.invoices.balance import documents_settled
from portal.domain.invoices.models import Document
from portal.domain.payments import undoing
from portal.domain.payments.models import Payment
from portal.domain.payments.undoing import Stays
from portal.extensions import db

#: Sent inside the transaction, with ``plan`` and ``now``, when a plan ended because nothing is left to pay.
plan_ended = signals.signal("plan_ended")


def lock_case(case_id: int) -> CollectionCase:
    """A case that the caller looked up, fresh, and held with all that its amounts come from."""
    case = db.session.get_one(CollectionCase, case_id)
    booking.lock_credit([case.customer_id])
    booking.lock_documents(list_document_ids(case))
    return _lock([case_id])[0]


def lock_plan(plan_id: int) -> tuple[CollectionCase, PaymentPlan]:
    """The same for a plan, with its case."""
    case = lock_case(db.session.get_one(PaymentPlan, plan_id).case_id)
    plan = db.session.scalars(
        sa.select(PaymentPlan)
        .where(PaymentPlan.id == plan_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return case, plan


@documents_settled.connect
def follow_payments(*, documents: Sequence[Document], now: datetime) -> None:
    """Takes a case as paid once nothing is open of any of its documents, in the transaction of the last of them.

    Its plan is completed, or cancelled when it had not begun. A chargeback later leaves the case as it is: its invoice
    is open again, and the shop opens another one.
    """
    ids = {document.id for document in documents}
    of_fees = {document.case_id for document in documents if document.case_id is not None}
    running = sa.select(CollectionCase.id).where(
        # The account is implied, but found by an index.
        CollectionCase.customer_id.in_({document.customer_id for document in documents}),
        sa.or_(CollectionCase.document_id.in_(ids), CollectionCase.id.in_(of_fees)),
        CollectionCase.status.in_(CASE_RUNNING),
    )
    found = db.session.scalars(running).all()
    for case in _lock(found) if found else []:
        if case.status in CASE_RUNNING and not _is_open(case):
            move_case(case, CaseMove.PAY, actor=Actor.system(), now=now)
            case.ended_at = now
            _end_plan(case, now=now)
    if found:
        db.session.flush()


@undoing.look
def find_what_stays(payment: Payment, document_ids: Collection[int]) -> list[Stays]:
    """Cases about these documents that ended as paid since a payment, and their plans that ended with them."""
    of_fees = sa.select(Document.case_id).where(Document.id.in_(document_ids), Document.case_id.is_not(None))
    plan = (
        sa.select(PaymentPlan.status)
        .where(PaymentPlan.case_id == CollectionCase.id)
        .order_by(PaymentPlan.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = db.session.execute(
        sa.select(CollectionCase.number, plan.label("plan"))
        .where(
            # The account is implied, but found by an index.
            CollectionCase.customer_id == payment.customer_id,
            sa.or_(CollectionCase.document_id.in_(document_ids), CollectionCase.id.in_(of_fees)),
            CollectionCase.status == CaseStatus.PAID,
            CollectionCase.ended_at >= payment.created_at,
        )
        .order_by(CollectionCase.id)
    )
    stays = []
    for row in found:
        says = _("Collection case %(number)s stays closed as paid.", number=row.number)
        stays.append(Stays("case", row.number, says))
        if row.plan in (PlanStatus.COMPLETED, PlanStatus.CANCELLED):
            says = _("The payment plan of case %(number)s stays ended.", number=row.number)
            stays.append(Stays("plan", row.number, says))
    return stays


def move_case(case: CollectionCase, move: CaseMove, *, actor: Actor, now: datetime, **data: Any) -> bool:
    """Moves a locked case, with its audit entry and its event; whether that changed anything."""
    before, after = case.status, CASE.next(case.status, move)
    if after is None:
        return False
    case.status = after
    audit.record(f"collection.{after.value}", case, actor=actor, now=now, before=before.value, **data)
    if after is CaseStatus.PAID:
        add_event(case, "paid", now=now)
    return True


def move_plan(plan: PaymentPlan, move: PlanMove, *, actor: Actor, now: datetime, **data: Any) -> bool:
    """Moves a locked plan, with its audit entry; whether that changed anything."""
    before, after = plan.status, PLAN.next(plan.status, move)
    if after is None:
        return False
    plan.status = after
    audit.record(f"plan.{after.value}", plan, actor=actor, now=now, before=before.value, **data)
    return True


def add_event(case: CollectionCase, kind: str, *, now: datetime, **data: Any) -> None:
    """Notes what happened in a case, for its page."""
    db.session.add(CaseEvent(case_id=case.id, kind=kind, data=data, created_at=now))


def _end_plan(case: CollectionCase, *, now: datetime) -> None:
    plan = db.session.scalar(
        sa.select(PaymentPlan)
        .where(PaymentPlan.case_id == case.id, PaymentPlan.status.in_(PLAN_RUNNING))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if plan is not None:
        ending = PlanMove.COMPLETE if plan.status is PlanStatus.ACTIVE else PlanMove.CANCEL
        move_plan(plan, ending, actor=Actor.system(), now=now)
        plan_ended.send(plan=plan, now=now)


def _is_open(case: CollectionCase) -> bool:
    db.session.flush()
    about = list_document_ids(case)
    left = sa.select(Document.id).where(Document.id.in_(about), Document.open_minor > 0).limit(1)
    return db.session.scalar(left) is not None


def _lock(case_ids: Sequence[int]) -> list[CollectionCase]:
    """These cases, fresh and locked in id order."""
    return list(
        db.session.scalars(
            sa.select(CollectionCase)
            .where(CollectionCase.id.in_(case_ids))
            .order_by(CollectionCase.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )
