"""Files that were bought: given when the order is paid, fetched so often until a day, granted anew by the shop."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit, clock, links, storage
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound
from portal.domain.catalog.models import ProductFile
from portal.domain.orders import mails
from portal.domain.orders.models import Download, Order, OrderLine, OrderStatus
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop
from portal.extensions import db

log = logging.getLogger(__name__)

#: How long the address is good to which a download leads; resuming on it is free (product.md, P-ORD-DL).
ADDRESS_LASTS = timedelta(hours=1)
#: What the shop grants in one click, and the least and most of both: downloads and days.
GRANTED_DOWNLOADS, GRANTED_DAYS = 5, 30
MOST_DOWNLOADS, MOST_DAYS = 100, 365
#: An order gives its files while it is paid; once the money went back, no more.
GIVES = (OrderStatus.PAID, OrderStatus.COMPLETED)

_ID_LENGTH = 22
GONE = _l(
    "This file cannot be fetched at the moment. Nothing was counted. Please try again later, or ask us for it."
)


def give_downloads(order: Order, *, now: datetime) -> None:
    """The files of what an order holds, with the limits of this day. Called when it is paid; twice is once.

    The file that is sold now stays the one served, whatever becomes of the product's.
    """
    lines = sa.select(OrderLine.id, ProductFile).join(
        ProductFile, ProductFile.product_id == OrderLine.product_id
    )
    known = sa.exists().where(
        Download.order_line_id == OrderLine.id, Download.product_file_id == ProductFile.id
    )
    wanted = lines.where(OrderLine.order_id == order.id, ProductFile.archived_at.is_(None), ~known)
    for line_id, file in db.session.execute(wanted.order_by(OrderLine.position, ProductFile.id)):
        db.session.add(
            Download(
                order_line_id=line_id,
                product_file_id=file.id,
                name=file.name,
                storage_key=file.storage_key,
                media_type=file.media_type,
                size_bytes=file.size_bytes,
                download_limit=file.download_limit,
                expires_at=now + timedelta(days=file.valid_days),
                created_at=now,
            )
        )


def get_download(public_id: str, *, order: str, customer_ids: Collection[int], mode: Mode) -> Any:
    """A bought file of an order of one of these accounts; ``NotFound`` for any other, whoever owns it.

    The row has id, public_id, name, storage_key and customer_id.
    """
    row = db.session.execute(
        _select(mode).where(
            Download.public_id == public_id, Order.public_id == order, Order.customer_id.in_(customer_ids)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"no download {public_id}")
    return row


def find_download(public_id: str, *, customer_ids: Collection[int], mode: Mode) -> Any:
    """The same by its own id alone; None for any other."""
    return db.session.execute(
        _select(mode).where(Download.public_id == public_id, Order.customer_id.in_(customer_ids))
    ).one_or_none()


def is_over(expires_at: datetime, time_zone: str, *, now: datetime) -> bool:
    """Whether the time of a file is over: the day that everybody reads is still one of it, all of it.

    ``time_zone`` is the shop's.
    """
    return expires_at < day_began(time_zone, now)


def day_began(time_zone: str, now: datetime) -> datetime:
    """When the shop's day began: what expires at this moment or after it is not over yet."""
    return datetime.combine(clock.today(time_zone, now), time(), ZoneInfo(time_zone))


def fetch(download: Any, *, actor: Actor, now: datetime) -> str:
    """Counts one download of a row of ``get_download``; the token of the address that it leads to.

    For members who may fetch. Of several at once each counts, and never more than are left: the database decides.
    Raises ``DomainError`` for one that is used up, expired, of an order that does not give it, or not in the storage.
    """
    if download.status not in GIVES:
        raise DomainError(_l("You can fetch these files while the order is paid."))
    if not storage.exists(download.storage_key):
        log.error("the file of download %s is not there", download.id)
        raise DomainError(GONE)
    counted = db.session.execute(
        sa.update(Download)
        .where(
            Download.id == download.id,
            Download.downloads_used < Download.download_limit,
            Download.expires_at >= day_began(get_shop(download.shop_id).time_zone, now),
        )
        .values(downloads_used=Download.downloads_used + 1, version=Download.version + 1)
        .returning(Download.downloads_used)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if counted is None:
        raise DomainError(
            _l(
                "‘%(name)s’ has been fetched as often as it could be, or its time is over.",
                name=download.name,
            )
        )
    subject = db.session.get_one(Download, download.id)
    audit.record("download.used", subject, actor=actor, now=now, used=counted.downloads_used)
    return token_for(download.public_id, now=now)


def token_for(public_id: str, *, now: datetime) -> str:
    """What stands in the address ``/download/<token>``: whose file, until when, and our proof of both."""
    until = f"{int((now + ADDRESS_LASTS).timestamp()):x}"
    return f"{public_id}{links.mac('download', f'{public_id}:{until}')}{until}"


def find_by_token(token: str, *, mode: Mode, now: datetime) -> Any:
    """The file that a token was made for (name, media_type, storage_key); None for a wrong or expired one, or one of
    another shop."""
    public_id, proof, until = token[:_ID_LENGTH], token[_ID_LENGTH : 2 * _ID_LENGTH], token[2 * _ID_LENGTH :]
    if not links.mac_fits("download", f"{public_id}:{until}", proof):
        return None
    if datetime.fromtimestamp(int(until, 16), UTC) <= now:
        return None
    return db.session.execute(
        _select(mode).where(Download.public_id == public_id, Order.status.in_(GIVES))
    ).one_or_none()


def grant_downloads(
    download_id: int,
    *,
    version: int,
    actor: Actor,
    now: datetime,
    downloads: int = GRANTED_DOWNLOADS,
    days: int = GRANTED_DAYS,
) -> Download:
    """So many downloads more, and at least so many days from now; the customer is told.

    For staff who may grant downloads. ``version`` is that of the row which was seen: clicked twice, or by two at once,
    it is granted once, and the second learns so by a ``Conflict``. Raises ``DomainError`` for numbers out of bounds.
    """
    if not 1 <= downloads <= MOST_DOWNLOADS:
        raise DomainError(_l("Give a number from 1 to %(most)s.", most=MOST_DOWNLOADS), "downloads")
    if not 1 <= days <= MOST_DAYS:
        raise DomainError(_l("Give a number from 1 to %(most)s.", most=MOST_DAYS), "days")
    download = db.session.scalars(
        sa.select(Download)
        .where(Download.id == download_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if download.version != version:
        raise Conflict(_l("This changed meanwhile. Please look again."))
    # Nobody has more left at one time than a purchase may give.
    left = min(download.download_limit - download.downloads_used + downloads, MOST_DOWNLOADS)
    download.download_limit = download.downloads_used + left
    download.expires_at = max(download.expires_at, now + timedelta(days=days))
    audit.record(
        "download.granted",
        download,
        actor=actor,
        now=now,
        limit=download.download_limit,
        expires_at=download.expires_at.isoformat(),
    )
    order = db.session.scalars(
        sa.select(Order)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(OrderLine.id == download.order_line_id)
    ).one()
    mails.downloads_granted(order, download, now=now)
    return download


def _select(mode: Mode) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            Download.id,
            Download.public_id,
            Download.name,
            Download.media_type,
            Download.storage_key,
            Order.shop_id,
            Order.customer_id,
            Order.id.label("order_id"),
            Order.status,
        )
        .join(OrderLine, OrderLine.id == Download.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Order.mode == mode)
    )
