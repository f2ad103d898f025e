"""Saved ways to pay: direct debit mandates and cards."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.tables import Base, BigId, Id, LabelEnum, PublicId, ShopOwned, Timestamped, Versioned, word
from portal.domain.shops.models import Mode


class MethodKind(LabelEnum):
    """What kind of method was saved."""

    SEPA = "sepa", _l("Direct debit")
    CARD = "card", _l("Credit card")


class MethodStatus(LabelEnum):
    """Whether a saved method can be charged."""

    PENDING = "pending", _l("Pending"), "azure"
    VALID = "valid", _l("Valid"), "green"
    INVALID = "invalid", _l("Invalid"), "red"
    REVOKED = "revoked", _l("Revoked"), "grey"


_DEFAULT, _VALID = sa.text("is_default"), sa.text("status = 'valid'")


class PaymentMethod(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """A mandate or card at a provider. The account number is masked: the whole one never gets here."""

    __tablename__ = "payment_methods"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "id"),
        sa.UniqueConstraint("shop_id", "provider", "provider_ref"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.Index("ix_payment_methods_customer_id", "customer_id", "id"),
        sa.Index("ix_payment_methods_status", "shop_id", "status", "created_at"),
        # Two windows at once end in one default, and one account or card is saved once.
        sa.Index(
            "uq_payment_methods_default",
            "shop_id",
            "customer_id",
            unique=True,
            sqlite_where=_DEFAULT,
            postgresql_where=_DEFAULT,
        ),
        sa.Index(
            "uq_payment_methods_fingerprint",
            "shop_id",
            "customer_id",
            "provider",
            "fingerprint",
            unique=True,
            sqlite_where=_VALID,
            postgresql_where=_VALID,
        ),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    customer_id: Mapped[int] = mapped_column(BigId)
    provider: Mapped[str] = mapped_column(sa.String(32))
    provider_ref: Mapped[str | None] = mapped_column(sa.String(100))
    customer_ref: Mapped[str | None] = mapped_column(
        sa.String(100), doc="The customer that the provider keeps it under."
    )
    kind: Mapped[MethodKind] = mapped_column(word(MethodKind))
    status: Mapped[MethodStatus] = mapped_column(word(MethodStatus), default=MethodStatus.PENDING)
    is_default: Mapped[bool] = mapped_column(default=False)
    masked: Mapped[str] = mapped_column(sa.String(40), default="")
    holder: Mapped[str] = mapped_column(sa.String(200), default="")
    fingerprint: Mapped[str | None] = mapped_column(
        sa.String(64),
        doc="The same for the same account or card at its provider, and no way back to the number.",
    )
    reference: Mapped[str | None] = mapped_column(sa.String(35), doc="The mandate reference of SEPA.")
    mandate_text: Mapped[str] = mapped_column(
        sa.Text, default="", doc="What the debtor agreed to, word by word."
    )
    signed_on: Mapped[date | None]
    expires_on: Mapped[date | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
