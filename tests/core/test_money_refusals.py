"""What money and VAT say when they refuse: the sentence, its figures, and the field that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from portal.core import money
from portal.core.errors import DomainError
from portal.core.money import (
    CurrencyMismatch,
    Money,
    exponent,
    fit_to_total,
    from_decimal_string,
    parse_amount,
    parse_quantity,
    parse_unit_price,
    split_largest_remainder,
)
from portal.core.vat import Line, VatCategory, compute

S = VatCategory.STANDARD
TOO_LARGE = "This number is too large."


def line(quantity: str = "1", price: str = "1", rate: str = "21", category: VatCategory = S) -> Line:
    return Line(Decimal(quantity), Decimal(price), Decimal(rate), category)


REFUSED: list[tuple[Callable[[], object], str, str | None]] = [
    (lambda: exponent("GULDENSTERNE"), "“GULDENST” is not a currency in use.", "currency"),
    (lambda: parse_amount("abc", "en", "EUR", field="a"), "Write a number like 1,234.50.", "a"),
    (lambda: parse_amount("abc", "nl", "EUR", field="a"), "Write a number like 1.234,50.", "a"),
    (lambda: parse_amount("abc", "en", "JPY"), "Write a number like 1,234.", None),
    (
        lambda: parse_amount("0.001", "en", "EUR", field="a"),
        "Use at most 2 decimals, and write a number like 1,234.50.",
        "a",
    ),
    (
        lambda: parse_amount("1.250", "en", "EUR"),
        "Use at most 2 decimals, and write a number like 1,234.50.",
        None,
    ),
    (
        lambda: parse_amount("1,250", "nl", "EUR"),
        "Use at most 2 decimals, and write a number like 1.234,50.",
        None,
    ),
    (
        lambda: parse_amount("1,2505", "nl", "KWD", field="a"),
        "Use at most 3 decimals, and write a number like 1.234,50.",
        "a",
    ),
    (
        lambda: parse_amount("12.5", "nl", "JPY", field="a"),
        "Write a number without decimals, like 1.234.",
        "a",
    ),
    (lambda: parse_amount("1.250", "en", "JPY"), "Write a number without decimals, like 1,234.", None),
    (lambda: parse_amount("1234,567", "en", "EUR"), "Write a number like 1,234.50.", None),
    (lambda: parse_amount("10000000000.01", "en", "EUR", field="a"), TOO_LARGE, "a"),
    (lambda: parse_quantity("x", "en", field="q"), "Write a number like 1,234.50.", "q"),
    (
        lambda: parse_quantity("0.00001", "en", field="q"),
        "Use at most 4 decimals, and write a number like 1,234.50.",
        "q",
    ),
    (lambda: parse_quantity("100000000.0001", "en", field="q"), TOO_LARGE, "q"),
    (lambda: parse_unit_price("x", "nl", "EUR", field="p"), "Write a number like 1.234,50.", "p"),
    (
        lambda: parse_unit_price("0.0000001", "en", "EUR", field="p"),
        "Use at most 6 decimals, and write a number like 1,234.50.",
        "p",
    ),
    (lambda: parse_unit_price("10000000000.01", "en", "EUR", field="p"), TOO_LARGE, "p"),
    (
        lambda: from_decimal_string("1,00", "EUR"),
        "Write an amount with a point and no thousands separators, like 10.00.",
        None,
    ),
    (lambda: from_decimal_string("1.001", "EUR"), "Use at most 2 decimals.", None),
    (lambda: from_decimal_string("10000000000.01", "EUR"), TOO_LARGE, None),
    (lambda: line(quantity="100000000.1"), "This number is outside the limits.", "quantity"),
    (lambda: line(quantity="-100000000.1"), "This number is outside the limits.", "quantity"),
    (lambda: line(price="1000000000000.1"), "This number is outside the limits.", "unit_price"),
    (lambda: line(price="-1000000000000.1"), "This number is outside the limits.", "unit_price"),
    (lambda: line(rate="100.1"), "This number is outside the limits.", "rate"),
    (lambda: line(rate="-0.1"), "This number is outside the limits.", "rate"),
    (lambda: line(quantity="0.00001"), "Use at most 4 decimals.", "quantity"),
    (lambda: line(price="0.00001"), "Use at most 4 decimals.", "unit_price"),
    (lambda: line(rate="0.00001"), "Use at most 4 decimals.", "rate"),
    (lambda: line(category=VatCategory.EXPORT), "With “Export outside the EU” the rate is 0%.", "rate"),
    (
        lambda: compute([line("2", "1000000000000")], prices_include_vat=False),
        "This amount is too large.",
        None,
    ),
]


@pytest.mark.parametrize(("refused", "sentence", "field"), REFUSED)
def test_the_person_is_told_what_is_wrong_and_where(
    refused: Callable[[], object], sentence: str, field: str | None
) -> None:
    with pytest.raises(DomainError) as told:
        refused()
    assert (str(told.value), told.value.field) == (sentence, field)


MISTAKES: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: Money(1.5, "EUR"), TypeError, "money is counted in whole minor units"),  # type: ignore[arg-type]
    (lambda: Money(1, "EUR") + Money(1, "USD"), CurrencyMismatch, "EUR and USD"),
    (lambda: split_largest_remainder(1, [1, -1]), ValueError, "a weight is negative"),
    (lambda: split_largest_remainder(1, [0, 0]), ValueError, "nothing to divide the total by"),
    (lambda: fit_to_total([], 1), ValueError, "the total is not the rounded sum of its parts"),
    (
        lambda: Line(1, Decimal(1), Decimal(21), S),  # type: ignore[arg-type]
        TypeError,
        "quantity must be a Decimal",
    ),
    (
        lambda: Line(Decimal(1), 1, Decimal(21), S),  # type: ignore[arg-type]
        TypeError,
        "unit_price must be a Decimal",
    ),
    (
        lambda: Line(Decimal(1), Decimal(1), 21, S),  # type: ignore[arg-type]
        TypeError,
        "rate must be a Decimal",
    ),
]


@pytest.mark.parametrize(("mistake", "kind", "words"), MISTAKES)
def test_the_programmer_is_told_what_the_mistake_is(
    mistake: Callable[[], object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as told:
        mistake()
    assert str(told.value) == words


@pytest.mark.parametrize("edge", [1, -1])
def test_the_limits_themselves_are_still_taken(edge: int) -> None:
    assert parse_amount(f"{edge * 10_000_000_000}", "en", "EUR") == edge * money.MAX_MINOR
    assert from_decimal_string(f"{edge * 10_000_000_000}.00", "EUR") == edge * money.MAX_MINOR
    assert parse_quantity(f"{edge * 100_000_000}", "en") == edge * money.MAX_QUANTITY
    assert parse_unit_price(f"{edge * 10_000_000_000}", "en", "EUR") == edge * money.MAX_MINOR
    assert line(quantity=f"{edge * 100_000_000}", price="0").quantity == edge * money.MAX_QUANTITY
    assert line(price=f"{edge * 10**12}").unit_price == edge * money.MAX_MINOR
    totals = compute(
        [line(price=f"{edge * 10**12}", rate="0", category=VatCategory.ZERO)], prices_include_vat=False
    )
    assert totals.gross == edge * money.MAX_MINOR
    assert line(rate="100").rate == 100
    assert line(rate="0", category=VatCategory.ZERO).rate == 0


def test_the_limits_are_what_they_are_said_to_be() -> None:
    assert (money.MAX_MINOR, money.MAX_QUANTITY, money.SCALE) == (10**12, 10**8, 4)


@pytest.mark.parametrize(
    "currency", ["AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"]
)
def test_currencies_that_shops_round_still_have_cents_at_the_bank(currency: str) -> None:
    assert exponent(currency) == 2
