"""The small tags of our PDF templates: the frame round every page, the QR code and the rule."""

from __future__ import annotations

from typing import Any
from xml.dom.minidom import Element

from reportlab.lib.colors import HexColor, white
from reportlab.lib.fonts import tt2ps
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable
from xhtml2pdf.tags import pisaTag
from xhtml2pdf.util import getSize

from portal.core.pdf_text import pack

BAND = 16.0
BETWEEN = " · "  # what stands between the parts of the footer


class PageTag(pisaTag):  # type: ignore[misc]
    """``<pdf:page>`` in a static frame: what stands round the text of every page.

    ``accent`` is the colour of the bar along the top edge (none without it), ``mark`` a warning right below,
    ``left`` the footer's text, ``right`` the page number with ``{page}`` and ``{pages}``, ``side`` a margin.
    """

    def start(self, c: Any) -> None:
        get = self.node.getAttribute
        c.addPara()
        c.addStory(
            PageFrame(
                fonts=(tt2ps(c.frag.fontName, 0, 0), tt2ps(c.frag.fontName, 1, 0)),
                size=c.frag.fontSize,
                colour=c.frag.textColor,
                accent=get("accent"),
                mark=get("mark"),
                left=get("left"),
                right=get("right"),
                side=getSize(get("side") or "20mm"),
            )
        )


class EndTag(pisaTag):  # type: ignore[misc]
    """``<pdf:end>``, the last thing of a document: fills in the number of pages and the document's date.

    The pages are known only now; each page's footer refers to a form that is written here, so that nothing
    has to be laid out twice as with ``<pdf:pagecount>``.
    """

    def start(self, c: Any) -> None:
        c.addPara()
        c.addStory(End(self.node.getAttribute("date")))


class QrTag(pisaTag):  # type: ignore[misc]
    """``<pdf:qr rows="0110 1001 …" size="30mm">``: a QR code as one filled path, sharp at any resolution."""

    def start(self, c: Any) -> None:
        c.addPara()
        c.addStory(qr_of(self.node))


def qr_of(node: Element) -> Qr:
    """The code that the tag describes."""
    return Qr(node.getAttribute("rows").split(), getSize(node.getAttribute("size")))


class PageFrame(Flowable):  # type: ignore[misc]
    """Draws itself in page coordinates wherever its frame is."""

    def __init__(
        self,
        *,
        fonts: tuple[str, str],
        size: float,
        colour: Any,
        accent: str,
        mark: str,
        left: str,
        right: str,
        side: float,
    ) -> None:
        super().__init__()
        self.regular, self.bold = fonts
        self.size, self.colour, self.side = size, colour, side
        self.accent, self.mark, self.left, self.right = accent, mark, left, right

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        canvas: Canvas = self.canv
        width, height = canvas._pagesize
        x, y = canvas.absolutePosition(0, 0)
        canvas.saveState()
        canvas.translate(-x, -y)
        if self.accent:
            canvas.setFillColor(HexColor(self.accent))
            canvas.rect(0, height - 5, width, 5, stroke=0, fill=1)
        if self.mark:
            top = height - (5 if self.accent else 0)
            canvas.setFillColor(HexColor("#b42318"))
            canvas.rect(0, top - BAND, width, BAND, stroke=0, fill=1)
            canvas.setFillColor(white)
            canvas.setFont(self.bold, self.size)
            canvas.drawCentredString(width / 2, top - BAND / 2 - self.size * 0.36, self.mark)
        self._footer(canvas, width)
        canvas.restoreState()

    def _footer(self, canvas: Canvas, width: float) -> None:
        leading = self.size * 1.5
        room = (width - 2 * self.side) * 0.7
        lines = pack(self.left.split(BETWEEN), BETWEEN, room, self.regular, self.size)[:3]
        top = 26 + leading * 2
        canvas.setStrokeColor(HexColor("#dddddd"))
        canvas.setLineWidth(0.5)
        canvas.line(self.side, top + leading, width - self.side, top + leading)
        canvas.setFillColor(self.colour)
        canvas.setFont(self.regular, self.size)
        for index, line in enumerate(lines):
            canvas.drawString(self.side, top - index * leading, line)
        form = f"page{canvas.getPageNumber()}"
        canvas.doForm(form)
        pages = vars(canvas).setdefault("_portal_pages", [])
        pages.append((form, canvas.getPageNumber(), self, width - self.side, top))


class End(Flowable):  # type: ignore[misc]
    """Writes the forms that the footers of all pages have announced."""

    def __init__(self, date: str) -> None:
        super().__init__()
        self.date = date

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        canvas: Canvas = self.canv
        total = canvas.getPageNumber()
        for form, number, frame, right, baseline in vars(canvas).get("_portal_pages", []):
            canvas.beginForm(form)
            canvas.setFillColor(frame.colour)
            canvas.setFont(frame.regular, frame.size)
            text = frame.right.replace("{page}", str(number)).replace("{pages}", str(total))
            canvas.drawRightString(right, baseline, text)
            canvas.endForm()
        canvas.setCreator("")
        if self.date:
            stamp = f"D:{self.date.replace('-', '')}000000Z"
            canvas.setDateFormatter(lambda *_now: stamp)


class Qr(Flowable):  # type: ignore[misc]
    """A square of modules, black on whatever is below."""

    def __init__(self, rows: list[str], size: float) -> None:
        super().__init__()
        self.rows, self.size = rows, size

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return self.size, self.size

    def draw(self) -> None:
        module = self.size / len(self.rows)
        self.canv.translate(0, self.size)
        self.canv.scale(module, -module)
        path = self.canv.beginPath()
        for index, row in enumerate(self.rows):
            start = row.find("1")
            while start >= 0:
                end = row.find("0", start)
                end = len(row) if end < 0 else end
                # Whole numbers as they are: `path.rect` would round four for each of hundreds.
                path._code.append(f"{start} {index} {end - start} 1 re")
                start = row.find("1", end)
        self.canv.setFillColor(HexColor("#000000"))
        self.canv.drawPath(path, stroke=0, fill=1)
