"""Mails about orders."""

from __future__ import annotations

import logging
from datetime import datetime

from portal.core import clock, links, mailer
from portal.core.letter import BadAddress
from portal.core.mailer import Category, MailMessage
from portal.domain.orders.models import Download, Order
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import Switch
from portal.domain.shops.queries import get_shop

log = logging.getLogger(__name__)


def downloads_granted(order: Order, download: Download, *, now: datetime) -> MailMessage | None:
    """Tells the account that it may fetch a file again, unless it switched mails about orders off."""
    customer, shop = get_customer(order.customer_id), get_shop(order.shop_id)
    mail = mail_to_account(
        customer,
        "downloads_granted",
        {
            "number": order.number,
            "file": download.name,
            "left": download.download_limit - download.downloads_used,
            "until": clock.today(shop.time_zone, download.expires_at),
            "order_url": links.external(shop.id, "orders.show", public_id=order.public_id),
            "settings_url": links.external(shop.id, "settings.index"),
        },
        shop=shop,
        category=Category.ACCOUNT,
        switch=Switch.ORDER_CONFIRMATION,
        related=f"order:{order.public_id}",
    )
    try:
        return mailer.queue(mail, now=now) if mail is not None else None
    except BadAddress:
        # What was granted holds, even where nobody can be told.
        log.warning("order %s: its account has no address that a mail could go to", order.id)
        return None
