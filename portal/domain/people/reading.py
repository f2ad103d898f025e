"""What sections of one's own read of an account, and how they write to it; stable, as ``portal.api`` shows it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.core import mailer
from portal.core.errors import NotFound
from portal.core.mailer import Category, Mail, MailMessage
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.models import Customer
from portal.domain.people.recipients import (
    Switch,
    account_language,
    staff_recipients,
)
from portal.domain.shops.queries import get_shop
from portal.extensions import db


@dataclass(frozen=True)
class AccountInfo:
    """An account of the shop; ``language`` is that of its mails, ``en`` or ``nl``."""

    id: int
    public_id: str
    name: str
    company: str
    email: str
    phone: str
    street: str
    postal_code: str
    city: str
    country: str
    language: str


def find_account(customer_id: int) -> AccountInfo:
    """An account of the active shop by its key. Whether who asks may see it, the caller looks. Raises ``NotFound``."""
    row = _row(customer_id)
    return AccountInfo(
        row.id,
        row.public_id,
        row.name,
        row.company,
        row.email,
        row.phone,
        row.street,
        row.postal_code,
        row.city,
        row.country,
        account_language(row, get_shop(row.shop_id)),
    )


def account_names(customer_ids: Collection[int]) -> dict[int, str]:
    """The names of accounts of the active shop by their keys, in one statement, for a list."""
    rows = db.session.execute(sa.select(Customer.id, Customer.name).where(Customer.id.in_(customer_ids)))
    return {row.id: row.name for row in rows}


def mail_account(
    customer_id: int,
    name: str,
    context: Mapping[str, Any],
    *,
    now: datetime,
    category: Category = Category.ACCOUNT,
    switch: Switch | None = None,
    related: str | None = None,
) -> MailMessage | None:
    """Queues a mail to an account and those who get copies, in its language; None when nobody wants it.

    ``category`` is ACCOUNT or BILLING and says which contacts get copies; ``switch`` is the switch that stops it. The
    context has ``customer`` and ``shop``, their names, too. Raises as ``mailer.queue`` does; the caller commits.
    """
    customer = _row(customer_id)
    shop = get_shop(customer.shop_id)
    mail = mail_to_account(
        customer, name, context, shop=shop, category=category, switch=switch, related=related
    )
    return mailer.queue(mail, now=now) if mail is not None else None


def mail_staff(
    shop_id: int, name: str, context: Mapping[str, Any], *, now: datetime, related: str | None = None
) -> list[MailMessage]:
    """The same to those at the shop who may answer customers: one mail for each language that they read."""
    shop = get_shop(shop_id)
    mails = [
        Mail(
            name=name,
            category=Category.STAFF,
            language=language,
            to=addresses,
            context={"shop": shop.name, **context},
            related=related,
        )
        for language, addresses in staff_recipients(shop).items()
    ]
    return mailer.queue_all(mails, now=now)


def _row(customer_id: int) -> Customer:
    row = db.session.scalar(sa.select(Customer).where(Customer.id == customer_id))
    if row is None:
        raise NotFound
    return row
