"""Money that goes back: by the provider it came in by, or sent by the shop and written down (domain.md, "Payments").

The credit note comes first: what was paid is the customer's credit then. A refund takes that credit at once, so that
the same money never goes twice, and one that does not arrive gives it back.

| the refund | what happens | becomes | the credit | who is told |
| --- | --- | --- | --- | --- |
| – | the shop writes down what it sent | done | taken | the customer |
| – | the shop has a provider pay back | queued | taken | nobody yet |
| queued | the provider takes the order, and lets it wait | queued | – | nobody yet |
| queued | under way there | pending | – | the customer, once |
| queued | the provider refuses the order, or the payment was charged back | failed | given back | the shop |
| queued, pending | done there | done | – | the customer, once |
| queued, pending, done | came to nothing there | failed | given back | the shop; the customer, if told before |
| queued, pending | cancelled there | cancelled | given back | the same |
| failed, cancelled | reported as under way or done | as it was | – | the shop, by a mark |
| – | the provider reports one that is none of ours | – | – | the shop, by a mark |

A report that was overtaken changes nothing: every status is only left forwards. What an order was answered with may be
lost, so the provider is asked for an order of ours before one is given: see ``refunding_jobs``.

Credit that comes back was perhaps that of a credit note whose invoice was charged back meanwhile, and is open again
although it was credited: then the note is taken off that invoice, as the chargeback would have done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import audit, clock, links, locale, outbox, signals
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.templating import language
from portal.domain.invoices import booking, ledger
from portal.domain.invoices.models import Allocation, AllocationState, CreditEntry, CreditUse, Document
from portal.domain.payments import actions, queries, registry
from portal.domain.payments.models import Payment, PaymentStatus, Refund, RefundStatus
from portal.domain.payments.provider import ProviderRefund
from portal.domain.payments.states import REACHED_BY, REFUND, TAKES, UNDER_WAY
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop
from portal.extensions import db

#: Background work: gives the order to pay back, or asks what became of it.
SEND = "payments.refund"

#: Why nothing was ordered where no provider said so.
NOT_PAID = "not_paid"
LONGEST_REFERENCE = 140
LONGEST_FAILURE = 200

#: Sent inside the transaction once the money of a refund is on its way: with it, its ``document``, ``actor``, ``now``.
refund_sent = signals.signal("refund_sent")
#: The same for one that came to nothing.
refund_failed = signals.signal("refund_failed")


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """What left the shop's own bank: on a day of its calendar, with what the customer finds it by."""

    sent_on: date
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class ThroughProvider:
    """Back to where a payment came from."""

    payment_id: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """A refund that somebody of the shop wants: ``amount_minor`` in the currency of the document.

    ``says`` is what the mail about it tells, ``ticket_id`` the request that it answers. ``key`` names the form it was
    typed into: the same form is the same money.
    """

    amount_minor: int
    way: ByHand | ThroughProvider
    says: str
    key: str
    ticket_id: int | None = None


@dataclass(frozen=True)
class Returnable:
    """A payment of a document that its provider can pay back, with the most in minor units."""

    payment: Payment
    most_minor: int


def list_returnable(document: Document, shop: Shop, credit_minor: int) -> list[Returnable]:
    """The payments of a document that can go back the way they came, newest first. For staff who may change invoices.

    Of each no more than what is left of it, and than the customer's credit, ``credit_minor``.
    """
    names = [name for name, provider in registry.offered(shop).items() if provider.capabilities.refunds]
    meant = sa.select(Allocation.payment_id).where(
        Allocation.document_id == document.id, Allocation.state == AllocationState.BOOKED
    )
    rows = db.session.execute(
        sa.select(Payment, Payment.received_minor - _refunded_minor(Payment.id))
        .where(
            Payment.id.in_(meant),
            Payment.status == PaymentStatus.PAID,
            Payment.mode == shop.mode,
            Payment.provider.in_(names),
        )
        .order_by(Payment.id.desc())
    )
    found = [
        Returnable(payment, min(int(left) - _unknown_minor(payment), credit_minor)) for payment, left in rows
    ]
    return [each for each in found if each.most_minor > 0]


def find_by_key(document_id: int, key: str) -> Refund | None:
    """The refund that a form on a document made, if it was sent before."""
    return db.session.scalar(sa.select(Refund).where(Refund.idempotency_key == _key(document_id, key)))


def find_known(document_id: int, order: Order) -> Refund | None:
    """The same for an order: ``Conflict`` where that form was sent with another amount or another way before."""
    known = find_by_key(document_id, order.key)
    wanted = None if isinstance(order.way, ByHand) else order.way.payment_id
    if known is not None and (known.amount_minor, known.payment_id) != (order.amount_minor, wanted):
        raise Conflict(_l("This form was sent before, with something else in it. Look what was paid back."))
    return known


