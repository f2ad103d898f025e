"""What customers see of their subscriptions; the archived ones they never see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.core.statements import Statement, bound
from portal.domain.catalog.models import Product
from portal.domain.invoices import linked
from portal.domain.invoices.linked import LinkedInvoice, linked_invoice
from portal.domain.invoices.models import Document
from portal.domain.methods.models import MethodKind, PaymentMethod
from portal.domain.people.models import Customer, CustomerKind
from portal.domain.shops.models import Mode
from portal.domain.subscriptions import switching
from portal.domain.subscriptions.models import Subscription, SubscriptionStatus
from portal.domain.subscriptions.rows import COLUMNS, SubscriptionRow, subscription_row
from portal.domain.subscriptions.self_service import Toggles
from portal.domain.subscriptions.states import BILLED, COUNTED_ACTIVE, ON_HOME, SHOWN
from portal.extensions import db

#: "About to renew": billed within this many days.
RENEWS_SOON_DAYS = 7
#: How many subscriptions the home page shows; its link leads to all.
HOME_ROWS = 10
#: How many invoices a subscription's page shows, the newest; the list of invoices has them all.
INVOICE_ROWS = 12


@dataclass(frozen=True)
class SubscriptionFacts(SubscriptionRow):
    """A subscription on its own page."""

    id: int
    customer_id: int
    quantity: Decimal
    started_on: date
    period_start: date | None
    period_end: date | None
    ended_on: date | None
    answers: list[Any]
    payment_method_id: int | None
    method_kind: MethodKind | None
    method_masked: str
    customer_kind: CustomerKind
    toggles: Toggles

    @property
    def is_cancelled(self) -> bool:
        """Whether a cancellation waits for its date."""
        return self.last_day is not None


def active_count(customer_id: int, mode: Mode) -> sa.ScalarSelect[int]:
    """How many subscriptions of an account are active, as a scalar subquery; a trial counts as active."""
    return _count(*_of(customer_id, mode, COUNTED_ACTIVE))


def renewing_count(customer_id: int, mode: Mode, today: date, until: date) -> sa.ScalarSelect[int]:
    """How many are billed from ``today`` until a day, that one included, as a scalar subquery."""
    return _count(*_of(customer_id, mode, BILLED), Subscription.next_billing_on.between(today, until))


def list_subscriptions(
    customer_id: int,
    *,
    mode: Mode,
    today: date,
    statuses: Sequence[SubscriptionStatus] = SHOWN,
    after: str | None = None,
    before: str | None = None,
) -> Page[SubscriptionRow]:
    """A page of an account's subscriptions in these statuses, the youngest first, in one statement.

    For members who may see subscriptions.
    """
    page = keyset(
        db.session,
        sa.select(*COLUMNS).where(*_of(customer_id, mode, statuses)),
        key_columns=[Subscription.id.desc()],
        after=after,
        before=before,
    )
    return Page([subscription_row(row, today) for row in page.rows], page.next_cursor, page.prev_cursor)


def list_for_home(customer_id: int, *, mode: Mode, today: date) -> list[SubscriptionRow]:
    """The trial, active and paused ones of an account: what is billed next comes first, the paused last."""
    return [subscription_row(row, today) for row in _for_home(customer_id=customer_id, mode=mode)]


@bound
def _for_home(customer_id: int, mode: Mode) -> Statement:
    return (
        sa.select(*COLUMNS)
        .where(*_of(customer_id, mode, ON_HOME))
        .order_by(
            sa.case((Subscription.status.in_(BILLED), 0), else_=1),
            sa.func.coalesce(Subscription.next_billing_on, date.max),
            Subscription.id,
        )
        .limit(HOME_ROWS)
    )


def get_subscription(
    public_id: str, *, customer_ids: Collection[int], mode: Mode, today: date
) -> SubscriptionFacts:
    """One subscription of one of these accounts with what pays it and what its product allows, in one statement.

    ``NotFound`` for any other subscription, whoever owns it, and for an archived one.
    """
    row = db.session.execute(
        sa.select(
            *COLUMNS,
            Subscription.id,
            Subscription.customer_id,
            Subscription.quantity,
            Subscription.started_on,
            Subscription.period_start,
            Subscription.period_end,
            Subscription.ended_on,
            Subscription.answers,
            PaymentMethod.kind.label("method_kind"),
            PaymentMethod.masked.label("method_masked"),
            Subscription.payment_method_id,
            Customer.kind.label("customer_kind"),
            Product.allow_self_management,
            Product.allow_pause,
            Product.allow_cancel,
            sa.or_(Product.most_quantity > 1, _has_other_plan()).label("offers_switch"),
        )
        .join(Product, Product.id == Subscription.product_id)
        .join(Customer, Customer.id == Subscription.customer_id)
        .outerjoin(
            PaymentMethod,
            sa.and_(
                PaymentMethod.id == Subscription.payment_method_id,
                PaymentMethod.customer_id == Subscription.customer_id,
            ),
        )
        .where(
            Subscription.public_id == public_id,
            Subscription.customer_id.in_(customer_ids),
            Subscription.mode == mode,
            Subscription.status.in_(SHOWN),
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"no subscription {public_id}")
    return SubscriptionFacts(
        **vars(subscription_row(row, today)),
        id=row.id,
        customer_id=row.customer_id,
        quantity=row.quantity,
        started_on=row.started_on,
        period_start=row.period_start,
        period_end=row.period_end,
        ended_on=row.ended_on,
        answers=row.answers,
        payment_method_id=row.payment_method_id,
        method_kind=row.method_kind,
        method_masked=row.method_masked or "",
        customer_kind=row.customer_kind,
        toggles=Toggles(
            row.allow_self_management, row.allow_pause, row.allow_cancel, bool(row.offers_switch)
        ),
    )


def _has_other_plan() -> sa.ColumnElement[bool]:
    """Whether another plan of the group is sold: the first of those that ``switching.list_plans`` lists."""
    other = aliased(Product)
    return sa.and_(
        Product.switch_group != "",
        sa.exists().where(
            other.shop_id == Product.shop_id,
            other.switch_group == Product.switch_group,
            other.id != Product.id,
            *switching.sold(other, Subscription.currency),
        ),
    )


def subscription_label(
    subscription_id: sa.ColumnExpressionArgument[int | None],
) -> dict[str, sa.ScalarSelect[Any]]:
    """Public id and name of the subscription that a row belongs to, as scalar subqueries for what finds the row.

    Nothing of an archived one, which has no page.
    """
    found = (Subscription.id == subscription_id, Subscription.status.in_(SHOWN))
    return {
        "subscription_public_id": sa.select(Subscription.public_id).where(*found).scalar_subquery(),
        "subscription_label": sa.select(Subscription.name).where(*found).scalar_subquery(),
    }


def list_invoices(subscription_id: int, *, customer_id: int, today: date) -> list[LinkedInvoice]:
    """The newest invoices of a subscription that the caller has looked up."""
    rows = db.session.execute(
        sa.select(*linked.COLUMNS)
        .where(
            Document.subscription_id == subscription_id,
            Document.customer_id == customer_id,
            *linked.ISSUED,
        )
        .order_by(Document.issue_date.desc(), Document.id.desc())
        .limit(INVOICE_ROWS)
    )
    return [linked_invoice(row, today) for row in rows]


def _count(*criteria: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(Subscription).where(*criteria).scalar_subquery()


def _of(
    customer_id: int, mode: Mode, statuses: Sequence[SubscriptionStatus]
) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Subscription.customer_id == customer_id,
        Subscription.mode == mode,
        Subscription.status.in_(statuses),
    )
