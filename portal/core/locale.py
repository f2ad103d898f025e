"""Languages: which one a reader gets, and how amounts, dates and numbers are written in it.

The formatters write exactly what Babel writes, but look patterns and symbols up once per language and
currency: on a list page Babel's own lookups cost half of the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as calendar_date
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_timedelta
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    parse_pattern,
)
from flask_babel import gettext, ngettext

from portal.core.money import SCALE, exponent

Unit = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True)
class Language:
    """A language that the portal speaks; `money` is a CLDR pattern in which {} stands for the number."""

    name: str
    numbers: Locale
    dates: Locale
    money: str


#: To add a language: a line here and a catalogue in `portal/translations`.
#: English dates are British, day before month, as the shops' customers are Europeans.
LANGUAGES = {
    "en": Language(
        "English",
        Locale("en"),
        Locale("en", "GB"),
        "¤\N{NO-BREAK SPACE}{0};\N{MINUS SIGN}¤\N{NO-BREAK SPACE}{0}",
    ),
    "nl": Language(
        "Nederlands",
        Locale("nl"),
        Locale("nl"),
        "¤\N{NO-BREAK SPACE}{0};¤\N{NO-BREAK SPACE}\N{MINUS SIGN}{0}",
    ),
}

_DATE_PATTERNS = {name: name for name in ("short", "medium", "long", "full")} | {"month": "MMMM y"}
_QUALITY = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.ASCII)


def resolve_locale(choice: str | None, accept_language: str | None, shop_default: str) -> str:
    """The language of a reader: chosen, else the browser's best that we speak, else the shop's, else English.

    `choice` is "auto" (as is anything unknown) or a language; `accept_language` is the header as it came.
    """
    if choice in LANGUAGES:
        return choice
    default = shop_default if shop_default in LANGUAGES else "en"
    for language in _preferred(accept_language or ""):
        if language == "*":
            return default
        if language in LANGUAGES:
            return language
    return default


def _preferred(header: str) -> list[str]:
    """The primary languages of an Accept-Language header, best first; what it cannot read it leaves out."""
    wanted = []
    for part in header[:1000].split(","):
        tag, _, parameter = part.partition(";")
        quality = _QUALITY.fullmatch(parameter) if parameter else None
        if parameter and quality is None:
            continue
        weight = Decimal(quality[1]) if quality else Decimal(1)
        if weight > 0:
            wanted.append((weight, tag.strip().lower().partition("-")[0]))
    return [language for _, language in sorted(wanted, key=lambda pair: -pair[0])]


def money(minor: int, currency: str, locale: str) -> str:
    """An amount in minor units: "€ 1,234.50" or "€ 1.234,50", with a no-break space behind the symbol."""
    return _money_writer(currency, locale)(minor)


def amount(minor: int, currency: str, locale: str) -> str:
    """An amount in minor units without its currency, as `portal.core.money.parse_amount` reads it back."""
    places = exponent(currency)
    number = "#,##0." + "0" * places
    return format_decimal(Decimal(minor).scaleb(-places), number, LANGUAGES[locale].numbers)


def decimal_mark(locale: str) -> str:
    """What stands before the decimals."""
    return get_decimal_symbol(LANGUAGES[locale].numbers)


def symbol(currency: str, locale: str) -> str:
    """The sign of a currency, as amounts show it: "€"."""
    return get_currency_symbol(currency, LANGUAGES[locale].numbers)


def money_pattern(locale: str, number: str = "#,##0.00") -> str:
    """The CLDR pattern of amounts, for whoever writes amounts with Babel itself."""
    return LANGUAGES[locale].money.format(number)


@cache
def _money_writer(currency: str, locale: str) -> Callable[[int], str]:
    numbers = LANGUAGES[locale].numbers
    places = exponent(currency)
    symbol = get_currency_symbol(currency, numbers)
    pattern = parse_pattern(money_pattern(locale))
    before, before_negative = (text.replace("¤", symbol) for text in pattern.prefix)
    after, after_negative = (text.replace("¤", symbol) for text in pattern.suffix)
    group, point = get_group_symbol(numbers), get_decimal_symbol(numbers)

    def write(minor: int) -> str:
        digits = str(abs(minor)).zfill(places + 1)
        whole, cents = (digits[:-places], point + digits[-places:]) if places else (digits, "")
        if len(whole) > 3:
            whole = f"{int(whole):,}".replace(",", group)
        if minor < 0:
            return f"{before_negative}{whole}{cents}{after_negative}"
        return f"{before}{whole}{cents}{after}"

    return write


@lru_cache(maxsize=4096)
def unit_price(value: Decimal, currency: str, locale: str) -> str:
    """A price in minor units with up to four decimals more: "€ 70,00", and "€ 0,0125" where it matters."""
    places = exponent(currency)
    number = "#,##0." + "0" * places + "#" * SCALE
    return format_currency(
        value.scaleb(-places),
        currency,
        money_pattern(locale, number),
        LANGUAGES[locale].numbers,
        currency_digits=False,
    )


def country(code: str, locale: str) -> str:
    """The name of a country by its ISO 3166 code, such as "Belgium" or "België"; the code itself when unknown."""
    return str(LANGUAGES[locale].dates.territories.get(code, code))


@lru_cache(maxsize=1024)
def percent(value: Decimal, locale: str) -> str:
    """A percentage, with as many of its four decimals as it needs: Decimal("5.5") is "5.5%" or "5,5%"."""
    return format_percent(value.scaleb(-2), "#,##0.####%", LANGUAGES[locale].numbers)


@lru_cache(maxsize=4096)
def quantity(value: Decimal, locale: str) -> str:
    """A quantity, with as many of its four decimals as it needs."""
    return format_decimal(value, "#,##0.####", LANGUAGES[locale].numbers)


def file_size(size_bytes: int, locale: str) -> str:
    """A size as people read it: whole KB, or MB with one decimal."""
    if size_bytes < 1_000_000:
        return f"{quantity(Decimal(max(1, round(size_bytes / 1000))), locale)} KB"
    return f"{quantity(Decimal(round(size_bytes / 100_000)).scaleb(-1), locale)} MB"


def date(day: calendar_date, locale: str, fmt: str = "medium") -> str:
    """A calendar day: short 05/11/2026, medium 5 Nov 2026, long 5 November 2026, month November 2026.

    "full" is long with the day of the week. Raises KeyError for another format, and TypeError for a datetime:
    its day depends on a time zone, see `datetime_`.
    """
    if isinstance(day, datetime):
        raise TypeError("a datetime has a calendar day in a time zone only: use datetime_ or clock.today")
    return _date(day, locale, fmt)


# Days repeat: several years of them fit in each language and format.
@lru_cache(maxsize=16384)
def _date(day: calendar_date, locale: str, fmt: str) -> str:
    return format_date(day, _DATE_PATTERNS[fmt], LANGUAGES[locale].dates)


def datetime_(moment: datetime, locale: str, tz: str, fmt: str = "medium") -> str:
    """An instant on the clock of time zone `tz`: "5 Nov 2026, 14:05"; raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    local = moment.astimezone(ZoneInfo(tz))
    return f"{_date(local.date(), locale, fmt)}, {local:%H:%M}"


def ago(moment: datetime, now: datetime, locale: str) -> str:
    """How long ago, roughly: "2 hours ago", "in 3 days", "just now"; for use beside an absolute date."""
    distance = moment - now
    if abs(distance) < timedelta(minutes=1):
        return str(gettext("just now"))
    return format_timedelta(distance, add_direction=True, threshold=1, locale=LANGUAGES[locale].dates)


def overdue(days: int) -> str:
    """How late a payment is, in the language of the page or mail that is being made."""
    return str(ngettext("%(num)d day overdue", "%(num)d days overdue", days))


def every(count: int, unit: Unit) -> str:
    """How often something recurs, such as "every month" or "every 2 weeks", in the language being written."""
    if unit == "day":
        return str(ngettext("every day", "every %(num)d days", count))
    if unit == "week":
        return str(ngettext("every week", "every %(num)d weeks", count))
    if unit == "month":
        return str(ngettext("every month", "every %(num)d months", count))
    if unit == "quarter":
        return str(ngettext("every quarter", "every %(num)d quarters", count))
    return str(ngettext("every year", "every %(num)d years", count))