def hold(document: Document, way: ByHand | ThroughProvider) -> None:
    """Locks what a refund changes, in the order of payments: the account, its documents, the payment.

    Before any ticket. Raises ``NotFound`` for a payment that is not the document's.
    """
    if isinstance(way, ByHand):
        booking.lock_credit([document.customer_id])
        return
    if document.id not in {share.document_id for share in booking.shares_of(way.payment_id)}:
        raise NotFound(f"payment {way.payment_id}")
    queries.lock_payment(way.payment_id)


def make(document: Document, order: Order, *, shop: Shop, actor: Actor, now: datetime) -> Refund:
    """Takes the credit for a refund, and writes it down as done or has the provider pay it. Twice it is once.

    For staff who may change invoices, after ``hold``. Raises ``DomainError`` for an amount or a day that cannot be, and
    ``Conflict`` for a payment that cannot go back by its provider any more.
    """
    known = find_known(document.id, order)
    if known is not None:
        return known
    check(document, order, shop=shop, now=now)
    is_by_hand = isinstance(order.way, ByHand)
    refund = Refund(
        mode=document.mode,
        payment_id=None if isinstance(order.way, ByHand) else order.way.payment_id,
        ticket_id=order.ticket_id,
        currency=document.currency,
        amount_minor=order.amount_minor,
        idempotency_key=_key(document.id, order.key),
        status=RefundStatus.DONE if is_by_hand else RefundStatus.QUEUED,
        says=order.says,
        created_at=now,
    )
    if isinstance(order.way, ByHand):
        refund.sent_on, refund.reference, refund.done_at = order.way.sent_on, order.way.reference, now
    db.session.add(refund)
    db.session.flush()
    ledger.write(
        ledger.account_of(document),
        -order.amount_minor,
        CreditUse.REFUND,
        now=now,
        actor=actor,
        document_id=document.id,
        refund_id=refund.id,
        **_told(order),
    )
    said = {"amount_minor": order.amount_minor, "payment_id": refund.payment_id}
    audit.record(f"refund.{refund.status.value}", refund, actor=actor, now=now, **said)
    if is_by_hand:
        refund_sent.send(refund=refund, document=document, actor=actor, now=now)
    else:
        outbox.repeat(SEND, {"refund_id": refund.id}, key=refund.public_id, now=now)
    return refund


def _told(order: Order) -> dict[str, Any]:
    """What the audit entry of the ledger's row says beside the row."""
    said: dict[str, Any] = {} if order.ticket_id is None else {"ticket_id": order.ticket_id}
    if isinstance(order.way, ByHand):
        said |= {"paid_on": order.way.sent_on.isoformat(), "reference": order.way.reference}
    return said


def check(document: Document, order: Order, *, shop: Shop, now: datetime) -> None:
    """Whether it can be paid like this now, after ``hold``. Raises as ``make`` does."""
    if order.amount_minor <= 0:
        raise DomainError(_l("The amount must be at least one cent."), "amount")
    credit_minor = booking.credit_balance(
        document.customer_id, mode=document.mode, currency=document.currency
    )
    if order.amount_minor > credit_minor:
        raise DomainError(_l("The customer has less credit than that. Make a credit note first."), "amount")
    if isinstance(order.way, ByHand):
        if order.way.sent_on > clock.today(shop.time_zone, now):
            raise DomainError(_l("Money cannot have gone out on that day."), "paid_on")
        if document.issue_date is not None and order.way.sent_on < document.issue_date:
            raise DomainError(
                _(
                    "Money cannot go back before the invoice, which is of %(date)s.",
                    date=locale.date(document.issue_date, language(), "long"),
                ),
                "paid_on",
            )
        return
    wanted = order.way.payment_id
    most_minor = next(
        (
            each.most_minor
            for each in list_returnable(document, shop, credit_minor)
            if each.payment.id == wanted
        ),
        0,
    )
    if most_minor == 0:
        raise Conflict(_l("This payment cannot go back the way it came any more. Please look again."))
    if order.amount_minor > most_minor:
        raise DomainError(_l("That is more than is left of this payment."), "amount")


def lock_payment(payment_id: int) -> Payment:
    """A payment whose refunds are to be moved, with everything locked that one that fails may change."""
    payment = db.session.get_one(Payment, payment_id)
    account = actions.source_of(payment).account
    booking.lock_credit([account.customer_id])
    return queries.lock_payment(payment_id, beside=booking.list_noted_and_open(account))


