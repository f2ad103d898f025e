"""Beginnings of numbers, as they are typed."""

from __future__ import annotations

from datetime import date

import pytest

from portal.core.references import format_rf, rf_reference
from portal.domain.invoices import numbers
from portal.domain.invoices.models import DocumentKind


@pytest.mark.parametrize(
    ("text", "kind", "years", "digits"),
    [
        ("2", DocumentKind.INVOICE, (2000, 2999), ""),
        ("202", DocumentKind.INVOICE, (2020, 2029), ""),
        ("2025", DocumentKind.INVOICE, (2025, 2025), ""),
        ("2025-", DocumentKind.INVOICE, (2025, 2025), ""),
        ("2025-0", DocumentKind.INVOICE, (2025, 2025), "0"),
        ("2025-12345", DocumentKind.INVOICE, (2025, 2025), "12345"),
        ("c2025-1", DocumentKind.CREDIT_NOTE, (2025, 2025), "1"),
        ("F20", DocumentKind.COLLECTION_FEE, (2000, 2099), ""),
        ("I2026-", DocumentKind.INTEREST, (2026, 2026), ""),
    ],
)
def test_what_a_number_begins_with(
    text: str, kind: DocumentKind, years: tuple[int, int], digits: str
) -> None:
    found = numbers.read(text)
    assert found is not None
    assert (found.kind, (found.first_year, found.last_year), found.digits) == (kind, years, digits)
    assert found.last_day == date(years[1], 12, 31)


@pytest.mark.parametrize("number", ["2026-0058", "2026-12345", "C2026-0003", "F2025-0001", "I2026-0009"])
def test_a_reference_is_read_as_its_number(number: str) -> None:
    reference = rf_reference(number)
    for text in (
        reference,
        format_rf(reference),
        f" {reference.lower()} ",
        format_rf(reference).replace(" ", "\xa0"),
    ):
        assert numbers.of_reference(text) == number, text


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-0058", "RF", "RF45 2026 0058", "RF44 2026 005", "RF44 2026 0058 1", "20260058",
        "RF" + "4" * 40, rf_reference("X2026-0001"), rf_reference("CC2026-0001"), rf_reference("2026-058"),
        "RF²² 2026 0058",
    ],
)  # fmt: skip
def test_what_is_no_reference_of_ours(text: str) -> None:
    assert numbers.of_reference(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "C", "X2025", "20251", "202-1", "2025-a", "2025 1", "2025-1 ", "٢٠٢٥", "2025-" + "1" * 19, "cc2025"],
)
def test_what_no_number_begins_with(text: str) -> None:
    assert numbers.read(text) is None


def test_year_nought_has_a_last_day() -> None:
    found = numbers.read("0000")
    assert found is not None and found.last_day == date(1, 12, 31)


@pytest.mark.parametrize("last", [0, 1, 9, 10, 99, 999, 1000, 9999, 10_000, 12_345])
@pytest.mark.parametrize(
    "digits", ["0", "00", "0001", "00001", "1", "9", "12", "123", "1234", "9999", "12345", "99999"]
)
def test_the_highest_place_that_begins_so(digits: str, last: int) -> None:
    found = numbers.read(f"2025-{digits}")
    assert found is not None
    every = [place for place in range(1, last + 1) if f"{place:04d}".startswith(digits)]
    assert found.highest(last) == max(every, default=0)


@pytest.mark.parametrize(
    ("text", "place"),
    [("1234", 1234), ("0001", 1), ("2025-1", None), ("", None), ("1" * 19, None), ("²", None)],
)
def test_a_place_alone(text: str, place: int | None) -> None:
    assert numbers.read_place(text) == place
