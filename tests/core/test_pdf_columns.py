"""Columns in a PDF: what stands where, what goes on on the next page, and what must not stand there."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth

from portal.core import pdf

PAGE = """<html><head><style>
@page {{ size: A4; @frame {{ left: 20mm; top: 20mm; width: 170mm; height: 250mm; }} }}
html {{ font-family: Inter; font-size: 10pt; color: #112233; }} body, p, div {{ display: block; margin: 0; }}
</style></head><body>{}</body></html>"""
LEFT = 20 * mm


def made(columns: str, widths: str = "50mm 50mm", attributes: str = "", after: str = "") -> bytes:
    inside = f'<pdf:columns widths="{widths}" {attributes}>{columns}</pdf:columns>'
    return pdf.convert(PAGE.format(inside + after))


def placed(data: bytes) -> dict[str, tuple[int, float, float, str, float]]:
    """Each text with its page, place, font and size."""
    found: dict[str, tuple[int, float, float, str, float]] = {}
    for number, page in enumerate(pypdf.PdfReader(io.BytesIO(data)).pages):

        def note(text: str, cm: Any, tm: Any, font: Any, size: float, number: int = number) -> None:
            if text.strip():
                name = font["/BaseFont"].partition("+")[2]
                found[text.strip("\n")] = (number, cm[4] + tm[4], cm[5] + tm[5], name, size)

        page.extract_text(visitor_text=note)
    return found


def words(data: bytes) -> list[str]:
    return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages).split()


def test_columns_stand_beside_each_other() -> None:
    found = placed(
        made(
            "<div><p>one</p><p>two</p></div><div><p>three</p></div>",
            attributes='below="30pt"',
            after="<p>x</p>",
        )
    )
    (_, x1, y1, *_), (_, x2, y2, *_), (_, x3, y3, *_) = found["one"], found["two"], found["three"]
    assert (x1, x2, x3) == pytest.approx((LEFT, LEFT, LEFT + 50 * mm), abs=0.01)
    assert (y1 - y2, y1 - y3) == pytest.approx((14.5, 0), abs=0.01)
    assert y2 - found["x"][2] > 30 + 10


def test_a_text_has_the_looks_it_asks_for() -> None:
    found = placed(
        made(
            '<div><p class="strong" size="20pt" align="right">big</p>'
            '<p above="9pt" leading="30pt">a<br>b</p><p>plain</p></div>',
            "80mm",
        )
    )
    _, x, top, font, size = found["big"]
    assert (font, size) == ("Inter-SemiBold", 20)
    assert x + stringWidth("big", "inter_10", 20) == pytest.approx(LEFT + 80 * mm, abs=0.01)
    assert found["a"][2] - found["b"][2] == pytest.approx(30, abs=0.01)
    assert found["plain"][3:] == ("Inter-Regular", 10)
    # From baseline to baseline: the rest of 20 points at 1.45 below the one, the gap, and where letters of 10 begin.
    ascent = 0.96875
    assert top - found["a"][2] == pytest.approx(29 - 20 * ascent + 9 + 10 * ascent, abs=0.01)


def test_a_document_with_a_font_of_its_own_leaves_ours_to_the_next() -> None:
    """xhtml2pdf keeps faces in globals, and takes the only one that it was given for all styles of a family."""
    own = '<style>@font-face { font-family: Inter; src: url("Inter-Regular.ttf"); }</style>'
    assert pdf.convert(PAGE.format("<p>x</p>").replace("</head>", f"{own}</head>"))
    assert placed(made('<div><p class="strong">bold</p></div>', "80mm"))["bold"][3] == "Inter-SemiBold"


def test_blanks_are_folded_as_in_html() -> None:
    found = placed(made("<div><p>  one\n\t two <br> three\u00a0\u00a0four  </p></div>", "80mm"))
    assert set(found) == {"one two", "three  four"}, "two blanks that must not break stay two"


def test_markup_in_a_text_is_text() -> None:
    assert "<b>&amp;" in words(made("<div><p>&lt;b&gt;&amp;amp;</p></div>", "80mm"))


def test_what_is_taller_than_the_page_goes_on_on_the_next() -> None:
    tall = "<br>".join(f"line{number}" for number in range(120))
    columns = f'<div><p above="50pt">{tall}</p><p>under</p></div><div><p>beside</p></div>'
    data = made(columns, attributes='below="30pt"', after="<p>after</p>")
    found = placed(data)
    assert words(data).count("beside") == words(data).count("under") == 1
    assert [found[f"line{number}"][0] for number in (0, 40, 60, 119)] == [0, 0, 1, 2]
    assert all(f"line{number}" in found for number in range(120))
    assert found["beside"][0] == 0 and found["under"][0] == found["after"][0] == 2
    assert found["line119"][2] > found["under"][2] > found["after"][2] + 30 + 10
    # The gap above a text is above its beginning alone: on the next page it stands where a page begins.
    assert found["line0"][2] == pytest.approx(found["beside"][2] - 50, abs=0.01)
    begins = next(f"line{number}" for number in range(120) if found[f"line{number}"][0] == 1)
    assert found[begins][2] == pytest.approx(found["beside"][2], abs=0.01)
    assert min(y for _, _, y, *_ in found.values()) > 27 * mm, "nothing stands below the frame"


def test_what_cannot_be_cut_moves_to_the_next_page() -> None:
    filling = "<br>".join(["x"] * 45)
    code = '<div><pdf:qr rows="10 01" size="40mm"></pdf:qr></div><div><p>beside</p></div>'
    data = pdf.convert(
        PAGE.format(
            f'<pdf:columns widths="50mm"><div><p>{filling}</p></div></pdf:columns>'
            f'<pdf:columns widths="50mm 50mm">{code}</pdf:columns>'
        )
    )
    first, second = (page.get_contents().get_data() for page in pypdf.PdfReader(io.BytesIO(data)).pages)  # type: ignore[union-attr]
    assert b"0 0 1 1 re" in second and b"0 0 1 1 re" not in first


def test_a_grid_in_a_column() -> None:
    rows = "<table><tbody><tr><td>Sum</td><td>5</td></tr></tbody></table>"
    grid = f'<pdf:grid width="50mm" columns="* auto" align="left right" rules="none">{rows}</pdf:grid>'
    found = placed(made(f"<div><p>one</p></div><div>{grid}</div>"))
    assert found["Sum"][1] == pytest.approx(LEFT + 50 * mm, abs=0.01)
    assert found["5"][1] + stringWidth("5", "inter_00", 10) == pytest.approx(LEFT + 100 * mm, abs=0.01)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ("<div><ul><li>x</li></ul></div><div></div>", "<ul> cannot stand"),
        ('<div><img src="x.png"></div><div></div>', "<img> cannot stand"),
        ("<div><pdf:grid></pdf:grid></div><div></div>", "<pdf:grid> cannot stand"),
        ('<div><pdf:picture name="nobody"></pdf:picture></div><div></div>', "nobody"),
        ("<div><p>one</p></div>", "shorter"),
    ],
)
def test_what_would_be_missing_fails_the_document(columns: str, why: str) -> None:
    with pytest.raises(pdf.PdfError, match=why):
        made(columns)


def test_a_picture_is_stored_once_and_shown_as_often_as_it_is_named() -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 100), "#0f766e").save(out, "PNG")
    picture = pdf.picture(out.getvalue(), 30, 30)
    shown = f'<div><pdf:picture name="{picture.name}" below="20pt"></pdf:picture><p>below</p></div>'
    columns = f'<pdf:columns widths="40mm 40mm">{shown * 2}</pdf:columns>'
    data = pdf.convert(PAGE.format(columns), {picture.name: picture})
    page = pypdf.PdfReader(io.BytesIO(data)).pages[0]
    assert [image.image.size for image in page.images if image.image] == [(300, 100)]
    assert page.get_contents().get_data().count(b" Do") == 2  # type: ignore[union-attr]
    assert placed(data)["below"][2] == pytest.approx(277 * mm - 10 * mm - 20 - 9.6875, abs=0.05)
    assert pdf.convert(PAGE.format(columns), {picture.name: picture}) == data


def test_a_code_is_drawn_dot_by_dot(tmp_path: Path) -> None:
    """As a scanner sees it: printed, and looked at in the middle of every dot."""
    rows = ["110", "001", "101"]
    (tmp_path / "code.pdf").write_bytes(
        made(f'<div><pdf:qr rows="{" ".join(rows)}" size="30mm"></pdf:qr></div>', "50mm")
    )
    subprocess.run(
        ["pdftoppm", "-r", "127", "-png", "-singlefile", "code.pdf", "code"], cwd=tmp_path, check=True
    )
    with Image.open(tmp_path / "code.png") as picture:
        dots = picture.convert("L")
        # 127 dots per inch are 5 per millimetre; the code begins at 20 mm, each of its dots is 10 mm wide.
        seen = [
            "".join(
                "1" if dots.getpixel((125 + across * 50, 125 + down * 50)) < 128 else "0"
                for across in range(3)
            )  # type: ignore[operator]
            for down in range(3)
        ]
    assert seen == rows
