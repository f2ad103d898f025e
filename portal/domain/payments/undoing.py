"""Taking back a payment that somebody of the shop booked by mistake: on the wrong invoice, or with a wrong amount.

| the payment | taken back |
| --- | --- |
| came in through a provider | no: that one says what became of it, and its money goes back by a refund |
| booked by hand, paid | yes: paid → reversed, the documents are open as before, the credit it left is gone |
| booked by hand, its credit spent | yes, and the documents paid with that credit reopen, the newest first |
| booked by hand, its invoice credited since | yes: what the note kept as credit is taken off the invoice instead |
| booked by hand, its credit or an invoice of it paid out since | no: money of it left the shop |
| booked by hand, a refund of it done or under way | no, for the same reason |
| taken back already | no: of two that try at once one does it |

What it ended or paid for stays: a collection case and its plan, an order and its files. The page that asks names them,
and the audit log keeps them; the shop opens another case, or cancels the order, where it wants to.

The customer charged nothing back: no badge and no mail says so. Whoever was told that it arrived is told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import audit, clock, locale
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.invoices import booking
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    CreditEntry,
    CreditUse,
    Document,
)
from portal.domain.payments import actions, mails, queries
from portal.domain.payments.models import Payment, PaymentStatus, Refund
from portal.domain.payments.registering import PROVIDER
from portal.domain.payments.states import TAKES, Move
from portal.extensions import db

LONGEST_REASON = 500

NOT_BY_HAND = _l(
    "This payment came in through a payment provider. Only what was booked by hand can be taken back here."
)
DONE = _l("This payment was taken back already.")
PAID_OUT = _l(
    "Money of this payment was paid out or is on its way back to the customer. It cannot be taken back any more."
)


@dataclass(frozen=True)
class Stays:
    """What a payment ended or paid for and taking it back leaves: ``says`` is for the page, the rest for the log."""

    key: str
    number: str
    says: str


#: Of a payment and the ids of documents that are open again with it.
Look = Callable[[Payment, Collection[int]], Iterable[Stays]]
_looks: list[Look] = []


def look(found: Look) -> Look:
    """Registers what of an area to the right stays when a payment is taken back; a decorator. Twice it is once."""
    if found not in _looks:
        _looks.append(found)
    return found


def list_what_stays(payment: Payment, document_ids: Collection[int]) -> list[Stays]:
    """What a payment led to that stays although these documents are open again. For staff, in the language in force."""
    return [each for look in _looks for each in look(payment, document_ids)] if document_ids else []


def find_payment_of(document_id: int, public_id: str) -> Payment:
    """A payment that was meant for a document, with its public id; ``NotFound`` for any other. For staff."""
    meant = sa.select(Allocation.payment_id).where(Allocation.document_id == document_id)
    found = db.session.scalar(sa.select(Payment).where(Payment.public_id == public_id, Payment.id.in_(meant)))
    if found is None:
        raise NotFound(f"no payment {public_id}")
    return found


def check(payment: Payment) -> None:
    """``Conflict``, with a sentence, where a payment cannot be taken back. What holds only while it is held."""
    if payment.provider != PROVIDER:
        raise Conflict(NOT_BY_HAND)
    if payment.is_undone:
        raise Conflict(DONE)
    if payment.status is not PaymentStatus.PAID:
        raise Conflict(_l("This payment never arrived, so there is nothing to take back."))
    if _is_refunded(payment) or not booking.is_credit_there(actions.source_of(payment)):
        raise Conflict(PAID_OUT)


def undo(payment_id: int, *, reason: str, actor: Actor, now: datetime) -> list[Document]:
    """Takes a payment back and answers the documents that are open again. For staff who may change invoices.

    ``DomainError`` without a reason, ``Conflict`` as ``check`` says it.
    """
    if not reason.strip():
        raise DomainError(_l("Say what was wrong with it."), "reason")
    payment = queries.lock_payment(payment_id)
    check(payment)
    before = {each.id: each.open_minor for each in booking.lock_for_payment(payment.id)}
    credit = _credit_of(payment)
    payment.details = {**payment.details, "undone": {"reason": reason[:LONGEST_REASON]}}
    actions.move(payment, Move.REVERSE, source="staff", actor=actor, now=now, detail={"by_mistake": True})
    reopened = [each for each in booking.lock_documents(before) if each.open_minor != before[each.id]]
    stays = list_what_stays(payment, {each.id for each in reopened})
    said = {"stays": [f"{each.key} {each.number}" for each in stays]} if stays else {}
    audit.record("payment.undone", payment, actor=actor, now=now, reason=reason[:LONGEST_REASON], **said)
    mails.correct(payment, reopened, credit_minor=max(0, credit - _credit_of(payment)), now=now)
    return reopened


def _credit_of(payment: Payment) -> int:
    return booking.credit_balance(payment.customer_id, mode=payment.mode, currency=payment.currency)


def words(at: datetime) -> str:
    """What everybody reads of a payment that was taken back at a moment, in the reader's language."""
    day = locale.date(clock.today(current_shop().time_zone, at), language(), "medium")
    return str(_("Booked by mistake, taken back on %(date)s", date=day))


def share_of(payment: Payment, document: Document) -> int:
    """What a payment paid of a document, in minor units."""
    found = sa.select(sa.func.coalesce(sa.func.sum(Allocation.amount_minor), 0)).where(
        Allocation.payment_id == payment.id,
        Allocation.document_id == document.id,
        Allocation.state == AllocationState.BOOKED,
    )
    return int(db.session.scalar(found) or 0)


def _is_refunded(payment: Payment) -> bool:
    """Whether a refund of it is done or under way, or money of an invoice of it was paid out since it was booked."""
    refunds = sa.select(Refund.id).where(
        Refund.payment_id == payment.id,
        Refund.status.in_(TAKES),
    )
    if db.session.scalar(refunds.limit(1)) is not None:
        return True
    paid_out = sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.amount_minor), 0)).where(
        CreditEntry.customer_id == payment.customer_id,
        CreditEntry.use.in_((CreditUse.REFUND, CreditUse.REFUND_RETURNED)),
        CreditEntry.document_id.in_(
            sa.select(Allocation.document_id).where(Allocation.payment_id == payment.id)
        ),
        CreditEntry.created_at >= payment.created_at,
    )
    return int(db.session.scalar(paid_out) or 0) < 0
