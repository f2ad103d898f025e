"""Parts of a price by the day, a half rounded up, and what an interval costs in a year."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.vat import VatCategory
from portal.domain.catalog.models import IntervalUnit
from portal.domain.subscriptions.prices import Price, part, per_year

CENTS = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("amount", "days", "of_days", "found"),
    [
        (3000, 10, 30, 1000),
        (1000, 1, 3, 333),
        (1000, 2, 3, 667),
        (1, 1, 2, 1),
        (3, 1, 2, 2),
        (5, 1, 10, 1),
        (4, 1, 10, 0),
        (2450, 0, 14, 0),
        (2450, 14, 14, 2450),
        (36500, 1, 365, 100),
        (36500, 1, 366, 100),
    ],
)
def test_a_part_by_the_day(amount: int, days: int, of_days: int, found: int) -> None:
    assert part(amount, days, of_days) == found


@pytest.mark.parametrize(("days", "of_days"), [(-1, 30), (31, 30), (0, 0), (1, 0)])
def test_days_that_cannot_be(days: int, of_days: int) -> None:
    with pytest.raises(ValueError, match="days"):
        part(100, days, of_days)


@given(amount=CENTS, of_days=st.integers(1, 366), data=st.data())
def test_both_parts_of_a_period_are_the_whole_to_the_cent(
    amount: int, of_days: int, data: st.DataObject
) -> None:
    """What is billed up to a day and what is credited from it on are never more than a cent apart from the whole."""
    days = data.draw(st.integers(0, of_days))
    used, rest = part(amount, days, of_days), part(amount, of_days - days, of_days)
    assert amount <= used + rest <= amount + 1
    assert abs(Fraction(amount * days, of_days) - used) <= Fraction(1, 2)
    assert 0 <= rest <= amount


@given(amount=CENTS, of_days=st.integers(1, 366))
def test_more_days_never_cost_less(amount: int, of_days: int) -> None:
    parts = [part(amount, days, of_days) for days in range(of_days + 1)]
    assert parts == sorted(parts) and parts[-1] == amount


@pytest.mark.parametrize(
    ("cents", "quantity", "rate", "includes_vat", "whole", "half"),
    [
        ("2450", "1", "21", True, 2450, 1225),
        ("2450", "2.5", "21", True, 6125, 3063),
        # Without VAT the net is what is divided, and the VAT comes on top of it.
        ("1000", "1", "21", False, 1210, 605),
        ("999", "1", "21", False, 1209, 605),
        ("9701", "1", "0", False, 9701, 4851),
        ("33.3333", "3", "21", True, 100, 50),
        ("0", "1", "21", True, 0, 0),
    ],
)
def test_a_price_and_half_of_it(
    cents: str, quantity: str, rate: str, includes_vat: bool, whole: int, half: int
) -> None:
    category = VatCategory.STANDARD if Decimal(rate) else VatCategory.REVERSE_CHARGE
    found = Price.of(Decimal(quantity), Decimal(cents), category, Decimal(rate), includes_vat)
    assert (found.gross_minor, found.for_days(1, 2), found.for_days(7, 7)) == (whole, half, whole)
    assert (found.vat_category, found.vat_rate, found.includes_vat) == (category, Decimal(rate), includes_vat)


@pytest.mark.parametrize(
    ("unit", "count", "found"),
    [
        (IntervalUnit.DAY, 1, 365_00),
        (IntervalUnit.WEEK, 1, 52_14),
        (IntervalUnit.WEEK, 2, 26_07),
        (IntervalUnit.MONTH, 1, 12_00),
        (IntervalUnit.MONTH, 6, 2_00),
        (IntervalUnit.QUARTER, 1, 4_00),
        (IntervalUnit.YEAR, 1, 1_00),
        (IntervalUnit.YEAR, 2, 50),
        (IntervalUnit.YEAR, 3, 33),
    ],
)
def test_what_a_year_costs(unit: IntervalUnit, count: int, found: int) -> None:
    assert per_year(100, unit, count) == found
