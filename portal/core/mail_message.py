"""The row of one mail: what was wanted, the bytes that left, and what became of each recipient."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.tables import Base, BigId, Id, LabelEnum, PublicId, ShopOwned, Timestamped, word

#: What a server says when it has taken a mail for a recipient; the second passes it on to another one.
TAKEN = (250, 251)


class Category(LabelEnum):
    """Who gets copies, and which switch governs the mail (product.md, "E-mails")."""

    BILLING = "billing", _l("Billing"), "azure"
    ACCOUNT = "account", _l("Account"), "azure"
    SECURITY = "security", _l("Security"), "purple"
    STAFF = "staff", _l("Staff"), "grey"


class MailState(LabelEnum):
    """Where a mail stands."""

    QUEUED = "queued", _l("Waiting"), "azure"
    SENDING = "sending", _l("Being sent"), "azure"
    SENT = "sent", _l("Sent"), "green"
    FAILED = "failed", _l("Failed"), "red"
    HELD = "held", _l("Held"), "yellow"
    DROPPED = "dropped", _l("Dropped"), "grey"


class MailMessage(Id, ShopOwned, PublicId, Timestamped, Base):
    """One mail of a shop, from being wanted to having left; ``rendered`` holds what the recipient has."""

    __tablename__ = "mail_messages"
    __table_args__ = (
        sa.Index(None, "shop_id", "created_at"),
        sa.Index(None, "shop_id", "state"),
        sa.Index(None, "shop_id", "customer_id"),
        # With the shop, or SQLite takes the index above for that alone and reads every mail of the shop.
        sa.Index("ix_mail_messages_related", "shop_id", "related"),
    )

    name: Mapped[str] = mapped_column(sa.String(80))
    category: Mapped[Category] = mapped_column(word(Category))
    language: Mapped[str] = mapped_column(sa.String(5))
    to: Mapped[list[str]]
    cc: Mapped[list[str]]
    context: Mapped[dict[str, Any]]
    attachments: Mapped[list[Any]]
    secret: Mapped[str | None] = mapped_column(sa.String(40))
    related: Mapped[str | None] = mapped_column(sa.String(80))
    customer_id: Mapped[int | None] = mapped_column(BigId)

    state: Mapped[MailState] = mapped_column(word(MailState))
    attempts: Mapped[int] = mapped_column(default=0)
    subject: Mapped[str | None] = mapped_column(sa.String(300))
    message_id: Mapped[str | None] = mapped_column(sa.String(255))
    rendered: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)
    results: Mapped[dict[str, Any]]
    error: Mapped[str | None] = mapped_column(sa.String(300))
    sent_at: Mapped[datetime | None]

    @property
    def recipients(self) -> list[str]:
        """Everybody it goes to, once each."""
        return list(dict.fromkeys([*self.to, *self.cc]))

    @property
    def reached(self) -> list[str]:
        """Those of them who have it: whatever happens, they must not get it again."""
        return [address for address in self.recipients if self._code(address) in TAKEN]

    @property
    def left(self) -> list[str]:
        """Those of them whom it may still reach: without who has it, and who was refused for good."""
        return [
            address
            for address in self.recipients
            if self._code(address) not in TAKEN and not 500 <= self._code(address) < 600
        ]

    def _code(self, address: str) -> int:
        return int(self.results.get(address, {}).get("code", 0))
