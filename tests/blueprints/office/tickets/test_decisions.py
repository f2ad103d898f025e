"""The decisions on what a ticket asks for: who may take them, what they do, and that they are taken once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock
from portal.core.audit import AuditEntry
from portal.core.mail_message import MailMessage
from portal.domain.collections.models import CaseStatus, PaymentPlan, PlanStatus
from portal.domain.collections.queries import get_case_by_id
from portal.domain.invoices import booking
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.orders.models import Download
from portal.domain.payments.models import Payment
from portal.domain.people.models import Customer, Person, Staff, StaffRole
from portal.domain.shops.models import Mode
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.subscriptions.models import ChangeStatus, Subscription, SubscriptionChange
from portal.domain.tickets import actions, cancelling, disputes, plans, undecided
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import (
    Dispute,
    DisputeStatus,
    Ticket,
    TicketMessage,
    TicketStatus,
    TicketType,
)
from portal.extensions import db
from tests.cast import make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.page_client import find_all, parse, text_of
from tests.pages import links
from tests.rows import make_billed, make_case, make_credit_note, make_download, make_order, make_ticket
from tests.statements import counted

LIST = "/office/tickets"
#: Every decision: where it is taken, and the right it needs.
WAYS = {
    "grant": ("files/{file}/grant", {StaffRole.OWNER, StaffRole.MANAGER, StaffRole.SUPPORT}),
    "plan": ("plan/agree", {StaffRole.OWNER, StaffRole.MANAGER}),
    "refuse_plan": ("plan/refuse", {StaffRole.OWNER, StaffRole.MANAGER}),
    "dispute": ("dispute/reject", {StaffRole.OWNER, StaffRole.MANAGER, StaffRole.SUPPORT}),
    "approve": ("cancellation/approve", {StaffRole.OWNER, StaffRole.MANAGER}),
    "keep": ("cancellation/keep", {StaffRole.OWNER, StaffRole.MANAGER}),
    "refund": ("refund/refuse", {StaffRole.OWNER, StaffRole.MANAGER, StaffRole.SUPPORT}),
    "pay_out": ("refund", {StaffRole.OWNER, StaffRole.MANAGER}),
}


def text(response: Any) -> str:
    return text_of(parse(response.get_data(as_text=True)))


def moves_on(page: Any) -> set[str]:
    """The general moves that a page offers."""
    fields = find_all(parse(page.text), "input")
    return {e.attrib["value"] for e in fields if e.attrib.get("name") == "move"}


class Desk:
    """Tickets that wait for a decision, and what became of them."""

    def __init__(self, on_stage: Any, ids: Any) -> None:
        self.on_stage, self.ids = on_stage, ids

    def make(self, way: str) -> str:
        """The address of a ticket that asks for this."""
        ids, now = self.ids, clock.now()
        with self.on_stage():
            emma = db.session.get_one(Person, ids.emma)
            if way == "grant":
                order = make_order(ids.emma_account)
                make_download(order, public_id="f" * 22, expires_at=now - timedelta(days=1), downloads_used=5)
                ticket = make_ticket(ids.emma_account, order_id=order.id)
            elif way in ("plan", "refuse_plan"):
                case = get_case_by_id(make_case(ids.emma_account).id)
                plan = plans.request_plan(case, 3, "", total_minor=12100, language="en", author=emma, now=now)
                return f"{LIST}/{plan.ticket_public_id}"
            elif way == "dispute":
                ticket = disputes.open_dispute(
                    make_invoice(ids.emma_account, description="Bread").id,
                    "Too much",
                    Said("Why?"),
                    line=1,
                    customer_id=ids.emma_account,
                    author=emma,
                    now=now,
                )
            elif way in ("approve", "keep"):
                # Of what has an agreed end the shop may keep even a consumer to it.
                subscription, _invoice = make_billed(ids.emma_account, terms=24 if way == "keep" else None)
                change = cancelling.request_cancellation(
                    subscription.id, reason=Reason.OTHER, message="", told=None, author=emma, now=now
                )
                return f"{LIST}/{change.data[undecided.TICKET]}"
            else:
                invoice = make_invoice(ids.emma_account)
                ticket = make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=invoice.id)
                source = attempt(ids.emma_account, (invoice, 12100))
                book(source, 12100)
                db.session.get_one(Payment, source.payment_id).received_minor = 12100
                if way == "pay_out":
                    make_credit_note(invoice, 4900)
            return f"{LIST}/{ticket.public_id}"

    def address(self, way: str, ticket: str) -> str:
        if way == "pay_out":
            return self.refund_page(ticket)
        return f"{ticket}/{WAYS[way][0].format(file='f' * 22)}"

    def refund_page(self, ticket: str) -> str:
        """The page of the invoice on which the money of a request is paid back."""
        with self.on_stage():
            found = self.ticket(ticket)
            document = db.session.get_one(Document, found.document_id)
            return f"/office/invoices/{document.public_id}/refund?ticket={found.public_id}"

    def role(self, role: StaffRole) -> None:
        with self.on_stage():
            db.session.get_one(Staff, self.ids.kees).role = role

    def ticket(self, address: str) -> Ticket:
        return db.session.scalars(
            sa.select(Ticket).where(Ticket.public_id == address.rpartition("/")[2])
        ).one()

    def status(self, address: str) -> TicketStatus:
        with self.on_stage():
            return self.ticket(address).status

    def said(self, address: str) -> list[str]:
        with self.on_stage():
            found = db.session.scalars(
                sa.select(TicketMessage.body)
                .where(
                    TicketMessage.ticket_id == self.ticket(address).id, TicketMessage.staff_id.is_not(None)
                )
                .order_by(TicketMessage.id)
            )
            return list(found)

    def mails(self, name: str) -> int:
        with self.on_stage():
            return int(
                db.session.scalar(
                    sa.select(sa.func.count()).select_from(MailMessage).where(MailMessage.name == name)
                )
                or 0
            )

    def audited(self, event: str) -> int:
        with self.on_stage():
            return len(db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == event)).all())

    def one(self, model: Any) -> Any:
        found = db.session.scalars(sa.select(model).order_by(model.id.desc())).first()
        assert found is not None
        return found


@pytest.fixture
def desk(on_stage: Any, ids: Any) -> Desk:
    return Desk(on_stage, ids)


DATA = {
    "body": "Because of the terms.",
    "version": "1",
    "amount": "1.00",
    "paid_on": "2026-11-01",
    "reference": "NL91",
    "way": "own_bank",
    "key": "k" * 22,
}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("role", list(StaffRole))
def test_who_may(login: Any, desk: Desk, way: str, role: StaffRole) -> None:
    ticket = desk.make(way)
    desk.role(role)
    kees = login("kees")
    address, allowed = desk.address(way, ticket), role in WAYS[way][1]
    links = [
        e.attrib.get("href") or e.attrib.get("action")
        for e in find_all(parse(kees.get(ticket).text), "a", "form")
    ]
    assert (address in links) is allowed, "the page shows what may be done"
    assert kees.send(address, DATA).status_code == (303 if allowed else 403)


@pytest.mark.parametrize("way", list(WAYS))
def test_a_stranger_and_another_method(login: Any, desk: Desk, way: str) -> None:
    address = desk.address(way, desk.make(way))
    assert login("wim").send(address, DATA).status_code == 404
    saskia = login("saskia")
    assert saskia.put(address, data={"csrf_token": saskia.token}).status_code == 405
    if way == "grant":
        assert saskia.get(address).status_code == 405
    else:
        assert login("wim").get(address).status_code == 404
        assert saskia.get(address).status_code == 200


@pytest.mark.parametrize("way", list(WAYS))
def test_a_second_decision_on_a_stale_page_is_refused(login: Any, desk: Desk, way: str) -> None:
    ticket = desk.make(way)
    address = desk.address(way, ticket)
    desk.role(StaffRole.MANAGER)
    kees, saskia = login("kees"), login("saskia")
    assert kees.send(address, DATA).status_code == 303
    ended, said = desk.status(ticket), desk.said(ticket)
    assert len(said) == 1 and ended in (TicketStatus.RESOLVED, TicketStatus.REJECTED)
    second = saskia.send(address, {**DATA, "body": "Otherwise.", "key": "m" * 22})
    assert second.status_code == 409 and "Please look again" in text(second)
    assert (desk.status(ticket), desk.said(ticket)) == (ended, said)
    if way != "grant":
        assert saskia.get(address).location == ticket, "nothing is left to ask"
    page = saskia.get(ticket)
    assert said[0] in text(page)
    # Of downloads more may still be granted, by another click.
    assert (address in page.text) is (way == "grant")


@pytest.mark.parametrize("move", ["resolve", "reject", "close"])
@pytest.mark.parametrize("way", ["plan", "dispute", "approve"])
def test_what_has_a_decision_of_its_own_ends_by_no_other(login: Any, desk: Desk, way: str, move: str) -> None:
    """The buttons are not shown then; whoever posts all the same, from an older page, hears how it ends."""
    ticket = desk.make(way)
    saskia = login("saskia")
    # Looking into it is no end.
    assert saskia.send(f"{ticket}/move", {"move": "review"}).status_code == 303
    refused = saskia.send(f"{ticket}/move", {"move": move})
    assert refused.status_code == 409 and "ends by its" in text(refused)
    assert desk.status(ticket) is TicketStatus.IN_REVIEW and not desk.said(ticket)
    assert saskia.send(desk.address(way, ticket), DATA).status_code == 303
    assert desk.status(ticket) in (TicketStatus.RESOLVED, TicketStatus.REJECTED)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "grant"])
def test_words_are_asked_for(login: Any, desk: Desk, way: str) -> None:
    ticket = desk.make(way)
    before = desk.status(ticket)
    for body in ("", "   ", "a\0b"):
        answer = login("saskia").send(desk.address(way, ticket), {"body": body})
        assert answer.status_code == 422
    assert desk.status(ticket) is before and desk.said(ticket) == []


@pytest.mark.parametrize("way", list(WAYS))
def test_the_page_costs_a_few_statements(app: Flask, login: Any, desk: Desk, way: str) -> None:
    ticket, saskia = desk.make(way), login("saskia")
    saskia.get(ticket)
    with counted(app) as found:
        saskia.get(ticket)
    # Of a cancellation it asks whether the customer has a right to it.
    assert len(found) <= (7 if way in ("approve", "keep") else 6), "\n\n".join(found)


def test_downloads(login: Any, desk: Desk, ids: Any) -> None:
    ticket = desk.make("grant")
    saskia = login("saskia")
    page = text(saskia.get(ticket))
    assert "guide.pdf" in page and "5 of 5 used" in page
    with desk.on_stage():
        db.session.get_one(Customer, ids.emma_account).language = "nl"
    assert saskia.send(desk.address("grant", ticket), {"version": "1"}).status_code == 303
    with desk.on_stage():
        file = desk.one(Download)
        assert (file.download_limit, file.downloads_used, file.version) == (10, 5, 2)
    assert desk.status(ticket) is TicketStatus.RESOLVED
    assert desk.mails("downloads_granted") == 1 and desk.mails("ticket_answered") == 0
    assert desk.audited("download.granted") == 1
    assert re.match(r"Je kunt ‘guide.pdf’ weer downloaden: 5 keer, tot en met \d", desk.said(ticket)[0])


def test_of_several_files_the_one_that_is_asked_for_is_found_and_the_others_follow(
    login: Any, desk: Desk, ids: Any
) -> None:
    """The first resolves the ticket, once; the panel stays, and each mail and message names its file."""
    later = clock.now() + timedelta(days=9)
    with desk.on_stage():
        order = make_order(ids.emma_account)
        for name, options in {
            "fresh.pdf": {"expires_at": later},
            "old.pdf": {"expires_at": clock.now() - timedelta(days=2)},
            "used.pdf": {"expires_at": later, "downloads_used": 5},
        }.items():
            make_download(order, name=name, public_id=name.ljust(22, "f"), **options)
        ticket = f"{LIST}/{make_ticket(ids.emma_account, order_id=order.id).public_id}"
    saskia = login("saskia")
    assert files_on(saskia.get(ticket)) == [
        ("old.pdf", "Expired"),
        ("used.pdf", "Used up"),
        ("fresh.pdf", ""),
    ]
    assert "and resolves the ticket" in text(saskia.get(ticket))

    def grant(name: str) -> Any:
        return saskia.send(f"{ticket}/files/{name.ljust(22, 'f')}/grant", {"version": "1"})

    assert grant("old.pdf").status_code == 303
    page = saskia.get(ticket)
    assert "More downloads of ‘old.pdf’ are granted. The customer was told." in text(page)
    assert files_on(page) == [("used.pdf", "Used up"), ("fresh.pdf", ""), ("old.pdf", "")]
    assert "One click grants 5 more downloads for 30 days and tells the customer." in text(page)
    assert desk.status(ticket) is TicketStatus.RESOLVED
    assert grant("used.pdf").status_code == 303 and grant("used.pdf").status_code == 409
    assert desk.status(ticket) is TicketStatus.RESOLVED and desk.audited("ticket.resolved") == 1
    assert desk.audited("download.granted") == desk.mails("downloads_granted") == 2
    assert [re.findall("‘(.+)’", each) for each in desk.said(ticket)] == [["old.pdf"], ["used.pdf"]]


@pytest.mark.parametrize("status", [TicketStatus.REJECTED, TicketStatus.CLOSED])
def test_a_ticket_that_was_refused_grants_nothing(login: Any, desk: Desk, status: TicketStatus) -> None:
    ticket, saskia = desk.make("grant"), login("saskia")
    with desk.on_stage():
        desk.ticket(ticket).status = status
    assert "/grant" not in saskia.get(ticket).text
    assert saskia.send(desk.address("grant", ticket), {"version": "1"}).status_code == 409
    assert desk.status(ticket) is status and desk.audited("download.granted") == 0


def files_on(page: Any) -> list[tuple[str, str]]:
    """The files that a page lists in their order, each with why it cannot be fetched."""
    rows = [e for e in find_all(parse(page.text), "div") if e.attrib.get("class") == "file-row"]
    names = [next(text_of(p) for p in find_all(row, "p")) for row in rows]
    pills = [
        [text_of(s) for s in find_all(row, "span") if "tone-" in s.attrib.get("class", "")] for row in rows
    ]
    return [(name, "".join(pill)) for name, pill in zip(names, pills, strict=True)]


def test_a_file_of_another_order_is_not_granted(login: Any, desk: Desk, ids: Any) -> None:
    desk.make("grant")
    with desk.on_stage():
        order = make_order(ids.emma_account)
        other = f"{LIST}/{make_ticket(ids.emma_account, order_id=order.id).public_id}"
    assert login("saskia").send(desk.address("grant", other), {"version": "1"}).status_code == 404
    assert login("saskia").send(desk.address("grant", other), {"version": "x"}).status_code == 400


def test_a_plan_is_agreed(login: Any, desk: Desk) -> None:
    ticket = desk.make("plan")
    page = text(login("saskia").get(ticket))
    assert "€ 121.00" in page and "€ 40.33" in page and "€ 40.34" in page
    form = login("saskia").get(desk.address("plan", ticket))
    assert "We agree to this payment plan." in text(form)
    login("saskia").send(desk.address("plan", ticket), {"body": "Good luck!"})
    with desk.on_stage():
        plan = desk.one(PaymentPlan)
        assert plan.status is PlanStatus.PENDING_MANDATE
        assert get_case_by_id(plan.case_id).status is CaseStatus.WITH_PLAN
    assert (desk.status(ticket), desk.said(ticket)) == (TicketStatus.RESOLVED, ["Good luck!"])
    assert desk.mails("plan_agreed") == 1
    assert login("saskia").send(desk.address("refuse_plan", ticket), DATA).status_code == 409


def test_a_plan_is_refused(login: Any, desk: Desk) -> None:
    ticket = desk.make("refuse_plan")
    login("saskia").send(desk.address("refuse_plan", ticket), DATA)
    with desk.on_stage():
        assert desk.one(PaymentPlan).status is PlanStatus.REFUSED
    assert desk.status(ticket) is TicketStatus.REJECTED and desk.mails("ticket_answered") == 1


def test_a_dispute_is_answered_by_a_credit_note_that_was_made(login: Any, desk: Desk) -> None:
    ticket, saskia = desk.make("dispute"), login("saskia")
    page = saskia.get(ticket)
    assert (
        "Bread" in text(page) and "Accept: invoice credited" not in text(page) and "Resolve" not in text(page)
    )
    credited = f"{ticket}/dispute/credit"
    assert saskia.send(credited, DATA).status_code == 409, "there is no credit note yet"
    (way,) = [a.attrib["href"] for a in find_all(parse(page.text), "a") if "/credit?" in a.attrib["href"]]
    assert "Make this credit note?" in text(saskia.send(way, {"whole-1": "y"}))
    made = saskia.send(way, {"whole-1": "y", "told": "12100.12100.12100"})
    assert (made.status_code, made.location) == (303, ticket), "back to the ticket"
    assert "Accept: invoice credited" in text(saskia.get(ticket))
    assert saskia.send(credited, {"body": "You are right."}).status_code == 303
    with desk.on_stage():
        assert desk.one(Dispute).status is DisputeStatus.CREDITED
        assert desk.one(Document).kind is DocumentKind.CREDIT_NOTE
    assert desk.status(ticket) is TicketStatus.RESOLVED and desk.mails("dispute_answered") == 1


@pytest.mark.parametrize(
    ("answer", "dispute", "ticket"),
    [
        ("correct", DisputeStatus.CORRECTED, TicketStatus.RESOLVED),
        ("reject", DisputeStatus.REJECTED, TicketStatus.REJECTED),
    ],
)
def test_a_dispute_is_answered(
    login: Any, desk: Desk, answer: str, dispute: DisputeStatus, ticket: TicketStatus
) -> None:
    address = desk.make("dispute")
    login("saskia").send(f"{address}/dispute/{answer}", DATA)
    with desk.on_stage():
        assert desk.one(Dispute).status is dispute
    assert desk.status(address) is ticket and desk.mails("dispute_answered") == 1


def test_a_cancellation_is_approved(login: Any, desk: Desk) -> None:
    ticket = desk.make("approve")
    login("saskia").send(desk.address("approve", ticket), DATA)
    with desk.on_stage():
        assert desk.one(SubscriptionChange).status is ChangeStatus.WAITING, "it ends on its day, not earlier"
        assert desk.one(Subscription).ended_on is None
    assert desk.status(ticket) is TicketStatus.RESOLVED
    assert desk.mails("cancellation_decided") == 1 and desk.audited("subscription.cancellation_approved") == 1


def test_an_approved_cancellation_is_no_question_when_the_customer_says_thanks(
    login: Any, desk: Desk, ids: Any
) -> None:
    ticket, saskia = desk.make("approve"), login("saskia")
    saskia.send(desk.address("approve", ticket), DATA)
    with desk.on_stage():
        emma = db.session.get_one(Person, ids.emma)
        actions.reply(desk.ticket(ticket).id, Said("Thanks"), author=emma, now=clock.now())
    saskia.send(f"{ticket}/move", {"move": "review"})
    page = saskia.get(ticket)
    assert "Approved on" in text(page) and "Only the customer can still take it back" in text(page)
    for way in ("approve", "keep"):
        address = desk.address(way, ticket)
        assert address not in page.text and saskia.get(address).location == ticket
        assert saskia.send(address, DATA).status_code == 409
    with desk.on_stage():
        assert desk.one(SubscriptionChange).status is ChangeStatus.WAITING
    assert moves_on(page) == {"resolve", "close"}
    assert saskia.send(f"{ticket}/move", {"move": "close"}).status_code == 303
    assert desk.status(ticket) is TicketStatus.CLOSED and desk.mails("cancellation_decided") == 1


def test_on_its_day_a_cancellation_cannot_be_kept_and_its_ticket_ends_by_any_move(
    login: Any, desk: Desk
) -> None:
    ticket, saskia = desk.make("keep"), login("saskia")
    with desk.on_stage():
        desk.one(SubscriptionChange).effective_on = clock.today("Europe/Amsterdam")
    saskia.send(f"{ticket}/move", {"move": "review"})
    page = saskia.get(ticket)
    assert desk.address("approve", ticket) in page.text and desk.address("keep", ticket) not in page.text
    assert "can no longer be kept" in text(page) and moves_on(page) == {"resolve", "close"}
    assert saskia.send(desk.address("keep", ticket), DATA).status_code == 409
    assert saskia.send(f"{ticket}/move", {"move": "resolve"}).status_code == 303
    assert desk.status(ticket) is TicketStatus.RESOLVED


def test_what_is_the_customers_right_is_not_offered_for_rejection(login: Any, desk: Desk) -> None:
    ticket, saskia = desk.make("approve"), login("saskia")
    page = saskia.get(ticket)
    assert desk.address("approve", ticket) in page.text and desk.address("keep", ticket) not in page.text
    said = text(page)
    assert "a consumer may always cancel what goes on without an agreed end" in said and "unless" not in said
    with desk.on_stage():
        last = desk.one(SubscriptionChange).effective_on - timedelta(days=1)
    assert f"Last day{last.day} {last:%B %Y}" in said, said
    keep = desk.address("keep", ticket)
    assert saskia.get(keep).location == ticket
    answer = saskia.send(keep, DATA)
    assert answer.status_code == 409 and "This cannot be rejected" in text(answer)
    with desk.on_stage():
        assert desk.one(SubscriptionChange).status is ChangeStatus.WAITING
    assert desk.mails("cancellation_decided") == 0


@pytest.mark.parametrize("allowed", [True, False])
def test_where_there_is_no_button_the_message_is_the_cancellation(
    login: Any, desk: Desk, ids: Any, allowed: bool
) -> None:
    with desk.on_stage():
        subscription, _invoice = make_billed(ids.emma_account, plan={"allow_cancel": allowed})
        ticket = make_ticket(
            ids.emma_account, type=TicketType.CANCEL_SUBSCRIPTION, subscription_id=subscription.id
        )
        address = f"{LIST}/{ticket.public_id}"
    saskia = login("saskia")
    saskia.send(f"{address}/move", {"move": "review"})
    page = saskia.get(address)
    assert ("this message is the cancellation" in text(page)) is not allowed
    assert ("The customer cancels on the page of the subscription." in text(page)) is allowed
    assert ("reject" in moves_on(page)) is allowed


def test_a_cancellation_is_rejected_and_the_subscription_kept(login: Any, desk: Desk) -> None:
    ticket = desk.make("keep")
    login("saskia").send(desk.address("keep", ticket), DATA)
    with desk.on_stage():
        assert desk.one(SubscriptionChange).status is ChangeStatus.WITHDRAWN
        assert desk.one(Subscription).next_billing_on is not None
    assert desk.status(ticket) is TicketStatus.REJECTED
    assert desk.mails("cancellation_decided") == 1 and desk.mails("cancellation_withdrawn") == 0
    assert desk.audited("subscription.cancellation_rejected") == 1


def test_a_ticket_alone_ends_no_subscription(login: Any, desk: Desk, ids: Any) -> None:
    with desk.on_stage():
        subscription, _invoice = make_billed(ids.emma_account)
        row = make_ticket(
            ids.emma_account, type=TicketType.CANCEL_SUBSCRIPTION, subscription_id=subscription.id
        )
        ticket = f"{LIST}/{row.public_id}"
    saskia = login("saskia")
    assert "nothing ends by it" in text(saskia.get(ticket))
    assert saskia.send(desk.address("approve", ticket), DATA).status_code == 409


def test_the_general_buttons_leave_out_what_has_words_of_its_own(login: Any, desk: Desk) -> None:
    for way, left in {"plan": set(), "dispute": set(), "keep": set(), "refund": {"resolve", "close"}}.items():
        ticket, saskia = desk.make(way), login("saskia")
        saskia.send(f"{ticket}/move", {"move": "review"})
        assert moves_on(saskia.get(ticket)) == left, way


def test_a_refund_is_refused(login: Any, desk: Desk) -> None:
    ticket = desk.make("refund")
    page = text(login("saskia").get(ticket))
    assert re.search(r"Can be paid back now\s*€ 0.00\s*Only after a credit note\s*€ 121.00", page)
    assert "Make the credit note first" in page
    login("saskia").send(desk.address("refund", ticket), DATA)
    assert desk.status(ticket) is TicketStatus.REJECTED and desk.mails("ticket_answered") == 1


def test_a_refund_is_paid_out(login: Any, desk: Desk, ids: Any) -> None:
    with desk.on_stage():
        db.session.get_one(Customer, ids.emma_account).language = "nl"
    ticket = desk.make("pay_out")
    address, saskia = desk.address("pay_out", ticket), login("saskia")
    asked = saskia.get(address)
    fields = {e.attrib["name"]: e.attrib.get("value") for e in find_all(parse(asked.text), "input")[1:]}
    assert fields["amount"] == "49.00" and "Je geld is onderweg terug naar jou." in text(asked)
    data = {**DATA, "amount": "50.00"}
    too_much = saskia.send(address, data)
    assert too_much.status_code == 422 and "Make a credit note first" in text(too_much)
    assert "50.00" in too_much.text and desk.status(ticket) is TicketStatus.OPEN
    for _ in range(2):
        assert saskia.send(address, {**data, "amount": "49.00"}).location == ticket
    assert desk.status(ticket) is TicketStatus.RESOLVED and desk.said(ticket) == ["Because of the terms."]
    assert (
        desk.mails("refund_paid") == 1 and desk.mails("ticket_answered") == desk.mails("ticket_resolved") == 0
    )
    with desk.on_stage():
        assert booking.credit_balance(ids.emma_account, mode=Mode.TEST, currency="EUR") == 0
    sections = find_all(parse(saskia.get(ticket).text), "section")
    panel = text_of(next(each for each in sections if each.attrib.get("id") == "matter"))
    assert re.search(r"Paid back\s*€ 49.00\s*Sent on\s*1 November 2026\s*Reference\s*NL91", panel)
    assert "Can be paid back now" not in panel and address not in saskia.get(ticket).text
    # A reply opens it again: what was paid out stays, and what more can be is asked anew.
    with desk.on_stage():
        desk.ticket(ticket).status = TicketStatus.OPEN
    again = text(saskia.get(ticket))
    assert re.search(r"Paid back\s*€ 49.00", again)
    assert re.search(r"Can be paid back now\s*€ 0.00\s*Only after a credit note\s*€ 72.00", again)


def test_of_what_nobody_paid_nothing_can_be_paid_back(login: Any, desk: Desk, ids: Any) -> None:
    with desk.on_stage():
        about = make_invoice(ids.emma_account).id
        asked = make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=about)
        ticket = f"{LIST}/{asked.public_id}"
    page = text(login("saskia").get(ticket))
    assert re.search(r"Can be paid back now\s*€ 0.00\s*There is nothing of this invoice to pay back.", page)


def test_a_request_that_ended_without_money_has_no_panel(login: Any, desk: Desk) -> None:
    ticket, saskia = desk.make("pay_out"), login("saskia")
    saskia.send(desk.address("refund", ticket), DATA)
    assert desk.status(ticket) is TicketStatus.REJECTED and 'id="matter"' not in saskia.get(ticket).text


@pytest.mark.parametrize(("other", "amount"), [(0, "49.00"), (6000, "49.00")])
def test_what_is_paid_out_begins_with_the_credit_of_this_invoice(
    login: Any, desk: Desk, ids: Any, other: int, amount: str
) -> None:
    ticket = desk.make("pay_out")
    with desk.on_stage():
        _more_credit(ids, other)
    page = login("saskia").get(desk.address("pay_out", ticket))
    fields = {e.attrib["name"]: e.attrib.get("value") for e in find_all(parse(page.text), "input")[1:]}
    assert fields["amount"] == amount
    if other:
        assert "which is € 109.00. Of it € 49.00 came from credit notes on this invoice." in text(page)
        # No more than all of it, and no less is allowed.
        sent = login("saskia").send(desk.address("pay_out", ticket), {**DATA, "amount": "109.00"})
        assert sent.status_code == 303 and desk.status(ticket) is TicketStatus.RESOLVED
    else:
        assert "At most the customer’s credit: € 49.00." in text(page)


def test_credit_of_something_else_is_not_filled_in(login: Any, desk: Desk, ids: Any) -> None:
    ticket, saskia = desk.make("refund"), login("saskia")
    with desk.on_stage():
        _more_credit(ids, 6000)
    shown = saskia.get(ticket)
    assert re.search(
        r"Can be paid back now\s*€ 60.00\s*Only after a credit note\s*€ 121.00\s*This", text(shown)
    )
    assert "perhaps from a payment too many" in text(shown) and "credit note first:" not in text(shown)
    page = saskia.get(desk.refund_page(ticket))
    fields = {e.attrib["name"]: e.attrib.get("value") for e in find_all(parse(page.text), "input")[1:]}
    assert not fields["amount"] and "Nothing of it came from credit notes on this invoice." in text(page)


def _more_credit(ids: Any, minor: int) -> None:
    """Credit that came from paying another invoice too much."""
    if minor:
        other = make_invoice(ids.emma_account)
        book(attempt(ids.emma_account, (other, 12100)), 12100 + minor)


def test_without_credit_the_page_says_what_comes_first(login: Any, desk: Desk) -> None:
    ticket, saskia = desk.make("refund"), login("saskia")
    shown = saskia.get(ticket)
    assert "Make the credit note first" in text(shown) and desk.refund_page(ticket) not in links(shown)
    assert "Pay money back…" not in text(shown) and "Credit in all" not in text(shown)
    page = saskia.get(desk.refund_page(ticket))
    assert page.status_code == 200 and "no credit to pay out. Make a credit note first." in text(page)
    assert 'name="amount"' not in page.text and "/credit?ticket=" in page.text


def test_with_credit_it_can_be_paid_out_and_the_page_says_how(login: Any, desk: Desk) -> None:
    ticket = desk.make("pay_out")
    shown = login("saskia").get(ticket)
    assert "Make the credit note first" not in text(shown) and "or writes down what you sent" in text(shown)
    assert shown.text.index("/refund?ticket=") < shown.text.index("/credit?ticket="), "the next step first"
    assert re.search(
        r"Can be paid back now\s*€ 49.00\s*Only after a credit note\s*€ 72.00\W*Pay", text(shown)
    )
    assert "Credit in all" not in text(shown)
    assert "/refund?ticket=" not in login("kees").get(ticket).text


@pytest.mark.parametrize("way", ["plan", "dispute", "keep", "refund", "pay_out"])
def test_what_is_to_be_decided_comes_before_the_conversation(login: Any, desk: Desk, way: str) -> None:
    page = login("saskia").get(desk.make(way)).text
    assert page.index('id="matter"') < page.index('class="messages"') < page.index('id="answer"')


@pytest.mark.parametrize("way", ["plan/agree", "dispute/reject", "cancellation/keep", "refund/refuse"])
def test_a_ticket_that_asks_for_something_else(login: Any, desk: Desk, ids: Any, way: str) -> None:
    with desk.on_stage():
        ticket = make_ticket(ids.emma_account).public_id
    assert login("saskia").send(f"{LIST}/{ticket}/{way}", DATA).status_code == 404
    assert login("saskia").get(f"{LIST}/{ticket}/plan/maybe").status_code == 404


@pytest.mark.parametrize(
    ("way", "begins"),
    [
        ("keep", "We cannot cancel your subscription."),
        ("refund", "We pay nothing back for this."),
        ("refuse_plan", "We do not agree to this payment plan."),
    ],
)
def test_a_no_says_so_and_why(login: Any, desk: Desk, way: str, begins: str) -> None:
    """The message begins with what was decided, and is not sent with that alone."""
    saskia, address = login("saskia"), desk.address(way, desk.make(way))
    assert begins in saskia.get(address).text
    refused = saskia.send(address, {**DATA, "body": f" {begins} "})
    assert refused.status_code == 422 and "Say why." in text(refused)
    assert saskia.send(address, {**DATA, "body": f"{begins} It is too late."}).status_code == 303


def test_in_dutch(login: Any, desk: Desk) -> None:
    page = login("saskia").get(desk.address("keep", desk.make("keep")), headers={"Accept-Language": "nl"})
    assert "Afwijzen en laten doorlopen" in text(page)
    dispute = desk.make("dispute")
    panel = text(login("saskia").get(dispute, headers={"Accept-Language": "nl"}))
    assert "Bezwaar toewijzen: factuur aangepast…" in panel and "Bezwaar afwijzen…" in panel
    page = login("saskia").get(f"{dispute}/dispute/reject", headers={"Accept-Language": "nl"})
    assert "Bezwaar afwijzen" in text(page)


@pytest.mark.parametrize(("line", "ticked"), [(1, ["whole-1"]), (2, ["whole-2"]), (None, [])])
def test_the_line_that_is_objected_to_is_ticked(
    login: Any, desk: Desk, ids: Any, line: int | None, ticked: list[str]
) -> None:
    with desk.on_stage():
        invoice = make_invoice(ids.emma_account, amount_minor=300, lines=3)
        opened = disputes.open_dispute(
            invoice.id,
            "Too much",
            Said("Why?"),
            line=line,
            customer_id=ids.emma_account,
            author=db.session.get_one(Person, ids.emma),
            now=clock.now(),
        )
        ticket = f"{LIST}/{opened.public_id}"
    saskia = login("saskia")
    links = [a.attrib.get("href", "") for a in find_all(parse(saskia.get(ticket).text), "a")]
    (address,) = [link for link in links if "/credit?ticket=" in link]
    assert ticks(saskia.get(address)) == ticked
    # Only a suggestion: nothing is ticked of a line that is not there, or by words that are no line.
    for strange in ("9", "1'", "everything", "-1", "²"):
        page = saskia.get(f"{address.partition('&line=')[0]}&line={strange}")
        assert page.status_code == 200 and ticks(page) == [], strange
    # What was sent counts, not what the address says.
    sent = saskia.send(address, {"quantity-3": "no number"})
    assert sent.status_code == 422 and ticks(sent) == []


def ticks(page: Any) -> list[str]:
    """The boxes that are ticked."""
    boxes = [each for each in find_all(parse(page.text), "input") if each.attrib.get("type") == "checkbox"]
    return [each.attrib["name"] for each in boxes if "checked" in each.attrib]
