"""Large demo shops: many accounts and invoices, written in chunks past the ORM, with balances that add up.

Nobody can log in to these accounts, and their history is short: an invoice, and where it was paid a bank transfer.
Events and audit entries are left out. Invoices are written between the deeds of the story, so that all numbers of
the shop still rise with the dates and none is missing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from portal.core import vat
from portal.core.references import rf_reference
from portal.core.tables import Base, new_public_id
from portal.core.tenancy import every_shop
from portal.demo.selling import Item, lines_of
from portal.demo.shop import ARTICLES
from portal.demo.story import OPENED, Story
from portal.domain.invoices.actions import buyer_snapshot, seller_snapshot
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    Document,
    DocumentKind,
    DocumentLine,
    DocumentStatus,
    DocumentVat,
    ListState,
)
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.people.models import Customer, CustomerWord
from portal.domain.people.words import CUSTOMERS
from portal.domain.shops.models import NumberSeries
from portal.extensions import db

#: The most accounts, and the most invoices, of a large shop.
MOST = 2_000_000
#: How many invoices are held in memory at a time.
CHUNK = 2_000
#: In a hundred overdue invoices: how many were paid in part, and how many not at all.
PARTLY, UNPAID = 1, 2

GIVEN = (
    "Anna",
    "Bram",
    "Chantal",
    "Daan",
    "Els",
    "Fatima",
    "Gijs",
    "Hanna",
    "Ibrahim",
    "Joost",
    "Karin",
    "Luuk",
)
FAMILY = (
    "Bakker",
    "de Boer",
    "van Dam",
    "Dekker",
    "El Amrani",
    "Jansen",
    "Kok",
    "Mulder",
    "Smit",
    "Visser",
    "Vos",
)
STREETS = ("Dorpsstraat", "Kerkstraat", "Molenweg", "Schoolstraat", "Stationsweg", "Wilhelminastraat")
CITIES = (("1011 AB", "Amsterdam"), ("3511 LX", "Utrecht"), ("6811 KL", "Arnhem"), ("9711 GH", "Groningen"))

Row = dict[str, Any]


@dataclass(frozen=True)
class _Basket:
    """A set of lines with its sums, worked out once."""

    lines: list[LineInput]
    totals: vat.Totals


class Bulk:
    """The accounts of a large shop, and its invoices, handed out in the order of their dates."""

    def __init__(self, story: Story, customers: int, invoices: int) -> None:
        self._story = story
        # Its own dice, so that the people of the story do the same in a large shop as in a small one.
        self._rng = random.Random(customers + invoices)  # noqa: S311
        self._count = invoices
        self._done = 0
        self._looked_at = CHUNK // 4
        self._issued: dict[date, datetime] = {}
        self._seller = seller_snapshot(story.shop)
        self._baskets = [self._basket() for _ in range(100)]
        with every_shop():
            self._customers = self._write_customers(customers)

    def write_until(self, moment: datetime) -> None:
        """Writes all invoices of the days before a moment."""
        with every_shop():
            while (last := self._next_chunk(moment)) > self._done:
                self._write_invoices(range(self._done, last))
                self._done = last
                self._look_again()

    def _look_again(self) -> None:
        """Tells PostgreSQL how much there is by now. It plans how keys are checked when the tables are still empty,
        and with that plan would read on and on through an index for every row.
        """
        if self._done >= 4 * self._looked_at and db.session.get_bind().dialect.name == "postgresql":
            db.session.execute(sa.text("ANALYZE customers, documents, payments"))
            self._looked_at = self._done

    def _next_chunk(self, moment: datetime) -> int:
        """The end of the next chunk: no invoice in it is of another year, or of the moment or later."""
        last, first_day = self._done, self._day(self._done)
        while last < min(self._count, self._done + CHUNK):
            day = self._day(last)
            if day.year != first_day.year or self._issued_at(day) >= moment:
                break
            last += 1
        return last

    def _day(self, index: int) -> date:
        """The day of an invoice: spread evenly from the opening until yesterday."""
        return self._story.day(OPENED - 1 - index * (OPENED - 1) // max(self._count, 1))

    def _issued_at(self, day: date) -> datetime:
        if day not in self._issued:
            self._issued[day] = self._story.moment((self._story.today - day).days, "05:00")
        return self._issued[day]

    def _write_customers(self, count: int) -> list[tuple[int, Row]]:
        """The id of each account with its snapshot for documents."""
        rng, first = self._rng, _next_id(Customer)
        known, rows = [], []
        for index in range(count):
            postal_code, city = rng.choice(CITIES)
            row = {
                "id": first + index,
                "shop_id": self._story.shop.id,
                "public_id": new_public_id(),
                "name": f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}",
                "email": f"customer-{index + 1}@example.net",
                "street": f"{rng.choice(STREETS)} {rng.randint(1, 199)}",
                "postal_code": postal_code,
                "city": city,
                "created_at": self._story.opened_at,
            }
            rows.append(row)
            known.append((first + index, _snapshot(row)))
            if len(rows) == CHUNK:
                _insert_customers(rows)
                rows = []
        _insert_customers(rows)
        return known

    def _write_invoices(self, indexes: range) -> None:
        days = [self._day(index) for index in indexes]
        sequence = self._draw(len(days), year=days[0].year)
        first, first_payment = _next_id(Document), _next_id(Payment)
        documents, lines, groups, payments, shares = (
            list[Row](),
            list[Row](),
            list[Row](),
            list[Row](),
            list[Row](),
        )
        for offset, day in enumerate(days):
            customer_id, buyer = self._rng.choice(self._customers)
            basket = self._rng.choice(self._baskets)
            total = basket.totals.gross
            paid = self._paid_of(total, day)
            document = self._document(first + offset, day, sequence + offset, basket.totals, paid)
            document |= {"customer_id": customer_id, "buyer": buyer}
            if paid:
                payment = self._payment(first_payment + len(payments), document, paid)
                document["settled_at"] = payment["paid_at"] if paid == total else None
                payments.append(payment)
                shares.append(_share(payment, document))
            documents.append(document)
            lines.extend(_lines(document, basket))
            groups.extend(_groups(document, basket))
        for model, rows in (
            (Document, documents),
            (DocumentLine, lines),
            (DocumentVat, groups),
            (Payment, payments),
            (Allocation, shares),
        ):
            _insert(model, rows)

    def _draw(self, count: int, *, year: int) -> int:
        """The first of so many numbers of a year's series, drawn at once."""
        shop = self._story.shop
        kind = DocumentKind.INVOICE.value
        series = (NumberSeries.shop_id == shop.id, NumberSeries.mode == shop.mode, NumberSeries.kind == kind,
                  NumberSeries.year == year)  # fmt: skip
        if db.session.scalar(sa.select(NumberSeries.id).where(*series)) is None:
            db.session.add(NumberSeries(shop_id=shop.id, mode=shop.mode, kind=kind, year=year, last_number=0))
            db.session.flush()
        last = db.session.scalar(
            sa.update(NumberSeries)
            .where(*series)
            .values(last_number=NumberSeries.last_number + count)
            .returning(NumberSeries.last_number)
            .execution_options(synchronize_session=False)
        )
        return int(last or 0) - count + 1

    def _paid_of(self, total: int, day: date) -> int:
        """What was paid of an invoice, in cents: of old ones nearly always all, of recent ones often."""
        chance = self._rng.randrange(100)
        if day >= self._story.day(self._story.shop.payment_term_days):
            return total if chance < 60 else 0
        if chance < UNPAID:
            return 0
        return total // 2 if chance < UNPAID + PARTLY else total

    def _document(self, id_: int, day: date, sequence: int, totals: vat.Totals, paid: int) -> Row:
        shop = self._story.shop
        number, issued_at = f"{day.year}-{sequence:04d}", self._issued_at(day)
        is_paid = paid == totals.gross
        return {
            "id": id_,
            "shop_id": shop.id,
            "public_id": new_public_id(),
            "mode": shop.mode,
            "kind": DocumentKind.INVOICE,
            "status": DocumentStatus.SETTLED if is_paid else DocumentStatus.OPEN,
            "year": day.year,
            "sequence": sequence,
            "number": number,
            "reference": rf_reference(number),
            "issue_date": day,
            "supply_date": day,
            "due_date": day + timedelta(days=shop.payment_term_days),
            "finalised_at": issued_at,
            "created_at": issued_at,
            "currency": shop.currency,
            "language": shop.language,
            "prices_include_vat": True,
            "net_minor": totals.net,
            "vat_minor": totals.vat,
            "total_minor": totals.gross,
            "seller": self._seller,
            "paid_minor": paid,
            "open_minor": totals.gross - paid,
            "list_state": ListState.PAID if is_paid else ListState.UNPAID,
            "settled_at": None,
        }

    def _payment(self, id_: int, document: Row, paid: int) -> Row:
        story = self._story
        took = timedelta(hours=self._rng.randint(1, 24 * story.shop.payment_term_days))
        paid_at = min(document["finalised_at"] + took, story.now)
        return {
            "id": id_,
            "shop_id": story.shop.id,
            "public_id": new_public_id(),
            "mode": story.shop.mode,
            "customer_id": document["customer_id"],
            "provider": "manual",
            "method": PaymentMethodKind.TRANSFER,
            "currency": document["currency"],
            "amount_minor": paid,
            "received_minor": paid,
            "status": PaymentStatus.PAID,
            "description": f"{story.shop.name} {document['number']}",
            "idempotency_key": f"demo-{document['id']}",
            "paid_at": paid_at,
            "created_at": paid_at,
        }

    def _basket(self) -> _Basket:
        rng = self._rng
        items = [
            Item(each.key, rng.randint(1, 4)) for each in rng.sample(ARTICLES, rng.choice((1, 1, 1, 2, 2, 3)))
        ]
        lines = lines_of(self._story, items)
        counted = [
            vat.Line(each.quantity, each.unit_price, each.vat_rate, each.vat_category) for each in lines
        ]
        return _Basket(lines, vat.compute(counted, prices_include_vat=True))


