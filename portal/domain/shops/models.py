"""A shop, the domains it answers on, and its number series."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.core.tables import (
    Base,
    BigId,
    Id,
    LabelEnum,
    PublicId,
    ShopOwned,
    Timestamped,
    Versioned,
    stored_file,
    word,
)


class Mode(LabelEnum):
    """Whether money is real. Money rows carry the mode they were made in."""

    TEST = "test", _l("Test mode"), "orange"
    LIVE = "live", _l("Live"), "green"


class Shop(Id, PublicId, Timestamped, Versioned, Base):
    """A seller: its name, its legal details as printed on documents, and its settings."""

    __tablename__ = "shops"

    name: Mapped[str] = mapped_column(sa.String(120))
    mode: Mapped[Mode] = mapped_column(word(Mode), default=Mode.TEST)
    is_demo: Mapped[bool] = mapped_column(default=False)

    legal_name: Mapped[str] = mapped_column(sa.String(200), default="")
    email: Mapped[str] = mapped_column(sa.String(254), default="")
    phone: Mapped[str] = mapped_column(sa.String(40), default="")
    street: Mapped[str] = mapped_column(sa.String(200), default="")
    postal_code: Mapped[str] = mapped_column(sa.String(20), default="")
    city: Mapped[str] = mapped_column(sa.String(120), default="")
    country: Mapped[str] = mapped_column(sa.String(2), default="NL")
    vat_number: Mapped[str] = mapped_column(sa.String(20), default="")
    chamber_number: Mapped[str] = mapped_column(sa.String(20), default="")
    iban: Mapped[str] = mapped_column(sa.String(34), default="")
    bic: Mapped[str] = mapped_column(sa.String(11), default="")
    creditor_id: Mapped[str] = mapped_column(sa.String(35), default="")

    logo_key: Mapped[str | None] = stored_file()
    colour: Mapped[str] = mapped_column(sa.String(7), default="#1f5fae")
    language: Mapped[str] = mapped_column(sa.String(2), default="nl")
    time_zone: Mapped[str] = mapped_column(sa.String(40), default="Europe/Amsterdam")
    currency: Mapped[str] = mapped_column(sa.String(3), default="EUR")

    prices_include_vat: Mapped[bool] = mapped_column(default=True)
    small_business: Mapped[bool] = mapped_column(
        default=False, doc="Takes part in the scheme for small businesses (KOR), and charges no VAT by it."
    )
    payment_term_days: Mapped[int] = mapped_column(default=14)
    allow_part_payment: Mapped[bool] = mapped_column(default=False)
    debit_notice_days: Mapped[int] = mapped_column(default=14)

    domains: Mapped[list[ShopDomain]] = relationship(back_populates="shop", order_by="ShopDomain.id")


class ShopDomain(Id, Base):
    """A host on which a shop answers. Not guarded: it is how a shop is found."""

    __tablename__ = "shop_domains"

    shop_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("shops.id"), index=True)
    host: Mapped[str] = mapped_column(sa.String(253), unique=True)
    port: Mapped[int | None]
    scheme: Mapped[str] = mapped_column(sa.String(5), default="https")
    is_primary: Mapped[bool] = mapped_column(default=False)
    verified_at: Mapped[datetime | None]

    shop: Mapped[Shop] = relationship(back_populates="domains")


class NumberSeries(Id, ShopOwned, Base):
    """The last number drawn of a series; ``draw_number`` alone moves it, inside the numbering transaction."""

    __tablename__ = "number_series"
    __table_args__ = (sa.UniqueConstraint("shop_id", "mode", "kind", "year"),)

    mode: Mapped[Mode] = mapped_column(word(Mode))
    kind: Mapped[str] = mapped_column(sa.String(32))
    year: Mapped[int] = mapped_column(default=0)
    last_number: Mapped[int] = mapped_column(sa.BigInteger, default=0)
