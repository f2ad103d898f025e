"""Payment plans: asked for by the customer, agreed to or refused by the shop, begun with a payment method (P-COL-PLAN).

``domain.tickets.plans`` puts the conversation around asking and answering; it is what pages call.

| rule | where it is kept |
| --- | --- |
| one open request for a case, also of two clicks at once | the case is held, and ``uq_payment_plans_running`` |
| what was asked for is what the page showed | ``request`` compares the total |
| nothing starts before the shop agrees; no more is agreed to than was asked for | ``agree`` |
| an agreed plan stops letters and fees | the case is "with plan", which escalation skips |
| free of interest and charges, and adds up to the cent | ``instalments.schedule`` |
"""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.collections import mails
from portal.domain.collections.actions import add_event, lock_case, lock_plan, move_case, move_plan
from portal.domain.collections.instalments import possible_counts, schedule
from portal.domain.collections.models import PaymentPlan, PlanInstalment, PlanStatus
from portal.domain.collections.queries import get_case_by_id
from portal.domain.collections.states import PLAN, PLAN_AGREED, CaseMove, PlanMove
from portal.domain.methods.queries import list_chargeable
from portal.extensions import db


def request(
    case_id: int, count: int, *, total_minor: int, actor: Actor, now: datetime
) -> tuple[PaymentPlan, bool]:
    """Asks for a plan over all that remains of a case; the plan, and whether it is a new one.

    For members who may ask for plans. ``total_minor`` is what the page showed. Asked twice, or at once, it is one
    request, the first. Raises ``Conflict`` when the amount changed or the case does not allow a plan (any more), and
    ``DomainError`` for a number of instalments that there is not.
    """
    case = lock_case(case_id)
    facts = get_case_by_id(case_id)
    if facts.plan is not None and facts.plan.status is PlanStatus.REQUESTED:
        return db.session.get_one(PaymentPlan, facts.plan.id), False
    if not facts.may_ask_plan:
        raise Conflict(_l("A payment plan cannot be asked for here at the moment. Please look again."))
    if facts.remaining_minor != total_minor:
        raise Conflict(_l("What remains to be paid changed meanwhile. Please look at the amounts again."))
    if count not in possible_counts(total_minor):
        raise DomainError(_l("Choose in how many instalments you want to pay."), "instalments")
    plan = PaymentPlan(
        case_id=case.id,
        status=PlanStatus.REQUESTED,
        instalment_count=count,
        currency=facts.currency,
        total_minor=total_minor,
        created_at=now,
    )
    db.session.add(plan)
    audit.record("plan.requested", plan, actor=actor, now=now, count=count, total_minor=total_minor)
    add_event(case, "plan_requested", now=now, count=count)
    return plan, True


def agree(plan_id: int, *, today: date, actor: Actor, now: datetime) -> PaymentPlan:
    """The shop agrees: from now on the case is paid in instalments, and the customer is mailed what and when.

    For staff who may change cases. The plan is over what remains today, which may have become less; ``Conflict`` when
    it became more, as nobody asked for that, and ``IllegalMove`` for a request that was answered otherwise or a case
    that is on hold or over. Twice is once.
    """
    case, plan = lock_plan(plan_id)
    if plan.status in PLAN_AGREED:
        return plan
    PLAN.next(plan.status, PlanMove.AGREE)
    facts = get_case_by_id(case.id)
    if facts.remaining_minor > plan.total_minor:
        raise Conflict(_l("More is open now than the plan was asked for. The customer has to ask again."))
    if facts.under_way_minor:
        raise Conflict(_l("Money for this is under way. Look again when it has arrived."))
    if plan.instalment_count not in possible_counts(facts.remaining_minor):
        raise Conflict(_l("Too little is open now for so many instalments. The customer has to ask again."))
    move_plan(plan, PlanMove.AGREE, actor=actor, now=now, total_minor=facts.remaining_minor)
    move_case(case, CaseMove.START_PLAN, actor=actor, now=now, plan_id=plan.id)
    plan.total_minor = facts.remaining_minor
    instalments = schedule(plan.total_minor, plan.instalment_count, agreed_on=today)
    plan.first_due_on = instalments[0].due_on
    db.session.add_all(
        PlanInstalment(
            plan_id=plan.id, position=each.position, due_on=each.due_on, amount_minor=each.amount_minor
        )
        for each in instalments
    )
    add_event(case, "plan_agreed", now=now, count=plan.instalment_count)
    move_plan(plan, PlanMove.ASK_METHOD, actor=actor, now=now)
    db.session.flush()
    mails.plan_agreed(facts, plan, instalments, now=now)
    return plan


def refuse(plan_id: int, *, actor: Actor, now: datetime) -> PaymentPlan:
    """The shop refuses: the case goes on as it was, and another plan may be asked for.

    For staff who may change cases; the customer is told in the conversation. Raises ``IllegalMove`` for a plan that
    was agreed to. Twice is once.
    """
    case, plan = lock_plan(plan_id)
    if move_plan(plan, PlanMove.REFUSE, actor=actor, now=now):
        add_event(case, "plan_refused", now=now)
        db.session.flush()
    return plan


def pay_with(plan_id: int, method_public_id: str, *, actor: Actor, now: datetime) -> PaymentPlan:
    """The customer says which saved method pays the instalments, with which an agreed plan begins.

    For members who may ask for plans. A plan that has begun takes another one. ``DomainError`` for a method that
    cannot be charged, ``IllegalMove`` for a plan that was not agreed to or is over.
    """
    case, plan = lock_plan(plan_id)
    usable = {each.public_id: each for each in list_chargeable(case.customer_id) if each.mode is case.mode}
    method = usable.get(method_public_id)
    if method is None:
        raise DomainError(_l("This payment method cannot be used."), "method")
    if move_plan(plan, PlanMove.ACTIVATE, actor=actor, now=now, method_id=method.id):
        add_event(case, "plan_begun", now=now)
    elif plan.payment_method_id != method.id:
        audit.record(
            "plan.method_changed",
            plan,
            actor=actor,
            now=now,
            before=plan.payment_method_id,
            after=method.id,
        )
    plan.payment_method_id = method.id
    db.session.flush()
    return plan


def find_plan(ticket_public_id: str) -> PaymentPlan | None:
    """The plan that a conversation is about, for the office."""
    return db.session.scalar(sa.select(PaymentPlan).where(PaymentPlan.ticket_public_id == ticket_public_id))
