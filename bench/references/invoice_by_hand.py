"""An invoice drawn by ReportLab alone, with the content of ``pdf/invoice.html``: the least a PDF here can cost.

English only, and without the cases that the measured invoices do not have (credit notes, translations, direct debit).
"""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont, registerFontFamily
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from bench.machine import PROJECT

FONTS = PROJECT / "portal" / "static" / "fonts"
registerFont(TTFont("plain", str(FONTS / "Inter-Regular.ttf")))
registerFont(TTFont("bold", str(FONTS / "Inter-SemiBold.ttf")))
registerFontFamily("plain", normal="plain", bold="bold", italic="plain", boldItalic="bold")
rl_config.invariant = 1

INK, GREY, LINE = HexColor("#1f2937"), HexColor("#6b7280"), HexColor("#e5e7eb")
TEXT = ParagraphStyle("text", fontName="plain", fontSize=9, leading=13, textColor=INK)
SMALL = ParagraphStyle("small", TEXT, fontSize=7.5, leading=10, textColor=GREY)
HEAD = ParagraphStyle("head", TEXT, fontName="bold", fontSize=9)
TITLE = ParagraphStyle("title", TEXT, fontName="bold", fontSize=18, leading=22, alignment=TA_RIGHT)
NUMBER = ParagraphStyle("number", TEXT, fontSize=10, textColor=GREY, alignment=TA_RIGHT)
NAME = ParagraphStyle("name", TEXT, fontName="bold", fontSize=13, leading=16)
DUE = ParagraphStyle("due", TEXT, fontName="bold", fontSize=14, leading=19)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def money(minor: int) -> str:
    """Euros, as the template prints them in English."""
    whole = f"{abs(minor) // 100:,}.{abs(minor) % 100:02}"
    return f"{'-' if minor < 0 else ''}€{whole}"


def day(value: date) -> str:
    """A date in words."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def number(value: Decimal) -> str:
    """A quantity or rate without needless zeros."""
    return f"{value.normalize():f}"


class Code(Flowable):
    """The code to scan, drawn run by run."""

    def __init__(self, rows: list[str], size: float) -> None:
        super().__init__()
        self.rows, self.width, self.height = rows, size, size

    def draw(self) -> None:
        """A path of rectangles, filled once."""
        canvas: Canvas = self.canv
        side = self.width / len(self.rows)
        path = canvas.beginPath()
        for down, row in enumerate(self.rows):
            start = None
            for across, dot in enumerate(f"{row}0"):
                if dot == "1" and start is None:
                    start = across
                elif dot != "1" and start is not None:
                    path.rect(start * side, self.height - (down + 1) * side, (across - start) * side, side)
                    start = None
        canvas.drawPath(path, fill=1, stroke=0)


class Pages(Canvas):
    """Knows the number of pages when it prints the foot of each."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: list[dict[str, Any]] = []
        self.foot, self.label, self.mark = "", "", ""

    def showPage(self) -> None:  # noqa: N802
        """Keeps the page until all are known."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Prints what was kept."""
        for place, page in enumerate(self._kept, start=1):
            self.__dict__.update(page)
            self.setFillColor(GREY)
            self.setFont("plain", 7)
            self.drawString(20 * mm, 14 * mm, self.foot)
            self.drawString(20 * mm, 10 * mm, f"{self.label} · page {place} of {len(self._kept)}")
            if self.mark:
                self.drawCentredString(105 * mm, 290 * mm, self.mark)
            super().showPage()
        super().save()


def _grid(
    rows: list[list[Any]], widths: list[float], *extra: Any, repeat: int = 0, pad: float = 4.5
) -> Table:
    table = Table(rows, colWidths=widths, repeatRows=repeat)
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, -1), "plain", 9, 13),
            ("TEXTCOLOR", (0, 0), (-1, -1), INK),
            ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), pad),
            ("BOTTOMPADDING", (0, 0), (-1, -1), pad),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *extra,
        ]
    )
    return table


def _party(title: str, lines: list[str]) -> list[Paragraph]:
    return [Paragraph(title, HEAD), *(Paragraph(escape(line), TEXT) for line in lines if line)]


def draw(context: dict[str, Any]) -> bytes:
    """The PDF of the context that the template is given."""
    document, seller, buyer = context["document"], context["seller"], context["buyer"]
    out = io.BytesIO()
    foot = " · ".join(
        [seller["name"], *seller["lines"]]
        + ([f"KvK {seller['kvk']}"] if seller["kvk"] else [])
        + ([f"VAT number {seller['vat_id']}"] if seller["vat_id"] else [])
        + ([f"IBAN {seller['iban']}"] if seller["iban"] else [])
    )

    def canvas(*arguments: Any, **options: Any) -> Pages:
        made = Pages(*arguments, **options)
        made.foot, made.label = foot, f"Invoice {document['number']}"
        made.mark = "TEST MODE – not a real document, nothing is owed" if document["test"] else ""
        return made

    template = BaseDocTemplate(
        out, pagesize=A4, title=f"Invoice {document['number']}", author=seller["name"], subject=buyer["name"]
    )
    frame = Frame(20 * mm, 22 * mm, 170 * mm, 255 * mm, 0, 0, 0, 0)
    template.addPageTemplates([PageTemplate(frames=[frame])])
    template.build(_story(context), canvasmaker=canvas)
    return out.getvalue()


