"""The parts of a subscription's page, in the words its template uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from portal.core import locale
from portal.core.principals import MembershipInfo
from portal.core.templating import language
from portal.domain.invoices.linked import LinkedInvoice
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions.models import ChangeKind
from portal.domain.subscriptions.queries import SubscriptionFacts


@dataclass(frozen=True)
class Change:
    """Something that will happen to the subscription."""

    title: str
    detail: str | None
    effective_on: date


def quantity(facts: SubscriptionFacts) -> str | None:
    """How many; nothing for one, which goes without saying."""
    return locale.quantity(facts.quantity, language()) if facts.quantity != 1 else None


def method(facts: SubscriptionFacts) -> str | None:
    """The saved method that pays it, with its masked account."""
    if facts.method_kind is None:
        return None
    return f"{facts.method_kind.label} {facts.method_masked}".strip()


def change(row: Any, facts: SubscriptionFacts) -> Change:
    """A planned change in words. A new price is in ``data`` as ``amount_minor``, a new plan as ``name``."""
    day = locale.date(row.effective_on, language(), "long")
    detail = None
    match row.kind:
        case ChangeKind.CANCEL:
            title = _("Ends on %(date)s", date=day)
            detail = _("It is cancelled. Nothing is billed for the time after that day.")
        case ChangeKind.PAUSE:
            title = _("Pauses on %(date)s", date=day)
        case ChangeKind.RESUME:
            title = _("Resumes on %(date)s", date=day)
        case ChangeKind.PRICE:
            title = _("New price from %(date)s", date=day)
            detail = _new_price(row.data, facts)
        case _:
            title = _("New plan from %(date)s", date=day)
            detail = row.data.get("name")
    return Change(str(title), detail, row.effective_on)


def invoice(bill: LinkedInvoice, account: MembershipInfo) -> dict[str, Any]:
    """An invoice of the subscription; linked for whoever may open it."""
    seen = account.can(Permission.INVOICES) or account.can(Permission.INVOICES_LINKED)
    return {
        "number": bill.number,
        "url": url_for("invoices.show", public_id=bill.public_id) if seen else None,
        "issue_date": bill.issue_date,
        "badge": bill.badge,
        "total_minor": bill.total_minor,
        "currency": bill.currency,
    }


def _new_price(data: dict[str, Any], facts: SubscriptionFacts) -> str | None:
    if "amount_minor" not in data:
        return None
    amount = locale.money(data["amount_minor"], facts.currency, language())
    return f"{amount} / {facts.interval}"
