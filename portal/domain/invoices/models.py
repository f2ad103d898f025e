"""Documents (invoices, credit notes, fees), their lines, what is allocated to them, and the customer's credit."""

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
    bytewise,
    minor,
    stored_file,
    word,
)
from portal.core.vat import VatCategory
from portal.domain.shops.models import Mode


class DocumentKind(LabelEnum):
    """What a document is; each kind has a number series of its own."""

    INVOICE = "invoice", _l("Invoice")
    CREDIT_NOTE = "credit_note", _l("Credit note")
    COLLECTION_FEE = "collection_fee", _l("Collection fee")
    INTEREST = "interest", _l("Interest")


class DocumentStatus(LabelEnum):
    """Where a document is in its life; ``states.py`` holds the moves."""

    DRAFT = "draft", _l("Draft"), "grey"
    OPEN = "open", _l("Open"), "yellow"
    SETTLED = "settled", _l("Settled"), "green"
    CANCELLED = "cancelled", _l("Cancelled"), "grey"


class ListState(LabelEnum):
    """What lists filter by; written by ``rebalance`` alone. Overdue is a predicate on top of unpaid."""

    UNPAID = "unpaid", _l("Unpaid"), "yellow"
    PENDING = "pending", _l("Pending"), "azure"
    PAID = "paid", _l("Paid"), "green"
    CREDITED = "credited", _l("Credited"), "grey"


class Badge(LabelEnum):
    """The one word shown for an invoice: the first that holds, in this order."""

    CREDITED = "credited", _l("Credited"), "grey"
    PAID = "paid", _l("Paid"), "green"
    PENDING = "pending", _l("Pending"), "azure"
    REVERSED = "reversed", _l("Reversed"), "red"
    OVERDUE = "overdue", _l("Overdue"), "red"
    PARTLY_PAID = "partly_paid", _l("Partly paid"), "orange"
    UNPAID = "unpaid", _l("Unpaid"), "yellow"


class AllocationState(LabelEnum):
    """How far a payment's share in a document is; only pending and booked ones change its balance."""

    PLANNED = "planned", _l("Planned")
    PENDING = "pending", _l("Pending")
    BOOKED = "booked", _l("Booked")
    RELEASED = "released", _l("Released")


class CreditUse(LabelEnum):
    """Why the customer's credit changed."""

    OVERPAID = "overpaid", _l("Paid too much")
    CREDIT_NOTE = "credit_note", _l("Credit note")
    USED = "used", _l("Used for an invoice")
    REFUND = "refund", _l("Refund")
    REFUND_RETURNED = "refund_returned", _l("Refund returned")
    REVERSED = "reversed", _l("Payment reversed")
    UNDONE = "undone", _l("Booked by mistake")


