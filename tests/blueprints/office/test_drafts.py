"""Drafts in the office: typed, added to, changed by two at once, deleted, finalised once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core.audit import AuditEntry
from portal.core.mail_message import MailMessage
from portal.core.vat import VatCategory
from portal.domain.invoices import booking
from portal.domain.invoices.models import Document, DocumentLine, DocumentStatus, DocumentVat
from portal.domain.people.models import Customer, Staff
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.page_client import find_all, parse, text_of
from tests.rows import HOSTILE

LIST = "/office/invoices"
LINE = {
    "lines-0-description": "Bread", "lines-0-quantity": "2", "lines-0-unit_price": "3.50", "lines-0-vat": "reduced:9",
}  # fmt: skip
KEY = {"key": "k" * 22}

WARNING = "Its total is below zero, and that of an invoice cannot be."


def text(response: Any) -> str:
    return text_of(parse(response.get_data(as_text=True)))


def typed(response: Any) -> dict[str, str]:
    """What the form of a page would send."""
    found = {}
    for element in find_all(parse(response.get_data(as_text=True)), "input", "textarea"):
        if element.attrib.get("name"):
            found[element.attrib["name"]] = element.attrib.get("value") or (element.text or "").strip()
    return found


@pytest.fixture
def new(on_stage: Any, ids: Any) -> str:
    with on_stage():
        return f"{LIST}/new?customer={db.session.get_one(Customer, ids.emma_account).public_id}"


@pytest.fixture
def draft(login: Any, new: str) -> str:
    """The address of a draft of Emma's."""
    return str(login("saskia").send(new, {**LINE, **KEY}).location)


def plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def documents(on_stage: Any) -> list[dict[str, Any]]:
    with on_stage():
        return [
            {
                "status": each.status,
                "number": each.number,
                "total": each.total_minor,
                "note": each.note,
                "version": each.version,
                "lines": [
                    (line.description, plain(line.quantity), plain(line.unit_price), line.vat_category.value)
                    for line in each.lines
                ],
            }
            for each in db.session.scalars(sa.select(Document).order_by(Document.id))
        ]


def test_whom_it_is_for_is_chosen_first(login: Any, new: str) -> None:
    page = login("saskia").get(f"{LIST}/new?q=vries")
    links = [a.attrib["href"] for a in find_all(parse(page.text), "a") if "customer=" in a.attrib["href"]]
    assert links == [new]
    assert login("saskia").get(f"{LIST}/new?customer=nobody").status_code == 404


def test_sent_twice_it_is_one_draft(login: Any, on_stage: Any, new: str) -> None:
    saskia = login("saskia")
    assert saskia.get(new).status_code == 200
    first, second = (saskia.send(new, {**LINE, **KEY, "note": "Thanks!"}) for _ in range(2))
    assert first.status_code == second.status_code == 303 and first.location == second.location
    [made] = documents(on_stage)
    assert made["lines"] == [("Bread", "2", "350", "reduced")] and made["note"] == "Thanks!"
    assert made["status"] is DocumentStatus.DRAFT and made["number"] is None and made["total"] == 700
    page = text(saskia.get(first.location))
    assert "Draft" in page and "Bread" in page and "€ 7.00" in page
    assert "1draft to finish" in text(saskia.get("/office"))


def test_adding_a_line_needs_no_script_and_saves_nothing(login: Any, on_stage: Any, new: str) -> None:
    saskia = login("saskia")
    more = saskia.send(new, {**LINE, **KEY, "add": "1"})
    assert more.status_code == 200
    names = typed(more)
    assert names["lines-0-description"] == "Bread" and names["lines-1-description"] == ""
    assert names["key"] == KEY["key"] and documents(on_stage) == []
    second = {
        "lines-1-description": "Discount", "lines-1-quantity": "1", "lines-1-unit_price": "-0.5",
        "lines-1-vat": "standard:21",
    }  # fmt: skip
    empty = {
        "lines-2-description": "",
        "lines-2-quantity": "1",
        "lines-2-unit_price": "",
        "lines-2-vat": "zero:0",
    }
    assert saskia.send(new, {**LINE, **second, **empty, **KEY}).status_code == 303
    assert [line[0] for line in documents(on_stage)[0]["lines"]] == ["Bread", "Discount"]


