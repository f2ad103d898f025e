"""Announcements to customers, and what each person did with them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.tables import Base, BigId, Id, LabelEnum, PublicId, ShopOwned, Timestamped, Versioned, word


class NoticeType(LabelEnum):
    """What a notice is about; it sets the colour of the banner."""

    ANNOUNCEMENT = "announcement", _l("Announcement"), "azure"
    PRICE_CHANGE = "price_change", _l("Price change"), "yellow"
    VACATION = "vacation", _l("Vacation"), "yellow"
    PROBLEM = "problem", _l("Problem"), "red"


#: What stands beside a notice of each type.
ICONS = {
    NoticeType.ANNOUNCEMENT: "speakerphone",
    NoticeType.PRICE_CHANGE: "tag",
    NoticeType.VACATION: "beach",
    NoticeType.PROBLEM: "alert-triangle",
}


class Audience(LabelEnum):
    """Whom a notice is for."""

    ALL = "all", _l("All customers")
    SOME = "some", _l("Chosen customers")
    TAGS = "tags", _l("Customers with a tag")


class Notice(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """A text for customers, from a moment on and until another."""

    __tablename__ = "notices"
    __table_args__ = (
        sa.Index("ix_notices_shown", "shop_id", "is_active", "starts_at", "id"),
        sa.Index("ix_notices_office", "shop_id", "starts_at", "id"),
    )

    type: Mapped[NoticeType] = mapped_column(word(NoticeType), default=NoticeType.ANNOUNCEMENT)
    title: Mapped[str] = mapped_column(sa.String(200))
    body: Mapped[str] = mapped_column(sa.Text, default="")
    colour: Mapped[str | None] = mapped_column(sa.String(7))
    audience: Mapped[Audience] = mapped_column(word(Audience), default=Audience.ALL)
    is_permanent: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    starts_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class NoticeTarget(Id, ShopOwned, Base):
    """A customer or a tag that a notice is for."""

    __tablename__ = "notice_targets"
    __table_args__ = (sa.Index("ix_notice_targets_notice_id", "notice_id", "customer_id"),)

    notice_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("notices.id"))
    customer_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("customers.id"))
    tag: Mapped[str | None] = mapped_column(sa.String(100))


class NoticeMark(Id, ShopOwned, Base):
    """That a person read a notice, or put it away for good."""

    __tablename__ = "notice_marks"
    __table_args__ = (sa.UniqueConstraint("person_id", "notice_id"),)

    notice_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("notices.id"))
    person_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("people.id"))
    read_at: Mapped[datetime | None]
    dismissed_at: Mapped[datetime | None]
