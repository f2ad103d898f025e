"""Money: exact sums, one rounding rule, and nothing but plain numbers read from people."""

from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from portal.core.errors import DomainError
from portal.core.money import (
    MAX_MINOR,
    MAX_QUANTITY,
    CurrencyMismatch,
    Money,
    decimal_string,
    exponent,
    fit_to_total,
    from_decimal_string,
    parse_amount,
    parse_money,
    parse_quantity,
    parse_unit_price,
    round_half_up,
    split_largest_remainder,
)

amounts = st.integers(-MAX_MINOR, MAX_MINOR)
currencies = st.sampled_from(["EUR", "JPY", "KWD", "RSD", "USD"])


@pytest.mark.parametrize(
    ("currency", "places"),
    [("EUR", 2), ("USD", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3), ("IQD", 3), ("RSD", 2), ("LBP", 2)],
)
def test_exponents_are_those_of_iso_4217(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("code", ["", "eur", "XYZ", "ITL", "EURO", "XXX", "E" * 100, "EU\0"])
def test_unknown_currencies_are_refused(code: str) -> None:
    with pytest.raises(DomainError) as refused:
        exponent(code)
    assert refused.value.field == "currency"
    assert len(str(refused.value)) < 60
    with pytest.raises(DomainError):
        Money(1, code)


def test_money_adds_subtracts_negates_and_compares() -> None:
    a, b = Money(250, "EUR"), Money(100, "EUR")
    assert a + b == Money(350, "EUR")
    assert a - b == Money(150, "EUR")
    assert -a == Money(-250, "EUR")
    assert b < a and a > b and a >= a and a <= a and not a < a
    assert sum([a, b], Money(0, "EUR")) == Money(350, "EUR")
    assert a and not Money(0, "EUR")
    assert str(a) == "EUR 2.50"
    assert len({a, Money(250, "EUR"), Money(250, "USD")}) == 2


def test_currencies_do_not_mix() -> None:
    euro, dollar = Money(1, "EUR"), Money(1, "USD")
    for mix in (
        lambda: euro + dollar,
        lambda: euro - dollar,
        lambda: euro < dollar,
        lambda: euro <= dollar,
        lambda: euro > dollar,
        lambda: euro >= dollar,
    ):
        with pytest.raises(CurrencyMismatch):
            mix()
    assert euro != dollar


@pytest.mark.parametrize("minor", [Decimal("1"), "1", True, None])
def test_money_is_whole_minor_units(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "locale", "currency", "minor"),
    [
        ("1.234,56", "nl", "EUR", 123456),
        ("1,234.56", "en", "EUR", 123456),
        ("1234,5", "nl", "EUR", 123450),
        ("1.234,00", "nl", "EUR", 123400),
        ("1,234.50", "en", "EUR", 123450),
        ("1.234", "nl", "EUR", 123400),
        ("12.345.678,90", "nl", "EUR", 1234567890),
        (" 84,70\n", "nl", "EUR", 8470),
        ("0,01", "nl", "EUR", 1),
        ("-5,05", "nl", "EUR", -505),
        ("-1,234.05", "en", "EUR", -123405),
        ("-0", "en", "EUR", 0),
        ("007", "en", "EUR", 700),
        ("\N{MINUS SIGN}5.05", "en", "EUR", -505),
        (".5", "en", "EUR", 50),
        (",50", "nl", "EUR", 50),
        ("12.", "en", "EUR", 1200),
        ("1,000", "en", "JPY", 1000),
        ("1.005", "en", "KWD", 1005),
        ("10,000,000,000", "en", "EUR", MAX_MINOR),
        ("-10000000000.00", "en", "EUR", -MAX_MINOR),
        ("1000000000000", "en", "JPY", MAX_MINOR),
    ],
)
def test_amounts_are_read_in_the_locale(text: str, locale: str, currency: str, minor: int) -> None:
    assert parse_amount(text, locale, currency) == minor
    assert parse_money(text, locale, currency) == minor


NOT_NUMBERS = [
    *("", " ", "-", ".", ",", "--1", "1-", "+1", "1,2,3", "1.2.3", "1,,2", "1;2", "1 000", "1\xa0000"),
    *("1e5", "1E5", "NaN", "nan", "sNaN", "Infinity", "-inf", "1_000", "0x10", "abc", "€ 5", "5 EUR"),
    *("\u0661\u0662", "\uff11\uff12", "5\0", "\0", "<b>1</b>", "=1+1"),
    *("9" * 33, "1" * 100_000, "10000000001", "-10000000001", "999999999999999"),
]


