"""Payment plans with their conversation: asked for, agreed to, refused, begun, and each of that twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import database
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError, IllegalMove
from portal.core.mailer import Category, MailMessage
from portal.core.tenancy import shop_scope
from portal.domain.collections import plans
from portal.domain.collections.models import (
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.collections.queries import CaseFacts, get_case_by_id
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.methods.models import MethodStatus
from portal.domain.people.models import Person, Staff
from portal.domain.tickets.models import Ticket, TicketMessage, TicketStatus, TicketType
from portal.domain.tickets.plans import agree_plan, refuse_plan, request_plan
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.rows import make_case, make_contact, make_method

TODAY = date(2027, 1, 31)
LATER = START + timedelta(days=1)


@pytest.fixture(autouse=True)
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


@pytest.fixture
def case(ids: Any) -> CollectionCase:
    return make_case(ids.emma_account, number="K-1001")


@pytest.fixture
def saskia(ids: Any) -> Staff:
    return db.session.get_one(Staff, ids.saskia)


def facts(case: CollectionCase) -> CaseFacts:
    return get_case_by_id(case.id)


def ask(case: CollectionCase, ids: Any, count: int = 3, total: int = 12100, message: str = "") -> PaymentPlan:
    return request_plan(
        facts(case),
        count,
        message,
        total_minor=total,
        language="en",
        author=db.session.get_one(Person, ids.emma),
        now=LATER,
    )


def ticket_of(plan: PaymentPlan) -> Ticket:
    return db.session.scalars(sa.select(Ticket).where(Ticket.public_id == plan.ticket_public_id)).one()


def mailed() -> list[str]:
    return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))


def audited(subject: str = "payment_plans") -> list[tuple[str, str]]:
    rows = db.session.scalars(
        sa.select(AuditEntry).where(AuditEntry.subject_type == subject).order_by(AuditEntry.id)
    )
    return [(row.event, row.actor_kind) for row in rows]


def pay(case: CollectionCase, amount: int) -> None:
    source = attempt(case.customer_id, (db.session.get_one(Document, case.document_id), amount))
    book(source, amount)


def test_asking_makes_a_plan_a_ticket_and_a_mail_to_staff(case: CollectionCase, ids: Any) -> None:
    plan = ask(case, ids, message="I lost my job.")
    assert (plan.status, plan.instalment_count, plan.total_minor, plan.currency, plan.first_due_on) == (
        PlanStatus.REQUESTED,
        3,
        12100,
        "EUR",
        None,
    )
    assert case.status is CaseStatus.ACTIVE, "nothing starts before the shop agrees"
    assert db.session.scalars(sa.select(PlanInstalment)).all() == []
    ticket = ticket_of(plan)
    assert (ticket.type, ticket.status, ticket.document_id, ticket.subject) == (
        TicketType.BILLING,
        TicketStatus.OPEN,
        case.document_id,
        "Payment plan for K-1001",
    )
    body = db.session.scalars(sa.select(TicketMessage.body)).one().replace("\xa0", " ")
    assert body == (
        "I would like to pay in 3 monthly instalments of € 40.33, the last € 40.34.\n\nI lost my job."
    )
    mail, received = db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id))
    assert (mail.name, mail.category, mail.to) == (
        "plan_requested",
        Category.STAFF,
        ["saskia@example.com", "kees@example.com"],
    )
    assert (received.name, received.to, received.context["matter"]) == (
        "ticket_received",
        ["emma@example.com"],
        "plan",
    )
    assert audited() == [("plan.requested", "person")]


def test_asked_twice_it_is_one_the_first(case: CollectionCase, ids: Any) -> None:
    first = ask(case, ids)
    again = ask(case, ids, count=12, total=1)
    assert again is first and again.instalment_count == 3
    assert mailed() == ["plan_requested", "ticket_received"] and db.session.query(Ticket).count() == 1


@pytest.mark.parametrize(
    "options",
    [
        *({"status": status} for status in CaseStatus if status is not CaseStatus.ACTIVE),
        {"allow_plan": False},
    ],
    ids=str,
)
def test_where_a_case_does_not_allow_it_nobody_can_ask(ids: Any, options: dict[str, Any]) -> None:
    case = make_case(ids.emma_account, **options)
    assert not facts(case).may_ask_plan
    with pytest.raises(Conflict, match="at the moment"):
        ask(case, ids)
    assert db.session.query(PaymentPlan).count() == 0


def test_what_is_asked_for_is_what_was_shown(case: CollectionCase, ids: Any) -> None:
    for total in (12099, 12101, 0):
        with pytest.raises(Conflict, match="changed meanwhile"):
            ask(case, ids, total=total)
    for count in (0, 1, 4, 13, -2):
        with pytest.raises(DomainError, match="how many instalments"):
            ask(case, ids, count=count)
    cents = make_case(ids.emma_account, document=make_invoice(ids.emma_account, amount_minor=5))
    with pytest.raises(DomainError, match="how many instalments"):
        ask(cents, ids, count=6, total=5)


def test_while_money_is_under_way_nobody_can_ask(case: CollectionCase, ids: Any) -> None:
    db.session.get_one(Document, case.document_id).pending_minor = 12100
    db.session.flush()
    with pytest.raises(Conflict):
        ask(case, ids)


def test_the_shop_agrees(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    make_contact(ids.emma_account)
    plan = ask(case, ids)
    agree_plan(plan.id, "Good luck!", today=TODAY, author=saskia, now=LATER)
    assert (case.status, plan.status) == (CaseStatus.WITH_PLAN, PlanStatus.PENDING_MANDATE)
    rows = db.session.scalars(sa.select(PlanInstalment).order_by(PlanInstalment.position)).all()
    assert [(row.position, row.due_on.isoformat(), row.amount_minor) for row in rows] == [
        (1, "2027-02-28", 4033),
        (2, "2027-03-31", 4033),
        (3, "2027-04-30", 4034),
    ]
    assert plan.first_due_on == date(2027, 2, 28)
    assert ticket_of(plan).status is TicketStatus.RESOLVED
    assert mailed() == ["plan_requested", "ticket_received", "plan_agreed"]
    mail = db.session.scalars(sa.select(MailMessage).where(MailMessage.name == "plan_agreed")).one()
    assert (mail.category, mail.to, mail.cc) == (
        Category.BILLING,
        ["emma@example.com"],
        ["anna@example.net"],
    )
    assert audited() == [
        ("plan.requested", "person"),
        ("plan.agreed", "staff"),
        ("plan.pending_mandate", "staff"),
    ]
    assert audited("collection_cases") == [("collection.with_plan", "staff")]


def test_agreed_twice_it_is_once(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    plan = ask(case, ids)
    for _click in range(2):
        agree_plan(plan.id, "", today=TODAY, author=saskia, now=LATER)
    assert mailed() == ["plan_requested", "ticket_received", "plan_agreed"]
    assert db.session.query(PlanInstalment).count() == 3


def test_less_may_be_open_by_then_and_never_more(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    plan = ask(case, ids)
    pay(case, 10000)
    agree_plan(plan.id, "", today=TODAY, author=saskia, now=LATER)
    assert plan.total_minor == 2100
    assert sum(row.amount_minor for row in db.session.scalars(sa.select(PlanInstalment))) == 2100

    other = make_case(ids.emma_account)
    asked = ask(other, ids)
    fee = make_invoice(ids.emma_account, amount_minor=4000, kind=DocumentKind.COLLECTION_FEE)
    fee.case_id = other.id
    db.session.flush()
    with pytest.raises(Conflict, match="More is open"):
        agree_plan(asked.id, "", today=TODAY, author=saskia, now=LATER)
    assert (other.status, asked.status) == (CaseStatus.ACTIVE, PlanStatus.REQUESTED)


def test_the_shop_refuses_with_a_reason(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    plan = ask(case, ids)
    for reason in ("", "  \n"):
        with pytest.raises(DomainError, match="Say why"):
            refuse_plan(plan.id, reason, author=saskia, now=LATER)
    for _click in range(2):
        refuse_plan(plan.id, "Two instalments would do.", author=saskia, now=LATER)
    assert (case.status, plan.status) == (CaseStatus.ACTIVE, PlanStatus.REFUSED)
    assert ticket_of(plan).status is TicketStatus.REJECTED
    assert mailed() == ["plan_requested", "ticket_received", "ticket_answered"]
    # Another one may be asked for.
    assert ask(case, ids, count=2) is not plan
    assert db.session.query(Ticket).count() == 2


def test_what_was_answered_is_not_answered_otherwise(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    plan = ask(case, ids)
    refuse_plan(plan.id, "No.", author=saskia, now=LATER)
    with pytest.raises(IllegalMove):
        agree_plan(plan.id, "", today=TODAY, author=saskia, now=LATER)
    agreed = ask(case, ids)
    agree_plan(agreed.id, "", today=TODAY, author=saskia, now=LATER)
    with pytest.raises(IllegalMove):
        refuse_plan(agreed.id, "No.", author=saskia, now=LATER)


def test_a_case_on_hold_takes_no_plan(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    plan = ask(case, ids)
    case.status = CaseStatus.ON_HOLD
    db.session.flush()
    with pytest.raises(IllegalMove):
        agree_plan(plan.id, "", today=TODAY, author=saskia, now=LATER)


def test_a_request_that_was_paid_meanwhile_is_over(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    plan = ask(case, ids)
    pay(case, 12100)
    assert (case.status, plan.status) == (CaseStatus.PAID, PlanStatus.CANCELLED)
    assert ticket_of(plan).status is TicketStatus.RESOLVED
    for answer in (
        lambda: agree_plan(plan.id, "", today=TODAY, author=saskia, now=LATER),
        lambda: refuse_plan(plan.id, "No.", author=saskia, now=LATER),
    ):
        with pytest.raises(IllegalMove):
            answer()


def test_a_plan_begins_with_its_method(case: CollectionCase, ids: Any, saskia: Staff) -> None:
    actor = Actor.person(db.session.get_one(Person, ids.emma))
    plan = ask(case, ids)
    mandate, card = make_method(ids.emma_account), make_method(ids.emma_account)
    with pytest.raises(IllegalMove):
        plans.pay_with(plan.id, mandate.public_id, actor=actor, now=LATER)
    agree_plan(plan.id, "", today=TODAY, author=saskia, now=LATER)
    for wrong in (
        make_method(ids.jan_account).public_id,
        make_method(ids.emma_account, status=MethodStatus.REVOKED).public_id,
        "nobody",
    ):
        with pytest.raises(DomainError, match="cannot be used"):
            plans.pay_with(plan.id, wrong, actor=actor, now=LATER)
    for _click in range(2):
        plans.pay_with(plan.id, mandate.public_id, actor=actor, now=LATER)
    assert (plan.status, plan.payment_method_id) == (PlanStatus.ACTIVE, mandate.id)
    plans.pay_with(plan.id, card.public_id, actor=actor, now=LATER)
    assert plan.payment_method_id == card.id
    assert [event for event, _actor in audited()][3:] == ["plan.active", "plan.method_changed"]
    pay(case, 12100)
    assert (case.status, plan.status) == (CaseStatus.PAID, PlanStatus.COMPLETED)
    with pytest.raises(IllegalMove):
        plans.pay_with(plan.id, card.public_id, actor=actor, now=LATER)


def test_a_case_has_one_plan_that_runs_whatever_writes_it(case: CollectionCase, ids: Any) -> None:
    ask(case, ids)
    db.session.add(
        PaymentPlan(
            case_id=case.id,
            status=PlanStatus.REQUESTED,
            instalment_count=2,
            currency="EUR",
            total_minor=1,
        )
    )
    with pytest.raises(sa.exc.IntegrityError):
        db.session.flush()
