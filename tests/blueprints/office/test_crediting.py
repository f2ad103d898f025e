"""The office's credit form: nothing is chosen beforehand, a page asks, and each note is made once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.audit import Actor
from portal.core.mail_message import MailMessage
from portal.domain.catalog.models import CancelMode
from portal.domain.invoices import booking
from portal.domain.invoices.actions import issue_invoice
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.crediting import creditable
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.domain.subscriptions import cancelling
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.domain.invoices.test_taking_back import issue
from tests.page_client import check_page, find_all, parse, text_of
from tests.rows import make_billed, make_contact

LIST = "/office/invoices"


@pytest.fixture(autouse=True)
def now() -> Any:
    with clock.frozen(START):
        yield


@pytest.fixture
def invoice(on_stage: Any, ids: Any) -> str:
    """The form of an invoice of € 121 in two lines."""
    with on_stage():
        return f"{LIST}/{make_invoice(ids.emma_account, lines=2).public_id}/credit"


@pytest.fixture
def chairs(on_stage: Any, ids: Any) -> str:
    """The form of an invoice of ten chairs for € 121 and their delivery for € 12.10, both with VAT."""
    with on_stage():
        customer, shop = db.session.get_one(Customer, ids.emma_account), db.session.get_one(Shop, ids.shop)
        lines = [
            LineInput("Chairs", Decimal(10), Decimal(1210), Decimal(21)),
            LineInput("Delivery", Decimal(1), Decimal(1210), Decimal(21)),
        ]
        who: dict[str, Any] = {"now": START, "actor": Actor.system("test")}
        made = create_draft(shop, customer, lines, prices_include_vat=True, **who)
        issue_invoice(made, shop=shop, customer=customer, **who)
        return f"{LIST}/{made.public_id}/credit"


def text(response: Any) -> str:
    return text_of(parse(response.get_data(as_text=True)))


def asked(response: Any) -> dict[str, str]:
    """What the page that asks sends on."""
    assert response.status_code == 200, text(response)
    check_page(response.get_data(as_text=True), response.request.path)
    assert "Make this credit note?" in text(response)
    fields = find_all(parse(response.get_data(as_text=True)), "input")
    return {
        field.attrib["name"]: field.attrib["value"]
        for field in fields
        if field.attrib.get("type") == "hidden" and field.attrib["name"] not in ("csrf_token", "next")
    }


def make(client: Any, form: str, **chosen: str) -> Any:
    """Fills in the form, and says yes."""
    fields = {name.replace("_", "-"): value for name, value in chosen.items()}
    return client.send(form, asked(client.send(form, fields)))


def books(on_stage: Any, ids: Any) -> tuple[list[tuple[str, int, int, str]], int]:
    """Number, total, what is open and state of each document, and the customer's credit."""
    with on_stage():
        assert find_imbalances() == []
        documents = db.session.scalars(sa.select(Document).order_by(Document.id))
        return (
            [(str(d.number), d.total_minor, d.open_minor, d.list_state.value) for d in documents],
            booking.credit_balance(ids.emma_account, mode=Mode.TEST, currency="EUR"),
        )


def mails(on_stage: Any) -> list[str]:
    with on_stage():
        return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))


