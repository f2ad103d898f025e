"""What happens to tickets: customers open and answer them, the shop answers, notes and decides."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit, clock, links, storing
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.tables import new_public_id
from portal.core.uploads import Upload
from portal.domain.people.models import Customer, Person
from portal.domain.shops.models import Mode
from portal.domain.shops.numbers import draw_number
from portal.domain.shops.queries import get_shop
from portal.domain.tickets import mails
from portal.domain.tickets.models import (
    AuthorKind,
    Priority,
    Ticket,
    TicketAttachment,
    TicketMessage,
    TicketStatus,
    TicketType,
    TicketView,
)
from portal.domain.tickets.related import Kind, Related
from portal.domain.tickets.states import ENDING, LIFE, RUNNING, Move
from portal.domain.tickets.undecided import why_undecided
from portal.extensions import db

#: A second look within this time leaves no second trace.
VIEW_INTERVAL = timedelta(hours=1)
#: What is asked about a subscription says about which.
ABOUT_A_SUBSCRIPTION = (TicketType.PAUSE_SUBSCRIPTION, TicketType.CANCEL_SUBSCRIPTION)

#: What the column of an author's name holds.
LONGEST_NAME = 200

_COLUMNS = {Kind.INVOICE: "document_id", Kind.ORDER: "order_id", Kind.SUBSCRIPTION: "subscription_id"}


class Author(Protocol):
    """Who writes: a person of the account, or somebody of the shop; without an id somebody who wrote a mail."""

    @property
    def id(self) -> int | None: ...

    @property
    def name(self) -> str: ...


class Tell(Protocol):
    """What writes the mail about a new ticket."""

    def __call__(self, ticket: Ticket, message: TicketMessage, *, now: datetime) -> object: ...


class Confirm(Protocol):
    """What writes the mail to whoever opened a ticket, at the address ``to``."""

    def __call__(self, ticket: Ticket, message: TicketMessage, *, to: str, now: datetime) -> object: ...


@dataclass(frozen=True)
class NewTicket:
    """What a ticket is to be about; ``related`` is of the same account, and the author may see it."""

    type: TicketType
    subject: str
    priority: Priority = Priority.MEDIUM
    related: Related | None = None


@dataclass(frozen=True)
class ByMail:
    """The mail that a message came in: its Message-ID, whether its sender's domain signed it, and who that is."""

    message_id: str
    is_proved: bool
    sender: str = ""


@dataclass(frozen=True)
class Said:
    """A message in Markdown with its files. The same text sent by the same form (``key``) is one message."""

    body: str
    files: Sequence[Upload] = ()
    key: str | None = None
    mail: ByMail | None = None


def next_number() -> str:
    """The next number of a conversation; going live does not begin them anew, so they have one series."""
    return f"T-{1000 + draw_number('ticket', mode=Mode.LIVE)}"


def open_ticket(
    wanted: NewTicket,
    said: Said,
    *,
    customer_id: int,
    author: Author,
    now: datetime,
    tell: Tell = mails.opened,
    confirm: Confirm | None = mails.received,
) -> Ticket:
    """A new ticket of an account by one of its people; staff and they are told. Sent twice it is one, the first.

    For members who may write tickets. ``tell`` writes another mail to staff than that of a new ticket, ``confirm``
    another one to who opened it, None where they get one of its own. Nobody is told of what came in a mail that is not
    proved to be theirs. Raises ``DomainError`` where the type asks for a subscription.
    """
    about = wanted.related
    if wanted.type in ABOUT_A_SUBSCRIPTION and (about is None or about.kind is not Kind.SUBSCRIPTION):
        raise DomainError(_l("Choose the subscription that this is about."), "about")
    # Two that send the same form at once queue here.
    db.session.execute(
        sa.select(Customer.id).where(Customer.id == customer_id).with_for_update(key_share=True)
    )
    public_id = _once(said, f"ticket:{author.id}:{customer_id}", wanted.subject)
    known = db.session.scalar(sa.select(Ticket).where(Ticket.public_id == public_id))
    if known is not None:
        return known
    ticket = Ticket(
        public_id=public_id,
        customer_id=customer_id,
        number=next_number(),
        type=wanted.type,
        priority=wanted.priority,
        status=TicketStatus.OPEN,
        subject=wanted.subject,
        opened_by_id=author.id,
        last_message_at=now,
        created_at=now,
        **({_COLUMNS[about.kind]: about.id} if about is not None else {}),
    )
    db.session.add(ticket)
    audit.record("ticket.opened", ticket, actor=acting(author), now=now, type=wanted.type.value)
    message = _add(ticket, said, new_public_id(), AuthorKind.CUSTOMER, author, now=now)
    tell(ticket, message, now=now)
    if confirm is not None and (to := _address_of(author, said, now=now)) is not None:
        confirm(ticket, message, to=to, now=now)
    return ticket


