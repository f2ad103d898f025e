"""What was invoiced and paid for an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from portal.domain.invoices.linked import COLUMNS, ISSUED, LinkedInvoice, linked_invoice
from portal.domain.invoices.models import Allocation, Document
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.extensions import db

#: Attempts that moved money or are about to; those that came to nothing are told on the invoice's page.
_TOLD = (PaymentStatus.PENDING, PaymentStatus.PAID, PaymentStatus.REVERSED)


@dataclass(frozen=True)
class OrderPayment:
    """The share of one payment in the invoices of an order, in minor units."""

    at: datetime
    method: PaymentMethodKind
    status: PaymentStatus
    reference: str | None
    amount_minor: int
    currency: str
    #: When the shop took it back, having booked it by mistake.
    undone_at: datetime | None = None


@dataclass(frozen=True)
class OrderBilling:
    """The invoices of an order and the payments for them, each in the order in which they came."""

    invoices: list[LinkedInvoice]
    payments: list[OrderPayment]


def get_billing(order_id: int, *, customer_id: int, today: date) -> OrderBilling:
    """The invoices and payments of an order that the caller has looked up, in one statement."""
    rows = db.session.execute(
        sa.select(
            *COLUMNS,
            Payment.id.label("payment_id"),
            Payment.created_at.label("started_at"),
            Payment.paid_at,
            Payment.method,
            Payment.status.label("payment_status"),
            Payment.provider_ref,
            Payment.details,
            Payment.reversed_at.label("taken_back_at"),
            Allocation.amount_minor,
        )
        .outerjoin(
            Allocation, sa.and_(Allocation.document_id == Document.id, Allocation.payment_id.is_not(None))
        )
        .outerjoin(Payment, sa.and_(Payment.id == Allocation.payment_id, Payment.status.in_(_TOLD)))
        .where(Document.order_id == order_id, Document.customer_id == customer_id, *ISSUED)
        .order_by(Document.issue_date, Document.id, Payment.created_at, Payment.id)
    ).all()
    invoices: dict[str, LinkedInvoice] = {}
    shares: dict[int, OrderPayment] = {}
    for row in rows:
        if row.public_id not in invoices:
            invoices[row.public_id] = linked_invoice(row, today)
        if row.payment_id is not None:
            # One payment may have settled several of the order's invoices.
            before = shares[row.payment_id].amount_minor if row.payment_id in shares else 0
            shares[row.payment_id] = OrderPayment(
                at=row.paid_at or row.started_at,
                method=row.method,
                status=row.payment_status,
                reference=row.provider_ref,
                amount_minor=before + row.amount_minor,
                currency=row.currency,
                undone_at=row.taken_back_at if "undone" in row.details else None,
            )
    return OrderBilling(list(invoices.values()), sorted(shares.values(), key=lambda share: share.at))
