"""The ``<pdf:grid>`` tag: one plain HTML table drawn by ReportLab itself, without the cost of CSS per cell.

Everything in a cell is text, broken into lines here and drawn as it is: nobody's markup gets in. The template
writes ``<pdf:grid width="170mm" columns="* auto 30mm" align="left right right">`` around one
``<table>`` with an optional ``<thead>``, repeated on every page, and a ``<tbody>``:

* a column is a length, ``auto`` (as wide as its widest cell) or, once, ``*`` (the rest);
* line breaks in a cell stay; a ``<small>`` becomes a muted line below its row, in the first column;
* ``class="strong"`` makes a row bold, with a rule above;
* ``ink``, ``muted`` and ``rule`` are colours, ``pad`` the space above and below a row, ``rules="none"``
  leaves the lines between rows away, ``place="right"`` puts the grid to the right margin.

Font and size are those that CSS gives to the place where the grid stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.dom.minidom import Element, Node

from reportlab.lib.colors import HexColor
from reportlab.lib.fonts import tt2ps
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import LongTable
from xhtml2pdf.tags import pisaTag
from xhtml2pdf.util import getSize

from portal.core.pdf_text import break_lines

GUTTER = 10.0
SMALLER = 0.88
LEADING = 1.45
MAX_LINES = 8  # a cell of more lines goes on in a further row, so that a page can always break
MAX_SHARE = 0.3  # of the width, for one ``auto`` column; twice as much where there are but two columns
THICK, THIN = 0.8, 0.5

Command = tuple[Any, ...]


@dataclass
class Row:
    """One row as the template wrote it."""

    cells: list[str]
    details: list[str] = field(default_factory=list)
    strong: bool = False


class GridTag(pisaTag):  # type: ignore[misc]
    """Appends the table to the story and takes its rows away before xhtml2pdf sees them."""

    def start(self, c: Any) -> None:
        table = grid_of(self.node, c.frag)
        while self.node.firstChild is not None:
            self.node.removeChild(self.node.firstChild)
        c.addPara()
        if table is not None:
            c.addStory(table)


def grid_of(node: Element, frag: Any) -> LongTable | None:
    """The table that the tag describes, in the font of its place; None without a row."""
    heads = [_row(row) for row in _rows(node, "thead")]
    body = [_row(row) for row in _rows(node, "tbody")]
    return Grid(node.getAttribute, frag).table(heads, body) if body else None


class Grid:
    """Turns rows into cells and style commands; ``attribute`` reads the tag, ``frag`` knows the font."""

    def __init__(self, attribute: Callable[[str], str], frag: Any) -> None:
        self.regular, self.bold = tt2ps(frag.fontName, 0, 0), tt2ps(frag.fontName, 1, 0)
        self.size: float = frag.fontSize
        self.small = round(self.size * SMALLER, 2)
        self.ink = HexColor(attribute("ink") or "#111111")
        self.muted = HexColor(attribute("muted") or "#666666")
        self.rule = HexColor(attribute("rule") or "#dddddd")
        self.pad = getSize(attribute("pad") or "5pt")
        self.ruled = attribute("rules") != "none"
        self.place = (attribute("place") or "left").upper()
        self.total: float = getSize(attribute("width"))
        self.columns = attribute("columns").split()
        self.align = attribute("align").split()
        self.widths: list[float] = []
        self.cells: list[list[str]] = []
        self.style: list[Command] = []

    def table(self, heads: list[Row], body: list[Row]) -> LongTable:
        self.widths = self._widths(heads, body)
        self.style = [
            ("FONT", (0, 0), (-1, -1), self.regular, self.size, self.size * LEADING),
            ("TEXTCOLOR", (0, 0), (-1, -1), self.ink),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), self.pad),
            ("BOTTOMPADDING", (0, 0), (-1, -1), self.pad),
            *(("ALIGN", (column, 0), (column, -1), side.upper()) for column, side in enumerate(self.align)),
        ]
        for row in heads:
            self._add(row.cells, self.regular, self.small, self.muted)
        repeated = len(self.cells)
        if repeated:
            self._line("LINEBELOW", repeated - 1, THICK, self.ink)
        for index, row in enumerate(body):
            self._body_row(row, first=index == 0)
        if self.ruled and not body[-1].strong:
            self._line("LINEBELOW", len(self.cells) - 1, THIN, self.rule)
        return LongTable(
            self.cells, colWidths=self.widths, style=self.style, repeatRows=repeated, hAlign=self.place
        )

    def _body_row(self, row: Row, *, first: bool) -> None:
        start = len(self.cells)
        if row.strong:
            self._add(row.cells, self.bold, self.size, self.ink)
        else:
            self._add(row.cells, self.regular, self.size, None)
        if not first and row.strong:
            self._line("LINEABOVE", start, THICK, self.ink)
        elif not first and self.ruled:
            self._line("LINEABOVE", start, THIN, self.rule)
        if row.details:
            below = len(self.cells)
            text = "\n".join(row.details)
            self._add([text, *[""] * (len(self.widths) - 1)], self.regular, self.small, self.muted)
            self._join(below, gap=1)
            self.style.append(("NOSPLIT", (0, below - 1), (-1, below)))

    def _add(self, cells: list[str], face: str, size: float, colour: Any) -> None:
        """One row's cells, broken into lines; too many lines are spread over several rows of the table."""
        start = len(self.cells)
        columns = [
            break_lines(text, width - (GUTTER if column else 0), face, size)
            for column, (text, width) in enumerate(zip(cells, self.widths, strict=True))
        ]
        for top in range(0, max(len(lines) for lines in columns), MAX_LINES):
            if top:
                self._join(len(self.cells), gap=0)
            self.cells.append(["\n".join(lines[top : top + MAX_LINES]) for lines in columns])
        if colour is not None:
            area = (0, start), (-1, len(self.cells) - 1)
            self.style += [("FONT", *area, face, size, size * LEADING), ("TEXTCOLOR", *area, colour)]

    def _join(self, below: int, *, gap: float) -> None:
        """Moves a row of the table right under the one before, as both are one row to the reader."""
        self.style.append(("BOTTOMPADDING", (0, below - 1), (-1, below - 1), 0))
        self.style.append(("TOPPADDING", (0, below), (-1, below), gap))

    def _line(self, side: str, row: int, thickness: float, colour: Any) -> None:
        self.style.append((side, (0, row), (-1, row), thickness, colour))

    def _widths(self, heads: list[Row], body: list[Row]) -> list[float]:
        """Points per column; every column but the first keeps a gutter to its left."""
        limit = self.total * MAX_SHARE * (2 if len(self.columns) <= 2 else 1)
        widths: list[float | None] = []
        for column, wanted in enumerate(self.columns):
            if wanted == "*":
                widths.append(None)
            elif wanted == "auto":
                natural = max(self._natural(heads, body, column))
                widths.append(min(natural + 0.1, limit) + (GUTTER if column else 0))
            else:
                widths.append(getSize(wanted))
        rest = self.total - sum(width for width in widths if width is not None)
        return [max(rest, GUTTER * 2) if width is None else width for width in widths]

    def _natural(self, heads: list[Row], body: list[Row], column: int) -> list[float]:
        return [
            stringWidth(line, face, size)
            for rows, size in ((heads, self.small), (body, self.size))
            for row in rows
            for face in [self.bold if row.strong else self.regular]
            for line in row.cells[column].split("\n")
        ]


def _rows(grid: Element, part: str) -> list[Element]:
    return [row for section in grid.getElementsByTagName(part) for row in section.getElementsByTagName("tr")]


def _row(node: Element) -> Row:
    row = Row(cells=[], strong="strong" in node.getAttribute("class").split())
    for cell in node.childNodes:
        if cell.nodeType == Node.ELEMENT_NODE:
            row.cells.append(_text(cell, row.details))
    return row


def _text(cell: Element, details: list[str]) -> str:
    """The text of a cell, its line breaks kept; what stands in ``<small>`` goes to ``details``."""
    parts = []
    for node in cell.childNodes:
        if node.nodeType == Node.TEXT_NODE:
            parts.append(node.data)
        elif node.nodeType == Node.ELEMENT_NODE and node.tagName == "small":
            details.append(_text(node, details))
        elif node.nodeType == Node.ELEMENT_NODE:
            parts.append("\n" if node.tagName == "br" else _text(node, details))
    return "\n".join(line.strip() for line in "".join(parts).replace("\t", " ").strip().splitlines())
