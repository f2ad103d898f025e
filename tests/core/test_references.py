"""RF creditor references against the published example and against themselves."""

from __future__ import annotations

import pytest

from portal.core.references import compact_rf, format_rf, is_rf, rf_reference


def test_published_example() -> None:
    assert rf_reference("539007547034") == "RF18539007547034"
    assert is_rf("RF18 5390 0754 7034")


@pytest.mark.parametrize(
    ("number", "reference"),
    [
        ("2026-0042", "RF8820260042"),
        ("CN/2026/7", "RF65CN20267"),
        ("cn 2026 7", "RF65CN20267"),
        ("1", "RF741"),
    ],
)
def test_separators_and_case_are_dropped(number: str, reference: str) -> None:
    assert rf_reference(number) == reference
    assert is_rf(reference)


def test_check_digits_have_two_places() -> None:
    assert {len(rf_reference(f"{number:06d}")) for number in range(500)} == {10}
    assert any(rf_reference(f"{number:06d}")[2] == "0" for number in range(500))


@pytest.mark.parametrize("number", ["", "--", "1" * 22, "ÄB1", "１２"])
def test_impossible_numbers(number: str) -> None:
    with pytest.raises(ValueError, match="no creditor reference"):
        rf_reference(number)


def test_longest_number() -> None:
    assert len(rf_reference("1" * 21)) == 25


def test_every_wrong_character_is_noticed() -> None:
    reference = rf_reference("2026-0042")
    for place in range(2, len(reference)):
        for digit in "0123456789":
            changed = reference[:place] + digit + reference[place + 1 :]
            assert is_rf(changed) == (changed == reference)


def test_swapped_neighbours_are_noticed() -> None:
    assert not is_rf("RF18539005747034")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RF",
        "RF18",
        "18539007547034",
        "RFAB539007547034",
        "RF18" + "1" * 22,
        "RF1853900754703É",
        "RF٧٤1",
        "XX741",
    ],
)
def test_other_texts(text: str) -> None:
    assert compact_rf(text) is None
    assert not is_rf(text)


def test_compact_and_written() -> None:
    assert compact_rf(" rf18 5390\n0754 7034 ") == "RF18539007547034"
    assert format_rf("RF8820260042") == "RF88 2026 0042"
    assert format_rf("rf65 CN2 0267") == "RF65 CN20 267"
