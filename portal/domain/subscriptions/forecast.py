"""What a subscription will bill, and what of it is paid beyond a day: pure functions of what is known today.

A day that has begun with the subscription running counts as used. So a pause keeps the days after the day on which it
began, and what ends on a day keeps nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from portal.domain.catalog.models import IntervalUnit
from portal.domain.subscriptions.cadence import Cadence
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.subscriptions.prices import Price
from portal.domain.subscriptions.states import BILLED

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Plan:
    """What is billed, and how often, from a day on; without an interval that stays as it was."""

    from_day: date
    price: Price
    interval: tuple[IntervalUnit, int] | None = None


@dataclass(frozen=True)
class Standing:
    """How a subscription stands, in plain values.

    ``paid_until`` is the last day that was billed. ``unused_days`` are the days that a pause keeps, paid or of a trial.
    ``grid_day`` is the first day of a period of the calendar; None while nothing was billed: the first bill makes it.
    ``changes`` of price and plan are in the order in which they begin.
    """

    status: SubscriptionStatus
    unit: IntervalUnit
    count: int
    anchor_day: int
    price: Price
    next_billing_on: date | None = None
    paid_until: date | None = None
    grid_day: date | None = None
    trial_ends_on: date | None = None
    paused_on: date | None = None
    resume_on: date | None = None
    unused_days: int = 0
    periods_billed: int = 0
    terms: int | None = None
    changes: tuple[Plan, ...] = ()

    @property
    def is_in_trial(self) -> bool:
        """Whether it is in its trial, or paused in it."""
        if self.status is SubscriptionStatus.PAUSED:
            return self.periods_billed == 0 and self.trial_ends_on is not None
        return self.status is SubscriptionStatus.TRIAL


@dataclass(frozen=True)
class Bill:
    """A bill to come, for a period with both its days, in minor units, VAT included."""

    first_day: date
    last_day: date
    amount_minor: int
    is_whole: bool


def runs_from(standing: Standing, day: date) -> date:
    """The first day that a paused subscription uses when it is resumed on a day: not again the one it was paused on."""
    return day if standing.paused_on is None else max(day, standing.paused_on + DAY)


def unused_after(standing: Standing, day: date) -> int:
    """How many days are left after a day, paid or of the trial: what a pause on that day keeps."""
    if standing.is_in_trial and standing.trial_ends_on is not None:
        return max(0, (standing.trial_ends_on - day).days - 1)
    return max(0, (standing.paid_until - day).days) if standing.paid_until is not None else 0


def bills_from(standing: Standing, *, resumed_on: date | None = None) -> date | None:
    """The day of the first bill to come; of a paused one when resumed on a day, else on its own. None for never."""
    if standing.status in BILLED:
        return standing.next_billing_on
    on = resumed_on or standing.resume_on
    if standing.status is not SubscriptionStatus.PAUSED or on is None:
        return None
    return runs_from(standing, on) + DAY * standing.unused_days


def is_bill_due(standing: Standing, day: date) -> bool:
    """Whether a bill of before a day was not made yet: until it is, nobody can say what is paid up to when."""
    on = standing.next_billing_on
    return standing.status in BILLED and on is not None and on < day


def bills(standing: Standing, *, resumed_on: date | None = None, until: date | None = None) -> Iterator[Bill]:
    """The bills to come, in order, each on its first day; endless for what has no end.

    After a resume the unused days come first, then a part of a period up to the next day of the calendar. With
    ``until`` no period begins on or after that day, and the last is billed up to it only.
    """
    start, number = bills_from(standing, resumed_on=resumed_on), standing.periods_billed
    price, waiting = standing.price, list(standing.changes)
    cadence: Cadence | None = None
    if standing.grid_day is not None:
        cadence = Cadence(standing.unit, standing.count, standing.anchor_day, standing.grid_day)
    while start is not None and (standing.terms is None or number < standing.terms):
        if cadence is None:
            cadence = Cadence.from_day(standing.unit, standing.count, start)
        while waiting and waiting[0].from_day <= start:
            plan = waiting.pop(0)
            price = plan.price
            if plan.interval is not None:
                cadence = Cadence.from_day(*plan.interval, start)
        following = cadence.begins_after(start)
        end = following if until is None else min(following, until)
        days, of_days = (end - start).days, cadence.days_of_period(start)
        if days <= 0:
            return
        yield Bill(start, end - DAY, price.for_days(days, of_days), days == of_days)
        start, number = following, number + 1


def completes_on(standing: Standing) -> date | None:
    """The day after its last term; None for what goes on until somebody ends it, or will not be billed as it stands."""
    if standing.terms is None:
        return None
    to_come = list(bills(standing))
    if to_come:
        return to_come[-1].last_day + DAY
    if standing.paid_until is not None and standing.periods_billed >= standing.terms:
        return standing.paid_until + DAY
    return None


def prepaid_days(standing: Standing, free_from: date) -> int:
    """How many days of what was billed last are left from a day on, that one included: what is credited then."""
    if standing.is_in_trial:
        return 0
    if standing.status is SubscriptionStatus.PAUSED:
        runs = free_from if standing.resume_on is None else runs_from(standing, standing.resume_on)
        used = max(0, (free_from - runs).days)
        return max(0, standing.unused_days - used)
    return 0 if standing.paid_until is None else max(0, (standing.paid_until - free_from).days + 1)
