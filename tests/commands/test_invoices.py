"""``flask invoice``: all the invoices of a file or none, and a check that finds a wrong balance."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.mailer import MailMessage
from portal.domain.invoices import importing
from portal.domain.invoices.models import Document
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import OTHER_HOST, Ids, make_invoice
from tests.commands.conftest import Run

LINE = {"description": "Coffee beans, 1 kg", "quantity": "2", "unit_price": "24.50", "vat_rate": "9"}
INVOICE: dict[str, Any] = {"customer": "emma@example.com", "lines": [LINE]}

Refused = Callable[..., str]


def test_a_file_of_two_becomes_two_invoices_with_mails(
    run: Run, on_stage: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "invoices.json"
    business = {
        "customer": "jan@example.com",
        "prices_include_vat": False,
        "lines": [{**LINE, "vat_rate": "21"}],
    }
    file.write_text(json.dumps([INVOICE, {**business, "note": "Thank you!", "supply_date": "2026-11-01"}]))
    done = run("invoice", "create", "--from-json", str(file))
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    with on_stage():
        documents = list(db.session.scalars(sa.select(Document).order_by(Document.id)))
        assert [document.total_minor for document in documents] == [4900, 5929]
        assert first.startswith(
            f"{documents[0].number}  €\N{NO-BREAK SPACE}49.00  https://shop.example.test/pay/"
        )
        assert second.startswith(f"{documents[1].number}  €\N{NO-BREAK SPACE}59.29  ")
        assert [document.sequence for document in documents] == [1, 2]
        mails = list(db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id)))
        assert [(mail.name, mail.to) for mail in mails] == [
            ("invoice_issued", ["emma@example.com"]),
            ("invoice_issued", ["jan@example.com"]),
        ]


@pytest.mark.skipif(
    os.environ.get("LOKET_TEST_DATABASE") == "postgres", reason="PostgreSQL lets others write meanwhile"
)
def test_nobody_waits_while_a_file_is_read_and_worked_out(
    app: Flask, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the writing holds SQLite's lock; a writer that comes during it waits, and both are kept."""
    came: list[str] = []
    real_draft, real_send = importing.new_draft, importing.send_invoices

    def write(city: str, seconds: float) -> None:
        with closing(sqlite3.connect(str(app.config["LOKET"].sqlite_path), timeout=seconds)) as other:
            other.execute("UPDATE customers SET city = ? WHERE email = 'jan@example.com'", (city,))
            other.commit()
        came.append(city)

    def draft_beside_a_writer(*args: Any, **options: Any) -> Any:
        write("Zeist", 0)
        return real_draft(*args, **options)

    def send_beside_a_writer(*args: Any, **options: Any) -> Any:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write("Houten", 0)
        waiting.start()
        return real_send(*args, **options)

    waiting = threading.Thread(target=write, args=("Bunnik", 30))
    monkeypatch.setattr(importing, "new_draft", draft_beside_a_writer)
    monkeypatch.setattr(importing, "send_invoices", send_beside_a_writer)
    done = run("invoice", "create", "--from-json", "-", input=json.dumps([INVOICE, INVOICE]))
    waiting.join(30)
    assert done.exit_code == 0, done.output
    assert came == ["Zeist", "Zeist", "Bunnik"]
    with closing(sqlite3.connect(str(app.config["LOKET"].sqlite_path))) as after:
        assert after.execute("SELECT count(*) FROM documents").fetchone() == (2,)


def test_standard_input(run: Run) -> None:
    done = run("invoice", "create", "--from-json", "-", input=json.dumps(INVOICE))
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1


def changed(**values: Any) -> Any:
    return {**INVOICE, **values}


def line(**values: Any) -> Any:
    return changed(lines=[{**LINE, **values}])


def without(key: str) -> Any:
    return changed(lines=[{name: value for name, value in LINE.items() if name != key}])


