"""Mails about collection cases."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from portal.core import links, mailer
from portal.core.letter import BadAddress
from portal.core.mailer import Category, MailMessage
from portal.domain.collections.instalments import Instalment
from portal.domain.collections.models import PaymentPlan
from portal.domain.collections.queries import CaseFacts
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop

log = logging.getLogger(__name__)


def plan_agreed(
    case: CaseFacts, plan: PaymentPlan, instalments: Sequence[Instalment], *, now: datetime
) -> MailMessage | None:
    """Tells the account, and contacts with billing e-mails, what is paid when. No switch stops it."""
    customer, shop = get_customer(case.customer_id), get_shop(plan.shop_id)
    mail = mail_to_account(
        customer,
        "plan_agreed",
        {
            "case": case.number,
            "invoice": case.invoice.number,
            "total_minor": plan.total_minor,
            "currency": plan.currency,
            "count": plan.instalment_count,
            "each_minor": instalments[0].amount_minor,
            "last_minor": instalments[-1].amount_minor,
            "first_on": instalments[0].due_on,
            "last_on": instalments[-1].due_on,
            "case_url": links.external(shop.id, "collections.show", public_id=case.public_id),
            "test_mode": shop.mode is Mode.TEST,
        },
        shop=shop,
        category=Category.BILLING,
        switch=None,
        related=f"case:{case.public_id}",
    )
    try:
        return mailer.queue(mail, now=now) if mail is not None else None
    except BadAddress:
        # What was agreed holds, even where nobody can be told.
        log.warning("case %s: its account has no address that a mail could go to", case.id)
        return None
