"""What hangs on a saved method: the subscriptions that it pays, and what will be debited for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from portal.core.pagination import Page, keyset
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.shops.models import Mode
from portal.domain.subscriptions import forecast
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionPeriod,
    SubscriptionStatus,
)
from portal.domain.subscriptions.rows import COLUMNS, SubscriptionRow, subscription_row
from portal.domain.subscriptions.standing import last_period, stands
from portal.domain.subscriptions.states import BILLED, RUNNING
from portal.extensions import db

#: How many subscriptions the page of a method shows; its list counts them all.
ROWS = 25

#: What is over: taken back, or never agreed to. One that was valid once and is no more needs its customer.
_EARLIER = sa.or_(
    PaymentMethod.status == MethodStatus.REVOKED,
    sa.and_(PaymentMethod.status == MethodStatus.INVALID, PaymentMethod.signed_on.is_(None)),
)


@dataclass(frozen=True)
class MethodRow:
    """A saved method in the list, with what it pays."""

    id: int
    public_id: str
    kind: MethodKind
    status: MethodStatus
    is_default: bool
    masked: str
    holder: str
    reference: str | None
    signed_on: date | None
    expires_on: date | None
    #: How many subscriptions it pays, the name of one of them, and when the first is billed next.
    subscriptions: int
    subscription: str | None
    next_debit_on: date | None


def list_methods(
    customer_id: int,
    *,
    mode: Mode,
    earlier: bool,
    after: str | None = None,
    before: str | None = None,
) -> Page[MethodRow]:
    """A page of an account's methods, the newest first, in one statement: those that count, or those that are over.

    For members who may see methods.
    """
    used = (Subscription.payment_method_id == PaymentMethod.id, Subscription.status.in_(RUNNING))
    page = keyset(
        db.session,
        sa.select(
            PaymentMethod.id,
            PaymentMethod.public_id,
            PaymentMethod.kind,
            PaymentMethod.status,
            PaymentMethod.is_default,
            PaymentMethod.masked,
            PaymentMethod.holder,
            PaymentMethod.reference,
            PaymentMethod.signed_on,
            PaymentMethod.expires_on,
            _of_method(sa.func.count(), *used).label("subscriptions"),
            _of_method(sa.func.min(Subscription.name), *used).label("subscription"),
            _of_method(
                sa.func.min(Subscription.next_billing_on), used[0], Subscription.status.in_(BILLED)
            ).label("next_debit_on"),
        ).where(
            PaymentMethod.customer_id == customer_id,
            PaymentMethod.mode == mode,
            _EARLIER if earlier else sa.not_(_EARLIER),
        ),
        key_columns=[PaymentMethod.id.desc()],
        after=after,
        before=before,
    )
    return Page([MethodRow(*row) for row in page.rows], page.next_cursor, page.prev_cursor)


@dataclass(frozen=True)
class NextBill:
    """What a method is debited with next for a subscription, in minor units, VAT included: on a day, by what is planned
    for it until then.
    """

    name: str
    on: date
    amount_minor: int


@dataclass(frozen=True)
class PaidWith:
    """A subscription that a method pays; without a next bill while nobody knows of one."""

    row: SubscriptionRow
    next_bill: NextBill | None


def list_paid_with(method_id: int, *, today: date) -> list[PaidWith]:
    """The subscriptions that a method pays which the caller looked up: what is billed next comes first."""
    first = (
        sa.case((Subscription.status.in_(BILLED), 0), else_=1),
        sa.func.coalesce(Subscription.next_billing_on, date.max),
        Subscription.id,
    )
    shown = (
        sa.select(Subscription.id)
        .where(Subscription.payment_method_id == method_id, Subscription.status.in_(RUNNING))
        .order_by(*first)
        .limit(ROWS)
    )
    waiting = sa.and_(
        SubscriptionChange.subscription_id == Subscription.id,
        SubscriptionChange.status == ChangeStatus.WAITING,
    )
    rows = db.session.execute(
        sa.select(*COLUMNS, Subscription, SubscriptionPeriod, SubscriptionChange)
        .select_from(Subscription)
        .outerjoin(SubscriptionPeriod, SubscriptionPeriod.id == last_period())
        .outerjoin(SubscriptionChange, waiting)
        .where(Subscription.id.in_(shown))
        .order_by(*first, SubscriptionChange.effective_on, SubscriptionChange.id)
    )
    return [_paid_with(list(of_one), today) for _id, of_one in groupby(rows, lambda row: row.Subscription.id)]


def _paid_with(rows: list[Any], today: date) -> PaidWith:
    """Of one subscription, a row for each change that waits."""
    changes = [row.SubscriptionChange for row in rows if row.SubscriptionChange is not None]
    row, subscription = subscription_row(rows[0], today), rows[0].Subscription
    end = next((each.effective_on for each in changes if each.kind is ChangeKind.CANCEL), None)
    standing = stands(subscription, rows[0].SubscriptionPeriod, changes)
    bill = next(forecast.bills(standing, until=end), None)
    if bill is None:
        return PaidWith(row, None)
    names = [
        each.data["name"]
        for each in changes
        if each.kind is ChangeKind.SWITCH and each.effective_on <= bill.first_day and "name" in each.data
    ]
    name = names[-1] if names else subscription.name
    return PaidWith(row, NextBill(name, bill.first_day, bill.amount_minor))


def count_paid_with(method_id: int, statuses: tuple[SubscriptionStatus, ...]) -> int:
    """How many subscriptions in these statuses a method pays."""
    found = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(Subscription)
        .where(Subscription.payment_method_id == method_id, Subscription.status.in_(statuses))
    )
    return found or 0


def _of_method(what: Any, *criteria: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    return (
        sa.select(what).select_from(Subscription).where(*criteria).correlate(PaymentMethod).scalar_subquery()
    )
