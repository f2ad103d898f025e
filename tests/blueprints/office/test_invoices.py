"""Issued invoices in the office: listed, sent, paid by hand and taken back, each once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock
from portal.core.audit import Actor, AuditEntry
from portal.core.mail_message import MailMessage, MailState
from portal.domain.collections.models import CaseStatus
from portal.domain.collections.planned import plans_of_shop
from portal.domain.invoices import booking, crediting, rendering, staff_queries, taking_back
from portal.domain.invoices.balance import compute_balance
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.invoices.staff_list import Filter
from portal.domain.invoices.staff_search import list_for_staff
from portal.domain.invoices.taking_back import Part
from portal.domain.payments.models import FELL_THROUGH, Payment, PaymentEvent, PaymentStatus
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.shops.models import Mode, Shop
from portal.domain.tickets import disputes
from portal.domain.tickets.actions import Said
from portal.domain.tickets.states import DisputeMove
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.domain.collections.test_planned import DUE, agree
from tests.domain.invoices.paying import spend_credit
from tests.page_client import check_page, find_all, parse, text_of
from tests.rows import make_case, write_invoices
from tests.statements import counted, plans

LIST = "/office/invoices"
SLOW = re.compile(r"TEMP B-TREE|SCAN (?!anon_|CONSTANT|in_instalments)|Sort|Seq Scan")
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
        list_for_staff(
            mode=Mode.TEST, today=TODAY, status=status, search=search, planned=plans_of_shop(Mode.TEST)
        )
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
        sums = staff_queries.overdue_sum(ids.shop, Mode.TEST, TODAY, plans_of_shop(Mode.TEST))
        assert db.session.scalar(sa.select(sums)) == expected > 0
        list_for_staff(
            mode=Mode.TEST, today=TODAY, status=Filter.CREDIT_NOTES, planned=plans_of_shop(Mode.TEST)
        )
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
    assert len(few) == len(many) <= 8, "\n\n".join(many)
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
    page = saskia.get(invoice)
    assert "€ 150.00 is booked. € 50.00 of it was more than what was open" in text(page)
    more, part = [each for each in history(page) if each.startswith(("Bank transfer", "Cash"))]
    assert "€ 150.00 received, € 50.00 became credit · NL91 X" in more and "became" not in part


def test_what_is_exactly_open_says_nothing_of_credit(login: Any, invoice: str) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", PAID)
    shown = text(saskia.get(invoice))
    assert "€ 121.00 is booked." in shown and "credit" not in " ".join(history(saskia.get(invoice)))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "0", "at least one cent"),
        ("amount", "-5", "at least one cent"),
        ("amount", "1.250", "write a number like 1,234.50"),
        ("amount", "1250,000", "Write a number like 1,234.50."),
        ("amount", "1,2,3", "Write a number like 1,234.50."),
        ("paid_on", "2026-11-02", "cannot have come in"),
        ("paid_on", "2025-10-30", "more than a year before the invoice, which is of 1 November 2026. Is the"),
        ("paid_on", "2020-10-31", "more than a year before the invoice, which is of 1 November 2026. Is the"),
        ("paid_on", "yesterday", "Write the day as 2026-01-31."),
        ("method", "ideal", "Not a valid choice"),
    ],
)
def test_what_cannot_be_is_refused(
    login: Any, on_stage: Any, ids: Any, invoice: str, field: str, value: str, words: str
) -> None:
    refused = login("saskia").send(f"{invoice}/payment", {**PAID, field: value})
    assert refused.status_code == 422 and words in text(refused)
    assert state(on_stage, ids)["payments"] == []


@pytest.mark.parametrize(("typed", "minor"), [("12,50", 1250), ("1.200,5", 120050), ("1,250", 125000)])
def test_an_amount_with_a_comma_is_understood(
    login: Any, on_stage: Any, ids: Any, invoice: str, typed: str, minor: int
) -> None:
    assert login("saskia").send(f"{invoice}/payment", {**PAID, "amount": typed}).status_code == 303
    assert [each[3] for each in state(on_stage, ids)["payments"]] == [minor]


@pytest.mark.parametrize("day", ["2025-11-01", "2025-10-31"])
def test_who_paid_within_a_year_before_the_invoice_paid_ahead(
    login: Any, on_stage: Any, ids: Any, invoice: str, day: str
) -> None:
    assert login("saskia").send(f"{invoice}/payment", {**PAID, "paid_on": day}).status_code == 303
    assert len(state(on_stage, ids)["payments"]) == 1


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


def undo_link(page: Any) -> str:
    (link,) = [
        str(a.attrib["href"])
        for a in find_all(parse(page.text), "a")
        if a.attrib.get("href", "").endswith("/undo")
    ]
    return link


def history(page: Any) -> list[str]:
    (story,) = [each for each in find_all(parse(page.text), "ol") if each.attrib.get("class") == "story"]
    return [" ".join(text_of(part) for part in find_all(each, "p")) for each in find_all(story, "li")]


def test_a_payment_that_was_booked_by_mistake_is_taken_back(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", PAID)
    link = undo_link(saskia.get(invoice))
    asked = text(saskia.get(link))
    assert "€ 121.00" in asked and "NL91 X" in asked and "No money moves." in asked
    refused = saskia.send(link, {"reason": ""})
    assert refused.status_code == 422 and "Say what was wrong with it." in text(refused)
    taken = saskia.send(link, {"reason": "It was Jan’s"})
    assert (taken.status_code, taken.location) == (303, invoice)
    page = saskia.get(invoice)
    assert "The payment is taken back." in text(page) and "/undo" not in page.text
    (entry,) = [each for each in history(page) if each.startswith("Bank transfer")]
    assert (
        "NL91 X · Booked by mistake, taken back on 1 Nov 2026 · It was Jan’s" in entry
        and "Reversed" not in entry
    )
    again = saskia.send(link, {"reason": "Once more"})
    assert again.status_code == 409 and "taken back already" in text(again)
    assert "taken back already" in text(saskia.get(link)) and "Take payment back" not in saskia.get(link).text
    now = state(on_stage, ids)
    assert now["documents"][0][1:] == (DocumentStatus.OPEN, 12100, ListState.UNPAID)
    assert now["payments"] == [("manual", "transfer", PaymentStatus.REVERSED, 12100)]
    assert now["mails"] == ["payment_confirmation", "payment_corrected"]


def test_what_a_payment_ended_is_named_before_it_is_taken_back(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    saskia = login("saskia")
    with on_stage():
        document = db.session.scalars(sa.select(Document)).one()
        make_case(ids.emma_account, number="K-1001", document=document)
    saskia.send(f"{invoice}/payment", PAID)
    link = undo_link(saskia.get(invoice))
    assert "Collection case K-1001 stays closed as paid." in text(saskia.get(link))
    check_page(saskia.get(link).text, link)
    dutch = text(saskia.get(link, headers={"Accept-Language": "nl"}))
    assert "Dit verandert niet mee:" in dutch and "Incassozaak K-1001 blijft gesloten als betaald." in dutch
    saskia.send(link, {"reason": "It was Jan’s"})
    assert "K-1001" not in text(saskia.get(link))


def test_a_mistaken_payment_of_an_invoice_that_was_credited_since(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", {**PAID, "amount": "130.00"})
    with on_stage():
        document = db.session.scalars(sa.select(Document)).one()
        parts = [Part(each.position) for each in taking_back.lines_left(document)]
        taking_back.take_back(
            document.id,
            parts,
            told=taking_back.plan(document, parts).token,
            shop=db.session.get_one(Shop, ids.shop),
            customer=db.session.get_one(Customer, ids.emma_account),
            note="",
            now=START,
            actor=Actor.system("test"),
        )
        noted = document.total_minor - crediting.creditable(document)
    link = undo_link(saskia.get(invoice))
    asked = text(saskia.get(link))
    assert noted == 12100 and "The customer got € 121.00 of this as credit, by a credit note." in asked
    assert "Becomes open again€ 0.00" in asked and "Customer’s credit that goes€ 130.00" in asked
    assert saskia.send(link, {"reason": "It was Jan’s"}).status_code == 303
    now = state(on_stage, ids)
    assert now["documents"][0][1:] == (DocumentStatus.SETTLED, 0, ListState.CREDITED)
    page = text(login("emma").get(invoice.replace("/office", "/customer")))
    assert "Credited" in page and "Pay now" not in page and "Overdue" not in page


@pytest.mark.parametrize(
    ("language", "words", "never"),
    [
        ("en", "Booked by mistake, taken back on 1 Nov 2026", "Reversed"),
        ("nl", "Per ongeluk geboekt, teruggedraaid op 1 nov 2026", "Teruggeboekt"),
    ],
)
def test_the_customer_reads_that_it_was_a_mistake(
    login: Any, on_stage: Any, ids: Any, invoice: str, language: str, words: str, never: str
) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", PAID)
    saskia.send(undo_link(saskia.get(invoice)), {"reason": "Of a colleague’s customer"})
    emma = login("emma")
    headers = {"Accept-Language": language}
    page = emma.get(invoice.replace("/office", "/customer"), headers=headers)
    assert words in text(page) and never not in text(page) and "colleague" not in page.text
    assert never not in text(emma.get("/customer/invoices", headers=headers))


def test_what_was_paid_with_the_credit_of_a_mistake_says_so_to_the_customer(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", {**PAID, "amount": "131.00"})
    with on_stage():
        other = make_invoice(ids.emma_account)
        address = f"/customer/invoices/{other.public_id}"
        spend_credit(other, 1000)
    saskia.send(undo_link(saskia.get(invoice)), {"reason": "Wrong amount"})
    page = text(login("emma").get(address))
    assert "The credit came from a payment that was booked by mistake, and was taken back." in page
    assert "Reversed" not in page and "Wrong amount" not in page


def test_a_payment_of_another_invoice_or_shop_is_not_found(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", PAID)
    link = undo_link(saskia.get(invoice))
    with on_stage():
        other = make_invoice(ids.emma_account).public_id
    for wrong in (link.replace(invoice, f"{LIST}/{other}"), re.sub(r"payments/[^/]+", "payments/%00", link)):
        assert saskia.get(wrong).status_code == 404
        assert saskia.send(wrong, {"reason": "x"}).status_code == 404
    assert login("wim").get(link).status_code == 404
    kees = login("kees")
    assert kees.get(link).status_code == 403 and kees.send(link, {"reason": "x"}).status_code == 403
    assert "/undo" not in kees.get(invoice).text


def test_what_a_provider_brought_is_not_taken_back_here(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", PAID)
    link = undo_link(saskia.get(invoice))
    with on_stage():
        db.session.scalars(sa.select(Payment)).one().provider = "sandbox"
    assert "/undo" not in saskia.get(invoice).text
    assert "came in through a payment provider" in text(saskia.get(link))
    assert saskia.send(link, {"reason": "x"}).status_code == 409


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": PaymentStatus.REVERSED}, "taken back by the bank on 3 Nov 2026"),
        (
            {
                "status": PaymentStatus.FAILED,
                "details": {FELL_THROUGH: (START + timedelta(days=2)).isoformat(), "reason": "AM04"},
            },
            "failed at the bank on 3 Nov 2026 · AM04",
        ),
    ],
)
def test_the_history_says_when_money_failed_or_went_back(
    login: Any, on_stage: Any, invoice: str, change: dict[str, Any], says: str
) -> None:
    saskia = login("saskia")
    saskia.send(f"{invoice}/payment", PAID)
    assert says not in history(saskia.get(invoice))[0]
    with on_stage():
        payment = db.session.scalars(sa.select(Payment)).one()
        payment.provider, payment.reversed_at = "sandbox", START + timedelta(days=2)
        for name, value in change.items():
            setattr(payment, name, value)
    assert any(says in each for each in history(saskia.get(invoice)))


def test_the_history_says_what_was_mailed_to_whom(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    assert saskia.send(f"{invoice}/send").status_code == 303
    with on_stage():
        mail = db.session.scalars(sa.select(MailMessage)).one()
        mail.cc = ["books@example.org"]
    assert (
        "Mailed to the customer Waiting 1 Nov 2026, 10:00 · to emma@example.com, books@example.org"
        in history(saskia.get(invoice))
    )
    with on_stage():
        mail = db.session.scalars(sa.select(MailMessage)).one()
        mail.state, mail.sent_at = MailState.SENT, START + timedelta(minutes=3)
    assert history(saskia.get(invoice))[0].startswith(
        "Mailed to the customer Sent 1 Nov 2026, 10:03 · to emma@"
    )
    with on_stage():
        mail = db.session.scalars(sa.select(MailMessage)).one()
        mail.state, mail.sent_at, mail.error = MailState.FAILED, None, "550 no such user"
    assert (
        "Failed" in history(saskia.get(invoice))[0] and "550 no such user" in history(saskia.get(invoice))[0]
    )


def test_the_history_says_that_mails_were_switched_off(
    login: Any, on_stage: Any, ids: Any, invoice: str
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).mail_new_invoice = False
    saskia = login("saskia")
    saskia.send(f"{invoice}/send")
    found = [each for each in history(saskia.get(invoice)) if "mail" in each.lower()]
    assert found == ["Not mailed 1 Nov 2026, 10:00 · Everybody of this account switched these mails off."]


def test_the_history_is_in_order_and_holds_all(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    saskia = login("saskia")
    steps = [
        lambda: saskia.send(f"{invoice}/remind"),
        lambda: saskia.send(f"{invoice}/payment", {**PAID, "amount": "20.00"}),
        lambda: credit_first_line(on_stage, ids, invoice),
        lambda: object_to(on_stage, ids, invoice),
    ]
    for hour, step in enumerate(steps, 1):
        with clock.frozen(START + timedelta(hours=hour)):
            step()
    found = [each.split(" 1 Nov")[0] for each in history(saskia.get(invoice))]
    assert found == [
        "The customer objected", "Credit note C2026-0001", "Bank transfer Paid", "Reminder mailed Waiting",
        "Finalised", "Draft made",
    ]  # fmt: skip


def document_at(address: str) -> Document:
    return db.session.scalars(
        sa.select(Document).where(Document.public_id == address.rpartition("/")[2])
    ).one()


def credit_first_line(on_stage: Any, ids: Any, invoice: str) -> None:
    """A credit note on its first line."""
    with on_stage():
        document = document_at(invoice)
        line = document.lines[0]
        crediting.credit_invoice(
            document,
            [LineInput(line.description, line.quantity, line.unit_price, line.vat_rate, line.vat_category)],
            shop=db.session.get_one(Shop, ids.shop),
            customer=db.session.get_one(Customer, ids.emma_account),
            note="",
            now=clock.now(),
            actor=Actor.system("test"),
        )


def object_to(on_stage: Any, ids: Any, invoice: str) -> str:
    """The customer objects; the public id of the ticket."""
    with on_stage():
        document = document_at(invoice)
        ticket = disputes.open_dispute(
            document.id,
            "Too much",
            Said("It is too much."),
            line=None,
            customer_id=ids.emma_account,
            author=db.session.get_one(Person, ids.emma),
            now=clock.now(),
        )
        return str(ticket.public_id)


def answer(on_stage: Any, ids: Any, invoice: str, move: DisputeMove | None) -> None:
    """The shop answers the objection; or the customer takes it back."""
    with on_stage():
        document = document_at(invoice)
        said = Said("Because of the terms.")
        if move is None:
            disputes.withdraw(document.id, said, author=db.session.get_one(Person, ids.emma), now=clock.now())
        else:
            saskia = db.session.get_one(Staff, ids.saskia)
            disputes.answer_dispute(document.id, move, said, author=saskia, now=clock.now())


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (DisputeMove.REJECT, "The objection was answered Rejected"),
        (DisputeMove.CORRECT, "The objection was answered Corrected"),
        (None, "The customer took the objection back Withdrawn"),
    ],
)
def test_an_objection_stands_on_top_while_it_runs_and_in_the_history_after(
    login: Any, on_stage: Any, ids: Any, invoice: str, move: DisputeMove | None, words: str
) -> None:
    saskia = login("saskia")
    assert "objects to this invoice" not in text(saskia.get(invoice))
    ticket = object_to(on_stage, ids, invoice)
    page = saskia.get(invoice)
    assert "The customer objects to this invoice" in text(page) and "Since 1 November 2026" in text(page)
    assert page.text.index("objects to this invoice") < page.text.index('class="columns"')
    assert page.text.count(f"/office/tickets/{ticket}") == 2, "in the notice and in the history"
    with clock.frozen(START + timedelta(hours=1)):
        answer(on_stage, ids, invoice, move)
    page = saskia.get(invoice)
    assert "objects to this invoice" not in text(page)
    assert history(page)[0].startswith(words) and f"/office/tickets/{ticket}" in page.text


@pytest.mark.parametrize(("days", "state"), [(-1, "Unpaid"), (0, "Unpaid"), (1, "Overdue")])
def test_what_is_paid_in_instalments_is_late_by_their_days(
    login: Any, on_stage: Any, ids: Any, days: int, state: str
) -> None:
    with on_stage():
        case = make_case(ids.emma_account)
        agree(case)
        page = f"{LIST}/{db.session.get_one(Document, case.document_id).public_id}"
    with clock.frozen(START + (DUE[0] - START.date()) + timedelta(days=days)):
        shown = text(login("saskia").get(page))
    assert f"Invoice 2026-0001{state}" in shown and "Next instalment€ 40.33 on " in shown


@pytest.mark.parametrize(("days", "is_late"), [(0, False), (1, True)])
def test_a_plan_is_late_by_its_instalments_in_list_filter_search_and_on_home(
    login: Any, on_stage: Any, ids: Any, days: int, is_late: bool
) -> None:
    with on_stage():
        late = make_invoice(ids.jan_account, amount_minor=700)
        case = make_case(ids.emma_account)
        agree(case, total=16100)
        planned = db.session.get_one(Document, case.document_id)
        # What came on top is part of the plan, whatever day it is due by itself.
        fee = make_invoice(ids.emma_account, amount_minor=4000, kind=DocumentKind.COLLECTION_FEE)
        fee.case_id, fee.due_date = case.id, DUE[1]
        names = [each.number or "" for each in (late, planned, fee)]
        account = f"/office/customers/{db.session.get_one(Customer, ids.emma_account).public_id}"
        own_pages = [f"{LIST}/{each.public_id}" for each in (planned, fee)]
    expected = {names[0], *(names[1:] if is_late else [])}
    with clock.frozen(START + (DUE[0] - START.date()) + timedelta(days=days)):
        saskia = login("saskia")
        assert set(numbers(saskia.get(f"{LIST}?status=overdue"))) == expected
        for search, found in {"emma": set(names[1:]), names[1]: {names[1]}, "2026": set(names[:2])}.items():
            assert set(numbers(saskia.get(f"{LIST}?status=overdue&q={search}"))) == found & expected
        shown = saskia.get(f"{LIST}?q=emma")
        assert text(shown).count("Unpaid") - 1 == (0 if is_late else 2), "but for the pill"
        assert shown.text.count('class="end late"') == (2 if is_late else 0)
        home = text(saskia.get("/office"))
        said = "€ 168.00overdue in 3 invoices" if is_late else "€ 7.00overdue in one invoice"
        assert said in home
        for page in (account, *own_pages):
            assert ("Overdue" in text(saskia.get(page))) is is_late, page


def test_what_is_disputed_is_not_overdue(login: Any, on_stage: Any, ids: Any, invoice: str) -> None:
    object_to(on_stage, ids, invoice)
    with on_stage():
        name = document_at(invoice).number or ""
        account = f"/office/customers/{db.session.get_one(Customer, ids.emma_account).public_id}"
    with clock.frozen(START + timedelta(days=60)):
        saskia = login("saskia")
        assert numbers(saskia.get(f"{LIST}?status=overdue")) == []
        assert numbers(saskia.get(f"{LIST}?status=overdue&q=emma")) == []
        shown = saskia.get(f"{LIST}?status=unpaid")
        assert numbers(shown) == [name] and 'class="end late"' not in shown.text
        assert "€ 0.00overdue in 0 invoices" in text(saskia.get("/office"))
        assert f"Invoice {name}Unpaid" in text(saskia.get(invoice))
        assert "Overdue" not in text(saskia.get(account))
        answer(on_stage, ids, invoice, DisputeMove.REJECT)
        assert numbers(saskia.get(f"{LIST}?status=overdue")) == [name]
        assert "€ 121.00overdue in one invoice" in text(saskia.get("/office"))
        assert f"Invoice {name}Overdue" in text(saskia.get(invoice))


@pytest.mark.parametrize(
    ("status", "offered"),
    [(CaseStatus.ACTIVE, True), (CaseStatus.WITH_PLAN, False), (CaseStatus.ON_HOLD, False)],
)
def test_no_reminder_is_offered_where_the_shop_asks_for_nothing_more(
    login: Any, on_stage: Any, ids: Any, status: CaseStatus, offered: bool
) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=status)
        fee = make_invoice(ids.emma_account, kind=DocumentKind.COLLECTION_FEE)
        fee.case_id = case.id
        of_case = [db.session.get_one(Document, case.document_id).public_id, fee.public_id]
        other = make_invoice(ids.emma_account).public_id
    saskia = login("saskia")
    for public_id in of_case:
        assert ("Send a reminder" in text(saskia.get(f"{LIST}/{public_id}"))) is offered
        saskia.send(f"{LIST}/{public_id}/remind")
    assert "Send a reminder" in text(saskia.get(f"{LIST}/{other}"))
    assert len(state(on_stage, ids)["mails"]) == (2 if offered else 0), "what is refused is not offered"