def test_nothing_is_chosen_beforehand(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    page = saskia.get(invoice)
    boxes = [each.attrib for each in find_all(parse(page.text), "input") if each.attrib["type"] == "checkbox"]
    assert [box["name"] for box in boxes] == ["everything", "whole-1", "whole-2"]
    assert not any("checked" in box for box in boxes)
    refused = saskia.send(invoice, {})
    assert refused.status_code == 422 and "Choose at least one line" in text(refused)
    assert len(books(on_stage, ids)[0]) == 1


def test_it_is_asked_and_then_made_once(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    page = saskia.send(invoice, {"everything": "y", "note": "Sorry!"})
    assert text(page).count("Coffee beans") == 2 and "Sorry!" in text(page)
    assert "€ 21.00" in text(page) and "Total credited" in text(page), "VAT included"
    fields = asked(page)
    assert fields == {"everything": "y", "note": "Sorry!", "told": "12100.12100.12100"}
    assert len(books(on_stage, ids)[0]) == 1 and mails(on_stage) == [], "asking makes nothing"
    made = saskia.send(invoice, fields)
    assert made.status_code == 303 and "Sorry!" in text(saskia.get(made.location))
    again = saskia.send(invoice, fields)
    assert again.status_code == 409 and "changed meanwhile" in text(again)
    assert books(on_stage, ids) == (
        [("2026-0001", 12100, 0, "credited"), ("C2026-0001", 12100, 0, "paid")],
        0,
    )
    assert mails(on_stage) == ["credit_note_issued"]
    assert "Nothing is left" in text(saskia.get(invoice))


def test_one_may_go_back_and_change_it(login: Any, invoice: str) -> None:
    saskia = login("saskia")
    fields = asked(saskia.send(invoice, {"whole-2": "y", "amount-1": "10", "note": "Sorry!"}))
    page = saskia.send(invoice, {**fields, "change": "1"})
    check_page(page.get_data(as_text=True), invoice)
    values = {each.attrib["name"]: each.attrib for each in find_all(parse(page.text), "input")}
    assert page.status_code == 200 and "checked" in values["whole-2"] and "The whole invoice" in text(page)
    assert values["amount-1"]["value"] == "10" and "Sorry!" in text(page)


def test_what_was_paid_becomes_credit(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    with on_stage():
        document = db.session.scalars(sa.select(Document)).one()
        book(attempt(ids.emma_account, (document, 10000)), 10000)
    saskia = login("saskia")
    page = saskia.send(invoice, {"whole-2": "y"})
    assert asked(page)["told"] == "12100.6050.2100"
    for words in ("Taken off what is open€ 21.00", "Becomes the customer’s credit€ 39.50", "that€ 0.00"):
        assert words in text(page), words
    assert make(saskia, invoice, whole_2="y").status_code == 303
    assert books(on_stage, ids) == (
        [("2026-0001", 12100, 0, "paid"), ("C2026-0001", 6050, 0, "paid")],
        3950,
    )
    shown = saskia.get(invoice.removesuffix("/credit"))
    assert "€ 21.00 taken off this invoice, € 39.50 became the customer’s credit" in text(shown)
    assert "€ 60.50 of this invoice was credited, by credit note C2026-0001." in text(shown)
    (way,) = [a.attrib["href"] for a in find_all(parse(shown.text), "a") if text_of(a) == "C2026-0001"]
    note = text(saskia.get(way))
    for words in (
        "On invoice2026-0001",
        "Taken off the invoice€ 21.00",
        "Became the customer’s credit€ 39.50",
        "Total credited€ 60.50",
    ):
        assert words in note, words
    assert "Reference" not in note and "Due" not in note
    assert make(saskia, invoice, everything="y").status_code == 303
    assert "Make a credit note" not in text(saskia.get(invoice.removesuffix("/credit")))
    documents, credit = books(on_stage, ids)
    assert (documents[0], credit) == (("2026-0001", 12100, 0, "credited"), 10000)


def test_a_discount_alone_is_refused_before_anything_is_asked(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        lines = [
            LineInput("Work", Decimal(1), Decimal(10000), Decimal(21)),
            LineInput("Discount", Decimal(1), Decimal(-1000), Decimal(21)),
        ]
        address = f"{LIST}/{issue(ids, lines, include_vat=False).public_id}/credit"
    saskia = login("saskia")
    refused = saskia.send(address, {"whole-2": "y"})
    assert refused.status_code == 422 and "together with what it is for" in text(refused)
    check_page(refused.get_data(as_text=True), address)
    dutch = saskia.send(address, {"whole-2": "y"}, headers={"Accept-Language": "nl"})
    assert "samen met datgene waarvoor die geldt" in text(dutch)
    assert make(saskia, address, whole_2="y", amount_1="10.01").status_code == 303
    assert books(on_stage, ids)[0][1] == ("C2026-0001", 1, 0, "paid")


def test_a_part_of_a_line_by_pieces_and_by_amount(login: Any, on_stage: Any, ids: Any, chairs: str) -> None:
    saskia = login("saskia")
    page = text(saskia.get(chairs))
    assert page.count("How many") == 1 and "At most 10." in page and page.count("Amount incl. VAT") == 2
    assert make(saskia, chairs, quantity_1="3", amount_2="2.10").status_code == 303
    page = text(saskia.get(chairs))
    assert "€ 84.70 is left" in page and "At most 7." in page and "€ 10.00 is left" in page
    note = books(on_stage, ids)[0][1]
    assert note == ("C2026-0001", 3840, 0, "paid")
    for chosen, words in {
        "quantity-1=7.5": "between nothing and what is left",
        "amount-1=84.71": "between nothing and what is left",
        "amount-1=0": "between nothing and what is left",
        "amount-1=-5": "between nothing and what is left",
        "amount-1=x": "Write a number like",
        "quantity-1=x": "Write a number like",
        "quantity-1=1&amount-1=1": "not both",
        "whole-1=y&amount-1=1": "not both",
        "whole-1=y&everything=y": "not both",
    }.items():
        refused = saskia.send(chairs, dict(each.split("=") for each in chosen.split("&")))
        assert refused.status_code == 422 and words in text(refused), chosen
        check_page(refused.get_data(as_text=True), chairs)
    assert len(books(on_stage, ids)[0]) == 2
    assert make(saskia, chairs, whole_1="y", whole_2="y").status_code == 303
    assert books(on_stage, ids)[0][0] == ("2026-0001", 13310, 0, "credited")


def test_numbers_are_read_as_the_page_is(login: Any, on_stage: Any, ids: Any, chairs: str) -> None:
    saskia = login("saskia")
    saskia.send("/office/preferences", {"locale": "nl"})
    fields = asked_in_dutch(saskia.send(chairs, {"amount-1": "1,50"}))
    assert saskia.send(chairs, fields).status_code == 303
    assert books(on_stage, ids)[0][1][1] == 150


def asked_in_dutch(response: Any) -> dict[str, str]:
    fields = find_all(parse(response.get_data(as_text=True)), "input")
    hidden = {each.attrib["name"]: each.attrib["value"] for each in fields if each.attrib["type"] == "hidden"}
    return {name: hidden[name] for name in ("amount-1", "told")}


def test_two_browsers_make_one(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    one, other = login("saskia"), login("saskia")
    first, second = (asked(each.send(invoice, {"whole-1": "y"})) for each in (one, other))
    assert one.send(invoice, first).status_code == 303
    late = other.send(invoice, second)
    assert late.status_code == 409 and "nothing was credited" in text(late)
    stale = other.send(invoice, {"whole-1": "y"})
    assert stale.status_code == 422 and "of those that are left" in text(stale)
    assert len(books(on_stage, ids)[0]) == 2


def test_what_was_asked_changed_when_money_came_in(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    fields = asked(saskia.send(invoice, {"whole-1": "y"}))
    with on_stage():
        document = db.session.scalars(sa.select(Document)).one()
        book(attempt(ids.emma_account, (document, 12100)), 12100)
    late = saskia.send(invoice, fields)
    assert late.status_code == 409 and "changed meanwhile" in text(late)
    assert len(books(on_stage, ids)[0]) == 1


def test_the_rest_of_a_bill_says_how_much_that_is(login: Any, on_stage: Any, ids: Any) -> None:
    """The days that were not used are taken back; the rest of the line can be, too."""
    with on_stage():
        subscription, bill = make_billed(ids.emma_account, plan={"cancel_mode": CancelMode.IMMEDIATE})
        address, subscription_id, bill_id = f"{LIST}/{bill.public_id}/credit", subscription.id, bill.id
    saskia = login("saskia")
    assert "is left" not in text(saskia.get(address))
    with on_stage():
        cancelling.cancel_now(
            subscription_id, told=None, actor=Actor.system("test"), now=START + timedelta(days=10)
        )
        left = creditable(db.session.get_one(Document, bill_id))
    page = text(saskia.get(address))
    assert f"{left / 100:.2f} is left" in page, page
    assert make(saskia, address, whole_1="y").status_code == 303
    assert "Nothing is left" in text(saskia.get(address))


def test_the_mail_leaves_with_the_note_to_who_gets_bills(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    with on_stage():
        make_contact(ids.emma_account, name="Bo", email="bo@example.net", billing_mails=True)
    assert make(login("saskia"), invoice, whole_1="y").status_code == 303
    with on_stage():
        mail = db.session.scalars(sa.select(MailMessage)).one()
        note = db.session.scalars(sa.select(Document).where(Document.kind == DocumentKind.CREDIT_NOTE)).one()
        assert (mail.to, mail.cc) == (["emma@example.com"], ["bo@example.net"])
        assert mail.related == f"document:{note.public_id}" and mail.context["off_minor"] == 6050


def test_what_is_credited_takes_no_money_and_no_reminder(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    saskia, page = login("saskia"), invoice.removesuffix("/credit")
    assert make(saskia, invoice, everything="y").status_code == 303
    shown = saskia.get(page)
    assert "Register a payment" not in shown.text and "Send a reminder" not in shown.text
    assert "Credited" in text(shown)
    assert saskia.get(f"{page}/payment").location == page
    assert "There is nothing to pay of this invoice" in text(saskia.get(page))
    paid = {
        "amount": "1", "method": "cash", "paid_on": "2026-11-01", "reference": "", "key": "p" * 22,
    }  # fmt: skip
    refused = saskia.send(f"{page}/payment", paid)
    assert refused.status_code == 409 and "Nothing is open of this any more" in text(refused)
    assert saskia.send(f"{page}/remind").location == page
    assert "nothing to remind of" in text(saskia.get(page))
    with on_stage():
        document = db.session.scalars(sa.select(Document).where(Document.number == "2026-0001")).one()
        assert (document.status, document.list_state) == (DocumentStatus.SETTLED, ListState.CREDITED)
    assert mails(on_stage) == ["credit_note_issued"]