class Document(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """An invoice or its like. From finalising on, everything but the balance columns is immutable."""

    __tablename__ = "documents"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "id"),
        sa.UniqueConstraint("shop_id", "mode", "kind", "year", "sequence"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        # Kind and number at the end let a count and a search be read from the index alone.
        sa.Index("ix_documents_list", "shop_id", "customer_id", "mode", "issue_date", "id", "kind", "number"),
        sa.Index(
            "ix_documents_list_state", "shop_id", "customer_id", "mode", "list_state", "issue_date", "id"
        ),
        # What somebody owes, the first due first. Of the unpaid alone: it stays small, and what is paid leaves it. The
        # state is for SQLite, which else looks into the table for what the condition says already.
        sa.Index(
            "ix_documents_unpaid",
            "shop_id",
            "customer_id",
            "mode",
            "due_date",
            "id",
            "kind",
            "issue_date",
            "open_minor",
            "list_state",
            # What of it can wait.
            "pending_minor",
            "disputed_on",
            "case_id",
            sqlite_where=sa.text("list_state = 'unpaid'"),
            postgresql_where=sa.text("list_state = 'unpaid'"),
        ),
        # The office's lists: every document of the shop, and the drafts, of which there are few.
        # What they are searched by stands at the end.
        sa.Index(
            "ix_documents_office", "shop_id", "mode", "issue_date", "id", "kind", "number", "customer_id"
        ),
        # Without the customer, or SQLite would count what somebody owes in it rather than in the index for that.
        sa.Index("ix_documents_office_state", "shop_id", "mode", "list_state", "issue_date", "id", "number"),
        sa.Index(
            "ix_documents_credit_notes",
            "shop_id",
            "mode",
            "issue_date",
            "id",
            "number",
            "customer_id",
            sqlite_where=sa.text("kind = 'credit_note'"),
            postgresql_where=sa.text("kind = 'credit_note'"),
        ),
        # What is late, summed up from the index alone.
        sa.Index(
            "ix_documents_overdue",
            "shop_id",
            "mode",
            "due_date",
            "kind",
            "open_minor",
            "list_state",
            # Whether it is disputed, and by what its payment plan is found.
            "disputed_on",
            "case_id",
            "id",
            sqlite_where=sa.text("list_state = 'unpaid'"),
            postgresql_where=sa.text("list_state = 'unpaid'"),
        ),
        sa.Index(
            "ix_documents_drafts",
            "shop_id",
            "mode",
            "id",
            sqlite_where=sa.text("status = 'draft'"),
            postgresql_where=sa.text("status = 'draft'"),
        ),
        sa.Index("ix_documents_number", "shop_id", "mode", "number"),
        sa.Index("ix_documents_due", "shop_id", "list_state", "due_date", "id"),
        sa.Index("ix_documents_order_id", "order_id"),
        sa.Index("ix_documents_subscription_id", "subscription_id"),
        sa.Index("ix_documents_original_id", "original_id"),
        sa.Index("ix_documents_case_id", "case_id"),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    kind: Mapped[DocumentKind] = mapped_column(word(DocumentKind), default=DocumentKind.INVOICE)
    customer_id: Mapped[int] = mapped_column(BigId)
    status: Mapped[DocumentStatus] = mapped_column(word(DocumentStatus), default=DocumentStatus.DRAFT)

    year: Mapped[int | None]
    sequence: Mapped[int | None] = mapped_column(sa.BigInteger)
    number: Mapped[str | None] = mapped_column(bytewise(40))
    reference: Mapped[str] = mapped_column(sa.String(25), default="")
    issue_date: Mapped[date | None]
    supply_date: Mapped[date | None]
    due_date: Mapped[date | None]
    finalised_at: Mapped[datetime | None]

    currency: Mapped[str] = mapped_column(sa.String(3))
    language: Mapped[str] = mapped_column(sa.String(2))
    prices_include_vat: Mapped[bool]
    net_minor: Mapped[int] = minor()
    vat_minor: Mapped[int] = minor()
    total_minor: Mapped[int] = minor()
    seller: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    buyer: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    note: Mapped[str] = mapped_column(sa.Text, default="")

    # The balance: written by ``rebalance`` and nothing else.
    open_minor: Mapped[int] = minor()
    pending_minor: Mapped[int] = minor()
    paid_minor: Mapped[int] = minor()
    credited_minor: Mapped[int] = minor()
    list_state: Mapped[ListState] = mapped_column(word(ListState), default=ListState.UNPAID)
    settled_at: Mapped[datetime | None]
    reversed_at: Mapped[datetime | None]

    # Written by ``disputing`` alone: reminders and collections ask it, and count no day of it.
    disputed_on: Mapped[date | None] = mapped_column(
        doc="Since when the customer disputes it; none while nobody does."
    )
    disputed_days: Mapped[int] = mapped_column(default=0, doc="The days of disputes that have ended.")

    link_version: Mapped[int] = mapped_column(default=1)
    original_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    order_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("orders.id"))
    subscription_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("subscriptions.id"))
    case_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("collection_cases.id", use_alter=True))

    lines: Mapped[list[DocumentLine]] = relationship(
        order_by="DocumentLine.position", cascade="all, delete-orphan"
    )
    vat_groups: Mapped[list[DocumentVat]] = relationship(
        order_by="DocumentVat.id", cascade="all, delete-orphan"
    )


class DocumentLine(Id, ShopOwned, Base):
    """One line as printed. The net is rounded to minor units; quantity and unit price are exact."""

    __tablename__ = "document_lines"
    __table_args__ = (sa.UniqueConstraint("document_id", "position"),)

    document_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    position: Mapped[int]
    description: Mapped[str] = mapped_column(sa.String(1000))
    quantity: Mapped[Decimal] = mapped_column(Scaled4)
    unit_price: Mapped[Decimal] = mapped_column(Scaled4, doc="Minor units, with up to four decimals.")
    vat_category: Mapped[VatCategory] = mapped_column(word(VatCategory))
    vat_rate: Mapped[Decimal] = mapped_column(Scaled4, doc="Percent.")
    net_minor: Mapped[int] = minor()
    gross_minor: Mapped[int] = minor()
    product_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("products.id"))
    original_position: Mapped[int | None] = mapped_column(
        doc="On a credit note the line of its invoice that it takes back; none on one of before this was kept."
    )