def test_numbers_are_read_in_the_language_of_the_page(login: Any, on_stage: Any, ids: Any, new: str) -> None:
    with on_stage():
        db.session.get_one(Staff, ids.saskia).language = "nl"
    saskia = login("saskia")
    dutch = {**LINE, "lines-0-quantity": "1,5", "lines-0-unit_price": "1.234,5678", **KEY}
    made = saskia.send(new, dutch)
    assert made.status_code == 303
    assert documents(on_stage)[0]["lines"] == [("Bread", "1.5", "123456.78", "reduced")]
    shown = typed(saskia.get(f"{made.location}/edit"))
    assert (shown["lines-0-quantity"], shown["lines-0-unit_price"]) == ("1,5", "1234,5678")
    english = saskia.send(new, {**LINE, "lines-0-unit_price": "3.50", "key": "z" * 22})
    assert english.status_code == 303, "it can be read in one way only"
    assert documents(on_stage)[-1]["lines"][0][2] == "350"
    unclear = saskia.send(new, {**LINE, "lines-0-unit_price": "1234.500", "key": "y" * 22})
    assert unclear.status_code == 422 and "1.234,50" in text(unclear)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("lines-0-quantity", "two", "Write a number like"),
        ("lines-0-unit_price", "", "Write a number like"),
        ("lines-0-description", "", "Say what it is for."),
        ("lines-0-vat", "reverse_charge:0", "VAT can be reverse charged only to a business"),
    ],
)
def test_what_is_refused_is_shown_again(
    login: Any, on_stage: Any, new: str, field: str, value: str, words: str
) -> None:
    refused = login("saskia").send(new, {**LINE, **KEY, field: value, "note": "Kept"})
    assert refused.status_code == 422 and words in text(refused) and "Kept" in refused.text
    assert documents(on_stage) == []


def test_without_a_line_there_is_no_draft(login: Any, new: str) -> None:
    refused = login("saskia").send(new, {**KEY, "lines-0-vat": "zero:0"})
    assert refused.status_code == 422 and "at least one line" in text(refused)


def test_a_shop_of_the_small_businesses_scheme_charges_none_first(
    login: Any, on_stage: Any, ids: Any, new: str
) -> None:
    with on_stage():
        db.session.get_one(Shop, ids.shop).small_business = True
    first = find_all(parse(login("saskia").get(new).text), "option")[0]
    assert first.attrib["value"] == f"{VatCategory.SMALL_BUSINESS.value}:0"


def test_two_browsers_change_it(login: Any, on_stage: Any, draft: str) -> None:
    saskia = login("saskia")
    seen = typed(saskia.get(f"{draft}/edit"))
    first = {**seen, "lines-0-vat": "reduced:9", "lines-0-quantity": "3"}
    late = {**seen, "lines-0-vat": "reduced:9", "lines-0-description": "Cake"}
    assert saskia.send(f"{draft}/edit", first).status_code == 303
    refused = saskia.send(f"{draft}/edit", late)
    assert refused.status_code == 409 and "changed this draft meanwhile" in text(refused)
    assert "Cake" in refused.text, "what was typed is still there"
    assert documents(on_stage)[0]["lines"] == [("Bread", "3", "350", "reduced")]
    again = typed(refused)
    assert saskia.send(f"{draft}/edit", {**again, "lines-0-vat": "reduced:9"}).status_code == 303
    assert documents(on_stage)[0]["lines"][0][0] == "Cake"


def test_even_the_same_sums_are_a_change(login: Any, on_stage: Any, draft: str) -> None:
    saskia = login("saskia")
    seen = {**typed(saskia.get(f"{draft}/edit")), "lines-0-vat": "reduced:9"}
    assert saskia.send(f"{draft}/edit", {**seen, "lines-0-description": "Rolls"}).status_code == 303
    assert saskia.send(f"{draft}/edit", seen).status_code == 409
    assert saskia.send(f"{draft}/finalise", {"version": seen["version"]}).status_code == 409
    assert saskia.send(f"{draft}/delete", {"version": seen["version"]}).status_code == 409
    assert documents(on_stage)[0]["status"] is DocumentStatus.DRAFT


def test_deleting_asks_first_and_leaves_a_trace(login: Any, on_stage: Any, draft: str) -> None:
    saskia = login("saskia")
    version = typed(saskia.get(f"{draft}/delete"))["version"]
    assert documents(on_stage), "a GET deletes nothing"
    assert saskia.send(f"{draft}/delete", {"version": version}).location == LIST
    assert documents(on_stage) == [] and saskia.get(draft).status_code == 404
    assert saskia.send(f"{draft}/delete", {"version": version}).status_code == 404
    with on_stage():
        events = db.session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)).all()
    assert events == ["invoice.drafted", "invoice.draft_deleted"]


