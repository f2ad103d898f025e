"""Subscriptions, the periods they billed, and the changes that wait for their date."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.tables import (
    Base,
    BigId,
    Id,
    LabelEnum,
    PublicId,
    Scaled4,
    ShopOwned,
    Timestamped,
    Versioned,
    minor,
    word,
)
from portal.core.vat import VatCategory
from portal.domain.catalog.models import IntervalUnit
from portal.domain.shops.models import Mode


class SubscriptionStatus(LabelEnum):
    """Where a subscription is; ``states.py`` holds the moves."""

    PENDING_MANDATE = "pending_mandate", _l("Waiting for a payment method"), "yellow"
    TRIAL = "trial", _l("Trial"), "purple"
    ACTIVE = "active", _l("Active"), "green"
    PAUSED = "paused", _l("Paused"), "azure"
    SUSPENDED = "suspended", _l("Suspended"), "orange"
    FAILED = "failed", _l("Payment failed"), "red"
    COMPLETED = "completed", _l("Completed"), "grey"
    CANCELLED = "cancelled", lazy_pgettext("subscription", "Cancelled"), "grey"
    ARCHIVED = "archived", _l("Archived"), "grey"


class ChangeKind(LabelEnum):
    """What takes effect on a date."""

    CANCEL = "cancel", _l("Cancellation")
    PAUSE = "pause", _l("Pause")
    RESUME = "resume", _l("Resume")
    PRICE = "price", _l("Price change")
    SWITCH = "switch", _l("Change of plan")


class ChangeStatus(LabelEnum):
    """Whether a change still waits."""

    WAITING = "waiting", _l("Planned"), "azure"
    DONE = "done", _l("Done"), "green"
    WITHDRAWN = "withdrawn", _l("Withdrawn"), "grey"


class Subscription(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """A product that is billed by date, with the price and the rules of the day it was agreed."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "id"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.ForeignKeyConstraint(
            ["shop_id", "payment_method_id"], ["payment_methods.shop_id", "payment_methods.id"]
        ),
        # In the order of the list, or SQLite walks all of the shop in that order.
        sa.Index("ix_subscriptions_list", "shop_id", "customer_id", "mode", "id", "status"),
        sa.Index(
            "ix_subscriptions_payment_method_id", "payment_method_id", "status", "next_billing_on", "id"
        ),
        sa.Index("ix_subscriptions_next_billing", "shop_id", "status", "next_billing_on", "id"),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    customer_id: Mapped[int] = mapped_column(BigId)
    product_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("products.id"))
    payment_method_id: Mapped[int | None] = mapped_column(BigId)
    order_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("orders.id"))
    status: Mapped[SubscriptionStatus] = mapped_column(word(SubscriptionStatus))

    name: Mapped[str] = mapped_column(sa.String(200))
    icon: Mapped[str] = mapped_column(sa.String(40), default="refresh")
    quantity: Mapped[Decimal] = mapped_column(Scaled4, default=Decimal(1))
    unit_price: Mapped[Decimal] = mapped_column(Scaled4, doc="Minor units, with up to four decimals.")
    vat_category: Mapped[VatCategory] = mapped_column(word(VatCategory))
    vat_rate: Mapped[Decimal] = mapped_column(Scaled4, doc="Percent.")
    prices_include_vat: Mapped[bool] = mapped_column(default=True)
    currency: Mapped[str] = mapped_column(sa.String(3))
    amount_minor: Mapped[int] = minor(doc="What one period costs, VAT included.")
    interval_unit: Mapped[IntervalUnit] = mapped_column(word(IntervalUnit))
    interval_count: Mapped[int] = mapped_column(default=1)

    started_on: Mapped[date]
    anchor_day: Mapped[int]
    trial_ends_on: Mapped[date | None]
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    next_billing_on: Mapped[date | None]
    paused_on: Mapped[date | None]
    resume_on: Mapped[date | None]
    unused_days: Mapped[int] = mapped_column(default=0)
    periods_billed: Mapped[int] = mapped_column(default=0)
    terms: Mapped[int | None]
    ended_on: Mapped[date | None] = mapped_column(doc="Its last day, once it has ended.")
    answers: Mapped[list[Any]] = mapped_column(sa.JSON, default=list, doc="Custom fields: label and value.")


class SubscriptionPeriod(Id, ShopOwned, Timestamped, Base):
    """A period that was billed; the database refuses a second bill for it."""

    __tablename__ = "subscription_periods"
    __table_args__ = (
        sa.UniqueConstraint("subscription_id", "starts_on"),
        sa.Index("ix_subscription_periods_document_id", "document_id"),
    )

    subscription_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("subscriptions.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    document_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("documents.id"))


class SubscriptionChange(Id, ShopOwned, Timestamped, Versioned, Base):
    """Something that happens to a subscription on a date."""

    __tablename__ = "subscription_changes"
    __table_args__ = (
        sa.Index("ix_subscription_changes_due", "shop_id", "status", "effective_on"),
        sa.Index("ix_subscription_changes_subscription_id", "subscription_id"),
    )

    subscription_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("subscriptions.id"))
    kind: Mapped[ChangeKind] = mapped_column(word(ChangeKind))
    status: Mapped[ChangeStatus] = mapped_column(word(ChangeStatus), default=ChangeStatus.WAITING)
    effective_on: Mapped[date]
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    done_at: Mapped[datetime | None]
