"""What a change will mean, as facts that the pages show before it is confirmed."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.core import locale
from portal.core.templating import language
from portal.domain.catalog.models import Product
from portal.domain.subscriptions.cancelling import Billed, Ending
from portal.domain.subscriptions.forecast import Bill
from portal.domain.subscriptions.intervals import interval_text
from portal.domain.subscriptions.pausing import Pause, Resumption
from portal.domain.subscriptions.queries import SubscriptionFacts
from portal.domain.subscriptions.switching import Difference, Terms

Facts = list[tuple[str, str]]


def ending(found: Ending, facts: SubscriptionFacts) -> Facts:
    """When it ends, the last charge, and what is given back."""
    day = _day(found.last_day)
    said = [(_("Last day"), _("today, %(date)s", date=day) if found.at_once else day)]
    if found.bills:
        last = found.bills[-1]
        said.append((_("Last charge"), _bill(last, facts)))
        if len(found.bills) > 1:
            count = len(found.bills) - 1
            said.append(
                (
                    _("Before that"),
                    ngettext("one more bill, as usual", "%(num)s more bills, as usual", count),
                )
            )
    else:
        said.append((_("Still to be charged"), _("Nothing")))
        if found.billed is not None:
            said.append((_("Charged last"), _billed(found.billed, facts)))
            if found.credit is None:
                why = (
                    _("Nothing, as the days after that were credited already")
                    if found.billed.is_credited
                    else _("Nothing, as no day after that is paid for")
                )
                said.append((_("You get back"), why))
    if found.credit is not None:
        said.append((_("You get back"), _money(found.credit.total_minor, facts)))
        off, kept = found.credit.off_minor, found.credit.total_minor - found.credit.off_minor
        if off:
            number = found.credit.document.number or ""
            said.append((_("Taken off invoice %(number)s", number=number), _money(off, facts)))
        if kept:
            said.append((_("Becomes your credit"), _money(kept, facts)))
    return said


def pause(found: Pause, facts: SubscriptionFacts, today: date) -> Facts:
    """From when it is paused, what is kept, and how it goes on."""
    said = [(_("Paused from"), _day(today)), (_("Charged during the pause"), _("Nothing"))]
    if found.unused_days:
        label = _("Days of your trial kept") if found.is_trial else _("Paid days kept")
        said.append((label, str(found.unused_days)))
    if found.resumption is None:
        return [*said, (_("Goes on"), _("When you resume it"))]
    return [*said, (_("Goes on"), _day(found.resumption.on)), *_then(found.resumption, facts)]


def resumption(found: Resumption, facts: SubscriptionFacts, today: date) -> Facts:
    """What is billed when, once it goes on, which is today; on the day of the pause that day was used already."""
    return [(_("Goes on"), _("today, %(date)s", date=_day(today))), *_then(found, facts)]


def difference(found: Difference, facts: SubscriptionFacts) -> Facts:
    """From what to what, from when, and how much more or less that is."""
    said = [
        (_("Now"), _terms(found.before, facts)),
        (_("From %(date)s", date=_day(found.from_day)), _terms(found.after, facts)),
        (_("Difference on the next bill"), _more(found.next_bill_minor, facts)),
    ]
    if (found.before.unit, found.before.count) != (found.after.unit, found.after.count):
        said.append((_("Difference in a year"), _more(found.year_minor, facts)))
    return said


def plan_price(amount_minor: int, plan: Product, facts: SubscriptionFacts) -> str:
    """What one of a plan costs, and how often."""
    unit, count = plan.interval_unit or facts.interval_unit, plan.interval_count
    return f"{_money(amount_minor, facts)} / {interval_text(unit, count)}"


def _then(found: Resumption, facts: SubscriptionFacts) -> Facts:
    said = []
    if found.used_until is not None:
        label = _("Last day of the trial") if found.is_trial else _("Paid already until")
        said.append((label, _day(found.used_until)))
    labels = (_("First bill"), _("Then"))
    return said + [(label, _bill(bill, facts)) for label, bill in zip(labels, found.bills, strict=False)]


def _bill(bill: Bill, facts: SubscriptionFacts) -> str:
    text = _(
        "%(amount)s on %(date)s, for %(first)s – %(last)s",
        amount=_money(bill.amount_minor, facts),
        date=_day(bill.first_day),
        first=locale.date(bill.first_day, language(), "medium"),
        last=locale.date(bill.last_day, language(), "medium"),
    )
    return str(text)


def _billed(billed: Billed, facts: SubscriptionFacts) -> str:
    text = _(
        "%(amount)s, for %(first)s – %(last)s",
        amount=_money(billed.total_minor, facts),
        first=locale.date(billed.first_day, language(), "medium"),
        last=locale.date(billed.last_day, language(), "medium"),
    )
    return str(text)


def _terms(terms: Terms, facts: SubscriptionFacts) -> str:
    price = f"{_money(terms.amount_minor, facts)} / {interval_text(terms.unit, terms.count)}"
    name = (
        terms.name if terms.quantity == 1 else f"{locale.quantity(terms.quantity, language())} × {terms.name}"
    )
    return f"{name}: {price}"


def _more(minor: int, facts: SubscriptionFacts) -> str:
    if minor == 0:
        return str(_("none"))
    amount = _money(abs(minor), facts)
    return str(_("%(amount)s more", amount=amount) if minor > 0 else _("%(amount)s less", amount=amount))


def _money(minor: int, facts: SubscriptionFacts) -> str:
    return locale.money(minor, facts.currency, language())


def _day(day: date) -> str:
    return locale.date(day, language(), "long")