def _address_of(author: Author, said: Said, *, now: datetime) -> str | None:
    """Where who opens a ticket is told of it.

    None where it came in a mail that anybody may have sent in their name, or after several of the same day.
    """
    if said.mail is not None:
        to = said.mail.sender if said.mail.is_proved else ""
        return to if to and mails.may_confirm(to, now=now) else None
    person = db.session.get(Person, author.id) if author.id is not None else None
    return person.email if person is not None else None


def reply(ticket_id: int, said: Said, *, author: Author, now: datetime) -> Ticket:
    """A customer's reply; one to a ticket that ended opens it again. Staff are told. Sent twice it is one.

    For members who may write tickets.
    """
    ticket = lock_ticket(ticket_id)
    public_id = _once(said, f"reply:{author.id}:{ticket_id}")
    if _find_message(public_id) is not None:
        return ticket
    message = _add(ticket, said, public_id, AuthorKind.CUSTOMER, author, now=now)
    ticket.waits_for_customer = False
    actor = acting(author)
    audit.record("ticket.replied", ticket, actor=actor, now=now, message_id=message.id)
    move_ticket(ticket, Move.CUSTOMER_REPLY, actor=actor, now=now)
    mails.replied(ticket, message, now=now)
    return ticket


def answer(ticket_id: int, said: Said, *, author: Author, now: datetime) -> TicketMessage:
    """The shop's answer with a mail that tells the customer. Sent twice it is one. For staff who may write tickets."""
    message, is_new = _answer(ticket_id, said, author=author, now=now)
    if is_new:
        mails.answered(db.session.get_one(Ticket, ticket_id), message, now=now)
    return message


def answer_silently(ticket_id: int, said: Said, *, author: Author, now: datetime) -> TicketMessage:
    """The shop's answer without a mail: an open ticket comes under review, and waits for the customer."""
    return _answer(ticket_id, said, author=author, now=now)[0]


def _answer(ticket_id: int, said: Said, *, author: Author, now: datetime) -> tuple[TicketMessage, bool]:
    """The message, and whether it was not there before."""
    ticket = lock_ticket(ticket_id)
    public_id = _once(said, f"answer:{author.id}:{ticket_id}")
    known = _find_message(public_id)
    if known is not None:
        return known, False
    message = _add(ticket, said, public_id, AuthorKind.STAFF, author, now=now)
    actor = of_staff(author)
    audit.record("ticket.answered", ticket, actor=actor, now=now, message_id=message.id)
    if ticket.status is TicketStatus.OPEN:
        move_ticket(ticket, Move.REVIEW, actor=actor, now=now)
    ticket.last_staff_reply_at = now
    ticket.waits_for_customer = ticket.status in RUNNING
    return message, True


def add_note(ticket_id: int, said: Said, *, author: Author, now: datetime) -> TicketMessage:
    """An internal note with its files, which no customer ever sees. Sent twice it is one. For staff as above."""
    ticket = lock_ticket(ticket_id)
    public_id = _once(said, f"note:{author.id}:{ticket_id}")
    known = _find_message(public_id)
    if known is not None:
        return known
    message = _add(ticket, said, public_id, AuthorKind.STAFF, author, now=now, is_internal=True)
    audit.record("ticket.noted", ticket, actor=of_staff(author), now=now, message_id=message.id)
    return message


def change_status(ticket_id: int, move: Move, *, author: Author, now: datetime) -> Ticket:
    """A decision of somebody at the shop; an ended ticket waits for nobody. Twice is once.

    The customer is told of one that is resolved. For staff who may write tickets. Raises ``IllegalMove``, and
    ``Conflict`` while what the ticket asks for waits for a decision of its own.
    """
    ticket = lock_ticket(ticket_id)
    if move in ENDING:
        today = clock.today(get_shop(ticket.shop_id).time_zone, now)
        if (reason := why_undecided(ticket, today=today)) is not None:
            raise Conflict(reason)
    if move_ticket(ticket, move, actor=of_staff(author), now=now) is TicketStatus.RESOLVED:
        mails.resolved(ticket, now=now)
    return ticket


def end_by_itself(ticket_id: int, move: Move, *, actor: Actor, now: datetime) -> TicketStatus | None:
    """Ends a ticket whose matter was settled elsewhere, one that nobody looked at included; the status it came to.

    Nobody is told.
    """
    ticket = lock_ticket(ticket_id)
    if ticket.status is TicketStatus.OPEN:
        move_ticket(ticket, Move.REVIEW, actor=actor, now=now)
    return move_ticket(ticket, move, actor=actor, now=now)


def open_again_by_itself(ticket_id: int, *, actor: Actor, now: datetime) -> Ticket:
    """Has a ticket wait for the shop whose answer came to nothing, one that ended included. Nobody is told."""
    ticket = lock_ticket(ticket_id)
    ticket.waits_for_customer = False
    move_ticket(ticket, Move.REOPEN, actor=actor, now=now)
    return ticket


