"""What the shop sees of its tickets: everybody's, internal notes included. For staff who may see tickets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core.counting import BADGE, count_up_to
from portal.core.errors import NotFound
from portal.core.finding import begins
from portal.core.pagination import Page, keyset
from portal.core.word_index import BY_ID, FEW
from portal.domain.invoices.models import Document, DocumentKind, DocumentLine
from portal.domain.orders.models import Order
from portal.domain.people.models import Customer
from portal.domain.people.staff_queries import called
from portal.domain.people.words import CUSTOMERS
from portal.domain.shops.models import Mode
from portal.domain.subscriptions.models import Subscription
from portal.domain.tickets.models import (
    Dispute,
    DisputeStatus,
    Priority,
    Ticket,
    TicketAttachment,
    TicketMessage,
    TicketStatus,
    TicketType,
    TicketView,
)
from portal.domain.tickets.queries import page_of_messages, select_messages
from portal.domain.tickets.words import TICKETS
from portal.extensions import db


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to. ``is_waiting``: running, and the next word is the shop's."""

    status: TicketStatus | None = None
    is_waiting: bool = False
    type: TicketType | None = None
    priority: Priority | None = None
    search: str = ""


def waiting() -> list[sa.ColumnElement[bool]]:
    """Tickets in which the shop has the next word. Written out: no plan for parameters may use their index."""
    running = Ticket.status.in_([sa.literal_column("'open'"), sa.literal_column("'in_review'")])
    return [running, Ticket.waits_for_customer == sa.false()]


def waiting_count(shop_id: Any) -> sa.ScalarSelect[int]:
    """How many of them there are, for the badge and no further."""
    return count_up_to(BADGE, Ticket, Ticket.shop_id == shop_id, *waiting())


def list_for_staff(wanted: Wanted, *, after: str | None = None, before: str | None = None) -> Page[Any]:
    """A page of the shop's tickets, the latest message first.

    Searched by how the number begins, by the beginnings of words of the subject, and by whose it is as customers
    are searched.
    """
    stmt = sa.select(
        Ticket.public_id,
        Ticket.number,
        Ticket.subject,
        Ticket.type,
        Ticket.status,
        Ticket.priority,
        Ticket.last_message_at,
        Ticket.waits_for_customer,
        called().label("customer_name"),
    ).join(Customer, Customer.id == Ticket.customer_id)
    if wanted.is_waiting:
        stmt = stmt.where(*waiting())
    elif wanted.status is not None:
        stmt = stmt.where(Ticket.status == wanted.status)
    if wanted.type is not None:
        stmt = stmt.where(Ticket.type == wanted.type)
    if wanted.priority is not None:
        stmt = stmt.where(Ticket.priority == wanted.priority)
    if wanted.search:
        found = _search(stmt, wanted)
        if found is None:
            return Page([], None, None)
        stmt = found
    return keyset(
        db.session,
        stmt,
        key_columns=[Ticket.last_message_at.desc(), Ticket.id.desc()],
        after=after,
        before=before,
    )


def _search(stmt: sa.Select[*tuple[Any, ...]], wanted: Wanted) -> sa.Select[*tuple[Any, ...]] | None:
    """The tickets of a list that a search finds: few by their ids, many as they come in the list. None for none."""
    search = wanted.search
    numbered = sa.select(Ticket.id).where(begins(Ticket.number, search.upper())).limit(FEW + 1)
    about, theirs = TICKETS.find(search, others=[numbered]), CUSTOMERS.find(search)
    (ids,) = about.others
    if about.is_many or theirs.is_many or len(ids) > FEW:
        has_number = begins(Ticket.number, search.upper())
        stmt = stmt.where(sa.or_(has_number, about.has(Ticket.id), theirs.has(Ticket.customer_id)))
        return stmt.with_hint(Ticket, f"INDEXED BY {_in_order(wanted)}", "sqlite")
    arms = []
    if ids:
        arms.append(sa.select(Ticket.id).where(Ticket.id.in_(ids)).with_hint(Ticket, BY_ID, "sqlite"))
    if not about.is_none:
        arms.append(about.select_few())
    if not theirs.is_none:
        # Joined from outside, so that the customers come first in every plan.
        few, entry = theirs.select_few().subquery(), aliased(Ticket)
        of_few = sa.select(entry.id).select_from(few).outerjoin(entry, entry.customer_id == few.c.id)
        arms.append(of_few.with_hint(entry, "INDEXED BY ix_tickets_list", "sqlite"))
    if not arms:
        return None
    some = sa.union(*arms).subquery()
    return stmt.where(Ticket.id.in_(sa.select(some.c.id))).with_hint(Ticket, BY_ID, "sqlite")


def _in_order(wanted: Wanted) -> str:
    """The index that holds the tickets of a list in its order."""
    if wanted.is_waiting:
        return "ix_tickets_running"
    return "ix_tickets_office" if wanted.status is None else "ix_tickets_office_status"


