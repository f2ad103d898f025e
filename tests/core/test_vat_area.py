"""Which countries share the VAT of the EU, how their numbers begin, and the Dutch rates by date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from portal.core import vat_area
from portal.core.vat import VatCategory


def test_there_are_27_member_states() -> None:
    assert len(vat_area.MEMBER_STATES) == 27
    assert {"NL", "GR", "HR", "SE"} <= vat_area.MEMBER_STATES
    assert not {"GB", "XI", "EL", "CH", "NO", "MC"} & vat_area.MEMBER_STATES


@pytest.mark.parametrize(
    ("country", "state"),
    [
        ("NL", "NL"),
        ("GR", "GR"),
        ("EL", "GR"),
        ("MC", "FR"),
        ("GB", None),
        ("XI", None),
        ("US", None),
        ("", None),
    ],
)
def test_whose_vat_a_country_is_under(country: str, state: str | None) -> None:
    assert vat_area.member_state(country) == state


def test_greek_numbers_begin_in_their_own_way() -> None:
    assert {vat_area.prefix_in(state) for state in vat_area.MEMBER_STATES} == (
        vat_area.MEMBER_STATES - {"GR"} | {"EL"}
    )


@pytest.mark.parametrize(
    ("country", "postal_code", "vat_number", "is_there"),
    [
        ("GB", "BT1 5GS", "", True),
        ("GB", " bt71 4qr", "", True),
        ("GB", "SW1A 1AA", "", False),
        ("GB", "SW1A 1AA", "GB123456789", False),
        ("GB", "SW1A 1AA", "XI123456789", True),
        ("XI", "", "", True),
        ("IE", "BT1 5GS", "XI123456789", False),
    ],
)
def test_northern_ireland(country: str, postal_code: str, vat_number: str, is_there: bool) -> None:
    assert vat_area.is_northern_ireland(country, postal_code=postal_code, vat_number=vat_number) is is_there


@pytest.mark.parametrize(
    ("day", "reduced"),
    [(date(2026, 11, 1), 9), (date(2019, 1, 1), 9), (date(2018, 12, 31), 6), (date(2000, 1, 1), 6)],
)
def test_the_dutch_rates_of_a_day(day: date, reduced: int) -> None:
    assert vat_area.rates_of("NL", day) == {
        VatCategory.STANDARD: (Decimal(21),),
        VatCategory.REDUCED: (Decimal(reduced),),
    }


def test_other_countries_rates_are_not_known() -> None:
    assert vat_area.rates_of("BE", date(2026, 11, 1)) is None


def test_the_newest_rates_stand_first() -> None:
    for known in vat_area.RATES.values():
        assert [each.since for each in known] == sorted((each.since for each in known), reverse=True)
