"""Attempts to pay and to pay back, each with the list of what the provider said."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.tables import (
    Base,
    BigId,
    Id,
    LabelEnum,
    PublicId,
    ShopOwned,
    Timestamped,
    Versioned,
    minor,
    word,
)
from portal.domain.shops.models import Mode


class PaymentMethodKind(LabelEnum):
    """How a payment is made, as the customer chose it."""

    IDEAL = "ideal", _l("iDEAL | Wero")
    CARD = "card", _l("Credit card")
    SEPA = "sepa", _l("Direct debit")
    TRANSFER = "transfer", _l("Bank transfer")
    CASH = "cash", _l("Cash")


class PaymentStatus(LabelEnum):
    """Where an attempt is; ``states.py`` holds the moves."""

    CREATED = "created", _l("Created"), "grey"
    OPEN = "open", _l("Started"), "grey"
    PENDING = "pending", _l("Pending"), "azure"
    PAID = "paid", _l("Paid"), "green"
    FAILED = "failed", _l("Failed"), "red"
    CANCELLED = "cancelled", _l("Cancelled"), "grey"
    EXPIRED = "expired", _l("Expired"), "grey"
    REVERSED = "reversed", _l("Reversed"), "red"


_ENDED = (PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED)


class RefundStatus(LabelEnum):
    """Where a refund is."""

    QUEUED = "queued", _l("Queued"), "grey"
    PENDING = "pending", _l("Pending"), "azure"
    DONE = "done", _l("Refunded"), "green"
    FAILED = "failed", _l("Failed"), "red"
    CANCELLED = "cancelled", _l("Cancelled"), "grey"


#: In a payment's details: when money that was under way came to nothing.
FELL_THROUGH = "fell_through_at"


class Payment(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """One attempt to pay one or more documents."""

    __tablename__ = "payments"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "id"),
        sa.UniqueConstraint("shop_id", "provider", "provider_ref"),
        sa.UniqueConstraint("shop_id", "idempotency_key"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.ForeignKeyConstraint(
            ["shop_id", "payment_method_id"], ["payment_methods.shop_id", "payment_methods.id"]
        ),
        sa.Index("ix_payments_customer_id", "customer_id", "created_at"),
        sa.Index("ix_payments_payment_method_id", "payment_method_id", "status"),
        sa.Index("ix_payments_status", "shop_id", "status", "created_at"),
        sa.Index("ix_payments_watch_until", "shop_id", "watch_until"),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    customer_id: Mapped[int] = mapped_column(BigId)
    payment_method_id: Mapped[int | None] = mapped_column(BigId)
    provider: Mapped[str] = mapped_column(sa.String(32))
    provider_ref: Mapped[str | None] = mapped_column(sa.String(100))
    method: Mapped[PaymentMethodKind] = mapped_column(word(PaymentMethodKind))
    currency: Mapped[str] = mapped_column(sa.String(3))
    amount_minor: Mapped[int] = minor()
    received_minor: Mapped[int] = minor(
        doc="What the provider says arrived; equals the amount but in a dispute."
    )
    status: Mapped[PaymentStatus] = mapped_column(word(PaymentStatus), default=PaymentStatus.CREATED)
    description: Mapped[str] = mapped_column(sa.String(140), default="")
    idempotency_key: Mapped[str] = mapped_column(sa.String(64))
    checkout_url: Mapped[str | None] = mapped_column(sa.String(1000))
    details: Mapped[dict[str, Any]] = mapped_column(
        sa.JSON, default=dict, doc="Masked account, holder, reason."
    )
    via_link: Mapped[bool] = mapped_column(
        default=False, doc="Started on the public payment link, by a stranger."
    )
    expires_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    watch_until: Mapped[datetime | None] = mapped_column(
        doc="Given up here, but not known to be over at its provider, which is asked until then."
    )
    paid_at: Mapped[datetime | None]
    reversed_at: Mapped[datetime | None]

    @property
    def is_charge(self) -> bool:
        """Whether a saved method is charged: sending it moves money, with nobody at a bank's page."""
        return self.payment_method_id is not None

    @property
    def credit_minor(self) -> int:
        """How much of the customer's credit was spent with it, on the same documents or others of the same wish."""
        return int(self.details.get("credit_minor", 0))

    @property
    def is_undone(self) -> bool:
        """Whether the shop took it back, having booked it by mistake: no chargeback of the customer's."""
        return "undone" in self.details

    @property
    def fell_through_at(self) -> datetime | None:
        """When it came to nothing although it had been under way, so that its customer had been told to wait."""
        said = self.details.get(FELL_THROUGH)
        return None if said is None or self.status not in _ENDED else datetime.fromisoformat(said)

    @property
    def is_under_way(self) -> bool:
        """Whether money may be moving: nothing else may be started for the same balance."""
        return self.status is PaymentStatus.PENDING or (
            self.is_charge and self.status is PaymentStatus.CREATED
        )


class PaymentEvent(Id, ShopOwned, Timestamped, Base):
    """Something that was said about a payment. Rows are only ever added."""

    __tablename__ = "payment_events"
    __table_args__ = (
        sa.ForeignKeyConstraint(["shop_id", "payment_id"], ["payments.shop_id", "payments.id"]),
        sa.Index("ix_payment_events_payment_id", "payment_id"),
    )

    payment_id: Mapped[int] = mapped_column(BigId)
    status: Mapped[PaymentStatus] = mapped_column(word(PaymentStatus))
    source: Mapped[str] = mapped_column(sa.String(32), doc="start, webhook, return, asked, staff, job")
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)


class Refund(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """Money on its way back to the customer: through the provider of its payment, or sent by the shop's own bank.

    The rows of the credit ledger that name it say about which document, and for whom.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "idempotency_key"),
        sa.ForeignKeyConstraint(["shop_id", "payment_id"], ["payments.shop_id", "payments.id"]),
        sa.Index("ix_refunds_payment_id", "payment_id"),
        sa.Index("ix_refunds_ticket_id", "ticket_id"),
        sa.Index("ix_refunds_status", "shop_id", "status", "created_at"),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    payment_id: Mapped[int | None] = mapped_column(BigId, doc="None for what the shop sent by itself.")
    ticket_id: Mapped[int | None] = mapped_column(
        BigId, sa.ForeignKey("tickets.id"), doc="The request that it answers."
    )
    currency: Mapped[str] = mapped_column(sa.String(3))
    amount_minor: Mapped[int] = minor()
    provider_ref: Mapped[str | None] = mapped_column(sa.String(100))
    idempotency_key: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[RefundStatus] = mapped_column(word(RefundStatus), default=RefundStatus.QUEUED)
    says: Mapped[str] = mapped_column(
        sa.Text, default="", doc="What the customer reads in the mail about it."
    )
    is_told: Mapped[bool] = mapped_column(default=False, doc="The customer knows that it is on its way.")
    asked_at: Mapped[datetime | None]
    reference: Mapped[str] = mapped_column(
        sa.String(140), default="", doc="Of what the shop sent by itself, to find it by."
    )
    failure_reason: Mapped[str] = mapped_column(sa.String(200), default="")
    sent_on: Mapped[date | None] = mapped_column(
        doc="The shop's day on which the money left, or the provider took the order; the customer is told then."
    )
    done_at: Mapped[datetime | None]
