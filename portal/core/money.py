"""Money in whole minor units (cents) of an ISO 4217 currency: arithmetic, rounding, reading what is typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, total_ordering
from typing import Any

from babel.core import get_global
from babel.numbers import format_decimal, get_currency_precision, get_decimal_symbol, get_group_symbol
from flask_babel import lazy_gettext as _l

from portal.core.errors import DomainError

#: The largest amount in minor units that the portal works with, in either direction.
MAX_MINOR = 10**12
#: The largest quantity on a line.
MAX_QUANTITY = 10**8
#: Rates and quantities have at most this many decimals, as have unit prices in minor units.
SCALE = 4

_IN_USE: frozenset[str] = frozenset(
    code
    for periods in get_global("territory_currencies").values()
    for code, _start, end, is_tender in periods
    if end is None and is_tender
)

# CLDR, and so Babel, leaves out minor units that nobody uses in shops; banks and providers count by ISO 4217.
_ISO_EXPONENTS = {"IQD": 3} | dict.fromkeys(
    ("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"), 2
)

# Longer than any amount within the limits, and short enough that parsing costs nothing.
_LONGEST_TYPED = 33
_PLAIN = re.compile(r"-?[0-9]{1,24}(?:\.([0-9]{1,24}))?", re.ASCII)


class CurrencyMismatch(ValueError):
    """Amounts of two currencies met in one sum or comparison: always a mistake in the program."""


@cache
def exponent(currency: str) -> int:
    """How many decimals a currency has by ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD.

    Raises DomainError for a code that is not a currency in use today.
    """
    if currency not in _IN_USE:
        raise DomainError(_l("“%(code)s” is not a currency in use.", code=currency[:8]), field="currency")
    return _ISO_EXPONENTS.get(currency, int(get_currency_precision(currency)))


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units; sums and comparisons of two currencies raise CurrencyMismatch.

    Amounts of two currencies are simply unequal, zero included, so that they can be told apart in sets.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("money is counted in whole minor units")
        exponent(self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{self.currency} {decimal_string(self.minor, self.currency)}"

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other.minor


def parse_amount(text: str, locale: str, currency: str, *, field: str | None = None) -> int:
    """What a person typed, in their locale, as minor units: "1.234,56" in Dutch and "1,234.56" in English.

    A point for a comma and the other way around is understood where that leaves one way to read it: "12.50" in Dutch.
    Negative amounts are read; whether they make sense is the caller's rule. Raises DomainError, for `field`,
    when the text is not a plain number, has more decimals than the currency, or is beyond MAX_MINOR.
    """
    places = exponent(currency)
    return int(_read(text, locale, places, Decimal(MAX_MINOR).scaleb(-places), field).scaleb(places))


# The name that most callers know.
parse_money = parse_amount


def parse_quantity(text: str, locale: str, *, field: str | None = None) -> Decimal:
    """A quantity or percentage that a person typed, in their locale, with at most four decimals.

    Raises DomainError, for `field`, as `parse_amount` does; the limit is MAX_QUANTITY.
    """
    return _read(text, locale, SCALE, Decimal(MAX_QUANTITY), field)


def parse_unit_price(text: str, locale: str, currency: str, *, field: str | None = None) -> Decimal:
    """A price per unit that a person typed in major units, as minor units with at most four decimals.

    "0,001234" euro in Dutch becomes Decimal("0.1234") cent. Raises DomainError as `parse_amount` does.
    """
    places = exponent(currency)
    return _read(text, locale, places + SCALE, Decimal(MAX_MINOR).scaleb(-places), field).scaleb(places)


def decimal_string(minor: int, currency: str) -> str:
    """An amount as providers and files write it: "10.00", "-0.05", "1000" for yen; never localised."""
    places = exponent(currency)
    if places == 0:
        return str(minor)
    digits = f"{abs(minor):0{places + 1}d}"
    return f"{'-' if minor < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def from_decimal_string(text: str, currency: str) -> int:
    """The minor units of what `decimal_string` writes; fewer decimals than the currency has are fine too.

    Raises DomainError for anything else, so a provider's adapter turns that into its own ProviderError.
    """
    places = exponent(currency)
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise DomainError(_l("Write an amount with a point and no thousands separators, like 10.00."))
    if len(match[1] or "") > places:
        raise DomainError(_l("Use at most %(count)s decimals.", count=places))
    minor = int(Decimal(text).scaleb(places))
    if abs(minor) > MAX_MINOR:
        raise _too_large(None)
    return minor


def round_half_up(value: Decimal | Fraction | int) -> int:
    """The nearest whole number; a half goes away from zero, so that a credit note mirrors its invoice."""
    exact = Fraction(value)
    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return -size if exact < 0 else size


def split_largest_remainder(total: int, weights: Sequence[int | Decimal]) -> list[int]:
    """Divides `total` in proportion to `weights`, to the minor unit; the parts add up to `total` exactly.

    Who was cut off most gets the next unit; among equals the first. Raises ValueError for a negative weight,
    or when there is something to divide and no weight to divide it by.
    """
    parts = [Fraction(weight) for weight in weights]
    whole = sum(parts)
    if any(part < 0 for part in parts):
        raise ValueError("a weight is negative")
    if whole == 0:
        if total:
            raise ValueError("nothing to divide the total by")
        return [0] * len(parts)
    return fit_to_total([part * total / whole for part in parts], total)


def fit_to_total(ideals: Sequence[Fraction], total: int) -> list[int]:
    """Rounds every ideal amount up or down so that together they make `total`, by the largest remainder.

    `total` must be the ideals' sum rounded either way, else ValueError. Changing all the signs changes the
    signs of the answer and nothing more, so the lines of a full credit note mirror those of the invoice.
    """
    sign = _sign(ideals, total)
    floors = [sign * ideal // 1 for ideal in ideals]
    missing: int = sign * total - sum(floors)
    if not 0 <= missing <= len(ideals):
        raise ValueError("the total is not the rounded sum of its parts")
    by_remainder = sorted(range(len(ideals)), key=lambda i: floors[i] - sign * ideals[i])
    for i in by_remainder[:missing]:
        floors[i] += 1
    return [sign * part for part in floors]


def _sign(ideals: Sequence[Fraction], total: int) -> int:
    """The sign that makes the total positive, or, when it is zero, the first part that is not."""
    values = (Fraction(total), *ideals)
    return -1 if next((value for value in values if value), 1) < 0 else 1


#: A pattern, with the separators of groups and of decimals in what fits it.
_Grammar = tuple[re.Pattern[str], str, str]


@cache
def _grammars(locale: str) -> tuple[_Grammar, ...]:
    """What a plain number looks like in a locale; and, where it has point and comma, what one looks like that was
    typed with the two the other way around and can be read in no other way.

    Groups are all or none, three digits each behind a first that does not begin with a zero. What fits the first is
    read by it: "1,250" in English is a thousand and more, so with a comma for the point three digits need groups
    before them.
    """
    group, point = get_group_symbol(locale), get_decimal_symbol(locale)
    part = re.escape(point)
    own = rf"-?(?:(?:[0-9]+|{_grouped(group)})(?:{part}[0-9]*)?|{part}[0-9]+)", group, point
    if {group, point} != {".", ","}:
        return (_compiled(*own),)
    part = re.escape(group)
    swapped = (
        rf"-?(?:{_grouped(point)}(?:{part}[0-9]*)?|[0-9]*{part}(?:[0-9]{{1,2}}|[0-9]{{4,}})|[0-9]+{part})"
    )
    return _compiled(*own), _compiled(swapped, point, group)


def _grouped(group: str) -> str:
    return rf"[1-9][0-9]{{0,2}}(?:{re.escape(group)}[0-9]{{3}})+"


def _compiled(pattern: str, group: str, point: str) -> _Grammar:
    return re.compile(pattern, re.ASCII), group, point


def _read(text: str, locale: str, places: int, limit: Decimal, field: str | None) -> Decimal:
    # The portal writes a real minus, so what is copied from a page comes back with one.
    typed = text.strip().replace("\N{MINUS SIGN}", "-")
    fitting = (each for each in _grammars(locale) if each[0].fullmatch(typed))
    grammar = next(fitting, None) if len(typed) <= _LONGEST_TYPED else None
    if grammar is None:
        raise DomainError(_l("Write a number like %(example)s.", example=_example(places, locale)), field)
    _pattern, group, point = grammar
    value = Decimal(typed.replace(group, "").replace(point, "."))
    if abs(value) > limit:
        raise _too_large(field)
    # Zeros count too: "10.000" is more likely ten thousand from another country than ten.
    if -int(value.as_tuple().exponent) > places:
        raise DomainError(_too_fine(places, _example(places, locale)), field)
    return abs(value) if value == 0 else value


def _too_fine(places: int, example: str) -> Any:
    if not places:
        return _l("Write a number without decimals, like %(example)s.", example=example)
    return _l(
        "Use at most %(count)s decimals, and write a number like %(example)s.", count=places, example=example
    )


def _example(places: int, locale: str) -> str:
    """How a number is typed here."""
    return str(format_decimal(Decimal("1234.5"), "#,##0.00" if places else "#,##0", locale))


def _too_large(field: str | None) -> DomainError:
    return DomainError(_l("This number is too large."), field)
