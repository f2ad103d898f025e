"""The shop of the demo: De Halve Maan, a bakery and coffee roaster in Utrecht, and what it sells."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from portal.core import pdf, storage
from portal.core.tenancy import shop_scope
from portal.core.vat import VatCategory
from portal.demo.story import TIME_ZONE, Story
from portal.domain.catalog.models import CancelMode, IntervalUnit, Product, ProductFile, ProductKind
from portal.domain.people.actions import create_staff
from portal.domain.people.models import StaffRole
from portal.domain.shops.actions import checked_domain, create_shop

#: Printed at the start on purpose: it works on this machine only.
PASSWORD = "loket-demo"  # noqa: S105
OWNER = "owner@example.com"
LOGO = Path(__file__).with_name("logo.png")

FOOD, GOODS = Decimal(9), Decimal(21)


def open_shop(story: Story) -> None:
    """The shop, in test mode on this machine, and its owner."""
    shop = create_shop(
        name="De Halve Maan",
        domain=checked_domain("127.0.0.1", story.port, "http"),
        email="hallo@example.com",
        language="nl",
        now=story.opened_at,
        is_demo=True,
    )
    shop.legal_name = "De Halve Maan VOF"
    shop.phone = "+31 30 123 45 67"
    shop.street, shop.postal_code, shop.city, shop.country = "Maanstraat 12", "3512 AB", "Utrecht", "NL"
    shop.vat_number, shop.chamber_number = "NL123456782B90", "12345678"
    # The example account that Dutch banks print in their leaflets; it belongs to nobody.
    shop.iban, shop.bic = "NL91ABNA0417164300", "ABNANL2A"
    shop.creditor_id = "NL69ZZZ123456780000"
    shop.colour = "#7a3b12"
    shop.time_zone, shop.currency = TIME_ZONE, "EUR"
    shop.prices_include_vat = True
    shop.payment_term_days = 14
    shop.allow_part_payment = True
    shop.debit_notice_days = 14
    logo = LOGO.read_bytes()
    shop.logo_key = storage.put(storage.content_key(f"shops/{shop.id}/logo", logo, "png"), logo)
    story.shop = shop
    with shop_scope(shop.id):
        story.owner = create_staff(
            email=OWNER,
            name="Femke van Dijk",
            role=StaffRole.OWNER,
            password=PASSWORD,
            language="nl",
            now=story.opened_at,
        )


@dataclass(frozen=True)
class _Article:
    """A line of the price list; the price is in cents, VAT included."""

    key: str
    name: str
    price: int
    rate: Decimal
    category: str
    icon: str
    description: str


ARTICLES = (
    _Article(
        "coffee", "Koffiebonen, 1 kg", 2450, FOOD, "Koffie", "coffee", "Espressomelange, gebrand op dinsdag."
    ),
    _Article(
        "filter", "Filterkoffie, 250 g", 875, FOOD, "Koffie", "coffee", "Licht gebrand, uit Yirgacheffe."
    ),
    _Article("decaf", "Cafeïnevrij, 500 g", 1390, FOOD, "Koffie", "moon", "Voor na negenen."),
    _Article(
        "sourdough", "Zuurdesem, zaterdag", 695, FOOD, "Brood", "bread", "Een brood van twee dagen werk."
    ),
    _Article("rye", "Roggebrood", 560, FOOD, "Brood", "bread", "Donker en smeuïg; op dag drie het lekkerst."),
    _Article("croissants", "Croissants, zes stuks", 1140, FOOD, "Brood", "bread", "Met boter uit Woerden."),
    _Article(
        "speculaas",
        "Speculaas, blik van 500 g",
        1250,
        FOOD,
        "Zoet",
        "cookie",
        "Kruidige koekjes in een blik.",
    ),
    _Article(
        "dripper",
        "Koffiefilter van keramiek",
        1485,
        GOODS,
        "Gereedschap",
        "coffee",
        "Voor een of twee kopjes.",
    ),
    _Article(
        "moka", "Percolator, zes kopjes", 3995, GOODS, "Gereedschap", "coffee", "Aluminium, voor elk fornuis."
    ),
    _Article("grinder", "Handmolen", 7900, GOODS, "Gereedschap", "settings", "Stalen maalschijven, 30 gram."),
    _Article("cups", "Twee espressokopjes", 1850, GOODS, "Gereedschap", "coffee", "Aardewerk uit Friesland."),
    _Article(
        "workshop",
        "Workshop zuurdesem",
        8900,
        GOODS,
        "Workshops",
        "users",
        "Een zondag bij de oven, met lunch.",
    ),
    _Article(
        "ebook", "Bakken bij maanlicht (e-book)", 1495, FOOD, "Digitaal", "book", "Veertig recepten als pdf."
    ),
    _Article(
        "course",
        "Latte art (cursus)",
        3500,
        GOODS,
        "Digitaal",
        "device-desktop",
        "Vijf lessen in één bestand.",
    ),
)


def stock(story: Story) -> None:
    """Everything that is sold, by its short name, with the files of what is digital."""
    for article in ARTICLES:
        _keep(story, article)
    # The same coffee in two rhythms: who has the one can change to the other, or take more of it.
    _subscription(
        story, "coffee_subscription", "coffee", IntervalUnit.WEEK, 2, switch_group="coffee", most_quantity=4
    )
    month = _Article(
        "month", "Koffiebonen, 2 kg", 4600, FOOD, "Koffie", "coffee", "Elke maand twee zakken van dinsdag."
    )
    _subscription(story, "month_subscription", month, IntervalUnit.MONTH, 1, switch_group="coffee")
    _subscription(story, "sourdough_subscription", "sourdough", IntervalUnit.WEEK, 1, trial_days=14)
    letter = _Article(
        "letter", "Bakkersbrief", 300, FOOD, "Zoet", "mail", "Een gedrukte brief met een recept."
    )
    _subscription(
        story, "letter_subscription", letter, IntervalUnit.MONTH, 1, cancel_mode=CancelMode.IMMEDIATE
    )
    sundays = _Article(
        "sundays", "Croissants, zondag", 4560, FOOD, "Brood", "bread", "Elke zondag zes stuks."
    )
    _subscription(story, "croissant_subscription", sundays, IntervalUnit.MONTH, 1)
    office = _Article(
        "office", "Koffie voor kantoor, 5 kg", 9701, FOOD, "Koffie", "coffee", "Bonen voor twintig mensen."
    )
    _subscription(story, "office_subscription", office, IntervalUnit.MONTH, 1, allow_self_management=False)
    service = _Article(
        "service", "Onderhoud espressomachine", 7260, GOODS, "Gereedschap", "settings", "Elk kwartaal."
    )
    _subscription(story, "service_subscription", service, IntervalUnit.QUARTER, 1)
    _file(story, "ebook", "Bakken bij maanlicht.pdf", "application/pdf", _book())
    _file(story, "course", "Latte art.zip", "application/zip", _archive())


def category_of(rate: Decimal) -> VatCategory:
    """The category of a Dutch rate."""
    return VatCategory.REDUCED if rate == FOOD else VatCategory.STANDARD


def _keep(story: Story, article: _Article, *, key: str | None = None, **options: object) -> None:
    product = Product(
        name=article.name,
        description=article.description,
        category=article.category,
        icon=article.icon,
        currency=story.shop.currency,
        unit_price=Decimal(article.price),
        vat_category=category_of(article.rate),
        vat_rate=article.rate,
        created_at=story.opened_at,
        **options,
    )
    story.products[key or article.key] = product
    story.record("product.created", story.add(product), now=story.opened_at)


def _subscription(
    story: Story, key: str, article: str | _Article, unit: IntervalUnit, count: int, **options: object
) -> None:
    if isinstance(article, str):
        article = next(each for each in ARTICLES if each.key == article)
    _keep(
        story,
        article,
        key=key,
        kind=ProductKind.SUBSCRIPTION,
        interval_unit=unit,
        interval_count=count,
        **options,
    )


def _file(story: Story, key: str, name: str, media_type: str, data: bytes) -> None:
    extension = name.rpartition(".")[2]
    file = ProductFile(
        product_id=story.products[key].id,
        name=name,
        storage_key=storage.put(storage.content_key(f"shops/{story.shop.id}/files", data, extension), data),
        media_type=media_type,
        size_bytes=len(data),
        created_at=story.opened_at,
    )
    story.files[key] = story.add(file)


def _book() -> bytes:
    return pdf.convert(
        "<html><body><h1>Bakken bij maanlicht</h1><p>Veertig recepten uit de oven van De Halve Maan.</p>"
        "<h2>Maanbrood</h2><p>Meng 500 g bloem, 350 g water, 100 g zuurdesem en 10 g zout. Vouw het deeg in twee uur"
        " vier keer, laat het een nacht koud rijzen en bak het heet in een gesloten pan.</p>"
        "</body></html>"
    )


def _archive() -> bytes:
    """The same bytes every time: the archive holds a fixed date."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, lesson in enumerate(("Melk", "Stoom", "Het hart", "De tulp", "De halve maan"), start=1):
            text = f"Les {number}: {lesson}\n\nSchenk langzaam, en stop voordat je er trots op bent.\n"
            archive.writestr(zipfile.ZipInfo(f"les-{number:02}.txt", (2024, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()
