"""Disputes: what stops, what begins again, and that it is one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.audit import AuditEntry
from portal.core.errors import Conflict, DomainError
from portal.core.mailer import MailMessage
from portal.core.tenancy import shop_scope
from portal.domain.invoices import disputing
from portal.domain.invoices.models import Document, DocumentKind, ListState
from portal.domain.people.models import Person, Staff
from portal.domain.tickets import actions, disputes
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import (
    Dispute,
    DisputeStatus,
    Ticket,
    TicketMessage,
    TicketStatus,
    TicketType,
)
from portal.domain.tickets.states import ENDING, DisputeMove, Move
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.people.test_at_once import at_once, here, on_postgresql

__all__ = ["here", "on_postgresql"]

TODAY = START.date()


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield ids
        db.session.rollback()


def dispute(document: Document | int, ids: Ids, *, line: int | None = None, now: Any = START) -> Ticket:
    return disputes.open_dispute(
        document if isinstance(document, int) else document.id,
        "Not what I ordered",
        Said("Too much."),
        line=line,
        customer_id=ids.emma_account,
        author=db.session.get_one(Person, ids.emma),
        now=now,
    )


def answer(
    document: Document, ids: Ids, move: DisputeMove, *, now: Any = START, body: str = "Because."
) -> Dispute:
    saskia = db.session.get_one(Staff, ids.saskia)
    return disputes.answer_dispute(document.id, move, Said(body), author=saskia, now=now)


def mails() -> list[str]:
    return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))


def test_it_is_a_ticket_and_stops_the_clock(scene: Ids) -> None:
    document = make_invoice(scene.emma_account, lines=2)
    assert not disputing.is_disputed(document)
    ticket = dispute(document, scene, line=2)
    assert (ticket.type, ticket.document_id, ticket.status) == (
        TicketType.DISPUTE,
        document.id,
        TicketStatus.OPEN,
    )
    found = disputes.find_running(document.id)
    assert found is not None and (found.ticket_id, found.line_position, found.status) == (
        ticket.id,
        2,
        DisputeStatus.OPEN,
    )
    assert disputing.is_disputed(document) and document.disputed_on == TODAY
    assert db.session.scalar(sa.select(disputes.running_dispute(document.id))) == ticket.public_id
    assert mails() == ["ticket_opened", "ticket_received"]
    entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "invoice.disputed")).one()
    assert (entry.actor_kind, entry.actor_id, entry.data["line"]) == ("person", scene.emma, 2)


def test_the_day_is_the_shops(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    dispute(document, scene, now=START.replace(hour=23, minute=30))
    assert document.disputed_on == TODAY + timedelta(days=1)


def test_a_second_while_one_runs_is_the_first(scene: Ids) -> None:
    document = make_invoice(scene.emma_account, lines=2)
    first = dispute(document, scene)
    assert dispute(document, scene, line=1, now=START + timedelta(days=2)).id == first.id
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Dispute)) == 1
    assert document.disputed_on == TODAY


@pytest.mark.parametrize("line", [0, 3, -1])
def test_a_line_that_there_is_not(scene: Ids, line: int) -> None:
    document = make_invoice(scene.emma_account, lines=2)
    with pytest.raises(DomainError) as refused:
        dispute(document, scene, line=line)
    assert refused.value.field == "line" and not disputing.is_disputed(document)


@pytest.mark.parametrize("kind", DocumentKind)
@pytest.mark.parametrize("state", ListState)
def test_what_can_be_disputed(kind: DocumentKind, state: ListState) -> None:
    wanted = kind is not DocumentKind.CREDIT_NOTE and state is not ListState.CREDITED
    assert disputes.is_disputable(Document(kind=kind, list_state=state)) is wanted


def test_a_credit_note_is_refused(scene: Ids) -> None:
    note = make_invoice(scene.emma_account, kind=DocumentKind.CREDIT_NOTE)
    with pytest.raises(Conflict):
        dispute(note, scene)


@pytest.mark.parametrize(
    ("move", "status", "ticket_ends"),
    [
        (DisputeMove.CREDIT, DisputeStatus.CREDITED, TicketStatus.RESOLVED),
        (DisputeMove.CORRECT, DisputeStatus.CORRECTED, TicketStatus.RESOLVED),
        (DisputeMove.REJECT, DisputeStatus.REJECTED, TicketStatus.REJECTED),
    ],
)
def test_the_shops_answer_ends_it(
    scene: Ids, move: DisputeMove, status: DisputeStatus, ticket_ends: TicketStatus
) -> None:
    document = make_invoice(scene.emma_account)
    ticket = dispute(document, scene)
    later = START + timedelta(days=3)
    ended = answer(document, scene, move, now=later)
    assert (ended.status, ended.ended_at) == (status, later)
    assert (ticket.status, ticket.waits_for_customer) == (ticket_ends, False)
    assert not disputing.is_disputed(document)
    assert disputing.days_disputed(document, today=TODAY + timedelta(days=40)) == 3
    assert mails() == ["ticket_opened", "ticket_received", "dispute_answered"]
    events = set(db.session.scalars(sa.select(AuditEntry.event)))
    assert f"dispute.{status.value}" in events
    with pytest.raises(Conflict):
        answer(document, scene, move)


def test_a_no_gives_its_reason(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    dispute(document, scene)
    with pytest.raises(DomainError) as refused:
        answer(document, scene, DisputeMove.REJECT, body=" \n")
    assert refused.value.field == "body" and disputing.is_disputed(document)
    with pytest.raises(ValueError, match="customer"):
        answer(document, scene, DisputeMove.WITHDRAW)


@pytest.mark.parametrize("move", ENDING)
def test_its_ticket_does_not_end_without_an_answer(scene: Ids, move: Move) -> None:
    document = make_invoice(scene.emma_account)
    ticket = dispute(document, scene)
    saskia = db.session.get_one(Staff, scene.saskia)
    actions.change_status(ticket.id, Move.REVIEW, author=saskia, now=START)
    with pytest.raises(Conflict):
        actions.change_status(ticket.id, move, author=saskia, now=START)
    assert disputing.is_disputed(document) and ticket.status is TicketStatus.IN_REVIEW
    answer(document, scene, DisputeMove.REJECT)
    # What is said after it is a conversation like any other.
    actions.reply(ticket.id, Said("But why?"), author=db.session.get_one(Person, scene.emma), now=START)
    assert not disputing.is_disputed(document)
    actions.change_status(ticket.id, Move.REVIEW, author=saskia, now=START)
    assert (
        actions.change_status(ticket.id, move, author=saskia, now=START).status is not TicketStatus.IN_REVIEW
    )


@pytest.mark.parametrize("reviewed", [False, True])
def test_withdrawn_by_the_customer(scene: Ids, reviewed: bool) -> None:
    document = make_invoice(scene.emma_account)
    ticket = dispute(document, scene)
    emma = db.session.get_one(Person, scene.emma)
    if reviewed:
        saskia = db.session.get_one(Staff, scene.saskia)
        actions.answer_silently(ticket.id, Said("Wait."), author=saskia, now=START)
    later = START + timedelta(days=5)
    assert disputes.withdraw(document.id, Said("I was wrong."), author=emma, now=later) is ticket
    assert (ticket.status, disputing.is_disputed(document), document.disputed_days) == (
        TicketStatus.CLOSED,
        False,
        5,
    )
    last = db.session.scalars(sa.select(TicketMessage).order_by(TicketMessage.id.desc()).limit(1)).one()
    assert last.body == "I was wrong."
    assert mails() == ["ticket_opened", "ticket_received", "ticket_replied"]
    assert disputes.withdraw(document.id, Said("I was wrong."), author=emma, now=later) is None
    assert mails() == ["ticket_opened", "ticket_received", "ticket_replied"]


def test_the_days_of_several_add_up(scene: Ids) -> None:
    document = make_invoice(scene.emma_account)
    for begins, ends in ((0, 4), (10, 13)):
        dispute(document, scene, now=START + timedelta(days=begins))
        answer(document, scene, DisputeMove.CORRECT, now=START + timedelta(days=ends))
    dispute(document, scene, now=START + timedelta(days=20))
    today = TODAY + timedelta(days=22)
    assert disputing.days_disputed(document, today=today) == 4 + 3 + 2
    # A clock that was set back takes no day away.
    assert disputing.days_disputed(document, today=TODAY) == 4 + 3


def test_two_at_once_are_one(here: tuple[Flask, Ids]) -> None:
    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        document_id = make_invoice(ids.emma_account).id
        db.session.commit()
    answers = at_once(here, 6, lambda: dispute(document_id, ids).number)
    assert len(set(answers)) == 1 and isinstance(answers[0], str)

    def end() -> Any:
        saskia = db.session.get_one(Staff, ids.saskia)
        emma = db.session.get_one(Person, ids.emma)
        if next(turns):
            return disputes.withdraw(document_id, Said("I was wrong."), author=emma, now=START)
        return disputes.answer_dispute(document_id, DisputeMove.REJECT, Said("No."), author=saskia, now=START)

    turns = iter([True, False] * 3)
    ended = [each for each in at_once(here, 6, end) if each is not None and not isinstance(each, Conflict)]
    assert len(ended) == 1 and not isinstance(ended[0], Exception)
    with app.app_context(), shop_scope(ids.shop):
        (status,) = db.session.scalars(sa.select(Dispute.status).where(Dispute.document_id == document_id))
        assert status in (DisputeStatus.WITHDRAWN, DisputeStatus.REJECTED)
        assert not disputing.is_disputed(db.session.get_one(Document, document_id))
