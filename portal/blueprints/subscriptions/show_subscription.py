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
from portal.domain.catalog.models import IntervalUnit
from portal.domain.invoices.linked import LinkedInvoice
from portal.domain.methods.models import MethodKind
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions.coming import Coming
from portal.domain.subscriptions.intervals import interval_text
from portal.domain.subscriptions.models import ChangeKind
from portal.domain.subscriptions.notice import last_day_before
from portal.domain.subscriptions.queries import SubscriptionFacts


@dataclass(frozen=True)
class Change:
    """Something that will happen to the subscription."""

    title: str
    detail: str | None
    #: What it is, for the button that takes it back: cancel, switch or another.
    kind: str
    #: The conversation about it, if there is one.
    ticket_url: str | None


def quantity(facts: SubscriptionFacts) -> str | None:
    """How many; nothing for one, which goes without saying."""
    return locale.quantity(facts.quantity, language()) if facts.quantity != 1 else None


def method(facts: SubscriptionFacts) -> str | None:
    """The saved method that pays it, with its masked account."""
    if facts.method_kind is None:
        return None
    return method_name(facts.method_kind, facts.method_masked)


def method_name(kind: MethodKind, masked: str) -> str:
    """A saved method in words."""
    return f"{kind.label} {masked}".strip()


def change(row: Coming, facts: SubscriptionFacts, account: MembershipInfo) -> Change:
    """A planned change in words. A new plan has its ``name`` in ``data``."""
    day = None if row.on is None else locale.date(row.on, language(), "long")
    detail = None
    match row.kind:
        case ChangeKind.CANCEL:
            last = locale.date(last_day_before(row.on), language(), "long") if row.on is not None else ""
            title = _("Last day: %(date)s", date=last)
            detail = _cancellation(row.data)
        case ChangeKind.PAUSE:
            title = _("Pauses on %(date)s", date=day)
        case ChangeKind.RESUME:
            title = _("Resumes on %(date)s", date=day)
        case ChangeKind.PRICE:
            title = (
                _("New price from the first bill after the pause")
                if day is None
                else _("New price from %(date)s", date=day)
            )
            detail = _new_price(row, facts)
        case _:
            title = (
                _("New plan from the first bill after the pause")
                if day is None
                else _("New plan from %(date)s", date=day)
            )
            detail = _new_plan(row.data, facts)
    ticket = row.data.get("ticket") if account.can(Permission.TICKETS) else None
    return Change(
        str(title), detail, row.kind.value, url_for("support.show", public_id=ticket) if ticket else None
    )


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


def _cancellation(data: dict[str, Any]) -> str:
    """When it was asked for, and what the last day means."""
    if "asked_on" not in data:
        return str(_("Nothing is billed for the time after it."))
    asked = locale.date(date.fromisoformat(data["asked_on"]), language(), "long")
    return str(_("You cancelled it on %(asked)s. Nothing is billed for the time after it.", asked=asked))


def _new_plan(data: dict[str, Any], facts: SubscriptionFacts) -> str | None:
    name: str | None = data.get("name")
    if "amount_minor" not in data or "interval_unit" not in data:
        return name
    amount = locale.money(data["amount_minor"], facts.currency, language())
    interval = interval_text(IntervalUnit(data["interval_unit"]), data["interval_count"])
    return f"{name}: {amount} / {interval}"


def _new_price(row: Coming, facts: SubscriptionFacts) -> str | None:
    if row.amount_minor is None:
        return None
    amount = locale.money(row.amount_minor, facts.currency, language())
    return f"{amount} / {facts.interval}"