def _story(context: dict[str, Any]) -> list[Flowable]:
    document, seller, buyer = context["document"], context["seller"], context["buyer"]
    facts = [
        ("Date of issue", day(document["issue_date"])),
        ("Date of supply", day(document["supply_date"])),
        ("Due date", day(document["due_date"])),
        ("Payment reference", document["reference"]),
    ]
    if document["customer_reference"]:
        facts.insert(3, ("Your reference", document["customer_reference"]))
    from_lines = [seller["name"], *seller["lines"]]
    from_lines += [f"VAT number {seller['vat_id']}"] if seller["vat_id"] else []
    from_lines += [f"KvK {seller['kvk']}"] if seller["kvk"] else []
    from_lines += [seller["email"], seller["phone"], seller["website"]]
    to_lines = [buyer["company"] or buyer["name"]]
    to_lines += [f"Attn. {buyer['name']}"] if buyer["company"] and buyer["name"] else []
    to_lines += buyer["lines"]
    to_lines += [f"VAT number {buyer['vat_id']}"] if buyer["vat_id"] else []
    to_lines += [f"KvK {buyer['kvk']}"] if buyer["kvk"] else []
    top = Table(
        [
            [
                Paragraph(escape(seller["name"]), NAME),
                [Paragraph("Invoice", TITLE), Paragraph(document["number"], NUMBER)],
            ]
        ],
        colWidths=[95 * mm, 75 * mm],
    )
    parties = Table(
        [
            [
                _party("From", from_lines),
                _party("To", to_lines),
                _grid([list(each) for each in facts], [30 * mm, 36 * mm], pad=0),
            ]
        ],
        colWidths=[54 * mm, 50 * mm, 66 * mm],
    )
    for table in (top, parties):
        table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    total = money(document["total_minor"])
    story: list[Flowable] = [top, Spacer(1, 9 * mm), parties, Spacer(1, 8 * mm)]
    story.append(Paragraph(f"{total} due by {day(document['due_date'])}", DUE))
    if context["payment"]:
        story.append(Paragraph(f'<a href="{escape(context["payment"]["url"])}">Pay online</a>', TEXT))
    story += [Spacer(1, 5 * mm), _lines(context), Spacer(1, 3 * mm), _totals(context)]
    story += [Paragraph(escape(note), TEXT) for note in context["notes"]]
    if context["payment"]:
        story.append(_payment(context))
    return story


def _lines(context: dict[str, Any]) -> Table:
    words = "incl." if context["document"]["prices_include_vat"] else "excl."
    rows: list[list[Any]] = [["Description", "Quantity", f"Price {words} VAT", "VAT", f"Amount {words} VAT"]]
    for line in context["lines"]:
        rows.append(
            [
                Paragraph(escape(line["description"]), TEXT),
                number(line["quantity"]),
                money(int(line["unit_price"])),
                f"{number(line['vat_rate'])}%",
                money(line["amount_minor"]),
            ]
        )
    return _grid(
        rows,
        [74 * mm, 18 * mm, 28 * mm, 16 * mm, 34 * mm],
        ("FONT", (0, 0), (-1, 0), "bold", 8, 11),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
        repeat=1,
        # As close together as ours, so that as many lines fit on a page.
        pad=4,
    )


def _totals(context: dict[str, Any]) -> KeepTogether:
    document = context["document"]
    rows = [["Total excluding VAT", money(document["net_minor"])]]
    for group in context["vat"]:
        rows.append(
            [f"VAT {number(group['rate'])}% on {money(group['net_minor'])}", money(group["vat_minor"])]
        )
    rows.append(["Total", money(document["total_minor"])])
    table = _grid(
        rows,
        [50 * mm, 35 * mm],
        ("LINEBELOW", (0, 0), (-1, -2), 0.5, LINE),
        ("FONT", (0, -1), (-1, -1), "bold", 9, 13),
    )
    table.hAlign = "RIGHT"
    return KeepTogether([table])


def _payment(context: dict[str, Any]) -> KeepTogether:
    document, seller, payment = context["document"], context["seller"], context["payment"]
    facts = [["Amount", money(document["total_minor"])], ["IBAN", seller["iban"]]]
    facts += [["BIC", seller["bic"]]] if seller["bic"] else []
    facts += [
        ["Account holder", seller["name"]],
        ["Payment reference", document["reference"] or document["number"]],
    ]
    left = ("ALIGN", (1, 0), (-1, -1), "LEFT")
    right: list[Flowable] = [_grid(facts, [32 * mm, 52 * mm], left, pad=0)]
    if payment["epc"]:
        right.append(Paragraph("Scan the code with your banking app and everything is filled in.", SMALL))
    url = escape(payment["url"])
    right.append(Paragraph(f'Or pay online: <a href="{url}">{url}</a>', SMALL))
    code = Code(payment["epc"].rows, 28 * mm) if payment["epc"] else ""
    table = Table([[code, right]], colWidths=[34 * mm, 84 * mm], hAlign="LEFT")
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    return KeepTogether([Spacer(1, 8 * mm), Paragraph("How to pay", HEAD), Spacer(1, 3 * mm), table])
