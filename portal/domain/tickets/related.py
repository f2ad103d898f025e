"""What a ticket may be about: an invoice, an order or a subscription that the person who asks may see."""

from __future__ import annotations

import re
from collections.abc import Collection, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from portal.core.errors import NotFound
from portal.domain.invoices.models import Document, DocumentStatus
from portal.domain.invoices.queries import LISTED, get_invoice, is_linked
from portal.domain.orders.models import Order
from portal.domain.orders.queries import get_order
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.subscriptions.models import Subscription
from portal.domain.subscriptions.states import SHOWN
from portal.extensions import db

#: How many of each kind are offered: the newest. Older ones are named by their number, or come from their own page.
NEWEST = 10

#: Whatever else somebody writes into an address or a form is not asked for: PostgreSQL refuses a NUL in any text.
_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{22}")


class Kind(StrEnum):
    """The kinds of things."""

    INVOICE = "invoice"
    ORDER = "order"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True)
class Related:
    """One thing; ``label`` is its number, of a subscription its name."""

    kind: Kind
    id: int
    public_id: str
    customer_id: int
    label: str
    is_linked: bool = True

    @property
    def value(self) -> str:
        """How a form and an address name it."""
        return f"{self.kind}:{self.public_id}"

    def is_seen_with(self, permissions: Set[str]) -> bool:
        """Whether a role with these permissions may see it."""
        match self.kind:
            case Kind.INVOICE:
                linked = self.is_linked and Permission.INVOICES_LINKED in permissions
                return linked or Permission.INVOICES in permissions
            case Kind.ORDER:
                return Permission.ORDERS in permissions
            case Kind.SUBSCRIPTION:
                return Permission.SUBSCRIPTIONS in permissions


def list_newest(customer_id: int, permissions: Set[str], *, mode: Mode) -> list[Related]:
    """The newest things of each kind that somebody with these permissions may see, one statement for each kind."""
    found: list[Related] = []
    if permissions & {Permission.INVOICES, Permission.INVOICES_LINKED}:
        found += _newest_invoices(customer_id, permissions, mode)
    if Permission.ORDERS in permissions:
        newest = (Order.order_date.desc(), Order.id.desc())
        rows = _rows(Order, Order.number, Order.customer_id == customer_id, Order.mode == mode).order_by(
            *newest
        )
        found += [Related(Kind.ORDER, *row) for row in db.session.execute(rows.limit(NEWEST))]
    if Permission.SUBSCRIPTIONS in permissions:
        rows = _rows(
            Subscription,
            Subscription.name,
            Subscription.customer_id == customer_id,
            Subscription.mode == mode,
            Subscription.status.in_(SHOWN),
        ).order_by(Subscription.id.desc())
        found += [Related(Kind.SUBSCRIPTION, *row) for row in db.session.execute(rows.limit(NEWEST))]
    return found


def find_related(value: str, *, customer_ids: Collection[int], mode: Mode) -> Related | None:
    """What ``kind:public_id`` names among these accounts; None for anything else, whoever owns it.

    Whether the person may see it the caller asks with the permissions for its account.
    """
    kind, _colon, public_id = value.partition(":")
    if not _PUBLIC_ID.fullmatch(public_id):
        return None
    try:
        match kind:
            case Kind.INVOICE:
                document = get_invoice(public_id, customer_ids=list(customer_ids), mode=mode)
                return _invoice(document)
            case Kind.ORDER:
                order = get_order(public_id, customer_ids=customer_ids, mode=mode)
                return Related(Kind.ORDER, order.id, order.public_id, order.customer_id, order.number)
            case Kind.SUBSCRIPTION:
                rows = _rows(
                    Subscription,
                    Subscription.name,
                    Subscription.public_id == public_id,
                    Subscription.customer_id.in_(customer_ids),
                    Subscription.mode == mode,
                    Subscription.status.in_(SHOWN),
                )
                row = db.session.execute(rows).one_or_none()
                return None if row is None else Related(Kind.SUBSCRIPTION, *row)
    except NotFound:
        pass
    return None


def find_by_number(number: str, customer_id: int, permissions: Set[str], *, mode: Mode) -> Related | None:
    """The invoice or order with a number, as somebody typed it, among what these permissions show."""
    numbers = {number, number.upper()}
    document = db.session.scalar(
        sa.select(Document)
        .where(
            Document.number.in_(numbers),
            Document.customer_id == customer_id,
            Document.mode == mode,
            Document.status.in_([DocumentStatus.OPEN, DocumentStatus.SETTLED]),
        )
        .order_by(Document.id)
        .limit(1)
    )
    rows = _rows(
        Order, Order.number, Order.number.in_(numbers), Order.customer_id == customer_id, Order.mode == mode
    )
    order = db.session.execute(rows.limit(1)).one_or_none()
    found = [_invoice(document)] if document is not None else []
    found += [Related(Kind.ORDER, *order)] if order is not None else []
    return next((each for each in found if each.is_seen_with(permissions)), None)


def _newest_invoices(customer_id: int, permissions: Set[str], mode: Mode) -> list[Related]:
    rows = _rows(
        Document,
        Document.number,
        Document.customer_id == customer_id,
        Document.mode == mode,
        Document.kind.in_(LISTED),
        Document.issue_date.is_not(None),
    )
    if Permission.INVOICES not in permissions:
        rows = rows.where(sa.or_(Document.order_id.is_not(None), Document.subscription_id.is_not(None)))
    rows = rows.order_by(Document.issue_date.desc(), Document.id.desc()).limit(NEWEST)
    return [Related(Kind.INVOICE, *row) for row in db.session.execute(rows)]


def _rows(model: Any, label: Any, *criteria: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(model.id, model.public_id, model.customer_id, label).where(*criteria)


def _invoice(document: Document) -> Related:
    return Related(
        Kind.INVOICE,
        document.id,
        document.public_id,
        document.customer_id,
        document.number or "",
        is_linked(document),
    )
