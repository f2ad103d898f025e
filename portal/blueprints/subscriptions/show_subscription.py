"""The parts of a subscription's page, in the words its template uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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
from portal.domain.subscriptions.intervals import interval_text
from portal.domain.subscriptions.models import ChangeKind
from portal.domain.subscriptions.queries import SubscriptionFacts


@dataclass(frozen=True)
class Change:
    """Something that will happen to the subscription."""

    title: str
    detail: str | None
    effective_on: date
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


def coming(planned: Sequence[Any]) -> list[Any]:
    """Of what is planned, in its order, what still comes to pass: nothing from the day it is cancelled."""
    end = next((row.effective_on for row in planned if row.kind is ChangeKind.CANCEL), None)
    return [row for row in planned if end is None or row.kind is ChangeKind.CANCEL or row.effective_on < end]


def change(row: Any, facts: SubscriptionFacts, account: MembershipInfo) -> Change:
    """A planned change in words. A new price is in ``data`` as ``amount_minor``, a new plan as ``name``."""
    day = locale.date(row.effective_on, language(), "long")
    detail = None
    match row.kind:
        case ChangeKind.CANCEL:
            title = _("Cancelled from %(date)s", date=day)
            detail = _cancellation(row)
        case ChangeKind.PAUSE:
            title = _("Pauses on %(date)s", date=day)
        case ChangeKind.RESUME:
            title = _("Resumes on %(date)s", date=day)
        case ChangeKind.PRICE:
            title = _("New price from %(date)s", date=day)
            detail = _new_price(row.data, facts)
        case _:
            title = _("New plan from %(date)s", date=day)
            detail = _new_plan(row.data, facts)
    ticket = row.data.get("ticket") if account.can(Permission.TICKETS) else None
    return Change(
        str(title),
        detail,
        row.effective_on,
        row.kind.value,
        url_for("support.show", public_id=ticket) if ticket else None,
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


def _cancellation(row: Any) -> str:
    """Both its dates: when it was asked for, and the last day."""
    last = locale.date(row.effective_on - timedelta(days=1), language(), "long")
    if "asked_on" not in row.data:
        return str(_("Its last day is %(last)s. Nothing is billed for the time after it.", last=last))
    asked = locale.date(date.fromisoformat(row.data["asked_on"]), language(), "long")
    text = _(
        "You cancelled it on %(asked)s. Its last day is %(last)s. Nothing is billed for the time after it.",
        asked=asked,
        last=last,
    )
    return str(text)


def _new_plan(data: dict[str, Any], facts: SubscriptionFacts) -> str | None:
    name: str | None = data.get("name")
    if "amount_minor" not in data or "interval_unit" not in data:
        return name
    amount = locale.money(data["amount_minor"], facts.currency, language())
    interval = interval_text(IntervalUnit(data["interval_unit"]), data["interval_count"])
    return f"{name}: {amount} / {interval}"


def _new_price(data: dict[str, Any], facts: SubscriptionFacts) -> str | None:
    if "amount_minor" not in data:
        return None
    amount = locale.money(data["amount_minor"], facts.currency, language())
    return f"{amount} / {facts.interval}"
