"""PDFs from Jinja templates: xhtml2pdf kept to one folder and off the network, any warning an error."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from flask import current_app
from flask_babel import force_locale
from jinja2 import Environment, StrictUndefined
from PIL import Image
from reportlab import rl_config
from reportlab.lib.fonts import addMapping
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfdoc import PDFImageXObject
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus.tables import CellStyle
from xhtml2pdf import parser
from xhtml2pdf.config.resources import ResourceAccessPolicy
from xhtml2pdf.default import DEFAULT_FONT
from xhtml2pdf.document import pisaDocument

from portal.core import locale as formats
from portal.core.pdf_columns import ColumnsTag, Picture
from portal.core.pdf_grid import GridTag
from portal.core.pdf_tags import EndTag, PageTag, QrTag
from portal.core.pictures import eight_bits

FONTS = Path(__file__).resolve().parent.parent / "static" / "fonts"
_POLICY = ResourceAccessPolicy.server(FONTS, allow_remote=False)
# ReportLab keeps fonts and caches in module globals: one document at a time per process.
_LOCK = threading.Lock()
# Controls, marks of direction, joiners and variation selectors have no picture of their own.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_BOX = "\N{WHITE SQUARE}"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_DOTS_PER_MM = 12  # 300 per inch
_MAX_PIXELS = 25_000_000

# xhtml2pdf finds the class of a tag by its name in its own module; a colon in the name is left out.
vars(parser).update(
    pisaTagPDFGRID=GridTag,
    pisaTagPDFCOLUMNS=ColumnsTag,
    pisaTagPDFPAGE=PageTag,
    pisaTagPDFEND=EndTag,
    pisaTagPDFQR=QrTag,
)
# Bytes stay bytes: written as letters they are a quarter more and take a twentieth of the time.
rl_config.useA85 = 0
rl_config.invariant = 1  # the same document gives the same bytes: no clock, no random file id
# Under the names that xhtml2pdf would give them. An @font-face in the style sheet is read from the disk every time.
_FACES = [
    TTFont(f"inter_{bold}0", str(FONTS / f"Inter-{face}.ttf"))
    for bold, face in enumerate(("Regular", "SemiBold"))
]
# A canvas and every table cell begin in Helvetica, which would then be listed as a font that is not embedded.
rl_config.canvas_basefontname = CellStyle.fontname = "inter_00"


class PdfError(Exception):
    """A document that must not be used, with what xhtml2pdf said about it."""


def render(template: str, context: Mapping[str, Any], *, locale: str) -> bytes:
    """The PDF of ``templates/<template>`` in a language; needs an application context and no request.

    The template sees ``context``, the filters and globals of the application, ``language``, and from here
    ``picture``, ``colour`` and ``unit_price``; a name it does not find is an error. Files are read from
    ``static/fonts`` only, never from the network. Raises PdfError on anything xhtml2pdf warns about, because
    a missing font or picture would otherwise be replaced without a word. Same input, same bytes.
    """
    pictures: dict[str, Picture] = {}

    def shown(data: bytes, width: int, height: int) -> Picture:
        found = picture(data, width, height)
        return pictures.setdefault(found.name, found)

    names = {
        "language": locale,
        "picture": shown,
        "colour": colour,
        "unit_price": partial(formats.unit_price, locale=locale),
        **context,
    }
    with force_locale(locale):
        page = _environment().get_template(template).render(names)
    return convert(page, pictures)


def _environment() -> Environment:
    """The application's Jinja, strict outside of tests too: no document with a hole in it may be issued."""
    found = current_app.extensions.get("portal_pdf")
    if found is None:
        found = current_app.jinja_env.overlay(undefined=StrictUndefined)
        current_app.extensions["portal_pdf"] = found
    return cast(Environment, found)


def convert(page: str, pictures: Mapping[str, Picture] = MappingProxyType({})) -> bytes:
    """The PDF of a finished HTML page and the pictures it names; see ``render``."""
    out = io.BytesIO()
    with _LOCK, _complaints() as said:
        _know_inter()
        try:
            result = pisaDocument(
                printable(page),
                out,
                path=str(FONTS / "page.html"),
                default_css="",  # pdf/base.html says it all; parsing the built-in sheet costs 6 ms a document
                resource_policy=_POLICY,
                context_meta={"pictures": pictures},
            )
        except Exception as error:
            raise PdfError("; ".join([*said, repr(error)])) from error
    said += [str(entry[2]) for entry in result.log if str(entry[2]) not in " ".join(said)]
    if result.err or result.warn or said:
        raise PdfError("; ".join(said))
    return out.getvalue()


def _know_inter() -> None:
    """Makes "Inter" our two faces, whatever the document before called so."""
    DEFAULT_FONT["inter"] = "inter"
    for bold, face in enumerate(_FACES):
        registerFont(face)
        for italic in (0, 1):
            addMapping("inter", bold, italic, face.fontName)


def printable(text: str) -> str:
    """A text as our fonts can print it: accents composed, what is invisible left out, the unknown a box.

    An emoji or a Chinese name must not keep an invoice from being made: xhtml2pdf would warn of it.
    """
    known = _FACES[0].face.charToGlyph
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    return _NOT_ASCII.sub(lambda match: match[0] if ord(match[0]) in known else _BOX, visible)


@lru_cache(maxsize=16)
def picture(data: bytes, width: int, height: int) -> Picture:
    """A PNG, JPEG, GIF or WebP fitted into a box of so many millimetres, decoded and compressed anew on white.

    PdfError for anything else, SVG among it (it may refer to further files), and for over 25 million pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "GIF", "WEBP"]) as original:
            if original.width * original.height > _MAX_PIXELS:
                raise PdfError(f"a picture of {original.width} x {original.height} pixels is too large")
            layer = eight_bits(original).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PdfError(f"not a picture: {error}") from error
    layer.thumbnail((width * _DOTS_PER_MM, height * _DOTS_PER_MM))
    paper = Image.new("RGB", layer.size, "white")
    paper.paste(layer, mask=layer)
    scale = max(Decimal(paper.width) / width, Decimal(paper.height) / height)
    name = f"picture{hashlib.sha256(repr(paper.size).encode() + paper.tobytes()).hexdigest()[:32]}"
    return Picture(
        name=name,
        width=f"{paper.width / scale:.2f}mm",
        height=f"{paper.height / scale:.2f}mm",
        image=PDFImageXObject(name, ImageReader(paper)),
    )


def colour(value: str | None, default: str) -> str:
    """A colour that is safe to put into CSS: ``#rrggbb`` as given, else the default."""
    return value if value and _COLOUR.fullmatch(value) else default


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What xhtml2pdf logs as a warning or worse: a frame it could not paint is told to its logger alone."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("xhtml2pdf")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
