"""Issued invoices in the office: listed, sent, paid by hand and taken back, each once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock
from portal.core.audit import AuditEntry
from portal.core.mail_message import MailMessage
from portal.domain.invoices import booking, rendering, staff_queries
from portal.domain.invoices.balance import compute_balance
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.invoices.staff_list import Filter
from portal.domain.invoices.staff_search import list_for_staff
from portal.domain.payments.models import Payment, PaymentEvent, PaymentStatus
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse, text_of
from tests.rows import write_invoices
from tests.statements import counted, plans

LIST = "/office/invoices"
SLOW = re.compile(r"TEMP B-TREE|SCAN (?!anon_|CONSTANT)|Sort|Seq Scan")
TODAY = START.date()
PAID = {
    "amount": "121.00",
    "method": "transfer",
    "paid_on": "2026-11-01",
    "reference": "NL91 X",
    "key": "p" * 22,
}


def text(response: Any) -> str:
    return text_of(parse(response.get_data(as_text=True)))


def numbers(response: Any) -> list[str]:
    links = find_all(parse(response.get_data(as_text=True)), "a")
    return [text_of(link) for link in links if "row-link" in link.attrib.get("class", "")]


@pytest.fixture(autouse=True)
def now() -> Any:
    with clock.frozen(START):
        yield


@pytest.fixture
def invoice(on_stage: Any, ids: Any) -> str:
    """The address of an invoice of € 121 in two lines."""
    with on_stage():
        return f"{LIST}/{make_invoice(ids.emma_account, lines=2).public_id}"


def state(on_stage: Any, ids: Any) -> dict[str, Any]:
    """The books after a step."""
    with on_stage():
        documents = list(db.session.scalars(sa.select(Document).order_by(Document.id)))
        for document in documents:
            balance = compute_balance(document)
            assert (document.open_minor, document.paid_minor) == (balance.open_minor, balance.paid_minor)
        return {
            "documents": [(each.number, each.status, each.open_minor, each.list_state) for each in documents],
            "payments": [
                (each.provider, each.method.value, each.status, each.received_minor)
                for each in db.session.scalars(sa.select(Payment))
            ],
            "credit": booking.credit_balance(ids.emma_account, mode=Mode.TEST, currency="EUR"),
            "mails": list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id))),
            "audit": list(db.session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id))),
        }


def test_the_list_and_its_filters(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        one = make_invoice(ids.emma_account)
        two = make_invoice(ids.jan_account, now=START - timedelta(days=40))
        paid = make_invoice(ids.emma_account)
        paid.list_state, paid.status = ListState.PAID, DocumentStatus.SETTLED
        note = make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        names = [each.number or "" for each in (one, two, paid, note)]
    saskia = login("saskia")
    first, second, third, fourth = names
    for query, expected in {
        "": {first, second, third}, "status=paid": {third}, "status=unpaid": {first, second},
        "status=overdue": {second}, "status=pending": set(), "status=draft": set(),
        "status=credit_notes": {fourth}, "q=jansen": {second}, f"q={first}": {first},
        "status=nonsense": {first, second, third},
    }.items():  # fmt: skip
        assert set(numbers(saskia.get(f"{LIST}?{query}"))) == expected, query
    assert "overdue in one invoice" in text(saskia.get("/office"))
    assert "€ 121.00" in text(saskia.get("/office"))
    assert numbers(login("wim").get(LIST)) == []


@pytest.mark.parametrize("status", list(Filter))
@pytest.mark.parametrize("search", ["", "nothing of this"])
def test_ten_thousand_are_read_by_an_index_without_a_sort(
    app: Flask, on_stage: Any, ids: Any, status: Filter, search: str
) -> None:
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, 10_000)
    with on_stage(), plans(app) as found:
        list_for_staff(mode=Mode.TEST, today=TODAY, status=status, search=search)
        db.session.execute(sa.select(staff_queries.draft_count(ids.shop, Mode.TEST)))
    for plan in found:
        assert not SLOW.search(plan), plan


def test_what_is_late_and_credit_notes_are_read_from_their_own_indexes(
    app: Flask, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, 1_000)
        late = sa.select(sa.func.sum(Document.open_minor)).where(
            Document.list_state == ListState.UNPAID, Document.due_date < TODAY
        )
        expected = db.session.scalar(late)
    with on_stage(), plans(app) as found:
        sums = staff_queries.overdue_sum(ids.shop, Mode.TEST, TODAY)
        assert db.session.scalar(sa.select(sums)) == expected > 0
        list_for_staff(mode=Mode.TEST, today=TODAY, status=Filter.CREDIT_NOTES)
    late_plan, notes_plan = found
    assert "ix_documents_credit_notes" in notes_plan, notes_plan
    assert not SLOW.search(late_plan), late_plan
    # PostgreSQL takes any index of the unpaid before it knows how many these are.
    assert "ix_documents_overdue" in late_plan or "SEARCH" not in late_plan, late_plan


def test_twenty_six_are_two_pages(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        write_invoices(ids.shop, ids.emma_account, 26)
    saskia = login("saskia")
    first = saskia.get(f"{LIST}?q=2026")
    assert len(numbers(first)) == 25
    onward = next(a for a in find_all(parse(first.text), "a") if a.attrib.get("rel") == "next")
    assert len(numbers(saskia.get(onward.attrib["href"]))) == 1


def test_the_statements_of_a_page(app: Flask, login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    with on_stage():
        large = f"{LIST}/{make_invoice(ids.emma_account, lines=25).public_id}"
    saskia = login("saskia")
    saskia.get(invoice)
    with counted(app) as few:
        saskia.get(invoice)
    with counted(app) as many:
        saskia.get(large)
    assert len(few) == len(many) <= 6, "\n\n".join(many)
    with counted(app) as listed:
        saskia.get(LIST)
    assert len(listed) <= 5


def test_a_page_has_the_link_and_the_pdf(login: Any, on_stage: Any, invoice: str, client: Any) -> None:
    saskia = login("saskia")
    page = saskia.get(invoice)
    link = re.search(r"https://shop\.example\.test(/pay/[\w-]+)", text(page))
    assert link is not None and client.get(link[1]).status_code == 200
    assert saskia.get(f"{invoice}/pdf").status_code == 404, "not built yet"
    with on_stage():
        document = db.session.scalars(sa.select(Document)).one()
        rendering.keep_file(document, document.language, b"%PDF-1.7 x", now=START)
    assert "/pdf" in saskia.get(invoice).text
    assert saskia.get(f"{invoice}/pdf").get_data() == b"%PDF-1.7 x"


def test_sending_twice_is_once_and_later_again(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    for _ in range(2):
        assert saskia.send(f"{invoice}/send").status_code == 303
    assert "mailed a moment ago" in text(saskia.get(invoice))
    assert state(on_stage, ids)["mails"] == ["invoice_issued"]
    with clock.frozen(START + timedelta(minutes=1)):
        assert saskia.send(f"{invoice}/send").status_code == 303
    assert state(on_stage, ids)["mails"] == ["invoice_issued"] * 2


def test_reminding_once_a_day(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    assert "Send a reminder" in text(saskia.get(invoice))
    assert saskia.send(f"{invoice}/remind").status_code == 303
    assert "on its way" in text(saskia.get(invoice))
    assert saskia.send(f"{invoice}/remind").status_code == 303
    assert "was sent today already" in text(saskia.get(invoice))
    now = state(on_stage, ids)
    assert now["mails"] == ["payment_reminder"] and now["audit"].count("invoice.reminded") == 1
    saskia.send(f"{invoice}/payment", PAID)
    assert "Send a reminder" not in text(saskia.get(invoice))


def test_a_payment_by_hand_is_booked_once(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    assert 'value="121.00"' in saskia.get(f"{invoice}/payment").text
    for _twice in range(2):
        assert saskia.send(f"{invoice}/payment", PAID).status_code == 303
    now = state(on_stage, ids)
    assert now["payments"] == [("manual", "transfer", PaymentStatus.PAID, 12100)]
    [(_number, status, open_minor, list_state)] = now["documents"]
    assert (status, open_minor, list_state) == (DocumentStatus.SETTLED, 0, ListState.PAID)
    assert now["mails"] == ["payment_confirmation"] and now["credit"] == 0
    assert now["audit"].count("payment.registered") == now["audit"].count("invoice.payment_booked") == 1
    assert "NL91 X" in text(saskia.get(invoice)) and "Paid" in text(saskia.get(invoice))
    late = saskia.send(f"{invoice}/payment", {**PAID, "key": "q" * 22})
    assert late.status_code == 409 and "Nothing is open of this any more" in text(late)
    with on_stage():
        sources = set(db.session.scalars(sa.select(PaymentEvent.source)))
    assert sources == {"staff"}


def test_a_part_and_then_more_than_the_rest(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", {**PAID, "amount": "21.00", "method": "cash"})
    assert state(on_stage, ids)["documents"][0][1:3] == (DocumentStatus.OPEN, 10000)
    saskia.send(f"{invoice}/payment", {**PAID, "amount": "150", "key": "q" * 22})
    now = state(on_stage, ids)
    assert now["documents"][0][1:3] == (DocumentStatus.SETTLED, 0) and now["credit"] == 5000
    assert [each[3] for each in now["payments"]] == [2100, 15000]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "0", "at least one cent"),
        ("amount", "-5", "at least one cent"),
        ("amount", "1,5", "Write a number like"),
        ("paid_on", "2026-11-02", "cannot have come in"),
        ("paid_on", "yesterday", "Fill in a day."),
        ("method", "ideal", "Not a valid choice"),
    ],
)
def test_what_cannot_be_is_refused(
    login: Any, on_stage: Any, ids: Any, invoice: str, field: str, value: str, words: str
) -> None:
    refused = login("saskia").send(f"{invoice}/payment", {**PAID, field: value})
    assert refused.status_code == 422 and words in text(refused)
    assert state(on_stage, ids)["payments"] == []


def test_the_day_is_the_shops(login: Any, on_stage: Any, invoice: str) -> None:
    login("saskia").send(f"{invoice}/payment", {**PAID, "paid_on": "2026-10-20"})
    with on_stage():
        paid_at = db.session.scalars(sa.select(Payment.paid_at)).one()
    assert paid_at is not None and paid_at.isoformat() == "2026-10-20T10:00:00+00:00"


def test_a_credit_note_and_a_draft_take_no_money(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        note = f"{LIST}/{make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE).public_id}"
    saskia = login("saskia")
    assert saskia.get(note).status_code == 200
    for step in ("payment", "credit"):
        assert saskia.get(f"{note}/{step}").status_code == 409
    assert saskia.send(f"{note}/send").status_code == 409


def test_support_only_looks(login: Any, invoice: str) -> None:
    page = login("kees").get(invoice).text
    assert "/payment" not in page and "/credit" not in page and "/send" not in page


def test_in_dutch(login: Any, invoice: str) -> None:
    page = login("kees").get(invoice, headers={"Accept-Language": "nl"})
    assert "Nog te betalen" in text(page) and "Betaallink" in text(page)