class DocumentVat(Id, ShopOwned, Base):
    """The taxable amount and the VAT of one category and rate of a document."""

    __tablename__ = "document_vat"
    __table_args__ = (sa.UniqueConstraint("document_id", "vat_category", "vat_rate"),)

    document_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    vat_category: Mapped[VatCategory] = mapped_column(word(VatCategory))
    vat_rate: Mapped[Decimal] = mapped_column(Scaled4, doc="Percent.")
    net_minor: Mapped[int] = minor()
    vat_minor: Mapped[int] = minor()


class DocumentFile(Id, ShopOwned, Timestamped, Base):
    """A PDF of a document: the original in the buyer's language, or a marked translation."""

    __tablename__ = "document_files"
    __table_args__ = (sa.UniqueConstraint("document_id", "language"),)

    document_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    language: Mapped[str] = mapped_column(sa.String(2))
    is_original: Mapped[bool]
    storage_key: Mapped[str] = stored_file()
    sha256: Mapped[str] = mapped_column(sa.String(64))
    size_bytes: Mapped[int]


class Allocation(Id, ShopOwned, Timestamped, Base):
    """The share of a payment, of credit or of a credit note in a document. Exactly one source is set."""

    __tablename__ = "allocations"
    __table_args__ = (
        sa.ForeignKeyConstraint(["shop_id", "document_id"], ["documents.shop_id", "documents.id"]),
        sa.ForeignKeyConstraint(["shop_id", "payment_id"], ["payments.shop_id", "payments.id"]),
        sa.ForeignKeyConstraint(["shop_id", "credit_note_id"], ["documents.shop_id", "documents.id"]),
        sa.Index("ix_allocations_document_id", "document_id"),
        sa.Index("ix_allocations_payment_id", "payment_id"),
        sa.Index("ix_allocations_credit_note_id", "credit_note_id"),
        sa.Index("ix_allocations_credit_entry_id", "credit_entry_id"),
    )

    document_id: Mapped[int] = mapped_column(BigId)
    payment_id: Mapped[int | None] = mapped_column(BigId)
    credit_note_id: Mapped[int | None] = mapped_column(BigId)
    credit_entry_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("credit_entries.id"))
    amount_minor: Mapped[int] = minor()
    state: Mapped[AllocationState] = mapped_column(word(AllocationState), default=AllocationState.PLANNED)


class CreditEntry(Id, ShopOwned, Timestamped, Base):
    """A row of the customer's credit: positive when it came in, negative when it was used. Never edited."""

    __tablename__ = "credit_entries"
    __table_args__ = (
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.Index("ix_credit_entries_customer_id", "customer_id", "currency"),
        sa.Index("ix_credit_entries_document_id", "document_id"),
        sa.Index("ix_credit_entries_payment_id", "payment_id"),
        sa.Index("ix_credit_entries_refund_id", "refund_id"),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    customer_id: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(sa.String(3))
    amount_minor: Mapped[int] = minor()
    use: Mapped[CreditUse] = mapped_column(word(CreditUse))
    payment_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("payments.id"))
    document_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    refund_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("refunds.id"))


class BundleKind(LabelEnum):
    """What is put together of a customer's documents."""

    YEAR = "year", _l("Invoices of a year")
    STATEMENT = "statement", _l("Statement of account")


class BundleStatus(LabelEnum):
    """How far it is; ``states.py`` holds the moves."""

    WAITING = "waiting", _l("Waiting"), "azure"
    BUILDING = "building", _l("Being made"), "azure"
    READY = "ready", _l("Ready"), "green"
    FAILED = "failed", _l("Failed"), "red"
    EXPIRED = "expired", _l("Expired"), "grey"


class Bundle(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """A file made of a customer's documents in the background: the PDFs of a year, or a statement of account."""

    __tablename__ = "document_bundles"
    __table_args__ = (
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.Index("ix_document_bundles_customer_id", "customer_id", "id"),
        sa.Index("ix_document_bundles_expires_at", "shop_id", "status", "expires_at"),
        # Of the same period one at a time is being made.
        sa.Index(
            "uq_document_bundles_running",
            "shop_id",
            "customer_id",
            "mode",
            "kind",
            "first_day",
            "last_day",
            unique=True,
            sqlite_where=sa.text("status IN ('waiting', 'building')"),
            postgresql_where=sa.text("status IN ('waiting', 'building')"),
        ),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    customer_id: Mapped[int] = mapped_column(BigId)
    kind: Mapped[BundleKind] = mapped_column(word(BundleKind))
    status: Mapped[BundleStatus] = mapped_column(word(BundleStatus), default=BundleStatus.WAITING)
    first_day: Mapped[date]
    last_day: Mapped[date]
    language: Mapped[str] = mapped_column(sa.String(2))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    storage_key: Mapped[str | None] = stored_file()
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    requested_by_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("people.id"))
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
