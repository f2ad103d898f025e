"""The invoice as PDF: what it says in both languages, what it may read, and that nothing breaks it.

The golden texts are what a search in the document finds. After an intended change they are written anew by
``GOLDEN=write pytest tests/core/test_pdf.py``.
"""

from __future__ import annotations

import copy
import io
import os
import socket
import threading
import zlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pypdf
import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import Babel
from jinja2 import UndefinedError
from PIL import Image
from reportlab.pdfbase.pdfdoc import PDFImageXObject
from reportlab.pdfbase.ttfonts import TTFontFile

from portal.core import pdf, templating
from portal.core.epc import epc_qr
from portal.core.sections import Sections

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "pdf"
REFERENCE = "RF88 2026 0042"
Context = dict[str, Any]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Templates, translations and filters of the portal without its database."""
    catalogs = tmp_path_factory.mktemp("translations")
    (catalogs / "nl" / "LC_MESSAGES").mkdir(parents=True)
    with (ROOT / "portal/translations/nl/LC_MESSAGES/messages.po").open("rb") as source:
        catalog = read_po(source, locale="nl")
    with (catalogs / "nl" / "LC_MESSAGES" / "messages.mo").open("wb") as target:
        write_mo(target, catalog)
    app = Flask("portal", root_path=str(ROOT / "portal"))
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(catalogs)
    Babel(app)
    app.config["LOKET"] = SimpleNamespace(instance_dir=tmp_path_factory.mktemp("instance"))
    app.extensions["sections"] = Sections()
    templating.install(app)
    with app.app_context():
        yield app


def picture_bytes(kind: str = "PNG", size: tuple[int, int] = (400, 100)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#0f766e").save(out, kind)
    return out.getvalue()


def line(description: str, quantity: str, price: int, amount: int, **changes: Any) -> Context:
    fields = {
        "description": description,
        "detail": None,
        "quantity": Decimal(quantity),
        "unit": None,
        "unit_price": Decimal(price),
        "unit_price_net": None,
        "vat_category": "standard",
        "vat_rate": Decimal(21),
        "amount_minor": amount,
    }
    return {**fields, **changes}


def invoice() -> Context:
    """An invoice with two rates, a fraction of a cent and letters from Poland and Turkey."""
    return {
        "document": {
            "kind": "invoice",
            "number": "2026-0042",
            "issue_date": date(2026, 11, 14),
            "supply_date": date(2026, 11, 12),
            "supply_until": None,
            "due_date": date(2026, 12, 14),
            "reference": REFERENCE,
            "customer_reference": "PO 7781",
            "currency": "EUR",
            "prices_include_vat": False,
            "net_minor": 139000,
            "total_minor": 167110,
            "corrects": None,
            "test": False,
            "translation_of": None,
            "vat_eur": None,
        },
        "seller": {
            "name": "Brouwerij De Vlier B.V.",
            "lines": ["Kerkstraat 12", "3581 AB Utrecht", "Nederland"],
            "country": "NL",
            "vat_id": "NL001234567B01",
            "kvk": "12345678",
            "iban": "NL91 ABNA 0417 1643 00",
            "bic": "ABNANL2A",
            "email": "facturen@devlier.example",
            "phone": "+31 30 123 45 67",
            "website": None,
        },
        "buyer": {
            "name": "Łukasz Şahin",
            "company": "Café Groß & Zn.",
            "lines": ["Lange Nieuwstraat 106 bis", "3512 PN Utrecht"],
            "country": "NL",
            "vat_id": "NL987654321B01",
            "kvk": None,
        },
        "lines": [
            line("Hosting, large", "12", 10000, 120000, unit="months", detail="1 Jan 2026 – 31 Dec 2026"),
            line("E-mails sent", "8000", 0, 10000, unit_price=Decimal("1.25")),
            line("Bread for the team", "4.5", 2000, 9000, vat_category="reduced", vat_rate=Decimal(9)),
        ],
        "vat": [
            {
                "category": "standard",
                "rate": Decimal(21),
                "net_minor": 130000,
                "vat_minor": 27300,
                "reason": None,
            },
            {"category": "reduced", "rate": Decimal(9), "net_minor": 9000, "vat_minor": 810, "reason": None},
        ],
        "payment": {
            "url": "https://portal.devlier.example/pay/h2J3kd9sLq",
            "epc": epc_qr(
                name="De Vlier", iban="NL91ABNA0417164300", amount_minor=167110, reference=REFERENCE
            ),
            "debit": None,
        },
        "notes": ["Our general terms apply."],
        "brand": {"accent": "#0f766e", "text": "#0f766e", "logo": None},
    }


def credit_note() -> Context:
    context = invoice()
    context["document"] |= {
        "kind": "credit_note",
        "number": "CN-2026-0007",
        "due_date": None,
        "reference": None,
        "corrects": {"number": "2026-0042", "issue_date": date(2026, 11, 14)},
    }
    context["payment"] = None
    return context


def reverse_charge() -> Context:
    """To a German business, in test mode, over a period, as a translation, paid by direct debit."""
    context = invoice()
    context["document"] |= {
        "test": True,
        "translation_of": "English",
        "supply_date": date(2026, 11, 1),
        "supply_until": date(2026, 11, 30),
        "total_minor": 139000,
    }
    context["buyer"] |= {
        "company": "Groß GmbH",
        "name": None,
        "country": "DE",
        "vat_id": "DE136695976",
        "kvk": "HRB 12345",
    }
    for item in context["lines"]:
        item |= {"vat_category": "reverse_charge", "vat_rate": Decimal(0)}
    context["vat"] = [
        {
            "category": "reverse_charge",
            "rate": Decimal(0),
            "net_minor": 139000,
            "vat_minor": 0,
            "reason": None,
        }
    ]
    context["payment"]["debit"] = {
        "on": date(2026, 12, 14),
        "mandate": "M-2026-17",
        "creditor_id": "NL79ZZZ123456780000",
        "account": "DE•• •••• 3000",
    }
    return context


def gross_dollars() -> Context:
    """A consumer's invoice with prices including VAT, in a currency that is not the euro, partly exempt."""
    context = invoice()
    context["document"] |= {
        "currency": "USD",
        "prices_include_vat": True,
        "net_minor": 15000,
        "total_minor": 17100,
        "vat_eur": {"minor": 1930, "rate_text": "1 EUR = 1.0881 USD"},
    }
    context["buyer"] |= {"company": None, "vat_id": None}
    context["lines"] = [
        line("Support", "1", 12100, 12100, unit_price_net=Decimal(10000)),
        line("Course", "1", 5000, 5000, vat_category="exempt", vat_rate=Decimal(0)),
    ]
    context["vat"] = [
        {"category": "standard", "rate": Decimal(21), "net_minor": 10000, "vat_minor": 2100, "reason": None},
        {
            "category": "exempt",
            "rate": Decimal(0),
            "net_minor": 5000,
            "vat_minor": 0,
            "reason": "Education.",
        },
    ]
    context["payment"] |= {"epc": None}
    return context


