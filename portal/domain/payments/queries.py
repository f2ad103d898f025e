"""Finding payments, and what a document offers to whoever wants to pay it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core.errors import NotFound
from portal.core.statements import Statement, bound
from portal.domain.invoices import booking
from portal.domain.invoices.booking import Share
from portal.domain.invoices.models import Allocation, AllocationState, CreditEntry, Document
from portal.domain.payments.models import Payment, PaymentEvent, PaymentStatus
from portal.domain.payments.states import GIVEN_UP, RUNNING, STARTED
from portal.extensions import db

_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{22}")

#: A payment that is still open after this long is asked about; the customer's own return comes long before.
PATIENCE = timedelta(minutes=10)
#: Direct debits are pending for days: after the first day once an hour is enough.
OFTEN_FOR = timedelta(days=1)
SELDOM = timedelta(hours=1)
#: How many attempts that came to nothing are shown of a document.
LATEST = 20


def get_payment(public_id: str) -> Payment:
    """A payment of this shop by its public id, or ``NotFound``. For the return page, which is public."""
    if not _PUBLIC_ID.fullmatch(public_id):
        raise NotFound(public_id)
    payment = db.session.scalar(sa.select(Payment).where(Payment.public_id == public_id))
    if payment is None:
        raise NotFound(public_id)
    return payment


def find_by_provider(provider: str, provider_ref: str) -> Payment | None:
    """The payment of this shop that a provider knows by this id."""
    return db.session.scalar(
        sa.select(Payment).where(Payment.provider == provider, Payment.provider_ref == provider_ref)
    )


def find_by_reference(provider: str, reference: str) -> Payment | None:
    """The payment of this shop that we named so to a provider."""
    return db.session.scalar(
        sa.select(Payment).where(Payment.provider == provider, Payment.public_id == reference)
    )


def has_unanswered(provider: str) -> bool:
    """Whether some attempt was sent to a provider without its answer having been stored."""
    found = db.session.scalar(
        sa.select(Payment.id).where(Payment.provider == provider, Payment.provider_ref.is_(None)).limit(1)
    )
    return found is not None


def shares_of(payment_id: int) -> list[Share]:
    """What a payment was meant for, in the order in which it was planned."""
    return [Share(share.document_id, share.amount_minor) for share in booking.shares_of(payment_id)]


def documents_of(payment_id: int) -> list[Document]:
    """The documents a payment was meant for."""
    return list(
        db.session.scalars(
            sa.select(Document)
            .where(
                Document.id.in_(sa.select(Allocation.document_id).where(Allocation.payment_id == payment_id))
            )
            .order_by(Document.id)
        )
    )


def lock_payment(payment_id: int, *, beside: Iterable[int] = ()) -> Payment:
    """The payment, fresh and held by this transaction; every document that it may change is locked before it.

    ``beside``: other documents of its customer that are to be locked with those.
    """
    booking.lock_for_payment(payment_id, beside=beside)
    return db.session.scalars(
        sa.select(Payment)
        .where(Payment.id == payment_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def running_attempts(document_ids: Sequence[int]) -> list[Payment]:
    """Attempts on these documents that may still end either way, newest first."""
    return list(
        db.session.scalars(
            sa.select(Payment)
            .where(
                Payment.status.in_(RUNNING),
                Payment.id.in_(
                    sa.select(Allocation.payment_id).where(
                        Allocation.document_id.in_(document_ids),
                        Allocation.state.in_((AllocationState.PLANNED, AllocationState.PENDING)),
                    )
                ),
            )
            .order_by(Payment.id.desc())
        )
    )


def documents_beside(document_ids: Collection[int]) -> set[int]:
    """The documents of all running attempts that are also about one of these: their ids."""
    about, beside = aliased(Allocation), aliased(Allocation)
    return set(
        db.session.scalars(
            sa.select(beside.document_id)
            .join(Payment, Payment.id == beside.payment_id)
            .join(about, about.payment_id == Payment.id)
            .where(about.document_id.in_(document_ids), Payment.status.in_(RUNNING))
        )
    )


def count_attempts(documents: Sequence[Document], *, via_link: bool, since: datetime) -> int:
    """How often paying these documents was begun since a moment: on a link, or by the customer's people."""
    ids = [document.id for document in documents]
    of_documents = sa.select(Allocation.payment_id).where(Allocation.document_id.in_(ids))
    found = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(Payment)
        .where(Payment.id.in_(of_documents), Payment.via_link == via_link, Payment.created_at > since)
    )
    return found or 0


