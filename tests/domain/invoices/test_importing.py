"""``flask invoice create --from-json``: the whole file is right, or nothing of it is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import force_locale

from portal.core import database
from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.core.mail_message import MailMessage
from portal.core.vat import VatCategory
from portal.domain.invoices import importing
from portal.domain.invoices.models import Document, DocumentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import START, Ids

Stage = Callable[..., Any]
LINE = {"description": "Coffee, 1 kg", "quantity": "2", "unit_price": "24.50", "vat_rate": "9"}
INVOICE: dict[str, Any] = {"customer": "emma@example.com", "lines": [LINE]}


def counts() -> dict[str, int]:
    """How many rows each table has for others, while the test's own transaction is open."""
    database.set_reading(True)
    try:
        with db.engine.connect() as connection:
            return {
                table.name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
                for table in db.metadata.sorted_tables
            }
    finally:
        database.set_reading(False)


@pytest.fixture
def shop(on_stage: Stage, ids: Ids) -> Iterator[Shop]:
    with on_stage():
        yield db.session.get_one(Shop, ids.shop)


def read(content: Any, shop: Shop) -> list[importing.InvoiceInput]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return importing.read_invoices(data, shop, now=START)


def create(content: Any, shop: Shop) -> list[Document]:
    return importing.create_invoices(read(content, shop), shop, now=START, actor=Actor.system("test"))


def test_an_invoice_is_issued_and_sent(shop: Shop) -> None:
    (document,) = create(INVOICE, shop)
    assert document.status is DocumentStatus.OPEN and document.number == "2026-0001"
    assert document.total_minor == 4900 and document.lines[0].vat_category is VatCategory.REDUCED
    assert db.session.query(MailMessage).count() == 1


def test_every_key_is_taken(shop: Shop, ids: Ids) -> None:
    customer = db.session.get_one(Customer, ids.jan_account)
    whole = {
        "customer": customer.public_id,
        "currency": "EUR",
        "prices_include_vat": False,
        "supply_date": "2026-10-15",
        "note": "Thank you!\nSee you soon.",
        "lines": [
            {
                **LINE,
                "unit_price": "0.123456",
                "quantity": "1000",
                "vat_rate": "21",
                "vat_category": "standard",
            },
            {**LINE, "vat_rate": "0", "vat_category": "exempt"},
            {**LINE, "vat_rate": "0"},
            {**LINE, "quantity": "-1"},
        ],
    }
    (found,) = read(whole, shop)
    draft = found.draft
    assert found.customer is customer and draft.supply_date == date(2026, 10, 15)
    assert draft.prices_include_vat is False and draft.note == "Thank you!\nSee you soon."
    assert draft.lines[0].unit_price == Decimal("12.3456")
    assert [line.vat_category.value for line in found.draft.lines] == [
        "standard",
        "exempt",
        "zero",
        "reduced",
    ]


def test_a_file_of_many_is_numbered_in_order(shop: Shop) -> None:
    documents = create([INVOICE, INVOICE, {**INVOICE, "customer": "JAN@example.com "}], shop)
    assert [document.number for document in documents] == ["2026-0001", "2026-0002", "2026-0003"]


def test_the_rate_says_the_category_where_none_is_named(shop: Shop) -> None:
    lines = [{**LINE, "vat_rate": rate} for rate in ("21", "9.0", "0")]
    (found,) = read({**INVOICE, "lines": lines}, shop)
    assert [line.vat_category.value for line in found.draft.lines] == ["standard", "reduced", "zero"]
    (found,) = read({**INVOICE, "supply_date": "2018-12-31", "lines": [{**LINE, "vat_rate": "6"}]}, shop)
    assert found.draft.lines[0].vat_category is VatCategory.REDUCED


def test_a_shop_whose_rates_are_not_known_takes_any(shop: Shop) -> None:
    shop.country = "FI"
    (found,) = read({**INVOICE, "lines": [{**LINE, "vat_rate": "25.5"}]}, shop)
    assert found.draft.lines[0].vat_category is VatCategory.STANDARD
    with pytest.raises(DomainError, match="vat_rate"):
        read({**INVOICE, "lines": [{**LINE, "vat_rate": "-1"}]}, shop)


