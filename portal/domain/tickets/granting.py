"""Files of an order that somebody asks to fetch again: the shop grants more from the ticket (P-ORD-DL)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import clock, locale
from portal.core.errors import Conflict, NotFound
from portal.domain.orders.downloads import (
    GIVES,
    GRANTED_DAYS,
    GRANTED_DOWNLOADS,
    day_began,
    grant_downloads,
    is_over,
)
from portal.domain.orders.models import Download, Order, OrderLine
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.queries import get_shop
from portal.domain.tickets.actions import Author, Said, answer_silently, end_by_itself, lock_ticket, of_staff
from portal.domain.tickets.models import TicketStatus
from portal.domain.tickets.states import RUNNING, Move
from portal.extensions import db

__all__ = ["GRANTED_DAYS", "GRANTED_DOWNLOADS", "MAY_GRANT", "grant_more", "is_over", "list_order_files"]

#: How many files of an order a ticket shows.
MOST_FILES = 25
#: Where files can be granted from: of an order with several, the first resolves the ticket and the others may follow.
MAY_GRANT = (*RUNNING, TicketStatus.RESOLVED)


def list_order_files(order_id: int, *, time_zone: str, now: datetime) -> Sequence[Any]:
    """The files of an order while that gives them: public_id, name, version, limit, used and expiry of each.

    Those that cannot be fetched any more come first: a question is about one of them. ``time_zone`` is the shop's.
    """
    is_spent = sa.or_(
        Download.downloads_used >= Download.download_limit, Download.expires_at < day_began(time_zone, now)
    )
    return db.session.execute(
        sa.select(
            Download.public_id,
            Download.name,
            Download.version,
            Download.download_limit,
            Download.downloads_used,
            Download.expires_at,
        )
        .join(OrderLine, OrderLine.id == Download.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Order.id == order_id, Order.status.in_(GIVES))
        .order_by(sa.case((is_spent, 0), else_=1), OrderLine.position, Download.id)
        .limit(MOST_FILES)
    ).all()


def grant_more(
    ticket_id: int, file_public_id: str, *, version: int, author: Author, now: datetime
) -> Download:
    """Grants more downloads of a file of the order that a ticket is about, says so in it, and resolves it.

    For staff who may grant downloads. ``version`` is that of the file which was seen: of two clicks one is granted.
    A ticket that is resolved stays so. Raises ``NotFound`` for a file of another order, and ``Conflict`` for a ticket
    that was rejected or closed meanwhile.
    """
    ticket = lock_ticket(ticket_id)
    file_id = db.session.scalar(
        sa.select(Download.id)
        .join(OrderLine, OrderLine.id == Download.order_line_id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            Download.public_id == file_public_id,
            OrderLine.order_id == ticket.order_id,
            Order.status.in_(GIVES),
        )
    )
    if file_id is None:
        raise NotFound(f"no file {file_public_id} of ticket {ticket_id}")
    if ticket.status not in MAY_GRANT:
        raise Conflict(_l("This ticket was decided already. Please look again."))
    download = grant_downloads(file_id, version=version, actor=of_staff(author), now=now)
    shop = get_shop(ticket.shop_id)
    language = account_language(get_customer(ticket.customer_id), shop)
    with force_locale(language):
        said = _(
            "You can download ‘%(name)s’ again: %(count)s times, up to and including %(date)s.",
            name=download.name,
            count=download.download_limit - download.downloads_used,
            date=locale.date(clock.today(shop.time_zone, download.expires_at), language, "long"),
        )
    # Its own mail tells the account.
    answer_silently(ticket.id, Said(said), author=author, now=now)
    if ticket.status in RUNNING:
        end_by_itself(ticket.id, Move.RESOLVE, actor=of_staff(author), now=now)
    return download
