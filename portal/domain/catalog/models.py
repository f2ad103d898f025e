"""Products with their price, their rules for subscriptions, and their digital files."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
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
    Scaled4,
    ShopOwned,
    Timestamped,
    Versioned,
    minor,
    stored_file,
    word,
)
from portal.core.vat import VatCategory


class ProductKind(LabelEnum):
    """How a product is billed."""

    ONE_TIME = "one_time", _l("One time")
    SUBSCRIPTION = "subscription", _l("Subscription")


class IntervalUnit(LabelEnum):
    """The unit of a billing interval; the count beside it says how many."""

    DAY = "day", _l("Day")
    WEEK = "week", _l("Week")
    MONTH = "month", _l("Month")
    QUARTER = "quarter", _l("Quarter")
    YEAR = "year", _l("Year")


class CancelMode(LabelEnum):
    """What a customer's cancellation does."""

    IMMEDIATE = "immediate", _l("Immediately")
    REQUEST = "request", _l("On request, with notice")


class Product(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """Something the shop sells. Orders and documents keep a snapshot, so a change never reaches the past."""

    __tablename__ = "products"
    __table_args__ = (
        sa.Index("ix_products_shop_id_name", "shop_id", "name", "id"),
        sa.Index("ix_products_switch_group", "shop_id", "switch_group"),
    )

    name: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    category: Mapped[str] = mapped_column(sa.String(100), default="")
    icon: Mapped[str] = mapped_column(sa.String(40), default="package")
    image_key: Mapped[str | None] = stored_file()
    kind: Mapped[ProductKind] = mapped_column(word(ProductKind), default=ProductKind.ONE_TIME)

    currency: Mapped[str] = mapped_column(sa.String(3), default="EUR")
    unit_price: Mapped[Decimal] = mapped_column(Scaled4, doc="Minor units, with up to four decimals.")
    vat_category: Mapped[VatCategory] = mapped_column(word(VatCategory), default=VatCategory.STANDARD)
    vat_rate: Mapped[Decimal] = mapped_column(Scaled4, doc="Percent.")
    setup_fee_minor: Mapped[int] = minor()

    interval_unit: Mapped[IntervalUnit | None] = mapped_column(word(IntervalUnit))
    interval_count: Mapped[int] = mapped_column(default=1)
    trial_days: Mapped[int] = mapped_column(default=0)
    terms: Mapped[int | None] = mapped_column(
        doc="Number of periods after which it is completed; none is endless."
    )

    allow_self_management: Mapped[bool] = mapped_column(default=True)
    allow_pause: Mapped[bool] = mapped_column(default=True)
    allow_cancel: Mapped[bool] = mapped_column(default=True)
    cancel_mode: Mapped[CancelMode] = mapped_column(word(CancelMode), default=CancelMode.REQUEST)
    notice_days: Mapped[int] = mapped_column(default=30)
    switch_group: Mapped[str] = mapped_column(
        sa.String(40),
        default="",
        doc="Subscriptions of one group can be changed into each other; empty for none.",
    )
    most_quantity: Mapped[int] = mapped_column(
        default=1, doc="Up to how many a customer may take of a subscription; 1 offers no choice."
    )

    custom_fields: Mapped[list[Any]] = mapped_column(sa.JSON, default=list)
    is_private: Mapped[bool] = mapped_column(default=False)
    archived_at: Mapped[datetime | None]


class ProductFile(Id, ShopOwned, PublicId, Timestamped, Base):
    """A file sold with a product, with the limits that a purchase of today gets."""

    __tablename__ = "product_files"
    __table_args__ = (sa.Index("ix_product_files_product_id", "product_id"),)

    product_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("products.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    storage_key: Mapped[str] = stored_file()
    media_type: Mapped[str] = mapped_column(sa.String(100))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    download_limit: Mapped[int] = mapped_column(default=5)
    valid_days: Mapped[int] = mapped_column(default=30)
    archived_at: Mapped[datetime | None]