def list_of_customer(customer_id: int) -> Sequence[Any]:
    """The latest tickets of a customer, for the customer's page."""
    return db.session.execute(
        sa.select(Ticket.public_id, Ticket.number, Ticket.subject, Ticket.status, Ticket.last_message_at)
        .where(Ticket.customer_id == customer_id)
        .order_by(Ticket.last_message_at.desc(), Ticket.id.desc())
        .limit(10)
    ).all()


def get_for_staff(public_id: str, *, mode: Mode) -> Any:
    """The row of one ticket with what it is about and whose it is; ``NotFound`` for any other shop's.

    ``seen_at`` is when somebody of the account last looked at it. What it is about is None where it is of
    another mode.
    """
    seen = sa.select(sa.func.max(TicketView.viewed_at)).where(
        TicketView.ticket_id == Ticket.id, TicketView.person_id.is_not(None)
    )
    row = db.session.execute(
        sa.select(
            Ticket.id,
            Ticket.public_id,
            Ticket.number,
            Ticket.subject,
            Ticket.type,
            Ticket.status,
            Ticket.priority,
            Ticket.created_at,
            Ticket.resolved_at,
            Ticket.last_message_at,
            Ticket.waits_for_customer,
            Ticket.customer_id,
            Ticket.document_id,
            Ticket.order_id,
            Ticket.subscription_id,
            seen.scalar_subquery().label("seen_at"),
            Customer.public_id.label("customer_public_id"),
            Customer.name.label("customer_name"),
            Customer.company.label("customer_company"),
            Customer.kind.label("customer_kind"),
            Customer.email.label("customer_email"),
            Customer.phone.label("customer_phone"),
            Customer.created_at.label("customer_since"),
            Document.public_id.label("document_public_id"),
            Document.number.label("document_number"),
            Document.currency.label("document_currency"),
            Order.number.label("order_number"),
            Subscription.name.label("subscription_name"),
        )
        .join(Customer, Customer.id == Ticket.customer_id)
        .outerjoin(
            Document,
            sa.and_(Document.id == Ticket.document_id, Document.mode == mode, Document.number.is_not(None)),
        )
        .outerjoin(Order, sa.and_(Order.id == Ticket.order_id, Order.mode == mode))
        .outerjoin(
            Subscription, sa.and_(Subscription.id == Ticket.subscription_id, Subscription.mode == mode)
        )
        .where(Ticket.public_id == public_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no ticket {public_id}")
    return row


def list_all_messages(ticket_id: int, *, after: str | None = None, before: str | None = None) -> Page[Any]:
    """A page of the conversation with internal notes; the newest page first, and on it the oldest message."""
    return page_of_messages(select_messages(ticket_id), after=after, before=before)


def get_file_for_staff(public_id: str, *, ticket: str) -> Any:
    """A file of a message of a ticket, of an internal note too: name, media_type, storage_key; else ``NotFound``."""
    row = db.session.execute(
        sa.select(TicketAttachment.name, TicketAttachment.media_type, TicketAttachment.storage_key)
        .join(TicketMessage, TicketMessage.id == TicketAttachment.message_id)
        .join(Ticket, Ticket.id == TicketMessage.ticket_id)
        .where(TicketAttachment.public_id == public_id, Ticket.public_id == ticket)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no file {public_id}")
    return row


def find_dispute(ticket_id: int) -> Any:
    """The dispute of a ticket: document_id, status, is_credited, and the line it is about, if it is about one.

    ``line`` is its description, ``line_position`` its place. ``is_credited`` says whether a credit note was made since
    it was opened. None where the ticket has no dispute.
    """
    note = sa.orm.aliased(Document)
    credited = sa.exists().where(
        note.original_id == Dispute.document_id,
        note.kind == DocumentKind.CREDIT_NOTE,
        note.finalised_at >= Dispute.created_at,
    )
    return db.session.execute(
        sa.select(
            Dispute.document_id,
            Dispute.status,
            Dispute.line_position,
            DocumentLine.description.label("line"),
            credited.label("is_credited"),
        )
        .outerjoin(
            DocumentLine,
            sa.and_(
                DocumentLine.document_id == Dispute.document_id,
                DocumentLine.position == Dispute.line_position,
            ),
        )
        .where(Dispute.ticket_id == ticket_id)
    ).one_or_none()


@dataclass(frozen=True)
class DisputeOf:
    """An objection to a document: ``ticket`` is the public id of its conversation."""

    at: datetime
    ended_at: datetime | None
    status: DisputeStatus
    ticket: str


def list_disputes(document_id: int) -> list[DisputeOf]:
    """The objections to a document, the newest first."""
    rows = db.session.execute(
        sa.select(Dispute.created_at, Dispute.ended_at, Dispute.status, Ticket.public_id)
        .join(Ticket, Ticket.id == Dispute.ticket_id)
        .where(Dispute.document_id == document_id)
        .order_by(Dispute.id.desc())
    )
    return [DisputeOf(row.created_at, row.ended_at, row.status, row.public_id) for row in rows]
