"""Orders with a snapshot of what was bought, and the downloads that came with them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

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
from portal.domain.shops.models import Mode


class OrderStatus(LabelEnum):
    """Where an order is; ``states.py`` holds the moves."""

    PENDING_PAYMENT = "pending_payment", _l("Waiting for payment"), "yellow"
    PAID = "paid", _l("Paid"), "green"
    COMPLETED = "completed", _l("Completed"), "green"
    CANCELLED = "cancelled", _l("Cancelled"), "grey"
    REFUNDED = "refunded", _l("Refunded"), "grey"


class Order(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """What a customer bought in one go."""

    __tablename__ = "orders"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "id"),
        sa.UniqueConstraint("shop_id", "mode", "number"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.Index("ix_orders_list", "shop_id", "customer_id", "mode", "order_date", "id"),
        sa.Index("ix_orders_list_status", "shop_id", "customer_id", "mode", "status", "order_date", "id"),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    customer_id: Mapped[int] = mapped_column(BigId)
    number: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[OrderStatus] = mapped_column(word(OrderStatus), default=OrderStatus.PENDING_PAYMENT)
    order_date: Mapped[date]
    placed_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    currency: Mapped[str] = mapped_column(sa.String(3))
    prices_include_vat: Mapped[bool]
    net_minor: Mapped[int] = minor()
    vat_minor: Mapped[int] = minor()
    total_minor: Mapped[int] = minor()
    vat_groups: Mapped[list[Any]] = mapped_column(
        sa.JSON, default=list, doc="Snapshot: category, rate (text), net_minor, vat_minor."
    )
    answers: Mapped[list[Any]] = mapped_column(sa.JSON, default=list, doc="Custom fields: label and value.")
    note: Mapped[str] = mapped_column(sa.Text, default="")

    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", cascade="all, delete-orphan")


class OrderLine(Id, ShopOwned, Base):
    """A product as it was on the day of the order."""

    __tablename__ = "order_lines"
    __table_args__ = (sa.UniqueConstraint("order_id", "position"),)

    order_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("orders.id"))
    position: Mapped[int]
    product_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("products.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    quantity: Mapped[Decimal] = mapped_column(Scaled4)
    unit_price: Mapped[Decimal] = mapped_column(Scaled4, doc="Minor units, with up to four decimals.")
    vat_category: Mapped[VatCategory] = mapped_column(word(VatCategory))
    vat_rate: Mapped[Decimal] = mapped_column(Scaled4, doc="Percent.")
    net_minor: Mapped[int] = minor()
    gross_minor: Mapped[int] = minor()


class Download(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """A bought file with the limits of the day of purchase; the file sold stays the one served."""

    __tablename__ = "downloads"
    # A line gives each file once, however often it is told that it is paid.
    __table_args__ = (sa.Index("uq_downloads_file", "order_line_id", "product_file_id", unique=True),)

    order_line_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("order_lines.id"))
    product_file_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("product_files.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    storage_key: Mapped[str] = stored_file()
    media_type: Mapped[str] = mapped_column(sa.String(100))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    download_limit: Mapped[int]
    downloads_used: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime]
