"""The test bank's own book: payments and mandates as the bank knows them, apart from what the portal
believes.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.tables import Base, Id, LabelEnum, ShopOwned, Timestamped, Versioned, minor, word


class BankStatus(LabelEnum):
    """Where a payment stands at the bank, in the bank's words."""

    OPEN = "open", _l("Open"), "grey"
    PENDING = "pending", _l("Pending"), "azure"
    PAID = "paid", _l("Paid"), "green"
    FAILED = "failed", _l("Failed"), "red"
    CANCELED = "canceled", _l("Cancelled"), "grey"
    EXPIRED = "expired", _l("Expired"), "grey"
    CHARGED_BACK = "charged_back", _l("Charged back"), "purple"


class MandateStatus(LabelEnum):
    """Where a mandate stands at the bank."""

    PENDING = "pending", _l("Pending"), "yellow"
    VALID = "valid", _l("Valid"), "green"
    INVALID = "invalid", _l("Invalid"), "red"
    REVOKED = "revoked", _l("Revoked"), "grey"


class Notice(LabelEnum):
    """When the bank tells the shop."""

    BEFORE = "before", _l("Before the customer returns")
    AFTER = "after", _l("After the customer has returned")
    THRICE = "thrice", _l("Three times")
    NEVER = "never", _l("Never")


def payment_id() -> str:
    """An unguessable id, as it stands in the address of the bank's page."""
    return f"sbp_{secrets.token_urlsafe(16)}"


def mandate_id() -> str:
    """An unguessable id of a mandate."""
    return f"sbm_{secrets.token_urlsafe(16)}"


class SandboxPayment(Id, ShopOwned, Timestamped, Versioned, Base):
    """One payment in the bank's book. ``reference`` and the addresses are the shop's and mean nothing to the
    bank.
    """

    __tablename__ = "sandbox_payments"
    __table_args__ = (sa.UniqueConstraint("shop_id", "idempotency_key"),)

    bank_id: Mapped[str] = mapped_column(sa.String(32), unique=True, default=payment_id)
    idempotency_key: Mapped[str] = mapped_column(sa.String(100))
    amount_minor: Mapped[int] = minor()
    currency: Mapped[str] = mapped_column(sa.String(3))
    description: Mapped[str] = mapped_column(sa.String(200), default="")
    reference: Mapped[str] = mapped_column(sa.String(64))
    return_url: Mapped[str] = mapped_column(sa.String(500))
    webhook_url: Mapped[str] = mapped_column(sa.String(500))
    locale: Mapped[str] = mapped_column(sa.String(5), default="en")
    method: Mapped[str] = mapped_column(sa.String(32))
    mandate: Mapped[str | None] = mapped_column(sa.String(32))
    status: Mapped[BankStatus] = mapped_column(word(BankStatus), default=BankStatus.OPEN)
    notice: Mapped[Notice | None] = mapped_column(word(Notice))
    expires_at: Mapped[datetime]
    pays_at: Mapped[datetime | None] = mapped_column(
        doc="When a payment that is to be paid later pays by itself."
    )
    decided_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None] = mapped_column(doc="When the shop last took a notification.")
    paid_at: Mapped[datetime | None]
    charged_back_at: Mapped[datetime | None]
    chargeback_won_at: Mapped[datetime | None]
    failure_reason: Mapped[str | None] = mapped_column(sa.String(200))
    refunds: Mapped[list[Any]] = mapped_column(sa.JSON, default=list)


class SandboxMethod(Id, ShopOwned, Timestamped, Versioned, Base):
    """A mandate or card at the bank. Of the number only what is shown is kept, and a keyed hash to know it again."""

    __tablename__ = "sandbox_methods"
    __table_args__ = (sa.UniqueConstraint("shop_id", "idempotency_key"),)

    bank_id: Mapped[str] = mapped_column(sa.String(32), unique=True, default=mandate_id)
    idempotency_key: Mapped[str] = mapped_column(sa.String(100))
    kind: Mapped[str] = mapped_column(sa.String(32))
    customer: Mapped[str] = mapped_column(sa.String(64))
    holder: Mapped[str] = mapped_column(sa.String(200), default="")
    reference: Mapped[str] = mapped_column(sa.String(64))
    return_url: Mapped[str] = mapped_column(sa.String(500))
    webhook_url: Mapped[str] = mapped_column(sa.String(500))
    locale: Mapped[str] = mapped_column(sa.String(5), default="en")
    status: Mapped[MandateStatus] = mapped_column(word(MandateStatus), default=MandateStatus.PENDING)
    masked: Mapped[str] = mapped_column(sa.String(40), default="")
    fingerprint: Mapped[str] = mapped_column(sa.String(64), default="")
    expires_on: Mapped[date | None]
    notice: Mapped[Notice | None] = mapped_column(word(Notice))
    decided_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
