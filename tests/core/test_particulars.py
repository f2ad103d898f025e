"""One way of writing for postal codes, phones, VAT and chamber numbers, and a refusal for what cannot be right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.core import particulars
from portal.core.errors import DomainError

Check = Callable[[str, str], str]


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("1234ab", "NL", "1234 AB"),
        ("1234  AB", "NL", "1234 AB"),
        ("2000", "BE", "2000"),
        ("10115", "DE", "10115"),
        ("00001", "PL", "00-001"),
        ("1000001", "PT", "1000-001"),
        ("11120", "SE", "111 20"),
        ("sw1a1aa", "GB", "SW1A 1AA"),
        ("m1 1ae", "GB", "M1 1AE"),
        ("d02af30", "IE", "D02 AF30"),
        ("1010", "LV", "LV-1010"),
        ("lt-01100", "LT", "LT-01100"),
        ("whatever 12", "ZA", "whatever 12"),
        ("", "NL", ""),
    ],
)
def test_a_postal_code_is_written_in_the_way_of_its_country(typed: str, country: str, stored: str) -> None:
    assert particulars.postal_code(typed, country) == stored
    assert particulars.postal_code(stored, country) == stored


@pytest.mark.parametrize(
    ("check", "typed", "country"),
    [
        (particulars.postal_code, "0123 AB", "NL"),
        (particulars.postal_code, "1234 A", "NL"),
        (particulars.postal_code, "1234", "DE"),
        (particulars.postal_code, "1234 AB", "BE"),
        (particulars.postal_code, "\u0661\u0662\u0663\u0664", "BE"),
        (particulars.phone, "call me", "NL"),
        (particulars.phone, "12", "NL"),
        (particulars.phone, "+999 12345678", "NL"),
        (particulars.phone, "030 1234567 89012345", "NL"),
        (particulars.vat_number, "NL123456783B90", "NL"),
        (particulars.vat_number, "123456783B90", "NL"),
        (particulars.vat_number, "BE0123456748", "BE"),
        (particulars.vat_number, "DE12345678", "DE"),
        (particulars.vat_number, "GB980780685", "GB"),
        (particulars.vat_number, "CHE107787578MWST", "CH"),
        (particulars.vat_number, "!!", "NL"),
        (particulars.vat_number, "US", "US"),
        (particulars.vat_number, "fout123", "NL"),
        (particulars.vat_number, "IS1234", "IS"),
        (particulars.chamber_number, "1234567", "NL"),
        (particulars.chamber_number, "1234567a", "NL"),
        (particulars.chamber_number, "0403170702", "BE"),
        (particulars.chamber_number, "552008444", "FR"),
        (particulars.chamber_number, "1234", "GB"),
        (particulars.chamber_number, "13585629", "DK"),
        (particulars.chamber_number, "no digit", "DE"),
        (particulars.chamber_number, "<b>1</b>", "DE"),
        # Written out with its extension it is longer than its column.
        (particulars.phone, "+4930123456789;ext=12345678901234567890", "NL"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(check: Check, typed: str, country: str) -> None:
    with pytest.raises(DomainError) as refused:
        check(typed, country)
    assert refused.value.field == check.__name__


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("030 123 45 67", "NL", "+31 30 123 4567"),
        ("06-12345678", "NL", "+31 6 12345678"),
        ("+32 3 123 45 67", "NL", "+32 3 123 45 67"),
        ("0049 30 123456", "NL", "+49 30 123456"),
        ("", "NL", ""),
    ],
)
def test_a_phone_number_can_be_dialled_from_abroad(typed: str, country: str, stored: str) -> None:
    assert particulars.phone(typed, country) == stored
    assert particulars.phone(stored, country) == stored


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("nl 1234.56.782.B.90", "NL", "NL123456782B90"),
        ("123456782B90", "NL", "NL123456782B90"),
        ("0403.170.701", "BE", "BE0403170701"),
        ("DE136695976", "NL", "DE136695976"),
        ("094259216", "GR", "EL094259216"),
        ("XI980780684", "GB", "XI980780684"),
        ("980 7806 84", "GB", "GB980780684"),
        ("CHE-107.787.577 MWST", "CH", "CHE107787577MWST"),
        ("NO995525828MVA", "NO", "NO995525828MVA"),
        ("US-12-345", "US", "US12345"),
        ("", "NL", ""),
        (" . ", "NL", ""),
    ],
)
def test_a_vat_number_begins_with_its_country(typed: str, country: str, stored: str) -> None:
    assert particulars.vat_number(typed, country) == stored
    assert particulars.vat_number(stored, country) == stored


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("1234 5678", "NL", "12345678"),
        ("0403170701", "BE", "0403.170.701"),
        ("552 008 443", "FR", "552008443"),
        ("sc123456", "GB", "SC123456"),
        ("13 58 56 28", "DK", "13585628"),
        ("HRB 12345", "DE", "HRB 12345"),
        ("", "NL", ""),
    ],
)
def test_a_chamber_number_is_that_of_the_countrys_register(typed: str, country: str, stored: str) -> None:
    assert particulars.chamber_number(typed, country) == stored
    assert particulars.chamber_number(stored, country) == stored


def test_countries_are_countries_in_the_order_of_the_language() -> None:
    english, dutch = (dict(particulars.countries(language)) for language in ("en", "nl"))
    assert english.keys() == dutch.keys() == particulars.COUNTRIES
    assert (english["NL"], dutch["NL"], dutch["DE"]) == ("Netherlands", "Nederland", "Duitsland")
    assert 240 < len(english) < 255 and not {"EU", "ZZ", "UN", "XA"} & particulars.COUNTRIES
    names = list(english.values())
    # Å is an A: Åland comes between Albania's neighbours and not at the end.
    assert names.index("Åland Islands") < names.index("Algeria") and names[-1] == "Zimbabwe"
    assert list(dutch.values()).index("Duitsland") < list(dutch.values()).index("Egypte")
