"""Support tickets: the conversation, its files, who looked at it, and disputes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.finding import LONGEST_WORD
from portal.core.tables import (
    Base,
    BigId,
    Id,
    LabelEnum,
    PublicId,
    ShopOwned,
    Timestamped,
    Versioned,
    bytewise,
    stored_file,
    word,
)


class TicketStatus(LabelEnum):
    """Where a ticket is; ``states.py`` holds the moves."""

    OPEN = "open", _l("Open"), "azure"
    IN_REVIEW = "in_review", _l("In review"), "azure"
    RESOLVED = "resolved", _l("Resolved"), "green"
    REJECTED = "rejected", _l("Rejected"), "red"
    CLOSED = "closed", _l("Closed"), "grey"


class TicketType(LabelEnum):
    """What a ticket is about."""

    GENERAL = "general", _l("General question")
    BILLING = "billing", _l("Billing")
    TECHNICAL = "technical", _l("Technical")
    REFUND_REQUEST = "refund_request", _l("Refund request")
    COMPLAINT = "complaint", _l("Complaint")
    PAUSE_SUBSCRIPTION = "pause_subscription", _l("Pause subscription")
    CANCEL_SUBSCRIPTION = "cancel_subscription", _l("Cancel subscription")
    CORRECTION = "correction", _l("Invoice or order correction")
    DISPUTE = "dispute", _l("Dispute")
    FEATURE_REQUEST = "feature_request", _l("Feature request")
    QUOTE_REQUEST = "quote_request", _l("Quote request")


class Priority(LabelEnum):
    """How soon an answer is wanted."""

    LOW = "low", _l("Low"), "grey"
    MEDIUM = "medium", _l("Medium"), "azure"
    HIGH = "high", _l("High"), "orange"
    URGENT = "urgent", _l("Urgent"), "red"


class AuthorKind(LabelEnum):
    """Who wrote a message."""

    CUSTOMER = "customer", _l("Customer")
    STAFF = "staff", _l("Shop")
    SYSTEM = "system", _l("Automatic message")


class DisputeStatus(LabelEnum):
    """How a dispute ended, or that it runs."""

    OPEN = "open", _l("Open"), "azure"
    CREDITED = "credited", _l("Credited"), "green"
    CORRECTED = "corrected", _l("Corrected"), "green"
    REJECTED = "rejected", _l("Rejected"), "grey"
    WITHDRAWN = "withdrawn", _l("Withdrawn"), "grey"


class Ticket(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """A conversation with the shop."""

    __tablename__ = "tickets"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "number"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.Index("ix_tickets_list", "shop_id", "customer_id", "last_message_at", "id"),
        sa.Index("ix_tickets_list_status", "shop_id", "customer_id", "status", "last_message_at", "id"),
        sa.Index("ix_tickets_document_id", "document_id"),
        # What the frame of every page shows of an account.
        sa.Index(
            "ix_tickets_running_of",
            "shop_id",
            "customer_id",
            "waits_for_customer",
            "last_message_at",
            "id",
            sqlite_where=sa.text("status IN ('open', 'in_review')"),
            postgresql_where=sa.text("status IN ('open', 'in_review')"),
        ),
        # The office's lists. What is running stays few, and every page of the office counts it.
        sa.Index("ix_tickets_office", "shop_id", "last_message_at", "id"),
        sa.Index("ix_tickets_office_status", "shop_id", "status", "last_message_at", "id"),
        sa.Index(
            "ix_tickets_running",
            "shop_id",
            "waits_for_customer",
            "last_message_at",
            "id",
            sqlite_where=sa.text("status IN ('open', 'in_review')"),
            postgresql_where=sa.text("status IN ('open', 'in_review')"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(BigId)
    number: Mapped[str] = mapped_column(bytewise(40))
    type: Mapped[TicketType] = mapped_column(word(TicketType), default=TicketType.GENERAL)
    status: Mapped[TicketStatus] = mapped_column(word(TicketStatus), default=TicketStatus.OPEN)
    priority: Mapped[Priority] = mapped_column(word(Priority), default=Priority.MEDIUM)
    subject: Mapped[str] = mapped_column(sa.String(200))
    opened_by_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("people.id"))
    document_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    order_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("orders.id"))
    subscription_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("subscriptions.id"))
    last_message_at: Mapped[datetime]
    last_staff_reply_at: Mapped[datetime | None]
    waits_for_customer: Mapped[bool] = mapped_column(default=False)
    resolved_at: Mapped[datetime | None]


class TicketWord(ShopOwned, Base):
    """A word of a ticket's subject, by which it is found. Kept by ``words`` in step with the ticket."""

    __tablename__ = "ticket_words"
    __table_args__ = (
        sa.PrimaryKeyConstraint("shop_id", "ticket_id", "word"),
        sa.Index("ix_ticket_words_word", "shop_id", "word", "ticket_id"),
        {"sqlite_with_rowid": False},
    )

    ticket_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("tickets.id"))
    word: Mapped[str] = mapped_column(bytewise(LONGEST_WORD))