def change_priority(ticket_id: int, priority: Priority, *, author: Author, now: datetime) -> Ticket:
    """How soon the shop means to answer. Twice is once. For staff who may write tickets."""
    ticket = lock_ticket(ticket_id)
    if ticket.priority is not priority:
        before, ticket.priority = ticket.priority, priority
        audit.record(
            "ticket.prioritised",
            ticket,
            actor=of_staff(author),
            now=now,
            before=before.value,
            after=priority.value,
        )
    return ticket


def attach(message: TicketMessage, files: Sequence[Upload], *, now: datetime) -> None:
    """Keeps files with a message that is written; should its transaction fail, none of them stays."""
    for file in files:
        name = secrets.token_hex(16)
        key = f"shops/{message.shop_id}/tickets/{name[:2]}/{name}.{file.kind.ending}"
        db.session.add(
            TicketAttachment(
                message_id=message.id,
                name=file.name,
                media_type=file.kind.media_type,
                size_bytes=len(file.data),
                storage_key=storing.put(key, file.data),
                created_at=now,
            )
        )


def record_view(ticket_id: int, person_id: int, *, now: datetime) -> None:
    """Notes that a person looked at a ticket, at most once an hour; for ``core.touch``."""
    recent = sa.select(TicketView.id).where(
        TicketView.ticket_id == ticket_id,
        TicketView.person_id == person_id,
        TicketView.viewed_at > now - VIEW_INTERVAL,
    )
    if db.session.scalar(recent.limit(1)) is None:
        db.session.add(TicketView(ticket_id=ticket_id, person_id=person_id, viewed_at=now))


def lock_ticket(ticket_id: int) -> Ticket:
    """A ticket that the caller has looked up, fresh, and held by this transaction."""
    return db.session.scalars(
        sa.select(Ticket)
        .where(Ticket.id == ticket_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def is_answered(ticket_id: int, said: Said, *, author: Author) -> bool:
    """Whether this very answer was sent before, by the same form. For actions that an answer is a part of."""
    return _find_message(_once(said, f"answer:{author.id}:{ticket_id}")) is not None


def _find_message(public_id: str) -> TicketMessage | None:
    return db.session.scalar(sa.select(TicketMessage).where(TicketMessage.public_id == public_id))


def _once(said: Said, purpose: str, *parts: str) -> str:
    """The public id of what a form sends: the same for the same text, so that the second time finds the first."""
    if said.key is None:
        return new_public_id()
    return links.mac(purpose, "\n".join((said.key, *parts, said.body)))


def acting(author: Author) -> Actor:
    """Who acts on the customer's side: a person, or somebody who wrote a mail and has no log-in."""
    return Actor("person", author.id) if author.id is not None else Actor.visitor()


def of_staff(author: Author) -> Actor:
    """Who acts for the shop."""
    return Actor("staff", author.id)


def _add(
    ticket: Ticket,
    said: Said,
    public_id: str,
    kind: AuthorKind,
    author: Author,
    *,
    now: datetime,
    is_internal: bool = False,
) -> TicketMessage:
    message = TicketMessage(
        public_id=public_id,
        ticket_id=ticket.id,
        author_kind=kind,
        person_id=author.id if kind is AuthorKind.CUSTOMER else None,
        staff_id=author.id if kind is AuthorKind.STAFF else None,
        # Both names of a person are a letter longer than the column.
        author_name=author.name[:LONGEST_NAME],
        body=said.body,
        is_internal=is_internal,
        by_mail=said.mail is not None,
        is_proved=said.mail is None or said.mail.is_proved,
        mail_message_id=said.mail.message_id if said.mail is not None else None,
        created_at=now,
    )
    db.session.add(message)
    db.session.flush()
    attach(message, said.files, now=now)
    if not is_internal:
        ticket.last_message_at = max(now, ticket.last_message_at)
    return message


def move_ticket(ticket: Ticket, move: Move, *, actor: Actor, now: datetime) -> TicketStatus | None:
    """Moves a locked ticket; the status that it came to, None when nothing changed. Raises ``IllegalMove``."""
    before, after = ticket.status, LIFE.next(ticket.status, move)
    if after is None or after is before:
        return None
    ticket.status = after
    ticket.resolved_at = now if after is TicketStatus.RESOLVED else None
    if after not in RUNNING:
        ticket.waits_for_customer = False
    audit.record(f"ticket.{_PAST[after]}", ticket, actor=actor, now=now, before=before.value)
    return after


#: How the audit log says that a ticket came to a status; to open it comes by being opened again.
_PAST = {
    **{status: status.value for status in TicketStatus},
    TicketStatus.OPEN: "reopened",
}