def _lines(document: Row, basket: _Basket) -> Iterator[Row]:
    for position, (line, sums) in enumerate(zip(basket.lines, basket.totals.lines, strict=True), start=1):
        yield {
            "shop_id": document["shop_id"],
            "document_id": document["id"],
            "position": position,
            "description": line.description,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "vat_category": line.vat_category,
            "vat_rate": line.vat_rate,
            "net_minor": sums.net,
            "gross_minor": sums.gross,
            "product_id": line.product_id,
        }


def _groups(document: Row, basket: _Basket) -> Iterator[Row]:
    for group in basket.totals.groups:
        yield {
            "shop_id": document["shop_id"],
            "document_id": document["id"],
            "vat_category": group.category,
            "vat_rate": group.rate,
            "net_minor": group.net,
            "vat_minor": group.vat,
        }


def _share(payment: Row, document: Row) -> Row:
    return {
        "shop_id": document["shop_id"],
        "document_id": document["id"],
        "payment_id": payment["id"],
        "amount_minor": payment["amount_minor"],
        "state": AllocationState.BOOKED,
        "created_at": payment["paid_at"],
    }


def _snapshot(row: Row) -> Row:
    names = ("name", "email", "street", "postal_code", "city")
    return buyer_snapshot(Customer(**{name: row[name] for name in names}, company="", country="NL"))


def _next_id(model: type[Base]) -> int:
    table = model.__table__
    return int(db.session.scalar(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))) or 0) + 1


def _insert_customers(rows: list[Row]) -> None:
    """Customers with the words that find them, which the ORM would see to."""
    _insert(Customer, rows)
    _insert(CustomerWord, [word for row in rows for word in CUSTOMERS.rows_of(row)])


def _insert(model: type[Base], rows: list[Row]) -> None:
    """Many rows in one statement; the ids given here are taken from PostgreSQL's counter as well."""
    if not rows:
        return
    db.session.flush()
    db.session.execute(sa.insert(cast(sa.Table, model.__table__)), rows)
    if "id" in rows[0] and db.session.get_bind().dialect.name == "postgresql":
        counter = sa.func.pg_get_serial_sequence(model.__tablename__, "id")
        db.session.execute(sa.select(sa.func.setval(counter, rows[-1]["id"])))
