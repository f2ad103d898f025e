"""VAT to the cent: tables worked out by hand, and what must hold for any document at all."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import vat
from portal.core.errors import DomainError
from portal.core.money import MAX_MINOR, round_half_up
from portal.core.vat import TAXED, Group, Line, LineTotals, Totals, VatCategory, compute

S, R, Z = VatCategory.STANDARD, VatCategory.REDUCED, VatCategory.ZERO


def line(quantity: str, price: str, rate: str = "21", category: VatCategory = S) -> Line:
    return Line(Decimal(quantity), Decimal(price), Decimal(rate), category)


def figures(totals: Totals) -> tuple[int, int, int]:
    return totals.net, totals.vat, totals.gross


def lines_of(totals: Totals) -> list[tuple[int, int, int]]:
    return [(part.net, part.vat, part.gross) for part in totals.lines]


EXCLUDING = [
    # One line: 70.00 at 21 % is 14.70.
    ([line("1", "7000")], [(7000, 1470, 8470)], (7000, 1470, 8470)),
    # Three times 0.05: 0.15 at 21 % is 0.0315.
    ([line("1", "5")] * 3, [(5, 1, 6)] * 3, (15, 3, 18)),
    # The same in five lines: the VAT of a group is rounded once, so three lines get a cent and two none,
    # though each alone would round 0.0063 to a cent.
    ([line("1", "3")] * 5, [(3, 1, 4)] * 3 + [(3, 0, 3)] * 2, (15, 3, 18)),
    # 2.5 hours of 33.33 is 83.325, half up 83.33; VAT 17.4993.
    ([line("2.5", "3333")], [(8333, 1750, 10083)], (8333, 1750, 10083)),
    # 1,000 messages of 0.0125 cent: 12.5 cent, half up 13; VAT 2.73.
    ([line("1000", "0.0125")], [(13, 3, 16)], (13, 3, 16)),
    # VAT of exactly half a cent goes up: 0.50 at 9 % is 0.045.
    ([line("1", "50", "9", R)], [(50, 5, 55)], (50, 5, 55)),
    # A discount lowers the same group: 90.00 at 21 % is 18.90.
    (
        [line("1", "10000"), line("-1", "1000")],
        [(10000, 2100, 12100), (-1000, -210, -1210)],
        (9000, 1890, 10890),
    ),
    # A rate with decimals: 8.1 % of 99.99 is 8.09919.
    ([line("1", "9999", "8.1")], [(9999, 810, 10809)], (9999, 810, 10809)),
    ([], [], (0, 0, 0)),
]

INCLUDING = [
    # 84.70 with 21 %: net exactly 70.00.
    ([line("1", "8470")], [(7000, 1470, 8470)], (7000, 1470, 8470)),
    # 9.99 ÷ 1.21 is 8.2562.
    ([line("1", "999")], [(826, 173, 999)], (826, 173, 999)),
    # Three of 9.99 in one group: 29.97 ÷ 1.21 is 24.7686, so 24.77; thrice 8.26 is 24.78, so one gives way.
    ([line("1", "999")] * 3, [(826, 173, 999), (826, 173, 999), (825, 174, 999)], (2477, 520, 2997)),
    # The same three on one line.
    ([line("3", "999")], [(2477, 520, 2997)], (2477, 520, 2997)),
    # 1.09 with 9 % is 1.00; 10.00 with 9 % is 9.1743.
    (
        [line("1", "109", "9", R), line("1", "1000", "9", R)],
        [(100, 9, 109), (917, 83, 1000)],
        (1017, 92, 1109),
    ),
    # Two rates are two groups, each rounded by itself.
    ([line("1", "121"), line("1", "109", "9", R)], [(100, 21, 121), (100, 9, 109)], (200, 30, 230)),
    # A full refund within one document.
    ([line("1", "999"), line("-1", "999")], [(826, 173, 999), (-826, -173, -999)], (0, 0, 0)),
    # Without VAT nothing is taken out.
    ([line("2", "4999", "0", Z)], [(9998, 0, 9998)], (9998, 0, 9998)),
    ([], [], (0, 0, 0)),
]


@pytest.mark.parametrize(("lines", "by_line", "total"), EXCLUDING)
def test_prices_without_vat(lines: list[Line], by_line: list[object], total: tuple[int, int, int]) -> None:
    totals = compute(lines, prices_include_vat=False)
    assert figures(totals) == total
    assert lines_of(totals) == by_line


@pytest.mark.parametrize(("lines", "by_line", "total"), INCLUDING)
def test_prices_with_vat(lines: list[Line], by_line: list[object], total: tuple[int, int, int]) -> None:
    totals = compute(lines, prices_include_vat=True)
    assert figures(totals) == total
    assert lines_of(totals) == by_line


def test_groups_are_by_category_and_rate_in_order_of_first_use() -> None:
    totals = compute(
        [
            line("1", "1000", "9", R),
            line("1", "1000", "21.00"),
            line("1", "500", "0", VatCategory.EXEMPT),
            line("1", "2000"),
            line("1", "700", "0", Z),
            line("1", "1000", "9", S),
        ],
        prices_include_vat=False,
    )
    assert totals.groups == (
        Group(R, Decimal(9), 1000, 90, 1090),
        Group(S, Decimal(21), 3000, 630, 3630),
        Group(VatCategory.EXEMPT, Decimal(0), 500, 0, 500),
        Group(Z, Decimal(0), 700, 0, 700),
        Group(S, Decimal(9), 1000, 90, 1090),
    )
    assert totals.lines[3] == LineTotals(2000, 420, 2420)
    assert figures(totals) == (6200, 810, 7010)


@pytest.mark.parametrize("category", VatCategory)
def test_two_categories_carry_a_rate_and_all_others_none(category: VatCategory) -> None:
    right, wrong = ("9", "0") if category in TAXED else ("0", "9")
    assert line("1", "100", right, category).rate == Decimal(right)
    with pytest.raises(DomainError) as refused:
        line("1", "100", wrong, category)
    assert refused.value.field == "rate"
    must = "more than 0%" if wrong == "0" else "0%"
    assert str(refused.value) == f"With “{category.label}” the rate is {must}."


def test_the_words_of_the_categories_are_fixed() -> None:
    words = ["standard", "reduced", "zero", "exempt", "reverse_charge", "export", "small_business"]
    assert [category.value for category in VatCategory] == words
    assert all(str(category.label) for category in VatCategory)


@pytest.mark.parametrize(
    ("quantity", "price", "rate", "field"),
    [
        ("1.00001", "1", "21", "quantity"),
        ("NaN", "1", "21", "quantity"),
        ("Infinity", "1", "21", "quantity"),
        ("100000000.0001", "1", "21", "quantity"),
        ("-100000001", "1", "21", "quantity"),
        ("1", "1.00001", "21", "unit_price"),
        ("1", "1000000000001", "21", "unit_price"),
        ("1", "sNaN", "21", "unit_price"),
        ("1", "1", "-1", "rate"),
        ("1", "1", "100.0001", "rate"),
        ("1", "1", "21.00001", "rate"),
        ("1", "1", "NaN", "rate"),
    ],
)
def test_numbers_outside_the_limits_are_refused(quantity: str, price: str, rate: str, field: str) -> None:
    with pytest.raises(DomainError) as refused:
        line(quantity, price, rate)
    assert refused.value.field == field


def test_zeros_behind_the_fourth_decimal_are_harmless() -> None:
    assert figures(compute([line("1.000000", "7000.00000", "21.00000")], prices_include_vat=False)) == (
        7000,
        1470,
        8470,
    )


def test_floats_and_integers_are_not_taken_for_decimals() -> None:
    for quantity in (1, 1.5, "1"):
        with pytest.raises(TypeError):
            Line(quantity, Decimal(1), Decimal(21), S)  # type: ignore[arg-type]


@pytest.mark.parametrize("including", [True, False])
def test_amounts_beyond_the_limit_are_refused(including: bool) -> None:
    largest = line("1", str(MAX_MINOR), "0", Z)
    assert compute([largest], prices_include_vat=including).gross == MAX_MINOR
    for lines in ([line("2", str(MAX_MINOR), "0", Z)], [largest, line("1", "1", "0", Z)]):
        with pytest.raises(DomainError):
            compute(lines, prices_include_vat=including)


def test_vat_on_top_may_not_pass_the_limit() -> None:
    with pytest.raises(DomainError):
        compute([line("1", str(MAX_MINOR))], prices_include_vat=False)


decimals = st.integers(-(10**9), 10**9).map(lambda scaled: Decimal(scaled).scaleb(-4))
rates = st.one_of(
    st.sampled_from([Decimal(21), Decimal(9)]), st.integers(1, 10**6).map(lambda n: Decimal(n).scaleb(-4))
)
taxed = st.builds(Line, decimals, decimals, rates, st.sampled_from(sorted(TAXED)))
untaxed = st.builds(
    Line, decimals, decimals, st.just(Decimal(0)), st.sampled_from(sorted(set(VatCategory) - TAXED))
)
documents = st.lists(st.one_of(taxed, untaxed), max_size=12)


def shown(line: Line) -> int:
    return round_half_up(line.quantity * line.unit_price)


@given(documents, st.booleans())
def test_everything_always_adds_up(lines: list[Line], including: bool) -> None:
    totals = compute(lines, prices_include_vat=including)
    assert len(totals.lines) == len(lines)
    for parts in (totals.lines, totals.groups):
        assert sum(part.net for part in parts) == totals.net
        assert sum(part.vat for part in parts) == totals.vat
        assert sum(part.gross for part in parts) == totals.gross
        assert all(part.net + part.vat == part.gross for part in parts)
    assert totals.net + totals.vat == totals.gross
    for group in totals.groups:
        of_group = [
            part
            for part, line in zip(totals.lines, lines, strict=True)
            if (line.category, line.rate) == (group.category, group.rate)
        ]
        assert sum(part.net for part in of_group) == group.net
        assert sum(part.vat for part in of_group) == group.vat


@given(documents)
def test_what_is_shown_is_what_is_paid(lines: list[Line]) -> None:
    totals = compute(lines, prices_include_vat=True)
    assert [part.gross for part in totals.lines] == [shown(line) for line in lines]
    assert totals.gross == sum(shown(line) for line in lines)
    for group in totals.groups:
        assert group.net == round_half_up(group.gross / (1 + Fraction(group.rate) / 100))


@given(documents)
def test_net_prices_are_kept_and_vat_is_rounded_once_per_group(lines: list[Line]) -> None:
    totals = compute(lines, prices_include_vat=False)
    assert [part.net for part in totals.lines] == [shown(line) for line in lines]
    for group in totals.groups:
        assert group.vat == round_half_up(group.net * Fraction(group.rate) / 100)


@given(documents, st.booleans())
def test_no_line_is_moved_by_a_whole_cent(lines: list[Line], including: bool) -> None:
    totals = compute(lines, prices_include_vat=including)
    for part, line in zip(totals.lines, lines, strict=True):
        rate = Fraction(line.rate) / 100
        exact = part.gross * rate / (1 + rate) if including else part.net * rate
        assert abs(part.vat - exact) < 1


@given(documents, st.booleans())
def test_a_credit_note_mirrors_its_invoice(lines: list[Line], including: bool) -> None:
    totals = compute(lines, prices_include_vat=including)
    negated = [Line(-line.quantity, line.unit_price, line.rate, line.category) for line in lines]
    credit = compute(negated, prices_include_vat=including)
    assert figures(credit) == (-totals.net, -totals.vat, -totals.gross)
    assert lines_of(credit) == [(-part.net, -part.vat, -part.gross) for part in totals.lines]


@pytest.mark.parametrize("count", [vat._from_net, vat._from_gross])
def test_figures_that_do_not_go_with_their_lines_are_a_mistake(
    count: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather no document than one that misses a line."""
    monkeypatch.setattr(vat, "fit_to_total", lambda ideals, total: [total])
    with pytest.raises(ValueError, match="zip"):
        count([100, 200], Fraction(21, 100))


