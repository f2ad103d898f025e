"""How often something is billed, in words."""

from __future__ import annotations

from flask_babel import ngettext

from portal.domain.catalog.models import IntervalUnit


def interval_text(unit: IntervalUnit, count: int) -> str:
    """What stands behind a price: "month" or "2 weeks", in the language of the page or mail being made."""
    match unit:
        case IntervalUnit.DAY:
            text = ngettext("day", "%(num)d days", count)
        case IntervalUnit.WEEK:
            text = ngettext("week", "%(num)d weeks", count)
        case IntervalUnit.MONTH:
            text = ngettext("month", "%(num)d months", count)
        case IntervalUnit.QUARTER:
            text = ngettext("quarter", "%(num)d quarters", count)
        case IntervalUnit.YEAR:
            text = ngettext("year", "%(num)d years", count)
    return str(text)