def collection_fee() -> Context:
    """The least there can be: a fee without VAT from a shop that has no bank account."""
    context = invoice()
    context["document"] |= {
        "kind": "collection_fee",
        "number": "K-2026-3",
        "supply_date": None,
        "reference": None,
        "customer_reference": None,
        "net_minor": 4000,
        "total_minor": 4000,
    }
    context["seller"] |= {"iban": None, "bic": None, "vat_id": None, "email": None, "phone": None}
    context["lines"] = [line("Fee", "1", 4000, 4000, vat_category="small_business", vat_rate=Decimal(0))]
    context["vat"] = [
        {"category": "small_business", "rate": Decimal(0), "net_minor": 4000, "vat_minor": 0, "reason": None}
    ]
    context["payment"] |= {"epc": None}
    context["notes"] = []
    return context


def long_invoice(count: int = 60) -> Context:
    context = invoice()
    context["lines"] = [line(f"Item {index + 1}", "1", 100, 100) for index in range(count)]
    return context


def render(context: Context, locale: str = "en") -> bytes:
    return pdf.render("pdf/invoice.html", context, locale=locale)


def reader(data: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(data))


def text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in reader(data).pages)


CASES = {
    "invoice": invoice,
    "credit_note": credit_note,
    "reverse_charge": reverse_charge,
    "gross_dollars": gross_dollars,
    "collection_fee": collection_fee,
}


@pytest.mark.parametrize("locale", ["en", "nl"])
@pytest.mark.parametrize("case", CASES)
def test_golden_text(app: Flask, case: str, locale: str) -> None:
    found = text(render(CASES[case](), locale)).strip() + "\n"
    golden = GOLDEN / f"{case}.{locale}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()


