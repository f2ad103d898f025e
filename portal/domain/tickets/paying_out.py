"""Money that the shop sent back from its own bank, written down with the request for it (domain.md, "Payments").

The credit note comes first: what was paid is the customer's credit then, and paying it out takes that credit, so that
the same money never goes twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import clock
from portal.core.errors import Conflict, DomainError
from portal.domain.invoices import booking, ledger
from portal.domain.invoices.models import CreditEntry, CreditUse, Document
from portal.domain.payments.mails import refund_paid
from portal.domain.payments.registering import EARLIEST
from portal.domain.shops.models import Shop
from portal.domain.tickets import mails, refunds
from portal.domain.tickets.actions import (
    Author,
    Said,
    answer_silently,
    end_by_itself,
    is_answered,
    lock_ticket,
    of_staff,
)
from portal.domain.tickets.models import Ticket, TicketType
from portal.domain.tickets.states import RUNNING, Move
from portal.extensions import db

LONGEST_REFERENCE = 140


@dataclass(frozen=True, kw_only=True)
class PaidOut:
    """What left the bank: ``amount_minor`` in the currency of the invoice, on a day of the shop's calendar.

    ``key`` names the form it was typed into: the same form is the same money.
    """

    amount_minor: int
    paid_on: date
    reference: str
    message: str
    key: str


@dataclass(frozen=True)
class Credit:
    """The credit of an invoice's customer in its currency, in minor units: the most that can be paid out.

    ``here_minor`` of it came from credit notes on this invoice and was not paid out about it.
    """

    minor: int
    here_minor: int


def credit_about(document_id: int) -> Credit:
    """What can be paid out about an invoice. For staff who may change invoices."""
    both = sa.select(credit_minor(document_id), refunds.credit_left_minor(document_id))
    minor, here_minor = db.session.execute(both).one()
    return Credit(int(minor), int(here_minor))


def credit_of(document_id: int) -> int:
    """The credit of an invoice's customer in its currency, in minor units: the most that can be paid out."""
    return int(db.session.scalar(sa.select(credit_minor(document_id))) or 0)


def credit_minor(document_id: Any) -> sa.ScalarSelect[int]:
    """The same, for a statement."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.amount_minor), 0))
        .join(
            Document,
            sa.and_(
                Document.customer_id == CreditEntry.customer_id,
                Document.mode == CreditEntry.mode,
                Document.currency == CreditEntry.currency,
            ),
        )
        .where(Document.id == document_id)
        .scalar_subquery()
    )


def pay_out(ticket_id: int, paid: PaidOut, *, shop: Shop, author: Author, now: datetime) -> bool:
    """Takes the credit that was paid out, tells the customer, and resolves the request. False where that was done.

    For staff who may change invoices. Raises ``DomainError`` for an amount beyond the customer's credit, a day that
    cannot be, or no words; ``Conflict`` for a request that was decided meanwhile.
    """
    about = sa.select(Ticket.customer_id, Ticket.document_id).where(Ticket.id == ticket_id)
    customer_id, document_id = db.session.execute(about).one()
    # In the order in which payments lock them: the account, then the ticket.
    booking.lock_credit([customer_id])
    said = Said(paid.message, key=paid.key)
    if is_answered(ticket_id, said, author=author):
        return False
    ticket = lock_ticket(ticket_id)
    if ticket.type is not TicketType.REFUND_REQUEST or ticket.status not in RUNNING or document_id is None:
        raise Conflict(_l("This ticket was decided already. Please look again."))
    _check(paid, credit_of(document_id), today=clock.today(shop.time_zone, now))
    document = db.session.get_one(Document, document_id)
    _take(document, paid, ticket, author=author, now=now)
    message = answer_silently(ticket.id, said, author=author, now=now)
    end_by_itself(ticket.id, Move.RESOLVE, actor=of_staff(author), now=now)
    told = refund_paid(
        document,
        amount_minor=paid.amount_minor,
        paid_on=paid.paid_on,
        reference=paid.reference,
        says=mails.excerpt(message.body),
        now=now,
    )
    if told is None:
        # Whoever switched the mails about payments off still asked something, and reads the answer.
        mails.answered(ticket, message, now=now)
    return True


def _check(paid: PaidOut, credit_minor: int, *, today: date) -> None:
    if not paid.message.strip():
        raise DomainError(_l("Say that the money is on its way."), "body")
    if paid.amount_minor <= 0:
        raise DomainError(_l("The amount must be at least one cent."), "amount")
    if paid.amount_minor > credit_minor:
        raise DomainError(_l("The customer has less credit than that. Make a credit note first."), "amount")
    if not EARLIEST <= paid.paid_on <= today:
        raise DomainError(_l("Money cannot have gone out on that day."), "paid_on")


def _take(document: Document, paid: PaidOut, ticket: Ticket, *, author: Author, now: datetime) -> None:
    ledger.write(
        ledger.account_of(document),
        -paid.amount_minor,
        CreditUse.REFUND,
        now=now,
        actor=of_staff(author),
        document_id=document.id,
        ticket_id=ticket.id,
        paid_on=paid.paid_on.isoformat(),
        reference=paid.reference,
    )
