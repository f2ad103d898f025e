"""Mails about saved methods: what an account can be charged with came, or went (product.md, "E-mails").

Whoever did it, everybody who reads the account's billing mails hears of it, so that a misuse is noticed.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from flask_babel import force_locale

from portal.core import links, mailer
from portal.core.letter import BadAddress
from portal.core.mailer import Category, MailMessage
from portal.domain.methods.models import MethodKind, PaymentMethod
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop

log = logging.getLogger(__name__)


def added(method: PaymentMethod, *, now: datetime) -> MailMessage | None:
    """That it can be charged from now on, and of a mandate what was agreed to, word by word, for the debtor to keep."""
    said = {
        "holder": method.holder,
        "reference": method.reference or "",
        "signed_on": method.signed_on,
        "expires_on": method.expires_on,
        "is_default": method.is_default,
        "mandate_text": method.mandate_text,
        "creditor_id": get_shop(method.shop_id).creditor_id,
    }
    return _tell("method_added", method, None, said, now=now)


def removed(
    method: PaymentMethod, *, ended_there: bool, successor: PaymentMethod | None, now: datetime
) -> MailMessage | None:
    """That nothing new is charged with it any more: taken back here, or ``ended_there``, by its bank or provider.

    ``successor`` is what pays now what this paid; None where nothing hung on it, or nothing could take over.
    """
    said = {"reference": method.reference or "", "ended_there": ended_there}
    return _tell("method_removed", method, successor, said, now=now)


def _tell(
    mail: str, method: PaymentMethod, successor: PaymentMethod | None, said: dict[str, Any], *, now: datetime
) -> MailMessage | None:
    customer, shop = get_customer(method.customer_id), get_shop(method.shop_id)
    with force_locale(account_language(customer, shop)):
        name, other = (
            f"{each.kind.label} {each.masked}".strip() if each else "" for each in (method, successor)
        )
    wanted = mail_to_account(
        customer,
        mail,
        {
            "name": name,
            "successor": other,
            "is_mandate": method.kind is MethodKind.SEPA,
            "method_url": links.external(shop.id, "payment_methods.show", public_id=method.public_id),
            "test_mode": shop.mode is Mode.TEST,
            **said,
        },
        shop=shop,
        category=Category.BILLING,
        switch=None,
        related=f"method:{method.public_id}",
    )
    try:
        return mailer.queue(wanted, now=now) if wanted is not None else None
    except BadAddress:
        # What was agreed to, or taken back, holds, even where nobody can be told.
        log.warning("method %s: its account has no address that a mail could go to", method.id)
        return None