def count_unsent_charges(method_id: int) -> int:
    """How many charges of a saved method may not have reached their provider yet."""
    found = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(Payment)
        .where(
            Payment.payment_method_id == method_id,
            Payment.status == PaymentStatus.CREATED,
            Payment.provider_ref.is_(None),
        )
    )
    return found or 0


def list_charges_under_way(method_id: int, *, limit: int = 25) -> list[Payment]:
    """The debits of a saved method that are not decided, the newest first."""
    return list(
        db.session.scalars(
            sa.select(Payment)
            .where(Payment.payment_method_id == method_id, Payment.status.in_(RUNNING))
            # Not by id alone: SQLite would rather walk all payments of the shop in that order.
            .order_by(Payment.created_at.desc(), Payment.id.desc())
            .limit(limit)
        )
    )


def find_started_attempt(document_id: int) -> Payment | None:
    """The attempt on a document that was merely started, for "Continue" and "Start again"."""
    running = running_attempts([document_id])
    return next((p for p in running if p.status in STARTED and not p.is_under_way), None)


class PaidHere(NamedTuple):
    """An attempt to pay a document: what it was meant to pay of it, and what of all it brought is credit."""

    payment: Payment
    amount_minor: int
    credit_minor: int


def list_payments_of(document_id: int) -> list[PaidHere]:
    """The payment history of a document, newest first: each attempt with what it was meant to pay here.

    Every attempt that moved money, or still may; of the others, which anybody with the link can make, the latest.
    """
    rows = _payments_of(document_id=document_id)
    return [PaidHere(payment, int(amount), int(credit)) for payment, amount, credit in rows]


@bound
def _payments_of(document_id: int) -> Statement:
    latest = (
        sa.select(Allocation.payment_id)
        .where(Allocation.document_id == document_id, Allocation.payment_id.is_not(None))
        .distinct()
        .order_by(Allocation.payment_id.desc())
        .limit(LATEST)
    )
    credit = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.amount_minor), 0))
        .where(CreditEntry.payment_id == Payment.id)
        .correlate(Payment)
        .scalar_subquery()
    )
    return (
        sa.select(Payment, sa.func.sum(Allocation.amount_minor), credit)
        .join(Allocation, Allocation.payment_id == Payment.id)
        .where(
            Allocation.document_id == document_id,
            sa.or_(Payment.status.not_in(GIVEN_UP), Payment.id.in_(latest)),
        )
        .group_by(Payment.id)
        .order_by(Payment.id.desc())
    )


def list_events_of(payment_id: int) -> list[PaymentEvent]:
    """Everything that was said about a payment, oldest first."""
    return list(
        db.session.scalars(
            sa.select(PaymentEvent).where(PaymentEvent.payment_id == payment_id).order_by(PaymentEvent.id)
        )
    )


def list_to_ask(*, now: datetime, limit: int = 500) -> list[int]:
    """Payments under way for so long that the provider must be asked: their ids, oldest first."""
    due = sa.or_(
        Payment.asked_at.is_(None),
        Payment.created_at > now - OFTEN_FOR,
        Payment.asked_at < now - SELDOM,
    )
    undecided = sa.or_(Payment.status.in_(RUNNING), Payment.watch_until > now)
    return list(
        db.session.scalars(
            sa.select(Payment.id)
            .where(undecided, Payment.created_at < now - PATIENCE, due)
            .order_by(Payment.asked_at.is_not(None), Payment.asked_at, Payment.id)
            .limit(limit)
        )
    )


def is_finished(status: PaymentStatus) -> bool:
    """Whether nothing more is expected of an attempt."""
    return status not in RUNNING