class TicketMessage(Id, ShopOwned, PublicId, Timestamped, Base):
    """One message, in Markdown. Internal ones are for staff only."""

    __tablename__ = "ticket_messages"
    __table_args__ = (
        sa.Index("ix_ticket_messages_ticket_id", "ticket_id", "id"),
        sa.Index("ix_ticket_messages_mail_message_id", "shop_id", "mail_message_id", unique=True),
    )

    ticket_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("tickets.id"))
    author_kind: Mapped[AuthorKind] = mapped_column(word(AuthorKind))
    person_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("people.id"))
    staff_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("staff.id"))
    author_name: Mapped[str] = mapped_column(sa.String(200), default="")
    body: Mapped[str] = mapped_column(sa.Text)
    is_internal: Mapped[bool] = mapped_column(default=False)
    by_mail: Mapped[bool] = mapped_column(default=False)
    is_proved: Mapped[bool] = mapped_column(
        default=True, doc="False for a mail that its domain did not sign."
    )
    mail_message_id: Mapped[str | None] = mapped_column(
        sa.String(255), doc="The Message-ID of a mail that came in; it is added once."
    )


class TicketAttachment(Id, ShopOwned, PublicId, Timestamped, Base):
    """A file of a message; always served as a download."""

    __tablename__ = "ticket_attachments"
    __table_args__ = (sa.Index("ix_ticket_attachments_message_id", "message_id"),)

    message_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("ticket_messages.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    media_type: Mapped[str] = mapped_column(sa.String(100))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    storage_key: Mapped[str] = stored_file()


class TicketView(Id, ShopOwned, Base):
    """When somebody looked at a ticket, at most once an hour."""

    __tablename__ = "ticket_views"
    __table_args__ = (sa.Index("ix_ticket_views_ticket_id", "ticket_id", "viewed_at"),)

    ticket_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("tickets.id"))
    person_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("people.id"))
    staff_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("staff.id"))
    viewed_at: Mapped[datetime]


class Dispute(Id, ShopOwned, Timestamped, Versioned, Base):
    """A customer's objection to a document or a line; reminders and the collection clock stop while it runs."""

    __tablename__ = "disputes"
    __table_args__ = (
        sa.Index("ix_disputes_document_id", "document_id", "status"),
        # One at a time: whoever disputes a second line writes so in the conversation.
        sa.Index(
            "uq_disputes_open",
            "document_id",
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        ),
        sa.Index("ix_disputes_ticket_id", "ticket_id"),
    )

    document_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    line_position: Mapped[int | None]
    ticket_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("tickets.id"))
    status: Mapped[DisputeStatus] = mapped_column(word(DisputeStatus), default=DisputeStatus.OPEN)
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    ended_at: Mapped[datetime | None]
