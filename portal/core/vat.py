"""Value added tax: what the lines of a document come to, per line, per rate and in all.

Rates are percentages as people say them: `Decimal("21")` is 21 %. Everything is worked out exactly and
rounded to minor units at the places named in `compute` only; a half goes away from zero, so that a credit
note with all its quantities negated mirrors its invoice, and discounts round as the prices they lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from flask_babel import lazy_gettext as _l

from portal.core.errors import DomainError
from portal.core.money import MAX_MINOR, MAX_QUANTITY, SCALE, fit_to_total, round_half_up
from portal.core.tables import LabelEnum


class VatCategory(LabelEnum):
    """Why a line carries the VAT it does; the first two never at 0 %, all others always."""

    STANDARD = "standard", _l("Standard rate")
    REDUCED = "reduced", _l("Reduced rate")
    ZERO = "zero", _l("Zero rate")
    EXEMPT = "exempt", _l("Exempt from VAT")
    REVERSE_CHARGE = "reverse_charge", _l("VAT reverse charged")
    EXPORT = "export", _l("Export outside the EU")
    SMALL_BUSINESS = "small_business", _l("Small businesses scheme")


TAXED = frozenset({VatCategory.STANDARD, VatCategory.REDUCED})


@dataclass(frozen=True, slots=True)
class Line:
    """One line to be counted; a discount or a credit has a negative quantity or price.

    `unit_price` is in minor units, `rate` in percent; these two and `quantity` have at most four decimals.
    Raises DomainError, naming the field, for a value outside its limits or a rate that its category forbids.
    """

    quantity: Decimal
    unit_price: Decimal
    rate: Decimal
    category: VatCategory

    def __post_init__(self) -> None:
        _check(self.quantity, -MAX_QUANTITY, MAX_QUANTITY, "quantity")
        _check(self.unit_price, -MAX_MINOR, MAX_MINOR, "unit_price")
        _check(self.rate, 0, 100, "rate")
        if self.category in TAXED:
            if self.rate == 0:
                raise DomainError(
                    _l("With “%(category)s” the rate is more than 0%%.", category=self.category.label), "rate"
                )
        elif self.rate:
            raise DomainError(
                _l("With “%(category)s” the rate is 0%%.", category=self.category.label), "rate"
            )


@dataclass(frozen=True, slots=True)
class LineTotals:
    """What one line comes to, in minor units; `net + vat == gross`, and the lines add up to their group."""

    net: int
    vat: int
    gross: int


@dataclass(frozen=True, slots=True)
class Group:
    """All lines of one category and rate, in minor units; `net + vat == gross`."""

    category: VatCategory
    rate: Decimal
    net: int
    vat: int
    gross: int


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a group of a document after its credit notes, in minor units."""

    net: int
    vat: int

    @property
    def gross(self) -> int:
        return self.net + self.vat


#: The rest of a document: of each category and rate.
Rests = Mapping[tuple[VatCategory, Decimal], Rest]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a document comes to, in minor units: `lines` as given, `groups` in order of first use."""

    lines: tuple[LineTotals, ...]
    groups: tuple[Group, ...]
    net: int
    vat: int
    gross: int


def compute(lines: Iterable[Line], *, prices_include_vat: bool, rests: Rests | None = None) -> Totals:
    """Counts a document; `prices_include_vat` says what all its unit prices are.

    Prices without VAT: a line's net is quantity × price, rounded; a group's VAT is rate × the sum of its
    line nets, rounded. Prices with VAT: a line's gross is quantity × price, rounded, and nothing changes it
    any more: what was shown is what is paid. A group's net is gross ÷ (1 + rate), rounded, its VAT the rest.
    The other figure of each line is fitted so that the lines add up to their group (largest remainder).
    With ``rests`` the lines are taken off those: what is rounded is what stays, so that parts taken one after
    the other come to the whole, whatever their number and order. Raises DomainError when an amount is beyond
    what the portal works with.
    """
    counted = tuple(lines)
    amounts = [
        _within(round_half_up(Fraction(line.quantity) * Fraction(line.unit_price))) for line in counted
    ]
    members: dict[tuple[VatCategory, Decimal], list[int]] = {}
    for index, line in enumerate(counted):
        members.setdefault((line.category, line.rate), []).append(index)

    count = _from_gross if prices_include_vat else _from_net
    by_index: dict[int, LineTotals] = {}
    groups = []
    for (category, rate), indexes in members.items():
        rest = rests.get((category, rate)) if rests else None
        counted_lines = count([amounts[index] for index in indexes], Fraction(rate) / 100, rest)
        by_index.update(zip(indexes, counted_lines, strict=True))
        groups.append(Group(category, rate, *_sums(counted_lines)))
    totals = tuple(by_index[index] for index in range(len(counted)))
    return Totals(totals, tuple(groups), *_sums(totals))


def _from_net(nets: Sequence[int], rate: Fraction, rest: Rest | None = None) -> list[LineTotals]:
    shares = [net * rate for net in nets]
    vats = _fit(shares, rest.vat - round_half_up((rest.net - sum(nets)) * rate) if rest else None)
    return [LineTotals(net, vat, net + vat) for net, vat in zip(nets, vats, strict=True)]


def _from_gross(grosses: Sequence[int], rate: Fraction, rest: Rest | None = None) -> list[LineTotals]:
    shares = [gross / (1 + rate) for gross in grosses]
    nets = _fit(shares, rest.net - round_half_up((rest.gross - sum(grosses)) / (1 + rate)) if rest else None)
    return [LineTotals(net, gross - net, gross) for net, gross in zip(nets, grosses, strict=True)]


def _fit(shares: Sequence[Fraction], total: int | None) -> list[int]:
    rounded = round_half_up(sum(shares))
    fitted = fit_to_total(shares, rounded)
    if total is not None and total != rounded:
        # The cents that rounding gave or took before go to the largest, where they are seen least.
        largest = max(range(len(shares)), key=lambda index: abs(shares[index]))
        fitted[largest] += total - rounded
    return fitted


def _sums(parts: Iterable[LineTotals]) -> tuple[int, int, int]:
    net = vat = 0
    for part in parts:
        net += part.net
        vat += part.vat
    return _within(net), vat, _within(net + vat)


def _within(minor: int) -> int:
    if abs(minor) > MAX_MINOR:
        raise DomainError(_l("This amount is too large."))
    return minor


def _check(value: Decimal, low: int, high: int, field: str) -> None:
    if not isinstance(value, Decimal):
        raise TypeError(f"{field} must be a Decimal")
    if not value.is_finite() or not low <= value <= high:
        raise DomainError(_l("This number is outside the limits."), field)
    if 10**SCALE % Fraction(value).denominator:
        raise DomainError(_l("Use at most %(count)s decimals.", count=SCALE), field)