def test_lines_that_do_not_go_with_their_group_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vat, "_from_net", lambda nets, rate, rest: [])
    with pytest.raises(ValueError, match="zip"):
        compute([line("1", "100")], prices_include_vat=False)


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=6),
    st.sampled_from(["21", "9", "5.5", "0.01"]),
    st.booleans(),
    st.data(),
)
def test_parts_taken_off_a_rest_come_to_the_whole(
    amounts: list[int], rate: str, include_vat: bool, data: st.DataObject
) -> None:
    lines = [line("1", str(amount), rate) for amount in data.draw(st.permutations(amounts))]
    whole = compute(lines, prices_include_vat=include_vat).groups[0]
    net, tax = whole.net, whole.vat
    while lines:
        cut = data.draw(st.integers(1, len(lines)))
        taken, lines = lines[:cut], lines[cut:]
        rests = {(S, Decimal(rate)): vat.Rest(net, tax)}
        part = compute(taken, prices_include_vat=include_vat, rests=rests)
        assert abs(part.vat - compute(taken, prices_include_vat=include_vat).vat) <= 1
        assert part.net + part.vat == part.gross and part.vat >= 0
        assert (sum(each.net for each in part.lines), sum(each.vat for each in part.lines)) == (
            part.net,
            part.vat,
        )
        net, tax = net - part.net, tax - part.vat
    assert (net, tax) == (0, 0)


def test_a_rest_that_is_further_off_is_made_up_for_by_the_largest_line() -> None:
    """An earlier note rounded on its own, so more VAT is left than the lines say."""
    rests = {(S, Decimal(21)): vat.Rest(30, 9)}
    part = compute([line("1", "10"), line("1", "20")], prices_include_vat=False, rests=rests)
    assert figures(part) == (30, 9, 39) and lines_of(part) == [(10, 2, 12), (20, 7, 27)]
    # The largest wherever it stands.
    rests = {(S, Decimal(21)): vat.Rest(60, 15)}
    part = compute([line("1", "10"), line("1", "30"), line("1", "20")], prices_include_vat=False, rests=rests)
    assert lines_of(part) == [(10, 2, 12), (30, 9, 39), (20, 4, 24)]