def test_a_companys_number_is_called_as_at_home(app: Flask) -> None:
    """KvK is the Dutch register; others have another."""
    abroad = text(render(reverse_charge()))
    assert "Company number HRB 12345" in abroad and "KvK HRB" not in abroad and "KvK 12345678" in abroad
    assert "Ondernemingsnummer HRB 12345" in " ".join(text(render(reverse_charge(), "nl")).split())


def test_the_address_to_pay_at_stays_on_one_line(app: Flask) -> None:
    context = invoice()
    context["payment"]["url"] = "https://portal.devlier.example/pay/" + "mW" * 22
    assert any(context["payment"]["url"] in each for each in text(render(context)).splitlines())


def test_dates_and_measures_in_a_line_stay_whole(app: Flask) -> None:
    context = invoice()
    context["lines"] = [
        line(
            "Sourdough bread from the oven of the mill, sliced (25-11-2026 – 08-12-2026), 1 kg", "1", 100, 100
        )
    ]
    found = text(render(context))
    assert "25\u201111\u20112026" in found and "08\u201112\u20112026" in found


def test_dutch_is_complete(app: Flask) -> None:
    """No English word of the template is left in a Dutch document that uses all of it."""
    english = {
        "VAT",
        "Invoice",
        "Total",
        "Amount",
        "Date",
        "Due",
        "due",
        "page",
        "Payment",
        "From",
        "To",
        "Price",
    }
    for make in CASES.values():
        context = make()
        context["lines"], context["notes"] = [line("X", "1", 100, 100)], []
        assert not english & set(text(render(context, "nl")).replace(":", " ").split())


def test_every_font_is_embedded(app: Flask) -> None:
    context = reverse_charge()
    context["brand"]["logo"] = picture_bytes()
    fonts = {}
    document = reader(render(context))
    for page in document.pages:
        fonts.update({name: font.get_object() for name, font in page["/Resources"]["/Font"].items()})
    assert {font["/BaseFont"].partition("+")[2] for font in fonts.values()} == {
        "Inter-Regular",
        "Inter-SemiBold",
    }
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts.values())
    assert b"Helvetica" not in render(context)


def test_both_faces_know_the_same_letters() -> None:
    regular, bold = (TTFontFile(str(pdf.FONTS / f"Inter-{face}.ttf")) for face in ("Regular", "SemiBold"))
    assert set(regular.charToGlyph) == set(bold.charToGlyph)
    assert {ord(letter) for letter in "ŁłŞşĲĳŐőẞ€₺−–…·•ЖжΩω"} <= set(regular.charToGlyph)
    for face in (regular, bold):
        assert len({face.charWidths[ord(digit)] for digit in "0123456789"}) == 1


def test_says_what_it_is(app: Flask) -> None:
    document = reader(render(invoice(), "nl"))
    about = document.metadata
    assert about is not None
    assert (about.title, about.author, about.subject) == (
        "Factuur 2026-0042",
        "Brouwerij De Vlier B.V.",
        "Café Groß & Zn.",
    )
    assert about.creation_date is not None and about.creation_date.date() == date(2026, 11, 14)
    assert document.trailer["/Root"]["/Lang"] == "nl"


def test_same_input_same_bytes(app: Flask) -> None:
    context = invoice()
    context["brand"]["logo"] = picture_bytes()
    first = render(context)
    render(credit_note(), "nl")
    assert render(copy.deepcopy(context)) == first
    context["document"]["number"] = "2026-0043"
    assert render(context) != first