def test_no_vat_where_it_is_right(shop: Shop, ids: Ids) -> None:
    shop.small_business = True
    jan = db.session.get_one(Customer, ids.jan_account)
    for country, number, category in (
        ("BE", "BE0123456749", "reverse_charge"),
        ("US", "", "export"),
        ("NL", "", "small_business"),
    ):
        jan.country, jan.vat_number, jan.vat_checked_on = country, number, START.date()
        line = {**LINE, "vat_rate": "0", "vat_category": category}
        (document,) = create({"customer": jan.public_id, "lines": [line]}, shop)
        assert document.vat_minor == 0 and document.vat_groups[0].vat_category.value == category


def wrong_line(**changes: Any) -> dict[str, Any]:
    return {**INVOICE, "lines": [LINE, {**LINE, **changes}]}


def without(key: str) -> dict[str, Any]:
    return {**INVOICE, "lines": [{name: value for name, value in LINE.items() if name != key}]}


HUGE = "9" * 5000
WRONG: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "JSON"),
    "no JSON": (b"{", "line 1, column 2"),
    "a comma too many": (b'{\n  "customer": "emma@example.com",\n}', "line 3, column 1"),
    "not UTF-8": ('{"customer": "\u00e9"}'.encode("latin-1"), "UTF-8"),
    "a NUL byte": (b"\0", "JSON"),
    "UTF-16": (json.dumps(INVOICE).encode("utf-16"), "UTF-8"),
    "deep": (b"[" * 100_000, "JSON"),
    "a number of 5,000 digits": (f'{{"customer": {HUGE}}}'.encode(), "JSON"),
    "10 MB": (b" " * 10_000_000, "larger"),
    "an empty list": ([], "1 to"),
    "1,001 invoices": ([INVOICE] * 1001, "1 to"),
    "too many lines in all": ([{**INVOICE, "lines": [LINE] * 500}] * 20 + [INVOICE], "10000 lines"),
    "null": (None, "the invoice: "),
    "a text": ("x", "the invoice: "),
    "true": (True, "the invoice: "),
    "a list of lists": ([[]], "[0]"),
    "the second": ([INVOICE, {}], "[1].customer"),
    "the only one of a list": ([{}], "[0].customer"),
    "NaN": (b'{"customer": NaN}', "NaN"),
    "a float": (b'{"customer": "emma@example.com", "lines": [{"quantity": 1.5}]}', "1.5"),
    "no customer": ({"lines": [LINE]}, "customer"),
    "no such customer": ({**INVOICE, "customer": "who@example.com"}, "customer"),
    "another shop's customer": ({**INVOICE, "customer": "dora@example.com"}, "customer"),
    "an empty customer": ({**INVOICE, "customer": " "}, "customer"),
    "a customer that is a number": ({**INVOICE, "customer": 1}, "customer"),
    "a customer with NUL": ({**INVOICE, "customer": "emma\0@example.com"}, "customer"),
    "a customer with half a character": (b'{"customer": "\\ud800", "lines": [{}]}', "customer"),
    "a long customer": ({**INVOICE, "customer": "x" * 255}, "customer"),
    "an unknown key": ({**INVOICE, "colour": "red"}, "colour"),
    "another currency": ({**INVOICE, "currency": "USD"}, "currency"),
    "a currency in lower case": ({**INVOICE, "currency": "eur"}, "currency"),
    "a currency that is none": ({**INVOICE, "currency": "XXX"}, "currency"),
    "a currency that is null": ({**INVOICE, "currency": None}, "currency"),
    "VAT as a text": ({**INVOICE, "prices_include_vat": "yes"}, "prices_include_vat"),
    "VAT as a number": ({**INVOICE, "prices_include_vat": 1}, "prices_include_vat"),
    "a date that is none": ({**INVOICE, "supply_date": "2026-02-30"}, "supply_date"),
    "a date in words": ({**INVOICE, "supply_date": "yesterday"}, "supply_date"),
    "a date with weeks": ({**INVOICE, "supply_date": "2026-W44-1"}, "supply_date"),
    "a date without dashes": ({**INVOICE, "supply_date": "20261101"}, "supply_date"),
    "a date that is null": ({**INVOICE, "supply_date": None}, "supply_date"),
    "a long note": ({**INVOICE, "note": "x" * 2001}, "note"),
    "a note with NUL": ({**INVOICE, "note": "a\0b"}, "note"),
    "a note that is a list": ({**INVOICE, "note": []}, "note"),
    "no lines": ({"customer": "emma@example.com"}, "lines"),
    "an empty list of lines": ({**INVOICE, "lines": []}, "lines"),
    "501 lines": ({**INVOICE, "lines": [LINE] * 501}, "lines"),
    "lines that are an object": ({**INVOICE, "lines": LINE}, "lines"),
    "a line that is a text": ({**INVOICE, "lines": ["x"]}, "lines[0]"),
    "a line with an unknown key": (wrong_line(colour="red"), "lines[1].colour"),
    "no description": (without("description"), "lines[0].description"),
    "no quantity": (without("quantity"), "lines[0].quantity"),
    "no price": (without("unit_price"), "lines[0].unit_price"),
    "no rate": (without("vat_rate"), "lines[0].vat_rate"),
    "an empty description": (wrong_line(description="  "), "lines[1].description"),
    "a long description": (wrong_line(description="x" * 1001), "lines[1].description"),
    "a description with a bell": (wrong_line(description="a\x07b"), "lines[1].description"),
    "no quantity at all": (wrong_line(quantity="0"), "lines[1].quantity"),
    "a quantity beyond the limits": (wrong_line(quantity="999999999"), "lines[1].quantity"),
    "a sum beyond the limits": (
        {**INVOICE, "lines": [{**LINE, "quantity": "99999999", "unit_price": "9999999999"}]},
        "the invoice: ",
    ),
    "a quantity with five decimals": (wrong_line(quantity="1.00001"), "lines[1].quantity"),
    "a quantity that is a number": (wrong_line(quantity=2), "lines[1].quantity"),
    "a quantity with a comma": (wrong_line(quantity="1,5"), "lines[1].quantity"),
    "a quantity in other digits": (wrong_line(quantity="\u0661"), "lines[1].quantity"),
    "a quantity with an exponent": (wrong_line(quantity="1e3"), "lines[1].quantity"),
    "a quantity that is infinite": (wrong_line(quantity="Infinity"), "lines[1].quantity"),
    "a huge quantity": (wrong_line(quantity=HUGE), "lines[1].quantity"),
    "a negative price": (wrong_line(unit_price="-1"), "lines[1].unit_price"),
    "a price with seven decimals": (wrong_line(unit_price="0.0000001"), "lines[1].unit_price"),
    "a price with a currency": (wrong_line(unit_price="EUR 1"), "lines[1].unit_price"),
    "an empty price": (wrong_line(unit_price=""), "lines[1].unit_price"),
    "an unknown rate": (wrong_line(vat_rate="19"), "lines[1].vat_rate"),
    "a negative rate": (wrong_line(vat_rate="-21"), "lines[1].vat_rate"),
    "a rate with a sign": (wrong_line(vat_rate="21%"), "lines[1].vat_rate"),
    "no rate as standard": (wrong_line(vat_rate="0", vat_category="standard"), "lines[1].vat_rate"),
    "no rate as reduced": (wrong_line(vat_rate="0", vat_category="reduced"), "lines[1].vat_rate"),
    "21 % as reduced": (wrong_line(vat_rate="21", vat_category="reduced"), "lines[1].vat_rate"),
    "9 % as standard": (wrong_line(vat_rate="9", vat_category="standard"), "lines[1].vat_rate"),
    "9 % as reverse charge": (wrong_line(vat_category="reverse_charge"), "lines[1].vat_rate"),
    "the reduced rate of today in 2018": ({**INVOICE, "supply_date": "2018-12-31"}, "lines[0].vat_rate"),
    "reverse charge to a consumer": (
        wrong_line(vat_rate="0", vat_category="reverse_charge"),
        "lines[1].vat_category",
    ),
    "an export to Utrecht": (wrong_line(vat_rate="0", vat_category="export"), "lines[1].vat_category"),
    "no VAT by a scheme that the shop is not in": (
        wrong_line(vat_rate="0", vat_category="small_business"),
        "lines[1].vat_category",
    ),
    "an unknown category": (wrong_line(vat_category="luxury"), "lines[1].vat_category"),
    "a category that is a list": (wrong_line(vat_category=[]), "lines[1].vat_category"),
}


