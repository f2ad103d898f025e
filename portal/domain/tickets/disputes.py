"""Disputes: a customer objects to an invoice or a line, and collecting it stops until the shop has answered."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit, clock
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.invoices import booking, disputing
from portal.domain.invoices.models import Document, DocumentLine, ListState
from portal.domain.invoices.queries import LISTED
from portal.domain.shops.queries import get_shop
from portal.domain.tickets import mails
from portal.domain.tickets.actions import (
    Author,
    NewTicket,
    Said,
    acting,
    answer_silently,
    lock_ticket,
    move_ticket,
    of_staff,
    open_ticket,
    reply,
)
from portal.domain.tickets.mails import Matter
from portal.domain.tickets.models import Dispute, DisputeStatus, Ticket, TicketType
from portal.domain.tickets.related import Kind, Related
from portal.domain.tickets.states import DISPUTE, DisputeMove, Move
from portal.extensions import db

NOT_POSSIBLE = _l("This invoice was credited in full, so there is nothing left to object to.")
#: How a dispute's ticket ends with the shop's answer.
_TICKET_ENDS = {
    DisputeMove.CREDIT: Move.RESOLVE,
    DisputeMove.CORRECT: Move.RESOLVE,
    DisputeMove.REJECT: Move.REJECT,
}


#: How a dispute ends that the shop answered.
ANSWERS = (DisputeStatus.CREDITED, DisputeStatus.CORRECTED, DisputeStatus.REJECTED)


def running_dispute(document_id: Any) -> sa.ScalarSelect[str]:
    """The public id of the ticket of the dispute that runs, as a scalar subquery; none where there is none."""
    return (
        sa.select(Ticket.public_id)
        .join(Dispute, Dispute.ticket_id == Ticket.id)
        .where(Dispute.document_id == document_id, Dispute.status == DisputeStatus.OPEN)
        .scalar_subquery()
    )


def running_line(document_id: Any) -> sa.ScalarSelect[int]:
    """The position of the line that the dispute that runs is about, as a scalar subquery; none for all of it."""
    return (
        sa.select(Dispute.line_position)
        .where(Dispute.document_id == document_id, Dispute.status == DisputeStatus.OPEN)
        .scalar_subquery()
    )


def last_answer(document_id: Any) -> dict[str, sa.ScalarSelect[Any]]:
    """How the shop answered the last dispute of a document, as scalar subqueries: ``answer_status``, the moment it was
    opened ``answer_of``, and ``answer_ticket``; none where nobody was answered.
    """
    # The words are written out: part of the page of every invoice, a list of parameters costs more than they do.
    is_answered = sa.or_(*(Dispute.status == sa.literal_column(f"'{word.value}'") for word in ANSWERS))

    def of_the_last(column: sa.Select[Any]) -> sa.ScalarSelect[Any]:
        return (
            column.where(Dispute.document_id == document_id, is_answered)
            .order_by(Dispute.id.desc())
            .limit(1)
            .scalar_subquery()
        )

    ticket = sa.select(Ticket.public_id).join_from(Dispute, Ticket, Ticket.id == Dispute.ticket_id)
    return {
        "answer_status": of_the_last(sa.select(Dispute.status)),
        "answer_of": of_the_last(sa.select(Dispute.created_at)),
        "answer_ticket": of_the_last(ticket),
    }


def is_disputable(document: Document) -> bool:
    """Whether an issued document can be disputed: what is to be paid or was, but not what was credited whole."""
    return document.kind in LISTED and document.list_state is not ListState.CREDITED


def may_be_opened(document_id: int) -> bool:
    """Whether a document can be disputed now, as no dispute of it runs. For a page that only leads there."""
    document = db.session.get_one(Document, document_id)
    return is_disputable(document) and not disputing.is_disputed(document)


def open_dispute(
    document_id: int,
    subject: str,
    said: Said,
    *,
    line: int | None,
    customer_id: int,
    author: Author,
    now: datetime,
) -> Ticket:
    """Disputes a document or the line at a position; while a dispute of it runs it is that one, and nothing is new.

    For members who may dispute. Staff are told by the new ticket. Raises ``Conflict`` for what cannot be disputed, and
    ``DomainError`` for a line that there is not.
    """
    # In the order in which payments lock them: the account, then the document.
    booking.lock_credit([customer_id])
    (document,) = booking.lock_documents([document_id])
    running = find_running(document.id)
    if running is not None:
        return db.session.get_one(Ticket, running.ticket_id)
    if not is_disputable(document):
        raise Conflict(NOT_POSSIBLE)
    if line is not None and not _has_line(document.id, line):
        raise DomainError(_l("Choose one of these."), "line")
    about = Related(Kind.INVOICE, document.id, document.public_id, customer_id, document.number or "")
    wanted = NewTicket(TicketType.DISPUTE, subject, related=about)
    ticket = open_ticket(
        wanted,
        said,
        customer_id=customer_id,
        author=author,
        now=now,
        confirm=partial(mails.received, matter=Matter.DISPUTE),
    )
    dispute = Dispute(document_id=document.id, line_position=line, ticket_id=ticket.id, created_at=now)
    db.session.add(dispute)
    disputing.begin_dispute(document, today=_today(document, now))
    audit.record("invoice.disputed", document, actor=acting(author), now=now, ticket_id=ticket.id, line=line)
    return ticket


def withdraw(document_id: int, said: Said, *, author: Author, now: datetime) -> Ticket | None:
    """The customer takes their dispute back, which ends its conversation; staff are told. None where none runs.

    For members who may dispute.
    """
    dispute, document = _lock(document_id)
    if dispute is None:
        return None
    reply(dispute.ticket_id, said, author=author, now=now)
    ticket = lock_ticket(dispute.ticket_id)
    actor = acting(author)
    for move in (Move.REVIEW, Move.CLOSE):
        move_ticket(ticket, move, actor=actor, now=now)
    _end(dispute, document, DisputeMove.WITHDRAW, actor=actor, now=now)
    return ticket


def answer_dispute(
    document_id: int, move: DisputeMove, said: Said, *, author: Author, now: datetime
) -> Dispute:
    """The shop's answer: it credited, corrected, or says no and why. The customer is told, whatever is switched off.

    For staff who may write tickets. Raises ``Conflict`` where no dispute runs, and ``DomainError`` for an answer
    without a word.
    """
    if move is DisputeMove.WITHDRAW:
        raise ValueError("only the customer takes a dispute back")
    if not said.body.strip():
        raise DomainError(_l("Write your message."), "body")
    dispute, document = _lock(document_id)
    if dispute is None:
        raise Conflict(_l("This dispute has ended already. Please look again."))
    message = answer_silently(dispute.ticket_id, said, author=author, now=now)
    ticket = lock_ticket(dispute.ticket_id)
    actor = of_staff(author)
    for each in (Move.REVIEW, _TICKET_ENDS[move]):
        move_ticket(ticket, each, actor=actor, now=now)
    _end(dispute, document, move, actor=actor, now=now)
    mails.dispute_answered(ticket, message, number=document.number or "", outcome=dispute.status, now=now)
    return dispute


def find_running(document_id: int) -> Dispute | None:
    """The dispute of a document that has no end yet."""
    return db.session.scalar(
        sa.select(Dispute).where(Dispute.document_id == document_id, Dispute.status == DisputeStatus.OPEN)
    )


def _lock(document_id: int) -> tuple[Dispute | None, Document]:
    """A document and its running dispute, which nobody else can end meanwhile: whoever wants to waits for both."""
    (document,) = booking.lock_documents([document_id])
    return find_running(document.id), document


def _end(dispute: Dispute, document: Document, move: DisputeMove, *, actor: Actor, now: datetime) -> None:
    after = DISPUTE.next(dispute.status, move)
    if after is None:
        return
    dispute.status, dispute.ended_at = after, now
    disputing.end_dispute(document, today=_today(document, now))
    audit.record(f"dispute.{after.value}", dispute, actor=actor, now=now, document_id=document.id)


def _has_line(document_id: int, position: int) -> bool:
    known = sa.select(DocumentLine.id).where(
        DocumentLine.document_id == document_id, DocumentLine.position == position
    )
    return db.session.scalar(known) is not None


def _today(document: Document, now: datetime) -> date:
    return clock.today(get_shop(document.shop_id).time_zone, now)
