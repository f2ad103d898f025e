"""The table of this package."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from portal import api


class RegistrationStatus(api.LabelEnum):
    """Where a registration is. Stored words never change; labels and tones may."""

    ACTIVE = "active", _l("Under warranty"), "green"
    EXPIRED = "expired", _l("Expired"), "grey"
    WITHDRAWN = "withdrawn", _l("Withdrawn"), "grey"


class Registration(api.Id, api.CustomerOwned, api.PublicId, api.Timestamped, api.Versioned, api.Base):
    """A product of an account under warranty."""

    __tablename__ = "warranty_registrations"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "customer_id", "serial"),
        sa.Index("ix_warranty_registrations_list", "shop_id", "customer_id", "id"),
    )

    product: Mapped[str] = mapped_column(sa.String(120))
    serial: Mapped[str] = mapped_column(sa.String(60))
    bought_on: Mapped[date]
    ends_on: Mapped[date]
    status: Mapped[RegistrationStatus] = mapped_column(
        api.word(RegistrationStatus), default=RegistrationStatus.ACTIVE
    )
    announced_at: Mapped[datetime | None]
