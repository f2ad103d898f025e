"""The parts of an order's page, in the words its template uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.core import clock, locale
from portal.core.principals import MembershipInfo
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.core.vat import TAXED, VatCategory
from portal.domain.invoices.linked import LinkedInvoice
from portal.domain.orders.billing import OrderPayment
from portal.domain.orders.downloads import GIVES, is_over
from portal.domain.payments import undoing
from portal.domain.people.permissions import Permission


@dataclass(frozen=True)
class Line:
    """A line; the amount is net or gross, as the prices of the order were shown."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    vat_category: VatCategory
    vat_rate: Decimal
    amount_minor: int


@dataclass(frozen=True)
class VatGroup:
    """The VAT of one rate; the label says why there is none, and is None for an ordinary rate."""

    category: VatCategory
    label: Any
    rate: Decimal
    net_minor: int
    vat_minor: int


@dataclass(frozen=True)
class File:
    """A file that came with the order; ``url`` is where its button posts to, ``more_url`` where to ask for more."""

    name: str
    detail: str
    note: str
    url: str | None
    more_url: str | None


@dataclass(frozen=True)
class Event:
    """A payment on the timeline."""

    icon: str
    title: Any
    detail: str | None
    at: datetime
    amount_minor: int
    currency: str
    state: Any
    tone: str | None = None


def lines(rows: Sequence[Any], order: Any) -> list[Line]:
    """The lines of an order; a line comes once for each of its files."""
    return [
        Line(
            description=row.name,
            quantity=row.quantity,
            unit_price=row.unit_price,
            vat_category=row.vat_category,
            vat_rate=row.vat_rate,
            amount_minor=row.gross_minor if order.prices_include_vat else row.net_minor,
        )
        for row in {row.position: row for row in rows}.values()
    ]


def vat_groups(order: Any) -> list[VatGroup]:
    """The VAT of an order, from its snapshot."""
    groups = []
    for group in order.vat_groups:
        category = VatCategory(group["category"])
        groups.append(
            VatGroup(
                category=category,
                label=None if category in TAXED else category.label,
                rate=Decimal(group["rate"]),
                net_minor=group["net_minor"],
                vat_minor=group["vat_minor"],
            )
        )
    return groups


def downloads(rows: Sequence[Any], order: Any, account: MembershipInfo) -> list[File]:
    """The files that came with an order, with what is left of their limits, and how to get more where nothing is."""
    return [_file(row, order, account) for row in rows if row.file_name is not None]


def invoice(bill: LinkedInvoice, account: MembershipInfo) -> dict[str, Any]:
    """An invoice of the order; linked for whoever may open it."""
    seen = account.can(Permission.INVOICES) or account.can(Permission.INVOICES_LINKED)
    return {
        "number": bill.number,
        "url": url_for("invoices.show", public_id=bill.public_id) if seen else None,
        "issue_date": bill.issue_date,
        "badge": bill.badge,
        "total_minor": bill.total_minor,
        "currency": bill.currency,
    }


def payment(share: OrderPayment) -> Event:
    """A payment on the timeline, with the reference by which provider and bank know it."""
    return Event(
        icon="credit-card",
        title=share.method.label,
        detail=share.reference if share.undone_at is None else undoing.words(share.undone_at),
        at=share.at,
        amount_minor=share.amount_minor,
        currency=share.currency,
        state=share.status if share.undone_at is None else None,
    )


def _file(row: Any, order: Any, account: MembershipInfo) -> File:
    gives = order.status in GIVES
    is_left = not _is_over(row) and row.downloads_used < row.download_limit
    may_fetch, may_ask = account.can(Permission.ORDERS_DOWNLOAD), account.can(Permission.TICKETS_WRITE)
    return File(
        name=row.file_name,
        detail=locale.file_size(row.size_bytes, language()),
        note=_left(row) if gives else str(_("Can be fetched while the order is paid")),
        url=(
            url_for("orders.fetch", public_id=order.public_id, file_id=row.file_id)
            if gives and is_left and may_fetch
            else None
        ),
        more_url=(
            url_for("support.create", about=f"order:{order.public_id}", file=row.file_id)
            if gives and not is_left and may_ask
            else None
        ),
    )


def _is_over(row: Any) -> bool:
    return is_over(row.expires_at, current_shop().time_zone, now=clock.now())


def _left(row: Any) -> str:
    left = max(0, row.download_limit - row.downloads_used)
    day = locale.date(clock.today(current_shop().time_zone, row.expires_at), language(), "long")
    if _is_over(row):
        return str(_("Expired on %(date)s", date=day))
    if left == 0:
        return str(_("All %(limit)s downloads used", limit=row.download_limit))
    return str(
        ngettext(
            "%(num)d of %(limit)s downloads left, up to and including %(date)s",
            "%(num)d of %(limit)s downloads left, up to and including %(date)s",
            left,
            limit=row.download_limit,
            date=day,
        )
    )