def test_at_the_same_time_from_many_threads(app: Flask) -> None:
    alone = {count: render(long_invoice(count)) for count in (1, 40)}
    found: list[bool] = []

    def work(count: int) -> None:
        with app.app_context():
            found.append(render(long_invoice(count)) == alone[count])

    threads = [threading.Thread(target=work, args=(count,)) for count in (1, 40) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8


def test_pages_repeat_header_number_and_mark(app: Flask) -> None:
    context = long_invoice()
    context["document"]["test"] = True
    pages = [page.extract_text() for page in reader(render(context)).pages]
    assert len(pages) == 3
    for index, page in enumerate(pages):
        assert f"Invoice 2026-0042 · page {index + 1} of 3" in page
        assert "Description" in page and "Amount excl. VAT" in page
        assert "TEST MODE" in page
    everything = "\n".join(pages)
    assert [everything.count(f"Item {index + 1}\n") for index in range(60)] == [1] * 60
    assert "Total excluding VAT" in pages[2] and "Total excluding VAT" not in pages[0] + pages[1]


def test_only_the_pay_link_is_a_link(app: Flask) -> None:
    context = invoice()
    context["lines"][0]["description"] = '<a href="https://evil.example">x</a> https://evil.example'
    context["notes"] = ['<a href="javascript:alert(1)">x</a>']
    links = {
        note.get_object()["/A"]["/URI"]
        for page in reader(render(context)).pages
        for note in page.get("/Annots", [])
    }
    assert links == {"https://portal.devlier.example/pay/h2J3kd9sLq"}


HOSTILE = [
    "<img src=http://127.0.0.1:9/x>",
    "<img src='file:///etc/passwd'>",
    "</para><para>",
    "</table></pdf:grid></td></tr></table><h1>x",
    '<pdf:insertpdf src="/etc/passwd">',
    "&amp; &lt;b&gt; &#0;",
    "{{ 7 * 7 }} %(x)s %s {page}",
    "@font-face { src: url(/etc/passwd) }",
    "A" * 5000,
    "word " * 1000,
    "line\n" * 300,
    "👩‍👩‍👧 🏳️‍🌈 𝕏",
    "שלום עולם 123",
    "مرحبا بالعالم",
    "中文名字",
    "\x00\x01\u202eevil\ufeff\ud800",
    "e\u0301\u0308" * 300,
    "",
    " \n ",
]


@pytest.mark.parametrize("place", ["lines", "parties", "rest"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_breaks_a_document(app: Flask, hostile: str, place: str) -> None:
    context = invoice()
    if place == "lines":
        context["lines"][0] |= {"description": hostile, "detail": hostile, "unit": hostile}
    elif place == "parties":
        context["seller"] |= {"name": hostile, "lines": [hostile], "vat_id": hostile}
        context["buyer"] |= {"name": hostile, "company": hostile, "lines": [hostile]}
    else:
        context["document"] |= {"number": hostile[:100], "customer_reference": hostile}
        context["notes"] = [hostile]
    found = text(render(context))
    assert "page 1 of " in found and "49" not in found.split()


def test_markup_is_shown_as_it_is(app: Flask) -> None:
    context = invoice()
    context["lines"][0]["description"] = "<b>1 & 2</b> &amp; <img src=x>"
    context["notes"] = ["<i>3</i> &lt;"]
    found = text(render(context))
    assert "<b>1 & 2</b> &amp; <img src=x>" in found
    assert "<i>3</i> &lt;" in found


def test_long_words_stay_on_the_page(app: Flask) -> None:
    context = invoice()
    context["lines"][0]["description"] = "A" * 5000
    found = text(render(context))
    assert sum(row.count("A") for row in found.splitlines() if set(row.strip()) == {"A"}) == 5000
    assert max(len(row) for row in found.splitlines() if set(row.strip()) == {"A"}) < 80


def test_what_cannot_be_printed_is_a_box() -> None:
    assert pdf.printable("Łódź – € 5") == "Łódź – € 5"
    assert pdf.printable("e\u0301") == "é"
    assert pdf.printable("a\u202eb\u200dc\x00d\ufeff") == "abcd"
    assert pdf.printable("中 👍") == "□ □"
    assert pdf.printable("a\tb\nc") == "a\tb\nc"


PAGE = """<html><head><style>
@font-face {{ font-family: Inter; src: url("Inter-Regular.ttf"); }}
html {{ font-family: Inter; }} body, p, div {{ display: block; }} {style}
</style>{head}</head><body><p>text</p>{body}</body></html>"""


def page(*, style: str = "", head: str = "", body: str = "") -> str:
    return PAGE.format(style=style, head=head, body=body)


def test_a_plain_page_is_made() -> None:
    assert text(pdf.convert(page())).strip() == "text"


FOREIGN = [
    "file:///etc/passwd",
    "/etc/passwd",
    "../../../config.py",
    "../portal.css",
    "http://127.0.0.1:9/x.png",
]


@pytest.mark.parametrize("address", [*FOREIGN, "https://example.com/x.png", "//example.com/x"])
@pytest.mark.parametrize(
    "shape",
    [
        {"body": '<img src="{}">'},
        {"style": "p {{ background-image: url({}); }}"},
        {"style": "@page {{ background-image: url({}); }}"},
        {"style": '@font-face {{ font-family: Other; src: url("{}"); }}'},
        {"head": '<link rel="stylesheet" type="text/css" href="{}">'},
        {"body": '<pdf:insertpdf src="{}"></pdf:insertpdf>'},
    ],
)
def test_nothing_foreign_is_read(
    address: str, shape: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_args: object, **_names: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr(socket, "create_connection", no_network)
    with pytest.raises(pdf.PdfError):
        pdf.convert(page(**{place: html.format(address) for place, html in shape.items()}))


@pytest.mark.parametrize(
    "broken",
    [
        {"style": "p { font-family: Nowhere; }"},
        {"body": '<img src="Missing.png">'},
        {"body": '<img src="">'},
        {"body": '<img src="data:image/png;base64,AAAA">'},
        {"body": "<p>中</p>"},
        {"body": "<table></table>"},
    ],
)
def test_a_warning_fails_the_document(broken: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "printable", lambda text: text)
    with pytest.raises(pdf.PdfError):
        pdf.convert(page(**broken))
    assert text(pdf.convert(page())).strip() == "text"


@pytest.mark.parametrize("missing", [("document", "number"), ("seller", "iban"), ("brand", "logo")])
def test_a_missing_value_is_an_error(app: Flask, missing: tuple[str, str]) -> None:
    context = invoice()
    del context[missing[0]][missing[1]]
    with pytest.raises(UndefinedError):
        render(context)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_logos(app: Flask, kind: str) -> None:
    context = invoice()
    context["brand"]["logo"] = picture_bytes(kind)
    images = reader(render(context)).pages[0].images
    assert [image.image.size for image in images if image.image] == [(400, 100)]


@pytest.mark.parametrize(
    ("size", "width", "height"),
    [((400, 100), "56.00mm", "14.00mm"), ((900, 100), "60.00mm", "6.67mm"), ((10, 400), "0.33mm", "14.00mm")],
)
def test_logo_fits_its_box(size: tuple[int, int], width: str, height: str) -> None:
    logo = pdf.picture(picture_bytes(size=size), 60, 14)
    assert (logo.width, logo.height) == (width, height)


def test_transparent_logo_is_put_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(out, "PNG")
    image = pdf.picture(out.getvalue(), 60, 14).image
    assert image.colorSpace == "DeviceRGB" and zlib.decompress(image.streamContent) == b"\xff" * 300


def test_greys_of_sixteen_bits_are_printed_as_greys() -> None:
    out = io.BytesIO()
    Image.frombytes("I;16", (2, 1), (0x4000).to_bytes(2, "little") + (0xC000).to_bytes(2, "little")).save(
        out, "PNG"
    )
    image = pdf.picture(out.getvalue(), 60, 14).image
    assert zlib.decompress(image.streamContent) == b"\x40" * 3 + b"\xc0" * 3


def test_a_logo_is_read_and_compressed_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every document of a shop carries it."""
    context = invoice()
    context["brand"]["logo"] = picture_bytes(size=(401, 99))
    first = render(context)

    def again(*_arguments: object) -> None:
        raise AssertionError("the logo was compressed once more")

    monkeypatch.setattr(PDFImageXObject, "loadImageFromSRC", again)
    assert render(context) == first


def test_nothing_is_written_as_letters(app: Flask) -> None:
    """ASCII85 takes a twentieth of the time and makes a quarter more of it."""
    context = invoice()
    context["brand"]["logo"] = picture_bytes()
    assert b"ASCII85" not in render(context)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%PDF-1.4",
        picture_bytes()[:60],
        picture_bytes(size=(5001, 5000)),
    ],
    ids=["empty", "cut gif", "svg", "pdf", "cut png", "bomb"],
)
def test_what_is_no_logo(data: bytes) -> None:
    with pytest.raises(pdf.PdfError, match="picture"):
        pdf.picture(data, 60, 14)


@pytest.mark.parametrize("value", [None, "", "red", "#fff", "#0f766e; x: y", "#0F766G", "url(/etc/passwd)"])
def test_only_colours_get_into_the_style(app: Flask, value: str | None) -> None:
    assert pdf.colour(value, "#111827") == "#111827"
    context = invoice()
    context["brand"] |= {"accent": value, "text": value}
    assert render(context)
    assert pdf.colour("#0F766e", "#111827") == "#0F766e"
