"""The VAT area of the European Union: who is in it, how VAT numbers begin there, and the rates of a country."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.core.vat import VatCategory

MEMBER_STATES = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
        "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip

#: Written for Greece and Northern Ireland in VAT numbers, and by some in addresses.
GREEK, NORTHERN_IRISH = "EL", "XI"
#: Countries that are a part of another one for VAT: Monaco of France (Directive 2006/112/EC, article 7).
_PART_OF = {"MC": "FR", GREEK: "GR"}


@dataclass(frozen=True)
class Rates:
    """The rates of a country from a day on, in percent."""

    since: date
    standard: Decimal
    reduced: tuple[Decimal, ...]


#: The newest first. Only countries of which Loket knows the rates: elsewhere in the EU rates change every year, and
#: a list that is behind would refuse what is right, so there any rate above 0 is taken.
RATES: dict[str, tuple[Rates, ...]] = {
    "NL": (
        Rates(date(2019, 1, 1), Decimal(21), (Decimal(9),)),
        Rates(date(2012, 10, 1), Decimal(21), (Decimal(6),)),
    ),
}


def rates_of(country: str, day: date) -> dict[VatCategory, tuple[Decimal, ...]] | None:
    """The rates of each taxed category in a country on a day; None where any above 0 will do."""
    known = RATES.get(country)
    if known is None:
        return None
    rates = next((each for each in known if each.since <= day), known[-1])
    return {VatCategory.STANDARD: (rates.standard,), VatCategory.REDUCED: rates.reduced}


def member_state(country: str) -> str | None:
    """The member state whose VAT a country is under; None outside the EU."""
    state = _PART_OF.get(country, country)
    return state if state in MEMBER_STATES else None


def is_northern_ireland(country: str, *, postal_code: str, vat_number: str) -> bool:
    """Whether an address is in Northern Ireland, which for goods is in the EU and for services is not."""
    if country == NORTHERN_IRISH:
        return True
    return country == "GB" and (
        postal_code.strip().upper().startswith("BT") or number_prefix(vat_number) == NORTHERN_IRISH
    )


def number_prefix(vat_number: str) -> str:
    """The country that a VAT number says it is of."""
    return vat_number[:2].upper()


def prefix_in(state: str) -> str:
    """How VAT numbers of a member state begin."""
    return GREEK if state == "GR" else state
