"""Mails about subscriptions (product.md, "E-mails"): account mails, at the moment something happens."""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flask_babel import force_locale

from portal.core import links, locale, mailer
from portal.core.letter import BadAddress
from portal.core.mailer import Category, Mail, MailMessage
from portal.domain.invoices.models import Document
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import Switch, account_language, staff_recipients
from portal.domain.shops.queries import get_shop
from portal.domain.subscriptions.intervals import interval_text
from portal.domain.subscriptions.models import Subscription

if TYPE_CHECKING:
    from portal.domain.subscriptions.cancelling import Ending
    from portal.domain.subscriptions.pausing import Resumption
    from portal.domain.subscriptions.switching import Difference

log = logging.getLogger(__name__)


def paused(subscription: Subscription, *, now: datetime) -> MailMessage | None:
    """That it is paused, and until when."""
    said = {
        "paused_on": subscription.paused_on,
        "resume_on": subscription.resume_on,
        "unused_days": subscription.unused_days,
        "in_trial": subscription.periods_billed == 0 and subscription.trial_ends_on is not None,
    }
    return _tell("subscription_paused", subscription, Switch.STATUS_CHANGES, said, now=now)


def resumed(subscription: Subscription, found: Resumption, *, now: datetime) -> MailMessage | None:
    """That it goes on, and what is billed when."""
    bill = found.bills[0] if found.bills else None
    said = {
        "bill_on": bill.first_day if bill else None,
        "bill_until": bill.last_day if bill else None,
        "bill_minor": bill.amount_minor if bill else 0,
    }
    return _tell("subscription_resumed", subscription, Switch.STATUS_CHANGES, said, now=now)


def cancellation_received(
    subscription: Subscription, ending: Ending, *, asked_on: date, now: datetime
) -> MailMessage | None:
    """That the shop has the cancellation, from when it is in force, and what is still billed. No switch stops it."""
    said = {
        "asked_on": asked_on,
        "last_day": ending.last_day,
        "bill_on": ending.bills[-1].first_day if ending.bills else None,
        "bill_until": ending.bills[-1].last_day if ending.bills else None,
        "bill_minor": ending.bills[-1].amount_minor if ending.bills else 0,
        "bills": len(ending.bills),
        "credit_minor": ending.credit.total_minor if ending.credit else 0,
    }
    return _tell("cancellation_received", subscription, None, said, now=now)


def cancellation_withdrawn(subscription: Subscription, *, now: datetime) -> MailMessage | None:
    """That it goes on after all. No switch stops it."""
    said = {"next_billing_on": subscription.next_billing_on}
    return _tell("cancellation_withdrawn", subscription, None, said, now=now)


def cancelled(
    subscription: Subscription, ending: Ending, credit_note: Document | None, *, now: datetime
) -> MailMessage | None:
    """That it has ended, and what was credited. No switch stops it."""
    off = ending.credit.off_minor if ending.credit else 0
    total = ending.credit.total_minor if ending.credit else 0
    said = {
        "last_day": ending.last_day,
        "credit_minor": total,
        "off_minor": off,
        "kept_minor": total - off,
        "credit_note": credit_note.number if credit_note else "",
    }
    return _tell("subscription_cancelled", subscription, None, said, now=now)


def cancelled_for_staff(
    subscription: Subscription, *, last_day: date, credit_minor: int, now: datetime
) -> list[MailMessage]:
    """Tells those at the shop who may answer customers that one was cancelled; one mail for each language."""
    customer, shop = get_customer(subscription.customer_id), get_shop(subscription.shop_id)
    return _queue(
        [
            Mail(
                name="subscription_ended",
                category=Category.STAFF,
                language=language,
                to=addresses,
                context={
                    "shop": shop.name,
                    "who": customer.name,
                    "name": subscription.name,
                    "last_day": last_day,
                    "credit_minor": credit_minor,
                    "currency": subscription.currency,
                },
                related=f"subscription:{subscription.public_id}",
                customer_id=customer.id,
            )
            for language, addresses in staff_recipients(shop).items()
        ],
        subscription,
        now=now,
    )


def switch_planned(subscription: Subscription, found: Difference, *, now: datetime) -> MailMessage | None:
    """That another plan was agreed, with the old price, the new one, and from when; follows status changes."""
    language = account_language(get_customer(subscription.customer_id), get_shop(subscription.shop_id))
    with force_locale(language):
        before, after = (
            f"{locale.money(terms.amount_minor, subscription.currency, language)}"
            f" / {interval_text(terms.unit, terms.count)}"
            for terms in (found.before, found.after)
        )
    said = {
        "from_day": found.from_day,
        "plan": found.after.name,
        "quantity": found.after.quantity,
        "before": before,
        "after": after,
    }
    return _tell("switch_planned", subscription, Switch.STATUS_CHANGES, said, now=now)


def _tell(
    mail: str, subscription: Subscription, switch: Switch | None, said: dict[str, Any], *, now: datetime
) -> MailMessage | None:
    customer, shop = get_customer(subscription.customer_id), get_shop(subscription.shop_id)
    wanted = mail_to_account(
        customer,
        mail,
        {
            "name": subscription.name,
            "currency": subscription.currency,
            "page_url": links.external(shop.id, "subscriptions.show", public_id=subscription.public_id),
            "settings_url": links.external(shop.id, "settings.index") if switch is not None else "",
            "test_mode": shop.mode.value == "test",
            **said,
        },
        shop=shop,
        category=Category.ACCOUNT,
        switch=switch,
        related=f"subscription:{subscription.public_id}",
    )
    if wanted is None:
        return None
    return next(iter(_queue([wanted], subscription, now=now)), None)


def _queue(wanted: list[Mail], subscription: Subscription, *, now: datetime) -> list[MailMessage]:
    try:
        return mailer.queue_all(wanted, now=now)
    except BadAddress:
        # What was decided holds, even where nobody can be told.
        log.warning("subscription %s: a mail about it has no address that it could go to", subscription.id)
        return []