def lock_refund(refund_id: int) -> Refund:
    """A refund, fresh and held, with its payment and what that may change held before it."""
    refund = db.session.get_one(Refund, refund_id)
    if refund.payment_id is not None:
        lock_payment(refund.payment_id)
    return db.session.scalars(
        sa.select(Refund)
        .where(Refund.id == refund_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def apply(refund: Refund, answer: ProviderRefund, *, source: str, actor: Actor, now: datetime) -> None:
    """Moves a locked refund to what its provider says. Safe to repeat, in any order."""
    payment = db.session.get_one(Payment, refund.payment_id)
    if (answer.amount.minor, answer.amount.currency) != (refund.amount_minor, refund.currency):
        said = {"reported_minor": answer.amount.minor, "reported_currency": answer.amount.currency}
        actions.mark(
            payment, "wrong_refund", source=source, actor=actor, now=now, refund_id=refund.id, **said
        )
    if refund.provider_ref is None:
        refund.provider_ref = answer.provider_ref
    reported = RefundStatus(answer.status.value)
    if (refund.status in TAKES) != (reported in TAKES) and not _may_become(refund.status, reported):
        actions.mark(
            payment,
            "contradicting_refund",
            source=source,
            actor=actor,
            now=now,
            refund_id=refund.id,
            reported=reported.value,
        )
        return
    if reported not in TAKES:
        fail(refund, reported, answer.failure_reason or "", source=source, actor=actor, now=now)
        return
    _move(refund, reported, source=source, actor=actor, now=now)
    if refund.sent_on is None and reported is not RefundStatus.QUEUED:
        refund.sent_on = clock.today(get_shop(refund.shop_id).time_zone, now)
        refund_sent.send(refund=refund, document=document_of(refund), actor=actor, now=now)


def fail(
    refund: Refund, reached: RefundStatus, reason: str, *, source: str, actor: Actor, now: datetime
) -> None:
    """A locked refund came to nothing: its credit is the customer's again. Repeated it does nothing."""
    if not _move(refund, reached, source=source, actor=actor, now=now):
        return
    refund.failure_reason = reason[:LONGEST_FAILURE]
    document = document_of(refund)
    account = ledger.account_of(document)
    ledger.write(
        account,
        refund.amount_minor,
        CreditUse.REFUND_RETURNED,
        now=now,
        actor=actor,
        document_id=document.id,
        refund_id=refund.id,
    )
    booking.settle_notes(account, booking.list_noted_and_open(account), now=now, actor=actor)
    refund_failed.send(refund=refund, document=document, actor=actor, now=now)


def _move(refund: Refund, reached: RefundStatus, *, source: str, actor: Actor, now: datetime) -> bool:
    """One legal move with its entry in the audit log; False where it is no news."""
    before = refund.status
    if not _may_become(before, reached):
        return False
    refund.status = reached
    refund.done_at = now if reached is RefundStatus.DONE else None
    audit.record(f"refund.{reached.value}", refund, actor=actor, now=now, before=before.value, source=source)
    return True


def _may_become(status: RefundStatus, reached: RefundStatus) -> bool:
    return REACHED_BY.get(reached) in REFUND.moves_from(status)


def apply_all(
    payment: Payment, answers: Sequence[ProviderRefund], *, source: str, actor: Actor, now: datetime
) -> None:
    """The same for everything that a provider reports with a locked payment.

    One that is none of ours was made at the provider's own pages: the shop must look at it, as no credit was taken.
    """
    if not answers:
        return
    ours = list(
        db.session.scalars(
            sa.select(Refund)
            .where(Refund.payment_id == payment.id)
            .order_by(Refund.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )
    for answer in answers:
        refund = find_among(ours, answer)
        if refund is not None:
            apply(refund, answer, source=source, actor=actor, now=now)
        elif RefundStatus(answer.status.value) in TAKES:
            said = {"refund_ref": answer.provider_ref, "reported_minor": answer.amount.minor}
            actions.mark(payment, "unknown_refund", source=source, actor=actor, now=now, **said)


def find_among(refunds: Iterable[Refund], answer: ProviderRefund) -> Refund | None:
    """Ours that a provider's refund is, by its id there, or by the reference that we gave with the order."""
    return next(
        (
            each
            for each in refunds
            if each.provider_ref == answer.provider_ref
            or (each.provider_ref is None and each.public_id == answer.reference)
        ),
        None,
    )


def find_under_way(ticket_id: int) -> Refund | None:
    """The refund that is on its way for a request, so that nobody may refuse that meanwhile; the newest."""
    found = sa.select(Refund).where(Refund.ticket_id == ticket_id, Refund.status.in_(UNDER_WAY))
    return db.session.scalar(found.order_by(Refund.id.desc()).limit(1))


def is_charged_back(refund: Refund) -> bool:
    """Whether its customer's bank took the payment back, so that nothing is to be paid back any more."""
    if refund.payment_id is None:
        return False
    return db.session.get_one(Payment, refund.payment_id).status is PaymentStatus.REVERSED


def document_of(refund: Refund) -> Document:
    """What it is about."""
    return db.session.scalars(
        sa.select(Document)
        .join(CreditEntry, CreditEntry.document_id == Document.id)
        .where(CreditEntry.refund_id == refund.id, CreditEntry.use == CreditUse.REFUND)
    ).one()


def _refunded_minor(payment_id: Any) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0))
        .where(Refund.payment_id == payment_id, Refund.status.in_(TAKES))
        .correlate(Payment)
        .scalar_subquery()
    )


def _unknown_minor(payment: Payment) -> int:
    """What the provider reported as paid back of a payment and is none of ours."""
    marks = payment.details.get("marks", [])
    return sum(each["reported_minor"] for each in marks if each["mismatch"] == "unknown_refund")


def _key(document_id: int, key: str) -> str:
    return f"refund-{links.mac('refund', f'{document_id}:{key}')}"