@pytest.mark.parametrize("verb", ["edit", "delete", "finalise"])
def test_one_that_is_deleted_between_the_look_and_the_lock_leads_to_the_list(
    login: Any, on_stage: Any, draft: str, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """On PostgreSQL another browser can come in between; on SQLite whoever writes is alone."""
    saskia = login("saskia")
    version = typed(saskia.get(f"{draft}/{verb}"))["version"]
    lock_documents = booking.lock_documents

    def deleted_first(ids: Any) -> list[Document]:
        for table in (DocumentLine, DocumentVat, Document):
            db.session.execute(sa.delete(table))
        db.session.commit()
        return lock_documents(ids)

    monkeypatch.setattr(booking, "lock_documents", deleted_first)
    refused = saskia.send(f"{draft}/{verb}", {**LINE, "version": version})
    assert refused.status_code == 409 and "Somebody deleted this draft meanwhile" in text(refused)
    ways = [
        each.attrib.get("href")
        for each in find_all(parse(refused.text), "a")
        if "To the invoices" in text_of(each)
    ]
    assert ways == [LIST] and documents(on_stage) == []


@pytest.mark.parametrize("sends", [True, False])
def test_finalised_once_with_one_number_and_one_mail(
    login: Any, on_stage: Any, draft: str, sends: bool
) -> None:
    saskia, other = login("saskia"), login("saskia")
    version = typed(saskia.get(f"{draft}/finalise"))["version"]
    step = {"version": version, **({"sends": "y"} if sends else {})}
    for client in (saskia, other, saskia):
        answer = client.send(f"{draft}/finalise", step)
        assert (answer.status_code, answer.location) == (303, draft)
    [made] = documents(on_stage)
    assert made["status"] is DocumentStatus.OPEN and made["number"] == "2026-0001"
    with on_stage():
        assert db.session.scalars(sa.select(MailMessage.name)).all() == ["invoice_issued"] * sends
        actors = db.session.scalars(
            sa.select(AuditEntry.actor_kind).where(AuditEntry.event == "invoice.issued")
        ).all()
    assert actors == ["staff"]
    for step_on in ("edit", "delete"):
        assert saskia.get(f"{draft}/{step_on}").status_code == 409
    assert saskia.get(f"{draft}/finalise").location == draft


def test_a_refused_one_draws_no_number(login: Any, on_stage: Any, new: str) -> None:
    saskia = login("saskia")
    below_zero = saskia.send(new, {**LINE, "lines-0-unit_price": "-5", **KEY}).location
    # Its page says so before somebody tries; it stays a draft that can be saved.
    assert WARNING in text(saskia.get(below_zero))
    version = typed(saskia.get(f"{below_zero}/finalise"))["version"]
    refused = saskia.send(f"{below_zero}/finalise", {"version": version})
    assert refused.status_code == 422 and "cannot be below zero" in text(refused)
    again = {**LINE, "lines-0-unit_price": "0", "version": version}
    assert saskia.send(f"{below_zero}/edit", again).status_code == 303
    assert WARNING not in text(saskia.get(below_zero))
    good = saskia.send(new, {**LINE, "key": "g" * 22}).location
    saskia.send(f"{good}/finalise", {"version": typed(saskia.get(f"{good}/finalise"))["version"]})
    assert [each["number"] for each in documents(on_stage)] == [None, "2026-0001"]


def test_hostile_text_is_shown_as_typed(login: Any, new: str) -> None:
    saskia = login("saskia")
    made = saskia.send(new, {**LINE, "lines-0-description": HOSTILE, "note": HOSTILE, **KEY}).location
    for page in (made, f"{made}/edit", f"{made}/finalise"):
        assert "<script>alert" not in saskia.get(page).text


def test_an_archived_account_gets_no_invoice(login: Any, on_stage: Any, ids: Any, new: str) -> None:
    from tests.cast import START

    with on_stage():
        db.session.get_one(Customer, ids.emma_account).archived_at = START
    assert login("saskia").send(new, {**LINE, **KEY}).status_code == 409


@pytest.mark.parametrize("number", ["²", "٣", "x", "", "-1", "9" * 30])
def test_a_line_of_no_number_is_no_line(login: Any, on_stage: Any, new: str, number: str) -> None:
    strange = {f"lines-{number}-quantity": "1", f"lines-{number}-description": "Cake"}
    answer = login("saskia").send(new, {**LINE, **KEY, **strange})
    assert answer.status_code in (303, 422)
    assert [line[0] for made in documents(on_stage) for line in made["lines"]] in ([], ["Bread"])
