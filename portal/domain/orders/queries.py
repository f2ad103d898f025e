"""What customers see of their orders. Every query takes the account, and the shop's mode, first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from portal.core.counting import CARD, count_up_to
from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.core.statements import Statement, bound
from portal.domain.orders.models import Download, Order, OrderLine, OrderStatus
from portal.domain.shops.models import Mode
from portal.extensions import db

#: How many orders the home page shows.
RECENT = 5

_IN_LIST = (
    Order.public_id,
    Order.number,
    Order.order_date,
    Order.status,
    Order.total_minor,
    Order.currency,
)
_NEWEST_FIRST = (Order.order_date.desc(), Order.id.desc())


def order_count(customer_id: int, mode: Mode) -> sa.ScalarSelect[int]:
    """How many orders an account has, for the home page's card; cancelled ones count, as the list shows them."""
    return count_up_to(CARD, Order, *_of(customer_id, mode))


def list_orders(
    customer_id: int,
    *,
    mode: Mode,
    status: OrderStatus | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Page[Any]:
    """A page of an account's orders, newest first, in one statement. For members who may see orders.

    The rows have public_id, number, order_date, status, total_minor and currency.
    """
    stmt = sa.select(*_IN_LIST).where(*_of(customer_id, mode))
    if status is not None:
        stmt = stmt.where(Order.status == status)
    return keyset(db.session, stmt, key_columns=_NEWEST_FIRST, after=after, before=before)


def list_recent_orders(customer_id: int, *, mode: Mode) -> Sequence[Any]:
    """The newest orders of an account, for its home page."""
    return _recent(customer_id=customer_id, mode=mode).all()


@bound
def _recent(customer_id: int, mode: Mode) -> Statement:
    return sa.select(*_IN_LIST).where(*_of(customer_id, mode)).order_by(*_NEWEST_FIRST).limit(RECENT)


def get_order(public_id: str, *, customer_ids: Collection[int], mode: Mode) -> Any:
    """The row of one order of one of these accounts; ``NotFound`` for any other, whoever owns it."""
    row = db.session.execute(
        sa.select(
            *_IN_LIST,
            Order.id,
            Order.customer_id,
            Order.placed_at,
            Order.completed_at,
            Order.prices_include_vat,
            Order.net_minor,
            Order.vat_minor,
            Order.vat_groups,
            Order.answers,
            Order.note,
        ).where(Order.public_id == public_id, Order.customer_id.in_(customer_ids), Order.mode == mode)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no order {public_id}")
    return row


def order_label(order_id: sa.ColumnExpressionArgument[int | None]) -> dict[str, sa.ScalarSelect[Any]]:
    """Public id and number of the order that a row belongs to, as scalar subqueries for what finds the row."""
    return {
        "order_public_id": sa.select(Order.public_id).where(Order.id == order_id).scalar_subquery(),
        "order_label": sa.select(Order.number).where(Order.id == order_id).scalar_subquery(),
    }


def list_lines(order_id: int) -> Sequence[Any]:
    """The lines of an order the caller has looked up, in order, each once per file that came with it.

    A line without a file has None in the columns ``file_id``, ``file_name``, ``size_bytes``, ``download_limit``,
    ``downloads_used`` and ``expires_at``.
    """
    return db.session.execute(
        sa.select(
            OrderLine.position,
            OrderLine.name,
            OrderLine.quantity,
            OrderLine.unit_price,
            OrderLine.vat_category,
            OrderLine.vat_rate,
            OrderLine.net_minor,
            OrderLine.gross_minor,
            Download.public_id.label("file_id"),
            Download.name.label("file_name"),
            Download.size_bytes,
            Download.download_limit,
            Download.downloads_used,
            Download.expires_at,
        )
        .outerjoin(Download, Download.order_line_id == OrderLine.id)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.position, Download.id)
    ).all()


def _of(customer_id: int, mode: Mode) -> tuple[sa.ColumnElement[bool], ...]:
    return (Order.customer_id == customer_id, Order.mode == mode)
