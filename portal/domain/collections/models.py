"""Collection cases on overdue documents, what happened in them, and payment plans."""

from __future__ import annotations

from datetime import date, datetime
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
    ShopOwned,
    Timestamped,
    Versioned,
    minor,
    word,
)
from portal.domain.shops.models import Mode


class CaseStatus(LabelEnum):
    """Where a case is; ``states.py`` holds the moves."""

    ACTIVE = "active", _l("Active"), "red"
    ON_HOLD = "on_hold", _l("On hold"), "azure"
    WITH_PLAN = "with_plan", _l("Payment plan"), "azure"
    PAID = "paid", _l("Paid"), "green"
    WAIVED = "waived", _l("Waived"), "grey"
    CLOSED = "closed", _l("Closed"), "grey"
    CANCELLED = "cancelled", _l("Cancelled"), "grey"


class PlanStatus(LabelEnum):
    """Where a payment plan is."""

    REQUESTED = "requested", _l("Requested"), "yellow"
    REFUSED = "refused", _l("Refused"), "grey"
    AGREED = "agreed", _l("Agreed"), "azure"
    PENDING_MANDATE = "pending_mandate", _l("Waiting for a payment method"), "yellow"
    ACTIVE = "active", _l("Active"), "green"
    COMPLETED = "completed", _l("Completed"), "green"
    BROKEN = "broken", _l("Broken off"), "red"
    CANCELLED = "cancelled", _l("Cancelled"), "grey"


_PLAN_RUNS = sa.text("status IN ('requested', 'agreed', 'pending_mandate', 'active')")


class CollectionCase(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """A case about one overdue document; at most one that still runs."""

    __tablename__ = "collection_cases"
    __table_args__ = (
        sa.UniqueConstraint("shop_id", "mode", "number"),
        sa.ForeignKeyConstraint(["shop_id", "customer_id"], ["customers.shop_id", "customers.id"]),
        sa.Index("ix_collection_cases_status", "shop_id", "customer_id", "mode", "status"),
        sa.Index("ix_collection_cases_list", "shop_id", "customer_id", "mode", "id"),
        sa.Index("ix_collection_cases_document_id", "document_id"),
        # What is paid in instalments, of all of a shop.
        sa.Index(
            "ix_collection_cases_with_plan",
            "shop_id",
            "mode",
            sqlite_where=sa.text("status = 'with_plan'"),
            postgresql_where=sa.text("status = 'with_plan'"),
        ),
        sa.Index(
            "uq_collection_cases_running",
            "document_id",
            unique=True,
            sqlite_where=sa.text("status IN ('active', 'on_hold', 'with_plan')"),
            postgresql_where=sa.text("status IN ('active', 'on_hold', 'with_plan')"),
        ),
    )

    mode: Mapped[Mode] = mapped_column(word(Mode))
    customer_id: Mapped[int] = mapped_column(BigId)
    document_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("documents.id"))
    number: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[CaseStatus] = mapped_column(word(CaseStatus), default=CaseStatus.ACTIVE)
    stage: Mapped[int] = mapped_column(
        default=1, doc="0 pre-collection, 1 reminder, 2 notice, 3 fees, 4 final warning"
    )
    language: Mapped[str] = mapped_column(sa.String(4), default="auto")
    allow_plan: Mapped[bool] = mapped_column(default=True)
    opened_on: Mapped[date]
    stage_since: Mapped[date | None]
    days_on_hold: Mapped[int] = mapped_column(default=0)
    held_on: Mapped[date | None]
    ended_at: Mapped[datetime | None]


class CaseEvent(Id, ShopOwned, Timestamped, Base):
    """Something that happened in a case. Rows are only ever added."""

    __tablename__ = "case_events"
    __table_args__ = (sa.Index("ix_case_events_case_id", "case_id"),)

    case_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("collection_cases.id"))
    kind: Mapped[str] = mapped_column(sa.String(32))
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)


class PaymentPlan(Id, ShopOwned, PublicId, Timestamped, Versioned, Base):
    """An agreement to pay a case in monthly instalments, free of interest and charges; a case has one that runs."""

    __tablename__ = "payment_plans"
    __table_args__ = (
        sa.Index("ix_payment_plans_case_id", "case_id"),
        sa.Index("ix_payment_plans_ticket_public_id", "ticket_public_id"),
        sa.Index(
            "uq_payment_plans_running",
            "case_id",
            unique=True,
            sqlite_where=_PLAN_RUNS,
            postgresql_where=_PLAN_RUNS,
        ),
    )

    case_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("collection_cases.id"))
    payment_method_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("payment_methods.id"))
    status: Mapped[PlanStatus] = mapped_column(word(PlanStatus), default=PlanStatus.REQUESTED)
    instalment_count: Mapped[int]
    currency: Mapped[str] = mapped_column(sa.String(3))
    total_minor: Mapped[int] = minor()
    first_due_on: Mapped[date | None]
    ticket_public_id: Mapped[str | None] = mapped_column(
        sa.String(22), doc="The conversation about it. No key: tickets are an area to the right."
    )


class PlanInstalment(Id, ShopOwned, Base):
    """One instalment of a plan; the last takes the rest, so that all add up to the cent."""

    __tablename__ = "plan_instalments"
    __table_args__ = (sa.UniqueConstraint("plan_id", "position"),)

    plan_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("payment_plans.id"))
    position: Mapped[int]
    due_on: Mapped[date]
    amount_minor: Mapped[int] = minor()
    payment_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("payments.id"))
    paid_at: Mapped[datetime | None]