def test_thirty_three_characters_are_read_and_no_more() -> None:
    assert parse_amount("0" * 32 + "1", "nl", "EUR") == 100
    with pytest.raises(DomainError):
        parse_amount("0" * 33 + "1", "nl", "EUR")


@pytest.mark.parametrize("locale", ["en", "nl"])
@pytest.mark.parametrize("text", NOT_NUMBERS, ids=lambda text: ascii(text)[:40])
def test_what_is_not_a_plain_number_is_refused(text: str, locale: str) -> None:
    for parse in (
        lambda: parse_amount(text, locale, "EUR", field="price"),
        lambda: parse_quantity(text, locale, field="price"),
        lambda: parse_unit_price(text, locale, "EUR", field="price"),
    ):
        with pytest.raises(DomainError) as refused:
            parse()
        assert refused.value.field == "price"


@pytest.mark.parametrize(
    ("text", "locale", "currency"),
    [
        *((text, "en", "EUR") for text in ("1000,000", "0,100", "01,000", ",100", "1,0000", "1,000,00")),
        *((text, "nl", "EUR") for text in ("1000.000", "0.100", "01.000", ".100", "1.0000", "1.000.00")),
        *((text, "en", "EUR") for text in ("1,00,000", "1,000,", "1,,000", "1.5,000", "1,00.00", "-,100")),
        *((text, "nl", "EUR") for text in ("1.00.000", "1.000.", "1..000", "1,5.000", "1.00,00", "-.100")),
        *((text, "en", "EUR") for text in ("0.100,00", "01.000,00", "1234.567,00", "1.234.56,7", ".123,00")),
        ("1.005", "en", "EUR"),
        ("10.000", "en", "EUR"),
        ("1,005", "nl", "EUR"),
        ("1.234,567", "en", "EUR"),
        ("1.0", "en", "JPY"),
        ("1,0", "en", "JPY"),
        ("12,50", "en", "JPY"),
        ("1.250", "en", "JPY"),
        ("1.0005", "en", "KWD"),
        ("1,0005", "en", "KWD"),
        # A comma before three digits is one of a group, though there are too many before it.
        ("0,500", "en", "KWD"),
        ("1234,500", "en", "KWD"),
    ],
)
def test_what_could_be_read_in_two_ways_and_too_many_decimals_are_refused(
    text: str, locale: str, currency: str
) -> None:
    with pytest.raises(DomainError):
        parse_amount(text, locale, currency)


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("12,50", "EUR", 1250),
        ("12,5", "EUR", 1250),
        ("0,05", "EUR", 5),
        (",5", "EUR", 50),
        (",05", "EUR", 5),
        ("12,", "EUR", 1200),
        ("007,10", "EUR", 710),
        ("-1,00", "EUR", -100),
        ("\N{MINUS SIGN}1,00", "EUR", -100),
        (" 1000,00 ", "EUR", 100000),
        ("1.234,5", "EUR", 123450),
        ("1.234,", "EUR", 123400),
        ("1.234.567", "EUR", 123456700),
        ("-12.345.678,90", "EUR", -1234567890),
        ("10.000.000.000,00", "EUR", MAX_MINOR),
        ("1.234.567", "JPY", 1234567),
        ("12,", "JPY", 12),
        ("12,5", "KWD", 12500),
        ("1.234,567", "KWD", 1234567),
        # Read as what the language itself says of it, whatever the other one would.
        ("1,250", "EUR", 125000),
        ("1,250", "JPY", 1250),
        ("1,250", "KWD", 1250000),
        ("1.250", "KWD", 1250),
    ],
)
def test_a_comma_for_a_point_and_the_other_way_around(typed: str, currency: str, minor: int) -> None:
    assert parse_amount(typed, "en", currency) == minor
    assert parse_amount(typed.translate(str.maketrans(",.", ".,")), "nl", currency) == minor


def test_where_groups_are_no_points_a_point_is_no_comma() -> None:
    """French has narrow spaces: whoever types a point there is told how to write it."""
    assert parse_amount("12,50", "fr", "EUR") == 1250
    assert parse_amount("1\u202f234,5", "fr", "EUR") == 123450
    for text in ("12.50", "1.234,50", "12\u202f50"):
        with pytest.raises(DomainError):
            parse_amount(text, "fr", "EUR")


