"""The EPC code against the text that the guideline prescribes, line by line."""

from __future__ import annotations

import pytest
import segno

from portal.core.epc import EpcQr, epc_qr

IBAN = "NL91 ABNA 0417 1643 00"


def expected(*lines: str, charset: str = "iso-8859-1") -> tuple[str, ...]:
    code = segno.make_qr("\n".join(lines).encode(charset), error="m", boost_error=False)
    return tuple("".join("1" if module else "0" for module in row) for row in code.matrix)


def code(**changes: object) -> EpcQr:
    fields: dict[str, object] = {"name": "De Vlier", "iban": IBAN, "amount_minor": 12100, "text": "2026-0042"}
    return epc_qr(**{**fields, **changes})  # type: ignore[arg-type]


HEAD = ("BCD", "002", "2", "SCT", "", "De Vlier", "NL91ABNA0417164300")


def test_with_reference() -> None:
    rows = code(text=None, reference="RF88 2026 0042").rows
    assert rows == expected(*HEAD, "EUR121", "", "RF8820260042")


def test_with_text_and_bic() -> None:
    assert code(bic="ABNANL2A").rows == expected(
        *HEAD[:4], "ABNANL2A", *HEAD[5:], "EUR121", "", "", "2026-0042"
    )


@pytest.mark.parametrize(
    ("minor", "written"),
    [
        (1, "EUR0.01"),
        (10, "EUR0.1"),
        (100, "EUR1"),
        (1000, "EUR10"),
        (123456, "EUR1234.56"),
        (99_999_999_999, "EUR999999999.99"),
    ],
)
def test_amounts(minor: int, written: str) -> None:
    assert code(amount_minor=minor).rows == expected(*HEAD, written, "", "", "2026-0042")


@pytest.mark.parametrize("minor", [0, -1, 100_000_000_000])
def test_amounts_that_do_not_fit(minor: int) -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        code(amount_minor=minor)


def test_name_and_text_are_cut() -> None:
    rows = code(name="n" * 80, text="t" * 150).rows
    assert rows == expected(*HEAD[:5], "n" * 70, HEAD[6], "EUR121", "", "", "t" * 140)


def test_no_new_fields_by_line_breaks() -> None:
    rows = code(name="De\nVlier\r\n", text=" 2026-0042\nNL00EVIL ").rows
    assert rows == expected(*HEAD, "EUR121", "", "", "2026-0042 NL00EVIL")


def test_other_scripts_stay_within_the_size() -> None:
    rows = code(name="中" * 70, text="é中" * 70).rows
    text = ("é中" * 70).encode()[:140].decode(errors="ignore")
    assert rows == expected(
        *HEAD[:2], "1", "SCT", "", "中" * 35, HEAD[6], "EUR121", "", "", text, charset="utf-8"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"iban": "NL91ABNA0417164301"},
        {"iban": "NL91ABNA04171643"},
        {"bic": "NOPE"},
        {"text": None, "reference": "RF88 2026 0043"},
        {"text": None},
        {"reference": "RF88 2026 0042"},
        {"name": " \n "},
    ],
)
def test_wrong_input(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        code(**changes)


def test_an_iban_that_some_checkers_refuse() -> None:
    assert code(iban="BE68 5390 0754 7034").rows == expected(
        *HEAD[:6], "BE68539007547034", "EUR121", "", "", "2026-0042"
    )


def test_svg() -> None:
    found = code()
    svg = found.svg(title='Scan <b> & "pay"')
    side = (len(found.rows) + 8) * 4
    assert svg.startswith(f'<svg role="img" width="{side}" height="{side}" class="epc-qr">')
    assert "<title>Scan &lt;b&gt; &amp; " in svg
    assert 'fill="#fff"' in svg and 'stroke="#000"' in svg and "style=" not in svg