def refusal(content: Any, shop: Shop, language: str) -> str:
    with force_locale(language), pytest.raises(DomainError) as refused:
        read(content, shop)
    return str(refused.value)


@pytest.mark.parametrize(("content", "place"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_says_where_and_writes_nothing(shop: Shop, content: Any, place: str) -> None:
    """In the language of whoever asks; the place in the file is the same in each."""
    before = counts()
    said = {language: refusal(content, shop, language) for language in ("en", "nl")}
    assert place in said["en"] and (place in said["nl"] or not place.startswith(("[", "lines")))
    assert ("[0]" in said["en"]) == place.startswith("[0]") or "lines[0]" in place
    assert max(map(len, said.values())) < 300
    assert said["en"] != said["nl"], "translate it in portal/translations/nl"
    assert counts() == before and not db.session.new


def test_what_only_shows_while_issuing_leaves_nothing_either(app: Flask, on_stage: Stage, ids: Ids) -> None:
    content = [INVOICE, wrong_line(quantity="-3")]
    with app.app_context():
        before = counts()
    said = {}
    for language in ("en", "nl"):
        with pytest.raises(DomainError) as refused, on_stage(), force_locale(language):
            create(content, db.session.get_one(Shop, ids.shop))
        with app.app_context(), force_locale(language):
            said[language] = str(refused.value)
    assert "below zero" in said["en"]
    assert said["en"] != said["nl"], "translate it in portal/translations/nl"
    with app.app_context():
        assert counts() == before


def test_what_changed_since_the_file_was_read_counts(shop: Shop, ids: Ids) -> None:
    jan = db.session.get_one(Customer, ids.jan_account)
    jan.country, jan.vat_number, jan.vat_checked_on = "BE", "BE0123456749", START.date()
    db.session.flush()
    line = {**LINE, "vat_rate": "0", "vat_category": "reverse_charge"}
    inputs = read({"customer": jan.public_id, "lines": [line]}, shop)
    jan.vat_checked_on = None
    db.session.flush()
    with pytest.raises(DomainError, match="was checked"):
        importing.create_invoices(inputs, shop, now=START, actor=Actor.system("test"))


def test_nothing_is_asked_for_each_invoice_while_others_wait(shop: Shop) -> None:
    """Rows are written for each; questions, savepoints and numbers are for all of them together."""

    def statements(count: int) -> list[str]:
        inputs = read([INVOICE] * count, shop)
        seen: list[str] = []
        listen = (db.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        sa.event.listen(*listen)
        try:
            importing.create_invoices(inputs, shop, now=START, actor=Actor.system("test"))
            db.session.flush()
        finally:
            sa.event.remove(*listen)
        return [each for each in seen if not each.startswith(("INSERT", "UPDATE documents"))]

    statements(1)  # The first of a year begins the series.
    few, many = statements(2), statements(20)
    assert len(many) == len(few) and sum("number_series" in each for each in many) == 1


def test_a_byte_order_mark_is_no_reason_to_refuse(shop: Shop) -> None:
    assert len(read(b"\xef\xbb\xbf" + json.dumps(INVOICE).encode(), shop)) == 1
