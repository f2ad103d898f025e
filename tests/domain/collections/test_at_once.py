"""Clicks at once, on both databases: one request with one ticket, one agreement, and a payment beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.tenancy import shop_scope
from portal.domain.collections import plans, revoking
from portal.domain.collections.models import (
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.collections.queries import get_case_by_id
from portal.domain.invoices import booking
from portal.domain.invoices.models import Document
from portal.domain.methods.models import MethodStatus, PaymentMethod
from portal.domain.people.models import Person, Staff
from portal.domain.tickets.models import Ticket
from portal.domain.tickets.plans import agree_plan, request_plan
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.invoices.paying import attempt
from tests.domain.people.test_at_once import at_once, here, on_postgresql
from tests.rows import make_case, make_method

__all__ = ["here", "on_postgresql"]


@pytest.fixture
def case(here: tuple[Flask, Ids]) -> Iterator[int]:
    """A case of Emma's, which ends with its test: the database may be that of the whole module."""
    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        case_id = make_case(ids.emma_account).id
        db.session.commit()
    yield case_id


def look(here: tuple[Flask, Ids], read: Any) -> Any:
    app, ids = here
    with app.app_context(), shop_scope(ids.shop):
        return read()


def ask(ids: Ids, case_id: int, count: int = 3) -> int:
    emma = db.session.get_one(Person, ids.emma)
    facts = get_case_by_id(case_id)
    plan = request_plan(facts, count, "", total_minor=12100, language="en", author=emma, now=START)
    return plan.id


def test_asked_for_twice_at_once_it_is_one_request(here: tuple[Flask, Ids], case: int) -> None:
    _app, ids = here
    answers = at_once(here, 4, lambda: ask(ids, case))
    assert len(set(answers)) == 1 and isinstance(answers[0], int), answers
    (public_id,) = look(
        here,
        lambda: db.session.scalars(
            sa.select(PaymentPlan.ticket_public_id).where(PaymentPlan.case_id == case)
        ).all(),
    )
    document = look(here, lambda: db.session.get_one(CollectionCase, case).document_id)
    tickets = look(
        here,
        lambda: db.session.scalars(sa.select(Ticket.public_id).where(Ticket.document_id == document)).all(),
    )
    assert tickets == [public_id]


def test_agreed_to_while_it_is_paid_it_ends_one_way(here: tuple[Flask, Ids], case: int) -> None:
    """Whichever is first: everything is paid, and no plan is left that runs."""
    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        plan_id = ask(ids, case)
        document = db.session.get_one(Document, db.session.get_one(CollectionCase, case).document_id)
        source = attempt(ids.emma_account, (document, 12100))
        db.session.commit()

    def agree() -> None:
        saskia = db.session.get_one(Staff, ids.saskia)
        agree_plan(plan_id, "", today=date(2027, 1, 31), author=saskia, now=START)

    def pay() -> None:
        # As a webhook does: all that booking can change is locked first.
        booking.lock_for_payment(source.payment_id)
        booking.book_payment(source, 12100, now=START, actor=Actor.system("test"))

    todo = iter([agree, pay, agree, pay])
    answers = at_once(here, 4, lambda: next(todo)())
    assert all(answer is None or isinstance(answer, Conflict) for answer in answers), answers
    found, plan, parts = look(
        here,
        lambda: (
            db.session.get_one(CollectionCase, case).status,
            db.session.get_one(PaymentPlan, plan_id).status,
            db.session.scalar(sa.select(sa.func.count()).where(PlanInstalment.plan_id == plan_id)),
        ),
    )
    assert (found, plan) == (CaseStatus.PAID, PlanStatus.CANCELLED) and parts in (0, 3)


def test_a_plan_is_never_left_with_a_method_that_is_taken_back_at_once(
    here: tuple[Flask, Ids], case: int
) -> None:
    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        plan_id, saskia = ask(ids, case), db.session.get_one(Staff, ids.saskia)
        agree_plan(plan_id, "", today=date(2027, 1, 31), author=saskia, now=START)
        method = make_method(ids.emma_account)
        method_id, public_id = method.id, method.public_id
        db.session.commit()

    def pay_with() -> None:
        plans.pay_with(plan_id, public_id, actor=Actor.system("test"), now=START)

    def revoke() -> None:
        found = db.session.get_one(PaymentMethod, method_id)
        revoking.revoke_method(found, successor=None, actor=Actor.system("test"), now=START)

    todo = iter([revoke, pay_with] * 2)
    answers = at_once(here, 4, lambda: next(todo)())
    assert all(answer is None or isinstance(answer, DomainError) for answer in answers), answers
    paid_with, status = look(
        here,
        lambda: (
            db.session.get_one(PaymentPlan, plan_id).payment_method_id,
            db.session.get_one(PaymentMethod, method_id).status,
        ),
    )
    assert (paid_with, status) in ((method_id, MethodStatus.VALID), (None, MethodStatus.REVOKED))
