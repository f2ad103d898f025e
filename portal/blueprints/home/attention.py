"""What needs the customer, the most urgent first: overdue, waiting for an answer, to be paid, renewing.

What is paid in instalments is no invoice to be paid here: its plan says what comes next, or what is late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.core import clock, locale
from portal.core.principals import MembershipInfo
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.invoices.queries import OpenSummary
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions.queries import RENEWS_SOON_DAYS
from portal.domain.subscriptions.rows import SubscriptionRow


@dataclass(frozen=True)
class Need:
    """One thing that needs the customer, with the one thing to do about it."""

    title: str
    text: str
    tone: str
    icon: str
    url: str
    action: str


def collect(
    account: MembershipInfo,
    owed: OpenSummary | None,
    numbers: dict[str, Any],
    running: list[SubscriptionRow],
    *,
    today: date,
) -> list[Need]:
    """Everything that needs the customer. ``owed`` is None for whoever may not see invoices."""
    plan = _Plan(account, owed.also, today) if owed is not None and owed.also.get("plan_next_on") else None
    unpaid = [_unpaid(account, owed, plan is not None)] if owed is not None and owed.count else []
    waiting = [_waiting(numbers)] if numbers.get("waiting") else []
    renewing = [_renewing(numbers["renewing"], running)] if numbers.get("renewing") else []
    is_late = owed is not None and owed.overdue_count > 0
    return [
        *(unpaid if is_late else []),
        *(plan.needs() if plan is not None and plan.is_urgent else []),
        *waiting,
        *([] if is_late else unpaid),
        *renewing,
        *(plan.needs() if plan is not None and not plan.is_urgent else []),
    ]


def _unpaid(account: MembershipInfo, owed: OpenSummary, beside_plan: bool) -> Need:
    """``beside_plan`` says that the list, where this leads to, holds more than is counted here."""
    late = owed.overdue_count > 0
    total = locale.money(owed.total_minor, current_shop().currency, language())
    if owed.only_public_id is not None:
        url = url_for("invoices.show", public_id=owed.only_public_id)
        pays = account.can(Permission.INVOICES_PAY)
        action = _("Pay %(amount)s", amount=total) if pays else _("Show invoice")
    else:
        url = url_for("invoices.index", status="overdue" if owed.overdue_count == owed.count else "unpaid")
        action = _("Show invoices")
    if owed.count == 1:
        text = _("%(amount)s is to be paid.", amount=total)
    elif beside_plan and owed.also.get("objects"):
        text = _("Together: %(amount)s, besides what you object to or pay in instalments", amount=total)
    elif beside_plan:
        text = _("Together: %(amount)s, besides what you pay in instalments", amount=total)
    elif owed.also.get("objects"):
        text = _("Together: %(amount)s, besides what you object to", amount=total)
    else:
        text = _("Together: %(amount)s", amount=total)
    credit_minor = int(owed.also.get("credit_minor") or 0)
    if credit_minor > 0 and account.can(Permission.INVOICES_PAY):
        credit = locale.money(credit_minor, current_shop().currency, language())
        # After a sentence that has no full stop of its own.
        text = f"{text}{'' if text.endswith('.') else '.'} " + _(
            "You have %(amount)s in credit; use it when you pay.", amount=credit
        )
    return Need(
        title=_unpaid_title(owed),
        text=str(text),
        tone="orange" if late else "yellow",
        icon="alert-triangle" if late else "file-invoice",
        url=url,
        action=str(action),
    )


def _unpaid_title(owed: OpenSummary) -> str:
    if not owed.overdue_count:
        return str(ngettext("%(num)d invoice is open", "%(num)d invoices are open", owed.count))
    if owed.overdue_count < owed.count:
        return str(
            ngettext(
                "%(count)s invoices are open, %(num)d is overdue",
                "%(count)s invoices are open, %(num)d are overdue",
                owed.overdue_count,
                count=owed.count,
            )
        )
    if owed.count == 1:
        return str(
            ngettext(
                "An invoice is %(num)d day overdue",
                "An invoice is %(num)d days overdue",
                owed.max_days_overdue,
            )
        )
    return str(_("%(count)s invoices are overdue", count=owed.count))


class _Plan:
    """The payment plans: what waits for the customer, is late, or comes next."""

    def __init__(self, account: MembershipInfo, found: dict[str, Any], today: date) -> None:
        self.next_on: date = found["plan_next_on"]
        self.waits = bool(found["plan_waits"])
        self.is_late = self.next_on < today
        self._late_count = int(found["plans_late"])
        self._late_on: date | None = found["plans_late_on"]
        self._amount = locale.money(int(found["plan_next_minor"]), found["plan_currency"], language())
        self._case = found["plan_case_public_id"]
        self._may_choose = account.can(Permission.COLLECTIONS_PLAN)

    @property
    def is_urgent(self) -> bool:
        """Whether there is something to do."""
        return self.waits or self.is_late

    def needs(self) -> list[Need]:
        """In words: the nearest one, and those that are late where that one does not say so."""
        if self._late_count > (0 if self.waits else 1):
            return [*([self._need()] if self.waits else []), self._all_late()]
        return [self._need()]

    def _all_late(self) -> Need:
        day = locale.date(self._late_on, language(), "long") if self._late_on is not None else ""
        late = ngettext("%(num)d payment plan is late", "%(num)d payment plans are late", self._late_count)
        return Need(
            title=str(late),
            text=str(
                ngettext(
                    "An instalment was due on %(date)s.",
                    "The first missed instalment was due on %(date)s.",
                    self._late_count,
                    date=day,
                )
            ),
            tone="orange",
            icon="alert-triangle",
            url=url_for("collections.index"),
            action=str(_("Show cases")),
        )

    def _need(self) -> Need:
        day = locale.date(self.next_on, language(), "long")
        url, action = url_for("collections.show", public_id=self._case), _("Show payment plan")
        if self.waits:
            if self._may_choose:
                url = url_for("collections.method", public_id=self._case)
                action = _("Choose how to pay")
            return Need(
                title=str(_("Choose how to pay your payment plan")),
                text=str(
                    _(
                        "The shop agreed to it. The first instalment of %(amount)s is due on %(date)s.",
                        amount=self._amount,
                        date=day,
                    )
                ),
                tone="orange" if self.is_late else "yellow",
                icon="credit-card",
                url=url,
                action=str(action),
            )
        if self.is_late:
            return Need(
                title=str(_("An instalment of your payment plan is late")),
                text=str(_("%(amount)s was due on %(date)s.", amount=self._amount, date=day)),
                tone="orange",
                icon="alert-triangle",
                url=url,
                action=str(action),
            )
        return Need(
            title=str(_("You pay in instalments")),
            text=str(_("Next: %(amount)s on %(date)s", amount=self._amount, date=day)),
            tone="azure",
            icon="calendar",
            url=url,
            action=str(action),
        )


def _waiting(numbers: dict[str, Any]) -> Need:
    count = numbers["waiting"]
    one = count == 1
    return Need(
        title=str(
            ngettext(
                "%(num)d conversation waits for your answer",
                "%(num)d conversations wait for your answer",
                count,
            )
        ),
        text=numbers["waiting_subject"],
        tone="yellow",
        icon="message-question",
        url=url_for("support.show", public_id=numbers["waiting_public_id"])
        if one
        else url_for("support.index"),
        action=str(_("Read it") if one else _("Show conversations")),
    )


def _renewing(count: int, running: list[SubscriptionRow]) -> Need:
    """``running`` begins with what is billed next, so what renews soon is at its head, but behind what should have
    been billed before; then the list tells.
    """
    today = clock.today(current_shop().time_zone)
    last = today + timedelta(days=RENEWS_SOON_DAYS)
    soon = [row for row in running if row.next_billing_on and today <= row.next_billing_on <= last]
    listed = "; ".join(f"{row.name}: {_price_on(row)}" for row in soon[:3])
    one = count == 1
    title = (
        _("A subscription renews within a week")
        if one
        else _("%(count)s subscriptions renew within a week", count=count)
    )
    if one and soon:
        url, action = url_for("subscriptions.show", public_id=soon[0].public_id), _("Show subscription")
    else:
        url, action = url_for("subscriptions.index", status="active"), _("Show subscriptions")
    return Need(title=str(title), text=listed, tone="azure", icon="calendar", url=url, action=str(action))


def _price_on(row: SubscriptionRow) -> str:
    amount = locale.money(row.amount_minor, row.currency, language())
    if row.next_billing_on is None:
        return amount
    day = locale.date(row.next_billing_on, language(), "long")
    return str(_("%(amount)s on %(date)s", amount=amount, date=day))