def as_written(text: str, locale: str) -> Decimal | None:
    """What a text of digits, points and commas means, worked out by hand; None where it is no number."""
    group, point = (",", ".") if locale == "en" else (".", ",")
    sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, found, decimals = text.partition(point)
    if group in decimals or point in decimals or not (whole or decimals):
        return None
    groups = whole.split(group)
    if len(groups) > 1 and (
        groups[0] in ("", "0")
        or groups[0].startswith("0")
        or len(groups[0]) > 3
        or any(len(each) != 3 for each in groups[1:])
    ):
        return None
    return (
        sign * Decimal(f"{''.join(groups) or '0'}.{decimals or '0'}")
        if found
        else sign * Decimal("".join(groups))
    )


def as_the_other_writes(text: str, locale: str) -> Decimal | None:
    """What a text means with point and comma the other way around; None where that is not the only way to read it."""
    other, point, group = ("nl", ",", ".") if locale == "en" else ("en", ".", ",")
    whole, _found, decimals = text.partition(point)
    return None if len(decimals) == 3 and group not in whole else as_written(text, other)


@pytest.mark.parametrize("locale", ["en", "nl"])
def test_every_short_text_of_digits_and_separators_means_what_it_says_or_is_refused(locale: str) -> None:
    read = 0
    for length in range(1, 8):
        for typed in product("01,.", repeat=length):
            text = "".join(typed)
            meant, point = as_written(text, locale), "." if locale == "en" else ","
            if meant is None:
                meant, point = as_the_other_writes(text, locale), "," if locale == "en" else "."
            try:
                got = parse_quantity(text, locale)
            except DomainError:
                assert meant is None or len(text.partition(point)[2]) > 4, text
                continue
            assert got == meant, text
            read += 1
    assert read > 1400


@pytest.mark.parametrize("locale", ["en", "nl"])
@pytest.mark.parametrize("form", ["0.00", "#,##0.00"])
@given(whole=st.integers(1, 10**9), cents=st.integers(0, 99))
def test_an_amount_of_the_other_country_is_read_as_it_is_there(
    form: str, locale: str, whole: int, cents: int
) -> None:
    other = "nl" if locale == "en" else "en"
    text = format_decimal(Decimal(whole) + Decimal(cents).scaleb(-2), form, other)
    assert parse_amount(text, locale, "EUR") == whole * 100 + cents


def test_the_refusals_say_what_to_write() -> None:
    def sentence(text: str, locale: str, currency: str) -> str:
        with pytest.raises(DomainError) as refused:
            parse_amount(text, locale, currency)
        return str(refused.value)

    assert "1.234,50" in sentence("x", "nl", "EUR")
    assert "1,234.50" in sentence("x", "en", "EUR")
    assert "2 decimals" in sentence("1.234", "en", "EUR")
    assert "too large" in sentence("10000000000.01", "en", "EUR")


@given(amounts, currencies, st.sampled_from(["en", "nl"]))
def test_what_is_written_by_babel_is_read_back(minor: int, currency: str, locale: str) -> None:
    value = Decimal(minor).scaleb(-exponent(currency))
    text = format_decimal(value, locale=locale, decimal_quantization=False)
    assert parse_amount(text, locale, currency) == minor


@given(st.text(), st.sampled_from(["en", "nl"]))
def test_any_text_is_read_or_refused(text: str, locale: str) -> None:
    try:
        minor = parse_amount(text, locale, "EUR")
    except DomainError:
        return
    assert abs(minor) <= MAX_MINOR


@pytest.mark.parametrize(
    ("text", "locale", "quantity"),
    [
        ("2", "nl", "2"),
        ("0,0001", "nl", "0.0001"),
        ("1.5", "en", "1.5"),
        ("1.500", "nl", "1500"),
        ("-1", "en", "-1"),
    ],
)
def test_quantities_have_four_decimals(text: str, locale: str, quantity: str) -> None:
    assert parse_quantity(text, locale) == Decimal(quantity)


def test_quantity_limits() -> None:
    assert str(parse_quantity("-0", "en")) == "0"
    assert parse_quantity(str(MAX_QUANTITY), "en") == MAX_QUANTITY
    for text in ("0.00001", f"{MAX_QUANTITY}.0001"):
        with pytest.raises(DomainError):
            parse_quantity(text, "en")


