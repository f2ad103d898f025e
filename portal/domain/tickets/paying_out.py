"""Paying money back about an invoice, with the request for it where there is one (domain.md, "Payments").

The credit note comes first: what was paid is the customer's credit then, and paying it out takes that credit, so that
the same money never goes twice. How it goes, and what becomes of it, is ``payments.refunding``.

| the money | the request | who is told |
| --- | --- | --- |
| is to be paid by a provider | is answered, and under review; nothing else is decided meanwhile | nobody yet |
| is on its way: sent by hand, or by the provider | resolved, unless the customer wrote since | the customer |
| came to nothing | open again | the shop; the customer, if told before and nobody's bank took it back |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.invoices import ledger
from portal.domain.invoices.models import Document
from portal.domain.payments import refunding
from portal.domain.payments.mails import refund_came_back, refund_came_to_nothing, refund_paid
from portal.domain.payments.models import Refund
from portal.domain.payments.refunding import Order, refund_failed, refund_sent
from portal.domain.shops.models import Shop
from portal.domain.tickets import mails, refunds
from portal.domain.tickets.actions import (
    Author,
    Said,
    answer_silently,
    end_by_itself,
    lock_ticket,
    of_staff,
    open_again_by_itself,
)
from portal.domain.tickets.models import AuthorKind, Ticket, TicketMessage, TicketType
from portal.domain.tickets.states import RUNNING, Move
from portal.extensions import db

UNDER_WAY = _l("Money for this request is on its way already. Please look again.")


@dataclass(frozen=True)
class Credit:
    """The credit of an invoice's customer in its currency, in minor units: the most that can be paid out.

    ``here_minor`` of it came from credit notes on this invoice and was not paid out about it; ``used_minor`` came from
    them too and was used for something else; ``needs_note_minor`` was paid for it and no note gave it back yet.
    """

    minor: int
    here_minor: int
    used_minor: int
    needs_note_minor: int


def credit_about(document_id: int) -> Credit:
    """What can be paid out about an invoice. For staff who may change invoices."""
    row = db.session.execute(
        sa.select(
            ledger.credit_about(document_id),
            refunds.credit_left_minor(document_id),
            refunds.credit_given_minor(document_id),
            refunds.refundable_minor(document_id),
        )
    ).one()
    minor, here, given, refundable = (int(each) for each in row)
    return Credit(minor, here, max(0, given - here), max(0, refundable - here))


def pay_out(document_id: int, wanted: Order, *, shop: Shop, author: Author, now: datetime) -> Refund:
    """Pays back about an invoice, and answers the request with what ``wanted`` says. Sent twice it is once.

    For staff who may change invoices. Raises ``DomainError`` for an amount beyond the customer's credit, a day that
    cannot be, or no words; ``Conflict`` for a request that was decided meanwhile, or a payment that cannot go back.
    """
    document = db.session.get_one(Document, document_id)
    refunding.hold(document, wanted.way)
    known = refunding.find_known(document_id, wanted)
    if known is not None:
        return known
    if not wanted.says.strip():
        raise DomainError(_l("Say that the money is on its way."), "body")
    if wanted.ticket_id is not None:
        ticket = lock_ticket(wanted.ticket_id)
        is_asked = ticket.type is TicketType.REFUND_REQUEST and ticket.document_id == document_id
        if not is_asked or ticket.status not in RUNNING:
            raise Conflict(_l("This ticket was decided already. Please look again."))
        if refunding.find_under_way(ticket.id) is not None:
            raise Conflict(UNDER_WAY)
    refunding.check(document, wanted, shop=shop, now=now)
    if wanted.ticket_id is not None:
        answer_silently(wanted.ticket_id, Said(wanted.says, key=wanted.key), author=author, now=now)
    # The whole of it stands in the conversation; without one the mail is all that the customer gets.
    order = wanted if wanted.ticket_id is None else replace(wanted, says=mails.excerpt(wanted.says))
    return refunding.make(document, order, shop=shop, actor=of_staff(author), now=now)


@refund_sent.connect
def tell_sent(*, refund: Refund, document: Document, actor: Actor, now: datetime) -> None:
    """The money is on its way: the request is resolved, and the customer is told."""
    told = refund_paid(document, refund, now=now)
    if refund.ticket_id is not None:
        ticket = lock_ticket(refund.ticket_id)
        answer = _last_answer(ticket)
        if told is None:
            # Whoever switched the mails about payments off still asked something, and reads the answer.
            told = mails.answered(ticket, answer, now=now)
        if ticket.status in RUNNING and not _is_written_since(ticket, answer):
            end_by_itself(ticket.id, Move.RESOLVE, actor=actor, now=now)
    refund.is_told = told is not None


@refund_failed.connect
def tell_failed(*, refund: Refund, document: Document, actor: Actor, now: datetime) -> None:
    """It came to nothing: the shop has to do something, and the customer is told if they wait for the money."""
    ticket = None
    if refund.ticket_id is not None:
        ticket = open_again_by_itself(refund.ticket_id, actor=actor, now=now)
    # Who has the money back already, by a chargeback, waits for nothing.
    is_told = (
        refund.is_told
        and not refunding.is_charged_back(refund)
        and refund_came_to_nothing(document, refund, now=now) is not None
    )
    refund_came_back(document, refund, ticket=ticket.public_id if ticket else None, is_told=is_told, now=now)


def _is_written_since(ticket: Ticket, answer: TicketMessage) -> bool:
    """Whether the customer wrote after an answer: then somebody has to read that first."""
    since = sa.select(TicketMessage.id).where(
        TicketMessage.ticket_id == ticket.id,
        TicketMessage.author_kind == AuthorKind.CUSTOMER,
        TicketMessage.id > answer.id,
    )
    return db.session.scalar(since.limit(1)) is not None


def _last_answer(ticket: Ticket) -> TicketMessage:
    return db.session.scalars(
        sa.select(TicketMessage)
        .where(
            TicketMessage.ticket_id == ticket.id,
            TicketMessage.author_kind == AuthorKind.STAFF,
            TicketMessage.is_internal.is_(False),
        )
        .order_by(TicketMessage.id.desc())
        .limit(1)
    ).one()
