"""What happens to a ticket, from both sides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import database, storage
from portal.core.audit import AuditEntry
from portal.core.errors import DomainError, IllegalMove
from portal.core.mailer import MailMessage
from portal.core.tenancy import shop_scope
from portal.core.uploads import PDF, TEXT, Upload
from portal.domain.people.models import Person, Staff
from portal.domain.tickets import actions
from portal.domain.tickets.actions import NewTicket, Said
from portal.domain.tickets.models import (
    AuthorKind,
    Priority,
    Ticket,
    TicketAttachment,
    TicketMessage,
    TicketStatus,
    TicketType,
)
from portal.domain.tickets.related import Kind, Related
from portal.domain.tickets.states import Move
from portal.extensions import db
from tests.cast import START
from tests.rows import make_subscription, make_ticket

LATER = START + timedelta(hours=5)
KEY = "k" * 22


@pytest.fixture(autouse=True)
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


@pytest.fixture
def emma(ids: Any) -> Person:
    return db.session.get_one(Person, ids.emma)


@pytest.fixture
def saskia(ids: Any) -> Staff:
    return db.session.get_one(Staff, ids.saskia)


def audited() -> list[tuple[str, str, int | None]]:
    rows = db.session.scalars(
        sa.select(AuditEntry).where(AuditEntry.event.startswith("ticket.")).order_by(AuditEntry.id)
    )
    return [(row.event, row.actor_kind, row.actor_id) for row in rows]


def messages(ticket: Ticket) -> list[TicketMessage]:
    return list(
        db.session.scalars(
            sa.select(TicketMessage).where(TicketMessage.ticket_id == ticket.id).order_by(TicketMessage.id)
        )
    )


def mailed() -> list[str]:
    return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))


def test_a_new_ticket(ids: Any, emma: Person) -> None:
    subscription = make_subscription(ids.emma_account)
    about = Related(
        Kind.SUBSCRIPTION, subscription.id, subscription.public_id, ids.emma_account, subscription.name
    )
    ticket = actions.open_ticket(
        NewTicket(TicketType.CANCEL_SUBSCRIPTION, "Stop", Priority.HIGH, about),
        Said("Please **stop**.", [Upload("a.pdf", PDF, b"%PDF-")]),
        customer_id=ids.emma_account,
        author=emma,
        now=LATER,
    )
    assert (ticket.status, ticket.type, ticket.priority, ticket.subject, ticket.subscription_id) == (
        TicketStatus.OPEN,
        TicketType.CANCEL_SUBSCRIPTION,
        Priority.HIGH,
        "Stop",
        subscription.id,
    )
    assert (ticket.number, ticket.opened_by_id, ticket.last_message_at) == ("T-1001", ids.emma, LATER)
    (message,) = messages(ticket)
    assert (message.author_kind, message.person_id, message.author_name, message.body) == (
        AuthorKind.CUSTOMER,
        ids.emma,
        "Emma de Vries",
        "Please **stop**.",
    )
    file = db.session.scalars(sa.select(TicketAttachment)).one()
    assert (file.message_id, file.name, file.media_type, file.size_bytes) == (
        message.id,
        "a.pdf",
        "application/pdf",
        5,
    )
    assert storage.get(file.storage_key) == b"%PDF-"
    assert audited() == [("ticket.opened", "person", ids.emma)]
    assert mailed() == ["ticket_opened", "ticket_received"]


@pytest.mark.parametrize("type_", TicketType)
def test_pausing_and_cancelling_name_a_subscription(ids: Any, emma: Person, type_: TicketType) -> None:
    wanted = NewTicket(type_, "Subject", related=Related(Kind.ORDER, 1, "x", ids.emma_account, "O-1"))
    for each in (wanted, NewTicket(type_, "Subject")):
        if type_ in (TicketType.PAUSE_SUBSCRIPTION, TicketType.CANCEL_SUBSCRIPTION):
            with pytest.raises(DomainError, match="Choose the subscription") as raised:
                actions.open_ticket(each, Said("Hello"), customer_id=ids.emma_account, author=emma, now=LATER)
            assert raised.value.field == "about"
        elif each.related is None:
            actions.open_ticket(each, Said("Hello"), customer_id=ids.emma_account, author=emma, now=LATER)


def test_numbers_go_up(ids: Any, emma: Person) -> None:
    tickets = [
        actions.open_ticket(
            NewTicket(TicketType.GENERAL, f"{n}"),
            Said("x"),
            customer_id=ids.emma_account,
            author=emma,
            now=LATER,
        )
        for n in range(3)
    ]
    assert [ticket.number for ticket in tickets] == ["T-1001", "T-1002", "T-1003"]


def test_the_same_form_sent_twice_is_one_ticket(ids: Any, emma: Person) -> None:
    def ask(body: str = "Hello", key: str | None = KEY, subject: str = "Subject", who: Any = emma) -> int:
        return actions.open_ticket(
            NewTicket(TicketType.GENERAL, subject),
            Said(body, key=key),
            customer_id=ids.emma_account,
            author=who,
            now=LATER,
        ).id

    first = ask()
    assert ask() == first
    bram = db.session.get_one(Person, ids.bram)
    others = [
        ask("Other"),
        ask(subject="Other"),
        ask(key="o" * 22),
        ask(who=bram),
        ask(key=None),
        ask(key=None),
    ]
    assert len({first, *others}) == 7
    assert mailed() == ["ticket_opened", "ticket_received"] * 7


@pytest.mark.parametrize("status", TicketStatus)
def test_a_reply_opens_what_had_ended(ids: Any, emma: Person, status: TicketStatus) -> None:
    ticket = make_ticket(ids.emma_account, status=status, waits_for_customer=True, resolved_at=START)
    actions.reply(ticket.id, Said("Still **broken**"), author=emma, now=LATER)
    running = status in (TicketStatus.OPEN, TicketStatus.IN_REVIEW)
    assert ticket.status is (status if running else TicketStatus.OPEN)
    assert (ticket.waits_for_customer, ticket.last_message_at) == (False, LATER)
    assert ticket.resolved_at == (START if running else None)
    reopened = [] if running else [("ticket.reopened", "person", ids.emma)]
    assert audited() == [("ticket.replied", "person", ids.emma), *reopened]
    assert messages(ticket)[-1].body == "Still **broken**"
    assert mailed() == ["ticket_replied"]


def test_the_same_reply_twice_is_one_message(ids: Any, emma: Person) -> None:
    ticket, other = make_ticket(ids.emma_account), make_ticket(ids.emma_account)
    for each, body in ((ticket, "a"), (ticket, "a"), (ticket, "b"), (other, "a")):
        actions.reply(each.id, Said(body, key=KEY), author=emma, now=LATER)
    assert [message.body for message in messages(ticket)] == ["Hello", "a", "b"]
    assert [message.body for message in messages(other)] == ["Hello", "a"]
    assert mailed() == ["ticket_replied"] * 3


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("status", TicketStatus)
def test_an_answer_of_the_shop(ids: Any, saskia: Staff, status: TicketStatus, told: bool) -> None:
    ticket = make_ticket(ids.emma_account, status=status)
    say = actions.answer if told else actions.answer_silently
    message = say(ticket.id, Said("On Saturday", [Upload("a.txt", TEXT, b"x")]), author=saskia, now=LATER)
    running = status in (TicketStatus.OPEN, TicketStatus.IN_REVIEW)
    assert ticket.status is (TicketStatus.IN_REVIEW if running else status)
    assert ticket.waits_for_customer is running
    assert ticket.last_staff_reply_at == ticket.last_message_at == LATER
    assert (message.author_kind, message.staff_id, message.person_id, message.author_name) == (
        AuthorKind.STAFF,
        ids.saskia,
        None,
        "Saskia",
    )
    moved = [("ticket.in_review", "staff", ids.saskia)] if status is TicketStatus.OPEN else []
    assert audited() == [("ticket.answered", "staff", ids.saskia), *moved]
    assert mailed() == (["ticket_answered"] if told else [])


def test_a_note_changes_nothing_that_a_customer_sees(ids: Any, saskia: Staff) -> None:
    ticket = make_ticket(ids.emma_account, waits_for_customer=True)
    note = actions.add_note(ticket.id, Said("He is *away*"), author=saskia, now=LATER)
    assert note.is_internal
    assert (ticket.status, ticket.last_message_at, ticket.last_staff_reply_at, ticket.waits_for_customer) == (
        TicketStatus.OPEN,
        START,
        None,
        True,
    )
    assert audited() == [("ticket.noted", "staff", ids.saskia)]
    assert mailed() == []


LEGAL = {
    (TicketStatus.OPEN, Move.REVIEW): TicketStatus.IN_REVIEW,
    (TicketStatus.IN_REVIEW, Move.RESOLVE): TicketStatus.RESOLVED,
    (TicketStatus.IN_REVIEW, Move.REJECT): TicketStatus.REJECTED,
    (TicketStatus.IN_REVIEW, Move.CLOSE): TicketStatus.CLOSED,
}


@pytest.mark.parametrize("move", [Move.REVIEW, Move.RESOLVE, Move.REJECT, Move.CLOSE])
@pytest.mark.parametrize("status", TicketStatus)
def test_a_decision(ids: Any, saskia: Staff, status: TicketStatus, move: Move) -> None:
    ticket = make_ticket(ids.emma_account, status=status, waits_for_customer=True)
    after = LEGAL.get((status, move))
    there_already = status in [target for (_from, each), target in LEGAL.items() if each is move]
    if after is None and not there_already:
        with pytest.raises(IllegalMove):
            actions.change_status(ticket.id, move, author=saskia, now=LATER)
        return
    actions.change_status(ticket.id, move, author=saskia, now=LATER)
    assert ticket.status is (after or status)
    assert audited() == ([(f"ticket.{after.value}", "staff", ids.saskia)] if after else [])
    assert ticket.resolved_at == (LATER if after is TicketStatus.RESOLVED else None)
    assert mailed() == (["ticket_resolved"] if after is TicketStatus.RESOLVED else [])
    if after in (TicketStatus.RESOLVED, TicketStatus.REJECTED, TicketStatus.CLOSED):
        assert not ticket.waits_for_customer


def test_of_a_failed_transaction_no_file_stays(ids: Any, emma: Person) -> None:
    before = set(storage.walk())
    actions.open_ticket(
        NewTicket(TicketType.GENERAL, "Subject"),
        Said("x", [Upload("a.txt", TEXT, b"x")]),
        customer_id=ids.emma_account,
        author=emma,
        now=LATER,
    )
    assert len(set(storage.walk()) - before) == 1
    db.session.rollback()
    assert set(storage.walk()) == before


def test_the_longest_name_of_a_person_fits(ids: Any, emma: Person) -> None:
    """PostgreSQL refuses what is longer than its column; SQLite would not say so."""
    emma.given_name, emma.family_name = "G" * 100, "F" * 100
    wanted = NewTicket(TicketType.GENERAL, "Hours")
    ticket = actions.open_ticket(wanted, Said("Open?"), customer_id=ids.emma_account, author=emma, now=START)
    (message,) = messages(ticket)
    column = sa.inspect(TicketMessage).columns["author_name"]
    assert len(message.author_name) == column.type.length
