"""What was typed, read as the beginning of a document's number: ``2025-12``, ``C2026``, ``20``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from portal.core.references import compact_rf, rf_reference
from portal.domain.invoices.actions import PREFIXES
from portal.domain.invoices.models import DocumentKind

_NUMBER = re.compile(r"([A-Z]?)(\d{1,4})(?:(?<=\d{4})-(\d*))?", re.ASCII)
_IN_REFERENCE = re.compile(r"([A-Z]?\d{4})(\d{4,})", re.ASCII)
_KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}

#: How many digits a place in the series has at least.
_PADDED = 4
#: More than any column holds.
_MOST_DIGITS = 18


@dataclass(frozen=True)
class Beginning:
    """The kind, the years and the first digits of the place in the series of numbers that begin so."""

    text: str
    kind: DocumentKind
    first_year: int
    last_year: int
    digits: str

    @property
    def last_day(self) -> date:
        """No document with such a number is of a later day: its year is the one in the number."""
        return date(max(self.last_year, 1), 12, 31)

    def highest(self, last: int) -> int:
        """The highest place that begins with the digits among those up to ``last``; 0 when none does."""
        given = len(self.digits)
        for length in range(max(len(str(last)), _PADDED), max(given, _PADDED) - 1, -1):
            if self.digits.startswith("0") and length > _PADDED:
                continue  # only short places are filled up with zeros
            below = int("1" + "0" * (length - given))
            lowest = int(self.digits) * below
            highest = lowest + below - 1
            if lowest <= last:
                return min(highest, last)
        return 0


def read(text: str) -> Beginning | None:
    """The beginning of a number, of any case; None for anything that no number begins with."""
    found = _NUMBER.fullmatch(text.upper())
    if found is None or found[1] not in _KINDS:
        return None
    years, digits = found[2], found[3] or ""
    missing = 4 - len(years)
    if len(digits) > _MOST_DIGITS:
        return None
    return Beginning(
        text=text.upper(),
        kind=_KINDS[found[1]],
        first_year=int(years + "0" * missing),
        last_year=int(years + "9" * missing),
        digits=digits,
    )


def of_reference(text: str) -> str | None:
    """The number that a bank's reference was made of, as a statement shows it; None for any other text."""
    reference = compact_rf(text)
    found = _IN_REFERENCE.fullmatch(reference[4:]) if reference is not None else None
    if found is None:
        return None
    number = f"{found[1]}-{found[2]}"
    return number if read(number) is not None and rf_reference(number) == reference else None


def read_place(text: str) -> int | None:
    """A place in a series, as somebody types it who leaves out the year; None for anything but digits."""
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        return None
    return int(text)
