"""Money that came in elsewhere: a bank transfer or cash, which somebody of the shop writes down.

It goes the way of every payment: one row, its events, its shares, ``booking.book_payment``. What is more than what is
open becomes the customer's credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import audit, locale
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.templating import language
from portal.domain.invoices import booking
from portal.domain.invoices.booking import Share
from portal.domain.invoices.models import Document, DocumentStatus
from portal.domain.payments import actions
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.payments.provider import ProviderStatus
from portal.domain.payments.states import moves_to
from portal.domain.shops.models import Shop
from portal.extensions import db

#: What a shop may write down by hand.
BY_HAND = (PaymentMethodKind.TRANSFER, PaymentMethodKind.CASH)
PROVIDER = "manual"
#: A year, a leap one too: whoever paid longer ahead of an invoice than that was given another year by mistake.
LONGEST_AHEAD = timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class Received:
    """What arrived: ``amount_minor`` in the currency of the document, on a day of the shop's calendar.

    ``key`` names the form it was typed into: the same key is the same money.
    """

    amount_minor: int
    method: PaymentMethodKind
    paid_on: date
    reference: str
    key: str


def register(document_id: int, received: Received, *, shop: Shop, now: datetime, actor: Actor) -> Payment:
    """Books money that came in elsewhere on a document. Sent twice it is booked once.

    For staff who may change invoices. ``Conflict`` when nothing is open of it, ``DomainError`` for an amount or a
    day that cannot be.
    """
    documents = _held(document_id)
    known = db.session.scalar(sa.select(Payment).where(Payment.idempotency_key == f"staff-{received.key}"))
    if known is not None:
        if known.is_undone:
            raise Conflict(_l("This was booked and taken back before. Open the form anew to book it again."))
        return known
    document = documents[0]
    if document.status is not DocumentStatus.OPEN or document.mode is not shop.mode:
        raise Conflict(_l("Nothing is open of this any more. Please look again."))
    if received.amount_minor <= 0:
        raise DomainError(_l("The amount must be at least one cent."), "amount")
    today = now.astimezone(ZoneInfo(shop.time_zone)).date()
    if received.paid_on > today:
        raise DomainError(_l("Money cannot have come in on that day."), "paid_on")
    if received.paid_on < (document.issue_date or today) - LONGEST_AHEAD:
        raise DomainError(
            _(
                "That is more than a year before the invoice, which is of %(date)s. Is the year right?",
                date=locale.date(document.issue_date or today, language(), "long"),
            ),
            "paid_on",
        )
    if received.method not in BY_HAND:
        raise DomainError(_l("Choose one of these."), "method")
    payment = Payment(
        mode=shop.mode,
        customer_id=document.customer_id,
        provider=PROVIDER,
        method=received.method,
        currency=document.currency,
        amount_minor=received.amount_minor,
        received_minor=received.amount_minor,
        status=PaymentStatus.CREATED,
        description=f"{shop.name[:60]} {document.number}"[:140],
        idempotency_key=f"staff-{received.key}",
        details={"reference": received.reference} if received.reference else {},
        paid_at=now if received.paid_on == today else _noon(received.paid_on, shop),
        created_at=now,
    )
    db.session.add(payment)
    db.session.flush()
    booking.plan(payment.id, [Share(document.id, min(received.amount_minor, document.open_minor))])
    audit.record("payment.registered", payment, actor=actor, now=now, amount_minor=received.amount_minor)
    for step in moves_to(payment.status, ProviderStatus.PAID, reinstated=False):
        actions.move(payment, step, source="staff", actor=actor, now=now)
    return payment


def _held(document_id: int) -> list[Document]:
    """The document, locked after the credit that may grow."""
    customer = sa.select(Document.customer_id).where(Document.id == document_id)
    booking.lock_credit(customer)
    return booking.lock_documents([document_id])


def _noon(day: date, shop: Shop) -> datetime:
    """The middle of a day, which is that day for every reader nearby."""
    return datetime.combine(day, time(12), ZoneInfo(shop.time_zone))