def test_unit_prices_are_read_in_minor_units_with_four_decimals() -> None:
    assert parse_unit_price("0,001234", "nl", "EUR") == Decimal("0.1234")
    assert parse_unit_price("70", "nl", "EUR") == Decimal(7000)
    assert parse_unit_price("1.5", "en", "JPY") == Decimal("1.5")
    for text, currency in (("0.0012345", "EUR"), ("1.00001", "JPY")):
        with pytest.raises(DomainError):
            parse_unit_price(text, "en", currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1000, "EUR", "10.00"),
        (-5, "EUR", "-0.05"),
        (0, "EUR", "0.00"),
        (1000, "JPY", "1000"),
        (-1, "JPY", "-1"),
        (1, "KWD", "0.001"),
        (123456789, "KWD", "123456.789"),
    ],
)
def test_decimal_strings(minor: int, currency: str, text: str) -> None:
    assert decimal_string(minor, currency) == text
    assert from_decimal_string(text, currency) == minor


@given(amounts, currencies)
def test_decimal_strings_are_read_back(minor: int, currency: str) -> None:
    assert from_decimal_string(decimal_string(minor, currency), currency) == minor


def test_fewer_decimals_are_fine_in_a_decimal_string() -> None:
    assert from_decimal_string("10", "EUR") == 1000
    assert from_decimal_string("10.5", "EUR") == 1050
    assert from_decimal_string("-0", "EUR") == 0


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *((text, "EUR") for text in ("", "1,00", "1,000.00", ".5", "5.", "+1", "1e3", "NaN", " 1", "1\n")),
        *(
            (text, "EUR")
            for text in ("1.001", "1.000", "10000000000.01", "9" * 25, "9" * 24, "\u0661", "1\0")
        ),
        ("1.0", "JPY"),
    ],
)
def test_other_decimal_strings_are_refused(text: str, currency: str) -> None:
    with pytest.raises(DomainError):
        from_decimal_string(text, currency)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        *(("0", 0), ("0.4999", 0), ("0.5", 1), ("1.5", 2), ("2.5", 3), ("2.4999999999", 2)),
        *(("-0.4999", 0), ("-0.5", -1), ("-1.5", -2), ("-2.5", -3), ("-2.51", -3)),
        ("123456789012345678901234567890.5", 123456789012345678901234567891),
    ],
)
def test_halves_go_away_from_zero(value: str, rounded: int) -> None:
    assert round_half_up(Decimal(value)) == rounded
    assert round_half_up(Fraction(value)) == rounded


def test_whole_numbers_and_thirds_round() -> None:
    assert round_half_up(7) == 7
    assert round_half_up(Fraction(2, 3)) == 1
    assert round_half_up(Fraction(-1, 3)) == 0


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (10, [0, 3, 1], [0, 8, 2]),
        (10, [0, 1, 3], [0, 3, 7]),
        (5, [1], [5]),
        (0, [1, 2], [0, 0]),
        (0, [], []),
        (0, [0, 0], [0, 0]),
        (7, [Decimal("0.1"), Decimal("0.2")], [2, 5]),
        (1, [1, 2, 2], [0, 1, 0]),
    ],
)
def test_splits_by_hand(total: int, weights: list[int | Decimal], parts: list[int]) -> None:
    assert split_largest_remainder(total, weights) == parts


def test_impossible_splits_are_refused() -> None:
    for total, weights in ((1, []), (1, [0]), (5, [1, -1]), (0, [-1])):
        with pytest.raises(ValueError):
            split_largest_remainder(total, weights)


@given(amounts, st.lists(st.integers(0, MAX_MINOR), min_size=1, max_size=20).filter(any))
def test_splits_add_up_are_fair_and_mirror(total: int, weights: list[int]) -> None:
    parts = split_largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
    assert split_largest_remainder(-total, weights) == [-part for part in parts]


fractions = st.builds(Fraction, st.integers(-(10**6), 10**6), st.integers(1, 300))


@given(st.lists(fractions, max_size=12))
def test_fitting_adds_up_and_mirrors_with_mixed_signs(ideals: list[Fraction]) -> None:
    total = round_half_up(sum(ideals, Fraction(0)))
    parts = fit_to_total(ideals, total)
    assert sum(parts) == total
    assert all(abs(part - ideal) < 1 for part, ideal in zip(parts, ideals, strict=True))
    assert fit_to_total([-ideal for ideal in ideals], -total) == [-part for part in parts]


def test_fitting_two_halves_that_cancel_out_mirrors() -> None:
    half = Fraction(1, 2)
    assert fit_to_total([half, -half], 0) == [1, -1]
    assert fit_to_total([-half, half], 0) == [-1, 1]


def test_fitting_refuses_a_total_that_is_not_the_sum() -> None:
    for total in (-1, 3):
        with pytest.raises(ValueError):
            fit_to_total([Fraction(1, 2), Fraction(1, 2)], total)