BAD: dict[str, Any] = {
    "nothing": b"",
    "blank": b" \n ",
    "no JSON": b"{'customer': 1}",
    "not UTF-8": b'{"customer": "\xff"}',
    "NUL": b"\x00",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "ten megabytes": b'{"customer": "' + b"x" * 10_000_000 + b'"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "a huge whole number": b'{"customer": ' + b"9" * 50_000 + b"}",
    "a number with decimals": b'{"customer": 1.5}',
    "infinity": b'{"customer": Infinity}',
    "an empty list": [],
    "too many": [INVOICE] * 1001,
    "a text": "invoice",
    "null": None,
    "a list in a list": [[INVOICE]],
    "an empty object": {},
    "an unknown key": changed(colour="red"),
    "no lines": {"customer": "emma@example.com"},
    "an empty list of lines": changed(lines=[]),
    "lines of another type": changed(lines={"0": LINE}),
    "too many lines": changed(lines=[LINE] * 501),
    "a line that is a text": changed(lines=["coffee"]),
    "an unknown customer": changed(customer="nobody@example.com"),
    "a customer of another shop": changed(customer="dora@example.com"),
    "a customer of another type": changed(customer=7),
    "an empty customer": changed(customer=""),
    "a customer with NUL": changed(customer="emma@example.com\0"),
    "another currency": changed(currency="USD"),
    "a currency of another type": changed(currency=["EUR"]),
    "a flag that is a text": changed(prices_include_vat="yes"),
    "a day that is none": changed(supply_date="2026-02-30"),
    "a day of another type": changed(supply_date=20261101),
    "a note too long": changed(note="x" * 2001),
    "a note with NUL": changed(note="a\0b"),
    "half a character": changed(note="\ud800"),
    "no description": without("description"),
    "an empty description": line(description="  "),
    "a description too long": line(description="x" * 1001),
    "no quantity": without("quantity"),
    "a quantity as a number": line(quantity=2),
    "a quantity of nought": line(quantity="0"),
    "a quantity of words": line(quantity="two"),
    "a quantity with five decimals": line(quantity="0.00001"),
    "a huge quantity": line(quantity="9" * 40),
    "a quantity beyond the limit": line(quantity="999999999999"),
    "a comma": line(unit_price="24,50"),
    "a negative price": line(unit_price="-1"),
    "a negative total": line(quantity="-2"),
    "a price too fine": line(unit_price="0.0000001"),
    "a price beyond the limit": line(unit_price="999999999999"),
    "a price that is null": line(unit_price=None),
    "an exponent": line(unit_price="1e3"),
    "other digits": line(unit_price="٣"),
    "an unknown rate": line(vat_rate="19"),
    "a negative rate": line(vat_rate="-9"),
    "a rate with a sign": line(vat_rate="9%"),
    "an unknown category": line(vat_category="luxury"),
    "a rate where there is none": line(vat_category="exempt"),
    "a reverse charge for a consumer": line(vat_rate="0", vat_category="reverse_charge"),
    "the second of two": [INVOICE, changed(currency="USD")],
    "the last of many": [*[INVOICE] * 20, line(quantity="-2")],
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_sentence(refused: Refused, tmp_path: Path, content: Any) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    refused("invoice", "create", "--from-json", str(file))


def test_the_sentence_names_the_place(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps([INVOICE, changed(lines=[LINE, {**LINE, "vat_rate": "19"}])]))
    said = refused("invoice", "create", "--from-json", str(file))
    assert said == "[1].lines[1].vat_rate: there is no such rate; use 21, 9, 0"


def test_the_sentence_is_in_the_language_of_the_shop(
    refused: Refused, on_stage: Callable[..., Any], ids: Ids, tmp_path: Path
) -> None:
    with on_stage():
        db.session.get_one(Shop, ids.shop).language = "nl"
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(line(description="")))
    said = refused("invoice", "create", "--from-json", str(file))
    assert said.startswith("lines[0].description: ") and not said.endswith("this is empty")


@pytest.mark.parametrize("name", ["", "missing.json", ".", "a\0b"])
def test_a_file_that_cannot_be_read(refused: Refused, tmp_path: Path, name: str) -> None:
    assert "cannot be read" in refused("invoice", "create", "--from-json", str(tmp_path / name))


def test_which_shop(refused: Refused, run: Run) -> None:
    create = ("invoice", "create", "--from-json", "-")
    assert "several shops" in refused(*create, shop=None, input=json.dumps(INVOICE))
    assert "no such shop" in refused(*create, shop="nowhere.example", input=json.dumps(INVOICE))
    assert "there is no such account" in refused(*create, shop=OTHER_HOST, input=json.dumps(INVOICE))
    assert (
        run(*create, shop=OTHER_HOST, input=json.dumps(changed(customer="dora@example.com"))).exit_code == 0
    )


def test_the_check_finds_a_wrong_balance(run: Run, on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        right, wrong = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
        number = wrong.number
        wrong_id = wrong.id
        assert right.number != number
    done = run("invoice", "check")
    assert (done.exit_code, done.stdout) == (0, "2 documents checked.\n")
    with on_stage():
        db.session.execute(sa.update(Document).where(Document.id == wrong_id).values(open_minor=1))
    done = run("invoice", "check")
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"{number}: €\N{NO-BREAK SPACE}0.01 is stored as open, €\N{NO-BREAK SPACE}121.00 is right."
    ]
    assert run("invoice", "check", shop=OTHER_HOST).exit_code == 0


def test_a_database_without_tables(app: Flask, run: Run) -> None:
    with app.app_context():
        db.drop_all()
    done = run("invoice", "check")
    assert done.exit_code == 2 and "Start Loket once" in done.stderr and done.stderr.count("\n") == 1
