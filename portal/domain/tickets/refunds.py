"""Money back: what of a paid invoice can be refunded, and the customer's request for it, which is a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import aliased

from portal.core.errors import Conflict, DomainError, NotFound
from portal.domain.invoices import booking, ledger
from portal.domain.invoices.balance import noted_minor
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    CreditEntry,
    CreditUse,
    Document,
    ListState,
)
from portal.domain.invoices.queries import LISTED
from portal.domain.payments import refunding
from portal.domain.payments.models import Payment, Refund
from portal.domain.payments.states import TAKES
from portal.domain.tickets import mails
from portal.domain.tickets.actions import (
    Author,
    NewTicket,
    Said,
    answer,
    change_status,
    lock_ticket,
    open_ticket,
)
from portal.domain.tickets.mails import Matter
from portal.domain.tickets.models import Priority, Ticket, TicketType
from portal.domain.tickets.related import Kind, Related
from portal.domain.tickets.states import RUNNING, Move
from portal.extensions import db

NOT_POSSIBLE = _l("There is nothing to refund on this invoice any more.")


def refundable_minor(document_id: Any) -> sa.ColumnElement[int]:
    """Paid − refunded − refunds under way of a document, for a statement (domain.md, "Payments").

    Never more than what is not credited yet and the credit of its notes that is still there: what was spent or paid
    out is gone.
    """
    paid, left = _paid_minor(document_id), _not_credited_minor(document_id) + credit_left_minor(document_id)
    return sa.case((paid < left, paid), else_=left)


def _not_credited_minor(document_id: Any) -> sa.ColumnElement[int]:
    whole = aliased(Document)
    total = sa.select(whole.total_minor).where(whole.id == document_id).scalar_subquery()
    return total - noted_minor(document_id)


def credit_left_minor(document_id: Any) -> sa.ColumnElement[int]:
    """What the credit notes of a document gave and was not paid out about it, for a statement.

    Up to the customer's credit: the ledger does not say which of it was spent.
    """
    balance, given = ledger.credit_about(document_id), credit_given_minor(document_id)
    return sa.case((sa.or_(balance <= 0, given <= 0), 0), (balance < given, balance), else_=given)


def credit_given_minor(document_id: Any) -> sa.ColumnElement[int]:
    """The same whatever became of it: what is more than the customer has left was used for something else."""
    note = aliased(Document)
    given_minor = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.amount_minor), 0))
        .join(note, note.id == CreditEntry.document_id)
        # Less what they took off it after all, once a payment of it was taken back.
        .where(
            note.original_id == document_id,
            CreditEntry.use.in_((CreditUse.CREDIT_NOTE, CreditUse.REVERSED, CreditUse.UNDONE)),
        )
        .scalar_subquery()
    )
    return given_minor - _paid_out_minor(document_id)


def _paid_out_minor(document_id: Any) -> sa.ScalarSelect[int]:
    """What was paid out about a document since its first credit note: before that it was other credit."""
    paid, noted, note = aliased(CreditEntry), aliased(CreditEntry), aliased(Document)
    is_noted = (
        sa.exists()
        .where(
            note.original_id == paid.document_id,
            noted.document_id == note.id,
            noted.use == CreditUse.CREDIT_NOTE,
            noted.id < paid.id,
        )
        .correlate(paid)
    )
    return (
        sa.select(sa.func.coalesce(-sa.func.sum(paid.amount_minor), 0))
        .where(
            paid.document_id == document_id,
            paid.use.in_((CreditUse.REFUND, CreditUse.REFUND_RETURNED)),
            is_noted,
        )
        .scalar_subquery()
    )


def _paid_minor(document_id: Any) -> sa.ScalarSelect[int]:
    """A refund is of a payment, which may have paid several documents: of each no more than its share can come back,
    and of all of them no more than what is left of the payment.
    """
    refunded = (
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0))
        .where(Refund.payment_id == Payment.id, Refund.status.in_(TAKES))
        .correlate(Payment)
        .scalar_subquery()
    )
    left, share = Payment.received_minor - refunded, Allocation.amount_minor
    # A share without a payment was paid with credit.
    part = sa.case((Payment.id.is_(None), share), (left <= 0, 0), (left < share, left), else_=share)
    return (
        sa.select(sa.func.coalesce(sa.func.sum(part), 0))
        .select_from(Allocation)
        .outerjoin(Payment, Payment.id == Allocation.payment_id)
        .where(
            Allocation.document_id == document_id,
            Allocation.state == AllocationState.BOOKED,
            Allocation.credit_note_id.is_(None),
        )
        .scalar_subquery()
    )


def may_be_asked(document_id: int) -> bool:
    """Whether money of a document can be asked back now, as nobody did yet. For a page that only leads there."""
    document, minor = db.session.execute(
        sa.select(Document, refundable_minor(Document.id)).where(
            Document.id == document_id, running_request(Document.id).is_(None)
        )
    ).one_or_none() or (None, 0)
    return document is not None and is_refundable(document, int(minor))


def running_request(document_id: Any) -> sa.ScalarSelect[str]:
    """The public id of the request that is open or in review, as a scalar subquery; none where there is none."""
    return (
        sa.select(Ticket.public_id)
        .where(
            Ticket.document_id == document_id,
            Ticket.type == TicketType.REFUND_REQUEST,
            Ticket.status.in_(RUNNING),
        )
        .order_by(Ticket.id)
        .limit(1)
        .scalar_subquery()
    )


@dataclass(frozen=True)
class RequestOf:
    """A request for the money of a document."""

    id: int
    public_id: str
    number: str
    is_running: bool


def find_running_request(document_id: int) -> RequestOf | None:
    """The one that is open or in review. For staff."""
    return _request(Ticket.document_id == document_id, Ticket.status.in_(RUNNING))


def get_request(document_id: int, public_id: str) -> RequestOf:
    """The one with this public id; ``NotFound`` for any that is not about this document. For staff."""
    found = _request(Ticket.document_id == document_id, Ticket.public_id == public_id)
    if found is None:
        raise NotFound(f"no request {public_id}")
    return found


def _request(*where: Any) -> RequestOf | None:
    columns = sa.select(Ticket.id, Ticket.public_id, Ticket.number, Ticket.status)
    asked = columns.where(Ticket.type == TicketType.REFUND_REQUEST, *where).order_by(Ticket.id).limit(1)
    row = db.session.execute(asked).one_or_none()
    return None if row is None else RequestOf(row.id, row.public_id, row.number, row.status in RUNNING)


def is_refundable(document: Document, refundable: int) -> bool:
    """Whether a refund can be asked for: never of one that is unpaid, pending, cancelled or reversed (P-INV-REFUND)."""
    paid = document.list_state in (ListState.PAID, ListState.CREDITED) and document.reversed_at is None
    return document.kind in LISTED and paid and refundable > 0


def request_refund(
    document_id: int, subject: str, said: Said, *, customer_id: int, author: Author, now: datetime
) -> Ticket:
    """Asks for the money of an invoice; while such a request runs it is that one, however often and by whom.

    For members who may ask for refunds. Raises ``Conflict`` where nothing can be refunded.
    """
    # In the order in which payments lock them: the account, then the document.
    booking.lock_credit([customer_id])
    (document,) = booking.lock_documents([document_id])
    running = db.session.scalar(sa.select(Ticket).where(Ticket.public_id == running_request(document.id)))
    if running is not None:
        return running
    refundable = db.session.scalar(sa.select(refundable_minor(document.id)))
    if not is_refundable(document, refundable or 0):
        raise Conflict(NOT_POSSIBLE)
    about = Related(Kind.INVOICE, document.id, document.public_id, customer_id, document.number or "")
    wanted = NewTicket(TicketType.REFUND_REQUEST, subject, Priority.MEDIUM, about)
    return open_ticket(
        wanted,
        said,
        customer_id=customer_id,
        author=author,
        now=now,
        confirm=partial(mails.received, matter=Matter.REFUND),
    )


def refuse_refund(ticket_id: int, message: str, *, author: Author, now: datetime) -> Ticket:
    """The shop pays nothing back and says why: the answer goes by mail, and the request is rejected.

    For staff who may write tickets. Raises ``DomainError`` without a word, and ``Conflict`` for a request that was
    decided meanwhile.
    """
    if not message.strip():
        raise DomainError(_l("Say why, so that the customer understands it."), "body")
    ticket = lock_ticket(ticket_id)
    if ticket.type is not TicketType.REFUND_REQUEST or ticket.status not in RUNNING:
        raise Conflict(_l("This ticket was decided already. Please look again."))
    if refunding.find_under_way(ticket.id) is not None:
        raise Conflict(_l("Money is on its way for this request, so it cannot be refused now."))
    answer(ticket.id, Said(message), author=author, now=now)
    return change_status(ticket.id, Move.REJECT, author=author, now=now)
