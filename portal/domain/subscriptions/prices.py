"""What a period costs, and a part of it: by the day, a half rounded up (domain.md, "Subscriptions")."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from portal.core import vat
from portal.core.money import round_half_up
from portal.core.vat import VatCategory
from portal.domain.catalog.models import IntervalUnit
from portal.domain.subscriptions.cadence import DAYS, MONTHS


def part(amount_minor: int, days: int, of_days: int) -> int:
    """The share of some days in an amount for all of them, in minor units. Raises ValueError for days it cannot be."""
    if not 0 <= days <= of_days or of_days == 0:
        raise ValueError(f"{days} of {of_days} days")
    return round_half_up(Fraction(amount_minor) * days / of_days)


@dataclass(frozen=True)
class Price:
    """What one period costs: the amount of its line as the price is written, and the VAT in or on it."""

    line_minor: int
    vat_category: VatCategory
    vat_rate: Decimal
    includes_vat: bool

    @classmethod
    def of(
        cls,
        quantity: Decimal,
        unit_price: Decimal,
        vat_category: VatCategory,
        vat_rate: Decimal,
        includes_vat: bool,
    ) -> Price:
        """The price of a quantity; ``unit_price`` in minor units."""
        line = round_half_up(Fraction(quantity) * Fraction(unit_price))
        return cls(line, vat_category, vat_rate, includes_vat)

    def for_days(self, days: int, of_days: int) -> int:
        """What so many days of a period cost, VAT included, in minor units; all of them cost the whole price."""
        line = vat.Line(
            Decimal(1), Decimal(part(self.line_minor, days, of_days)), self.vat_rate, self.vat_category
        )
        return vat.compute([line], prices_include_vat=self.includes_vat).gross

    @property
    def gross_minor(self) -> int:
        """What a whole period costs, VAT included, in minor units."""
        return self.for_days(1, 1)


def per_year(amount_minor: int, unit: IntervalUnit, count: int) -> int:
    """What an amount each interval comes to in a year of twelve months or 365 days, in minor units."""
    if unit in MONTHS:
        return round_half_up(Fraction(amount_minor) * 12 / (MONTHS[unit] * count))
    return round_half_up(Fraction(amount_minor) * 365 / (DAYS[unit] * count))
