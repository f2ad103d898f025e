"""The ``<pdf:columns>`` tag: texts, grids, a logo or a code beside each other, placed without CSS and HTML tables.

The template writes ``<pdf:columns widths="95mm 75mm" below="9mm">`` around one ``<div>`` a column, and in it, from top
to bottom, any of:

* ``<p>``: plain text, broken into lines here; a ``<br>`` begins a new one. ``size`` and ``leading`` are lengths (else
  those of the place), ``ink`` a colour, ``align="right"``, ``class="strong"``, ``above`` a gap;
* ``<pdf:grid>``, ``<pdf:qr>``, and ``<pdf:picture name="…">`` of what ``picture()`` answered, with a gap ``below``.

Anything else is an error, for it would be missing from the document. What is taller than the page goes on on the next.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.dom.minidom import Element, Node

from reportlab.lib.colors import HexColor
from reportlab.lib.fonts import tt2ps
from reportlab.pdfbase.pdfdoc import PDFImageXObject
from reportlab.pdfbase.pdfmetrics import getAscentDescent, stringWidth
from reportlab.platypus import Flowable
from xhtml2pdf.tags import pisaTag
from xhtml2pdf.util import getSize

from portal.core.pdf_grid import LEADING, grid_of
from portal.core.pdf_tags import qr_of
from portal.core.pdf_text import break_lines

_BLANKS = re.compile("[ \t\r\n\f]+")  # what HTML folds; a space that does not break stays


class ColumnsTag(pisaTag):  # type: ignore[misc]
    """Appends the columns to the story and takes its content away before xhtml2pdf sees it."""

    def start(self, c: Any) -> None:
        get = self.node.getAttribute
        widths = [getSize(width) for width in get("widths").split()]
        columns = [[_piece(node, c) for node in _elements(column)] for column in _elements(self.node)]
        while self.node.firstChild is not None:
            self.node.removeChild(self.node.firstChild)
        c.addPara()
        c.addStory(Columns(list(zip(widths, columns, strict=True)), getSize(get("below") or "0pt")))


class Columns(Flowable):  # type: ignore[misc]
    """Pieces below each other, in columns beside each other."""

    def __init__(self, columns: list[tuple[float, list[Flowable]]], below: float) -> None:
        super().__init__()
        self.columns, self.spaceAfter = columns, below
        self.heights: list[list[float]] = []

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.width = width
        self.heights = [[piece.wrap(wide, height)[1] for piece in pieces] for wide, pieces in self.columns]
        self.height = max((sum(each) for each in self.heights), default=0)
        return self.width, self.height

    def split(self, _width: float, height: float) -> list[Flowable]:
        parts = [
            _divided(pieces, heights, wide, height)
            for (wide, pieces), heights in zip(self.columns, self.heights, strict=True)
        ]
        if not any(first for first, _ in parts):
            return []
        widths = [wide for wide, _ in self.columns]
        return [
            Columns(list(zip(widths, (first for first, _ in parts), strict=True)), 0),
            Columns(list(zip(widths, (rest for _, rest in parts), strict=True)), self.spaceAfter),
        ]

    def draw(self) -> None:
        x = 0.0
        for (wide, pieces), heights in zip(self.columns, self.heights, strict=True):
            y = self.height
            for piece, height in zip(pieces, heights, strict=True):
                y -= height
                piece.drawOn(self.canv, x, y)
            x += wide


class Lines(Flowable):  # type: ignore[misc]
    """A text in one face, size and colour."""

    def __init__(
        self, text: str, *, face: str, size: float, leading: float, ink: Any, right: bool, above: float = 0
    ) -> None:
        super().__init__()
        self.text, self.face, self.size, self.leading = text, face, size, leading
        self.ink, self.right, self.above = ink, right, above
        self.lines: list[str] = []

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        self.width = width
        self.lines = break_lines(self.text, width, self.face, self.size)
        return width, self.above + self.leading * len(self.lines)

    def split(self, _width: float, height: float) -> list[Flowable]:
        fit = int((height - self.above) / self.leading)
        if not 0 < fit < len(self.lines):
            return []
        first, rest = copy.copy(self), copy.copy(self)
        first.text, rest.text = "\n".join(self.lines[:fit]), "\n".join(self.lines[fit:])
        rest.above = 0
        return [first, rest]

    def draw(self) -> None:
        baseline = self.leading * len(self.lines) - getAscentDescent(self.face, self.size)[0]
        text = self.canv.beginText(0, baseline)
        text.setFont(self.face, self.size, self.leading)
        text.setFillColor(self.ink)
        for index, line in enumerate(self.lines):
            if self.right:
                left = self.width - stringWidth(line, self.face, self.size)
                text.setTextOrigin(left, baseline - index * self.leading)
            text.textLine(line)
        self.canv.drawText(text)


@dataclass(frozen=True)
class Picture:
    """A picture, compressed once for all documents that show it, and its size in millimetres."""

    name: str
    width: str
    height: str
    image: PDFImageXObject


class Shown(Flowable):  # type: ignore[misc]
    """A picture in its place, with a gap below."""

    def __init__(self, picture: Picture, below: float) -> None:
        super().__init__()
        self.picture, self.below = picture, below
        self.width, self.height = getSize(picture.width), getSize(picture.height) + below

    def draw(self) -> None:
        name = self.picture.name
        document = self.canv._doc
        registered = document.getXObjectName(name)
        if registered not in document.idToObject:
            document.Reference(copy.copy(self.picture.image), registered)  # a document numbers what it holds
        self.canv.translate(0, self.below)
        self.canv.scale(self.width, self.height - self.below)
        self.canv.doForm(name)


def _piece(node: Element, c: Any) -> Flowable:
    frag = c.frag
    get = node.getAttribute
    if node.tagName == "p":
        strong = "strong" in get("class").split()
        size = getSize(get("size")) if get("size") else frag.fontSize
        return Lines(
            _text(node),
            face=tt2ps(frag.fontName, int(strong), 0),
            size=size,
            leading=getSize(get("leading")) if get("leading") else size * LEADING,
            ink=HexColor(get("ink")) if get("ink") else frag.textColor,
            right=get("align") == "right",
            above=getSize(get("above") or "0pt"),
        )
    if node.tagName == "pdf:picture":
        return Shown(c.meta["pictures"][get("name")], getSize(get("below") or "0pt"))
    if node.tagName == "pdf:qr":
        return qr_of(node)
    grid = grid_of(node, frag) if node.tagName == "pdf:grid" else None
    if grid is None:
        raise ValueError(f"<{node.tagName}> cannot stand in <pdf:columns>")
    return grid


def _elements(node: Element) -> list[Element]:
    return [child for child in node.childNodes if child.nodeType == Node.ELEMENT_NODE]


def _text(node: Element) -> str:
    """The text of a paragraph, blanks folded, a line for each ``<br>``."""
    parts = []
    for child in node.childNodes:
        if child.nodeType == Node.TEXT_NODE:
            parts.append(_BLANKS.sub(" ", child.data))
        elif child.nodeType == Node.ELEMENT_NODE:
            parts.append("\n" if child.tagName == "br" else _text(child))
    return "\n".join(line.strip(" ") for line in "".join(parts).split("\n"))


def _divided(
    pieces: Sequence[Flowable], heights: Sequence[float], width: float, room: float
) -> tuple[list[Flowable], list[Flowable]]:
    """A column cut at a height: what fits above, and the rest."""
    for index, (piece, height) in enumerate(zip(pieces, heights, strict=True)):
        if height > room:
            first, *rest = piece.split(width, room) or [None, piece]
            return [*pieces[:index], *([first] if first else [])], [*rest, *pieces[index + 1 :]]
        room -= height
    return list(pieces), []
