"""What customers see of their tickets: never an internal note."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.domain.invoices.models import Document
from portal.domain.orders.models import Order
from portal.domain.shops.models import Mode
from portal.domain.subscriptions.models import Subscription, SubscriptionStatus
from portal.domain.tickets.models import Ticket, TicketAttachment, TicketMessage, TicketStatus
from portal.domain.tickets.states import RUNNING
from portal.extensions import db

_IN_LIST = (
    Ticket.public_id,
    Ticket.number,
    Ticket.subject,
    Ticket.type,
    Ticket.status,
    Ticket.last_message_at,
    Ticket.last_staff_reply_at,
    Ticket.waits_for_customer,
)


def running_count(customer_id: int) -> sa.ScalarSelect[int]:
    """How many tickets of an account have no end yet, as a scalar subquery."""
    return sa.select(sa.func.count()).select_from(Ticket).where(*_running(customer_id)).scalar_subquery()


def waiting_count(customer_id: int) -> sa.ScalarSelect[int]:
    """How many of them wait for the customer's answer, as a scalar subquery."""
    return (
        sa.select(sa.func.count())
        .select_from(Ticket)
        .where(*_running(customer_id), Ticket.waits_for_customer)
        .scalar_subquery()
    )


def waiting_longest(customer_id: int, column: sa.orm.InstrumentedAttribute[str]) -> sa.ScalarSelect[str]:
    """A column of the ticket that has waited longest for the customer, as a scalar subquery."""
    return (
        sa.select(column)
        .where(*_running(customer_id), Ticket.waits_for_customer)
        .order_by(Ticket.last_message_at, Ticket.id)
        .limit(1)
        .scalar_subquery()
    )


def running_tickets(customer_id: int, columns: Sequence[Any]) -> sa.Select[Any]:
    """A select of these columns of the tickets without an end, for the frame: first what waits for the customer.

    Of these and of the others the latest message first.
    """
    return (
        sa.select(*columns)
        .where(*_running(customer_id))
        .order_by(Ticket.waits_for_customer.desc(), Ticket.last_message_at.desc(), Ticket.id.desc())
    )


def list_tickets(
    customer_id: int,
    *,
    status: TicketStatus | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Page[Any]:
    """A page of an account's tickets, the latest message first. For members who may see tickets."""
    stmt = sa.select(*_IN_LIST).where(Ticket.customer_id == customer_id)
    if status is not None:
        stmt = stmt.where(Ticket.status == status)
    return keyset(
        db.session,
        stmt,
        key_columns=[Ticket.last_message_at.desc(), Ticket.id.desc()],
        after=after,
        before=before,
    )


def get_ticket(public_id: str, *, customer_ids: Collection[int], mode: Mode) -> Any:
    """The row of one ticket of one of these accounts with what it is about; ``NotFound`` for any other.

    What it is about is in ``document_…``, ``order_…`` and ``subscription_…`` columns, None where there is
    nothing that the customer could see.
    """
    row = db.session.execute(
        sa.select(
            *_IN_LIST,
            Ticket.id,
            Ticket.customer_id,
            Ticket.priority,
            Ticket.created_at,
            Ticket.resolved_at,
            Document.public_id.label("document_public_id"),
            Document.number.label("document_number"),
            sa.or_(Document.order_id.is_not(None), Document.subscription_id.is_not(None)).label(
                "document_is_linked"
            ),
            Order.public_id.label("order_public_id"),
            Order.number.label("order_number"),
            Subscription.public_id.label("subscription_public_id"),
            Subscription.name.label("subscription_name"),
        )
        .outerjoin(
            Document,
            sa.and_(
                Document.id == Ticket.document_id,
                Document.customer_id == Ticket.customer_id,
                Document.mode == mode,
                Document.number.is_not(None),
            ),
        )
        .outerjoin(
            Order,
            sa.and_(Order.id == Ticket.order_id, Order.customer_id == Ticket.customer_id, Order.mode == mode),
        )
        .outerjoin(
            Subscription,
            sa.and_(
                Subscription.id == Ticket.subscription_id,
                Subscription.customer_id == Ticket.customer_id,
                Subscription.mode == mode,
                Subscription.status != SubscriptionStatus.ARCHIVED,
            ),
        )
        .where(Ticket.public_id == public_id, Ticket.customer_id.in_(customer_ids))
    ).one_or_none()
    if row is None:
        raise NotFound(f"no ticket {public_id}")
    return row


def list_messages(ticket_id: int, *, after: str | None = None, before: str | None = None) -> Page[Any]:
    """A page of the conversation of a ticket the caller has looked up, without internal notes.

    The newest page comes first, and on each page the oldest message.
    """
    shown = select_messages(ticket_id).where(TicketMessage.is_internal.is_(False))
    return page_of_messages(shown, after=after, before=before)


def select_messages(ticket_id: int) -> sa.Select[*tuple[Any, ...]]:
    """What conversations show of the messages of a ticket; whoever is no staff must leave out the internal ones."""
    return sa.select(
        TicketMessage.id,
        TicketMessage.author_kind,
        TicketMessage.author_name,
        TicketMessage.body,
        TicketMessage.is_internal,
        TicketMessage.is_proved,
        TicketMessage.created_at,
    ).where(TicketMessage.ticket_id == ticket_id)


def page_of_messages(
    stmt: sa.Select[*tuple[Any, ...]], *, after: str | None, before: str | None
) -> Page[Any]:
    """A page of such messages: the newest page comes first, and on each page the oldest message."""
    page = keyset(
        db.session,
        stmt,
        key_columns=[TicketMessage.id.desc()],
        after=after,
        before=before,
    )
    return Page(page.rows[::-1], page.next_cursor, page.prev_cursor)


def list_files(message_ids: Sequence[int]) -> Sequence[Any]:
    """The files of messages that the caller may show: message_id, public_id, name, size_bytes; in order."""
    return db.session.execute(
        sa.select(
            TicketAttachment.message_id,
            TicketAttachment.public_id,
            TicketAttachment.name,
            TicketAttachment.size_bytes,
        )
        .where(TicketAttachment.message_id.in_(message_ids))
        .order_by(TicketAttachment.message_id, TicketAttachment.id)
    ).all()


def get_file(public_id: str, *, ticket: str, customer_ids: Collection[int]) -> Any:
    """A file of a message of a ticket of one of these accounts: name, media_type, storage_key, customer_id.

    ``NotFound`` for any other file, whoever owns it, and for one of an internal note.
    """
    row = db.session.execute(
        sa.select(
            TicketAttachment.name,
            TicketAttachment.media_type,
            TicketAttachment.storage_key,
            Ticket.customer_id,
        )
        .join(TicketMessage, TicketMessage.id == TicketAttachment.message_id)
        .join(Ticket, Ticket.id == TicketMessage.ticket_id)
        .where(
            TicketAttachment.public_id == public_id,
            Ticket.public_id == ticket,
            Ticket.customer_id.in_(customer_ids),
            TicketMessage.is_internal.is_(False),
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"no file {public_id}")
    return row


def _running(customer_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    # Written out: a plan for any parameter cannot use the index of those that run.
    words: list[Any] = [sa.literal_column(f"'{status.value}'") for status in RUNNING]
    return (Ticket.customer_id == customer_id, Ticket.status.in_(words))
