"""Languages: the reader's choice, and text that is Babel's own to the character."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal, format_percent
from hypothesis import given
from hypothesis import strategies as st

from portal.core import locale as writing
from portal.core.errors import DomainError
from portal.core.locale import LANGUAGES, Unit, money_pattern, resolve_locale
from portal.core.money import exponent, parse_amount

NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
languages = st.sampled_from(sorted(LANGUAGES))
FORMATS = ("short", "medium", "long", "full", "month")


@pytest.mark.parametrize(
    ("choice", "header", "default", "language"),
    [
        ("nl", "en", "en", "nl"),
        ("en", "nl", "nl", "en"),
        ("auto", "nl-BE,nl;q=0.9,en;q=0.8", "en", "nl"),
        ("auto", "en-GB,en;q=0.9,nl;q=0.8", "nl", "en"),
        ("auto", "de-DE,de;q=0.9,nl;q=0.3,en;q=0.2", "en", "nl"),
        ("auto", "en;q=0.2, NL ; q=0.7", "en", "nl"),
        ("auto", "en;q=0, nl;q=0.1", "en", "nl"),
        ("auto", "en;q=0.0", "nl", "nl"),
        ("auto", "fr, *;q=0.5, en;q=0.1", "nl", "nl"),
        ("auto", "nl;q=0.5, en;q=0.5", "en", "nl"),
        ("auto", "en;q=high, nl;q=0.1", "en", "nl"),
        ("auto", "en;q=2, nl;q=0.1", "en", "nl"),
        ("auto", "fr", "nl", "nl"),
        ("auto", "", "nl", "nl"),
        ("auto", None, "en", "en"),
        (None, "nl", "en", "nl"),
        ("fr", "nl", "en", "nl"),
        ("", ";;,,q=\0", "nl", "nl"),
        ("auto", "english", "nl", "nl"),
        ("auto", "fr", "de", "en"),
        pytest.param("auto", "x," * 1000 + "en", "nl", "nl", id="too long"),
    ],
)
def test_the_language_of_a_reader(
    choice: str | None, header: str | None, default: str, language: str
) -> None:
    assert resolve_locale(choice, header, default) == language


@given(st.text(), st.text())
def test_any_header_gives_a_language(choice: str, header: str) -> None:
    assert resolve_locale(choice, header, "nl") in LANGUAGES


@pytest.mark.parametrize(
    ("minor", "currency", "english", "dutch"),
    [
        (8470, "EUR", "€ 84.70", "€ 84,70"),
        (-500, "EUR", "−€ 5.00", "€ −5,00"),
        (0, "EUR", "€ 0.00", "€ 0,00"),
        (-1, "EUR", "−€ 0.01", "€ −0,01"),
        (123456789, "EUR", "€ 1,234,567.89", "€ 1.234.567,89"),
        (10**11, "EUR", "€ 1,000,000,000.00", "€ 1.000.000.000,00"),
        (99999, "EUR", "€ 999.99", "€ 999,99"),
        (100000, "EUR", "€ 1,000.00", "€ 1.000,00"),
        (1234, "JPY", "¥ 1,234", "JP¥ 1.234"),
        (5, "KWD", "KWD 0.005", "KWD 0,005"),
        (-1234567, "KWD", "−KWD 1,234.567", "KWD −1.234,567"),
        (123456, "RSD", "RSD 1,234.56", "RSD 1.234,56"),
    ],
)
def test_amounts_by_hand(minor: int, currency: str, english: str, dutch: str) -> None:
    assert writing.money(minor, currency, "en") == english.replace(" ", "\xa0")
    assert writing.money(minor, currency, "nl") == dutch.replace(" ", "\xa0")


def babel_money(minor: int, currency: str, locale: str) -> str:
    value = Decimal(minor).scaleb(-exponent(currency))
    return format_currency(value, currency, money_pattern(locale), locale)


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("currency", ["EUR", "USD", "GBP", "CHF", "JPY", "ISK", "KWD", "BHD"])
def test_amounts_are_babels_own(currency: str, locale: str) -> None:
    sizes = [*range(1200), *(10**n + d for n in range(3, 13) for d in (-1, 0, 1)), 10**11]
    for minor in [*sizes, *(-size for size in sizes)]:
        assert writing.money(minor, currency, locale) == babel_money(minor, currency, locale)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "USD", "JPY", "KWD"]), languages)
def test_any_amount_is_babels_own(minor: int, currency: str, locale: str) -> None:
    assert writing.money(minor, currency, locale) == babel_money(minor, currency, locale)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD", "RSD"]), languages)
def test_an_amount_in_a_form_is_read_back(minor: int, currency: str, locale: str) -> None:
    text = writing.amount(minor, currency, locale)
    assert parse_amount(text, locale, currency) == minor
    assert text.replace("-", "") in writing.money(minor, currency, locale)


def test_unknown_currencies_and_languages_are_refused() -> None:
    with pytest.raises(DomainError):
        writing.money(1, "XYZ", "en")
    with pytest.raises(KeyError):
        writing.money(1, "EUR", "de")


@pytest.mark.parametrize(
    ("value", "currency", "english", "dutch"),
    [
        ("7000", "EUR", "€ 70.00", "€ 70,00"),
        ("1.25", "EUR", "€ 0.0125", "€ 0,0125"),
        ("-0.0001", "EUR", "−€ 0.000001", "€ −0,000001"),
        ("123456.5", "EUR", "€ 1,234.565", "€ 1.234,565"),
        ("1500", "JPY", "¥ 1,500", "JP¥ 1.500"),
        ("0.5", "JPY", "¥ 0.5", "JP¥ 0,5"),
        ("1000.0000", "KWD", "KWD 1.000", "KWD 1,000"),
    ],
)
def test_unit_prices(value: str, currency: str, english: str, dutch: str) -> None:
    assert writing.unit_price(Decimal(value), currency, "en") == english.replace(" ", "\xa0")
    assert writing.unit_price(Decimal(value), currency, "nl") == dutch.replace(" ", "\xa0")


@given(st.integers(-(10**10), 10**10), languages)
def test_a_whole_unit_price_is_written_as_an_amount(minor: int, locale: str) -> None:
    assert writing.unit_price(Decimal(minor), "EUR", locale) == writing.money(minor, "EUR", locale)


@pytest.mark.parametrize(
    ("fmt", "english", "dutch"),
    [
        ("short", "05/11/2026", "05-11-2026"),
        ("medium", "5 Nov 2026", "5 nov 2026"),
        ("long", "5 November 2026", "5 november 2026"),
        ("full", "Thursday, 5 November 2026", "donderdag 5 november 2026"),
        ("month", "November 2026", "november 2026"),
    ],
)
def test_dates_by_hand(fmt: str, english: str, dutch: str) -> None:
    day = date(2026, 11, 5)
    assert writing.date(day, "en", fmt) == english
    assert writing.date(day, "nl", fmt) == dutch


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("locale", LANGUAGES)
def test_dates_are_babels_own(locale: str, fmt: str) -> None:
    pattern = "MMMM y" if fmt == "month" else fmt
    for offset in range(0, 36500, 91):
        day = date(1999, 12, 31) + timedelta(days=offset)
        assert writing.date(day, locale, fmt) == format_date(day, pattern, LANGUAGES[locale].dates)


def test_a_datetime_is_no_calendar_day() -> None:
    with pytest.raises(TypeError):
        writing.date(NOW, "en")


def test_only_named_formats_are_known() -> None:
    with pytest.raises(KeyError):
        writing.date(date(2026, 11, 5), "en", "dd")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_instants_are_written_on_the_clock_of_the_shop(locale: str) -> None:
    zone = "Europe/Amsterdam"
    for hours in range(0, 24 * 400, 7):
        moment = NOW + timedelta(hours=hours, minutes=hours % 60)
        local = LANGUAGES[locale].dates
        day = format_datetime(moment, "d MMM y", tzinfo=ZoneInfo(zone), locale=local)
        time = format_time(moment, "short", tzinfo=ZoneInfo(zone), locale=local)
        assert writing.datetime_(moment, locale, zone) == f"{day}, {time}"


def test_instants_by_hand() -> None:
    late = datetime(2026, 12, 31, 23, 5, tzinfo=UTC)
    assert writing.datetime_(late, "en", "Europe/Amsterdam") == "1 Jan 2027, 00:05"
    assert writing.datetime_(late, "nl", "UTC", "long") == "31 december 2026, 23:05"
    with pytest.raises(ValueError):
        writing.datetime_(late.replace(tzinfo=None), "en", "UTC")


@pytest.mark.parametrize(
    ("value", "english", "dutch"),
    [
        ("21", "21%", "21%"),
        ("5.5", "5.5%", "5,5%"),
        ("0", "0%", "0%"),
        ("8.1000", "8.1%", "8,1%"),
        ("-3", "-3%", "-3%"),
    ],
)
def test_percentages(value: str, english: str, dutch: str) -> None:
    assert writing.percent(Decimal(value), "en") == english
    assert writing.percent(Decimal(value), "nl") == dutch


@pytest.mark.parametrize(
    ("value", "english", "dutch"),
    [
        ("1", "1", "1"),
        ("2.50", "2.5", "2,5"),
        ("1234.5678", "1,234.5678", "1.234,5678"),
        ("-0.0001", "-0.0001", "-0,0001"),
    ],
)
def test_quantities(value: str, english: str, dutch: str) -> None:
    assert writing.quantity(Decimal(value), "en") == english
    assert writing.quantity(Decimal(value), "nl") == dutch


@given(st.integers(-(10**12), 10**12), languages)
def test_numbers_are_babels_own(scaled: int, locale: str) -> None:
    value = Decimal(scaled).scaleb(-4)
    assert writing.quantity(value, locale) == format_decimal(value, "#,##0.####", locale)
    assert writing.percent(value, locale) == format_percent(value / 100, "#,##0.####%", locale)


@pytest.mark.parametrize(
    ("distance", "english", "dutch"),
    [
        (timedelta(minutes=-1), "1 minute ago", "1 minuut geleden"),
        (timedelta(hours=-2), "2 hours ago", "2 uur geleden"),
        (timedelta(hours=-23), "23 hours ago", "23 uur geleden"),
        (timedelta(days=-6), "6 days ago", "6 dagen geleden"),
        (timedelta(days=-400), "1 year ago", "1 jaar geleden"),
        (timedelta(days=3), "in 3 days", "over 3 dagen"),
    ],
)
def test_ages(distance: timedelta, english: str, dutch: str) -> None:
    assert writing.ago(NOW + distance, NOW, "en") == english
    assert writing.ago(NOW + distance, NOW, "nl") == dutch


@pytest.mark.parametrize("seconds", [-59, -1, 0, 1, 59])
def test_within_a_minute_is_just_now(seconds: int) -> None:
    assert writing.ago(NOW + timedelta(seconds=seconds), NOW, "en") == "just now"


def test_days_overdue() -> None:
    assert writing.overdue(1) == "1 day overdue"
    assert writing.overdue(3) == "3 days overdue"


@pytest.mark.parametrize("unit", ["day", "week", "month", "quarter", "year"])
def test_intervals(unit: Unit) -> None:
    assert writing.every(1, unit) == f"every {unit}"
    assert writing.every(2, unit) == f"every 2 {unit}s"


def test_countries_are_named_in_the_language() -> None:
    assert writing.country("BE", "nl") == "België"
    assert writing.country("NL", "en") == "Netherlands"
    assert writing.country("XX", "en") == "XX"
