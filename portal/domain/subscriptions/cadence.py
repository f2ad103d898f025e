"""The days on which periods begin: an interval counted from a first day, the day of the month kept."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from portal.domain.catalog.models import IntervalUnit

MONTHS = {IntervalUnit.MONTH: 1, IntervalUnit.QUARTER: 3, IntervalUnit.YEAR: 12}
DAYS = {IntervalUnit.DAY: 1, IntervalUnit.WEEK: 7}


def add_months(day: date, months: int, *, anchor_day: int | None = None) -> date:
    """The same day so many months later; where that month is shorter, its last day.

    ``anchor_day`` is the day of the month that is meant, when ``day`` was cut short itself.
    """
    count = day.month - 1 + months
    year, month = day.year + count // 12, count % 12 + 1
    return date(year, month, min(anchor_day or day.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True)
class Cadence:
    """When periods begin: ``reference`` is the first day of one, ``anchor_day`` the day of the month that is kept.

    From 31 January come 28 or 29 February, 31 March, 30 April (domain.md, "Subscriptions").
    """

    unit: IntervalUnit
    count: int
    anchor_day: int
    reference: date

    @classmethod
    def from_day(cls, unit: IntervalUnit, count: int, first: date) -> Cadence:
        """One that begins on a day, which is kept."""
        return cls(unit, count, first.day, first)

    def begins_by(self, day: date) -> date:
        """The first day of the period that a day belongs to."""
        return self._start(self._number(day))

    def begins_after(self, day: date) -> date:
        """The first day of the period after the one that a day belongs to."""
        return self._start(self._number(day) + 1)

    def days_of_period(self, day: date) -> int:
        """How many days the whole period has that a day belongs to."""
        return (self.begins_after(day) - self.begins_by(day)).days

    def _number(self, day: date) -> int:
        """Which period a day belongs to, that of the reference being 0."""
        if self.unit in DAYS:
            return (day - self.reference).days // (DAYS[self.unit] * self.count)
        months = (day.year - self.reference.year) * 12 + day.month - self.reference.month
        number = months // (MONTHS[self.unit] * self.count)
        return number if self._start(number) <= day else number - 1

    def _start(self, number: int) -> date:
        if self.unit in DAYS:
            return self.reference + timedelta(days=DAYS[self.unit] * self.count * number)
        return add_months(self.reference, MONTHS[self.unit] * self.count * number, anchor_day=self.anchor_day)
