"""A mail to an account: who gets it, in which language, and the names that every one of them says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.core.mailer import Category, Mail
from portal.domain.people.models import Customer
from portal.domain.people.recipients import (
    Switch,
    account_language,
    account_recipients,
    billing_recipients,
)
from portal.domain.shops.models import Shop

_CHOOSE = {Category.ACCOUNT: account_recipients, Category.BILLING: billing_recipients}


def mail_to_account(
    customer: Customer,
    name: str,
    context: Mapping[str, Any],
    *,
    shop: Shop,
    category: Category,
    switch: Switch | None,
    related: str | None,
    language: str | None = None,
    attachments: Sequence[tuple[str, Any]] = (),
) -> Mail | None:
    """A mail to an account and the contacts who get copies, to be queued by the caller; None when nobody wants it.

    ``category`` is ACCOUNT or BILLING and says which contacts; ``ValueError`` for any other. ``switch`` is the one that
    stops it at the account's own address, None for what always goes there. In the account's language, unless another is
    given. The context gets ``customer`` and ``shop``, their names.
    """
    if category not in _CHOOSE:
        raise ValueError("a mail to an account is Category.ACCOUNT or Category.BILLING")
    recipients = _CHOOSE[category](customer, switch)
    if recipients is None:
        return None
    return Mail(
        name=name,
        category=category,
        language=language or account_language(customer, shop),
        to=recipients.to,
        cc=recipients.cc,
        context={"customer": customer.name, "shop": shop.name, **context},
        attachments=list(attachments),
        related=related,
        customer_id=customer.id,
    )
