"""The page on which money goes back: by the provider of its payment or by hand, with a request or without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.mail_message import MailMessage
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.payments.models import Payment, Refund, RefundStatus
from portal.domain.shops.models import Mode
from portal.domain.tickets.models import Ticket, TicketStatus, TicketType
from portal.extensions import db
from tests.cast import make_invoice
from tests.domain.invoices.paying import spend_credit
from tests.page_client import find_all, parse, text_of
from tests.pages import links, text
from tests.payments_world import START, Browser, World, world
from tests.rows import make_credit_note, make_ticket
from tests.statements import counted

__all__ = ["world"]


class Desk:
    """An invoice of € 100 that was paid by iDEAL, half of it credited, and somebody of the shop who looks at it."""

    def __init__(self, world: World, login: Any, *, asked: bool = False) -> None:
        self.world = world
        invoice = world.invoice()
        browser = world.browser()
        browser.decide(browser.pay(invoice), "paid", "before")
        world.work()
        with world.scope():
            document = db.session.get_one(Document, invoice.id)
            make_credit_note(document, 5000)
            self.ticket = None
            if asked:
                made = make_ticket(
                    world.ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=document.id
                )
                self.ticket = made.public_id
            self.payment = db.session.query(Payment).one().public_id
            db.session.query(MailMessage).delete()
            db.session.commit()
        self.invoice = f"/office/invoices/{invoice.public_id}"
        self.page = f"{self.invoice}/refund"
        self.saskia = login("saskia", now=START)

    def data(self, **values: str) -> dict[str, str]:
        return {
            "amount": "50.00",
            "way": self.payment,
            "paid_on": "2026-11-01",
            "reference": "",
            "body": "Here it is.",
            "key": "k" * 22,
            **values,
        }

    def send(self, **values: str) -> Any:
        return self.saskia.send(self.page, self.data(**values))

    def refunds(self) -> list[tuple[int, RefundStatus, bool]]:
        with self.world.scope():
            rows = db.session.query(Refund).order_by(Refund.id)
            return [(row.amount_minor, row.status, row.payment_id is not None) for row in rows]

    def mails(self) -> list[str]:
        with self.world.scope():
            return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))


@pytest.fixture
def desk(world: World, login: Any) -> Iterator[Desk]:
    with clock.frozen(START):
        yield Desk(world, login)


def fields(page: Any) -> dict[str, str | None]:
    return {e.attrib["name"]: e.attrib.get("value") for e in find_all(parse(page.text), "input")[1:]}


def test_the_invoice_leads_there_and_the_provider_comes_first(desk: Desk) -> None:
    assert desk.page in links(desk.saskia.get(desk.invoice))
    page = desk.saskia.get(desk.page)
    (chosen,) = [e for e in find_all(parse(page.text), "option") if "selected" in e.attrib]
    assert chosen.attrib["value"] == desk.payment
    assert "iDEAL | Wero, NL20 •••• 4567, at most € 50.00" in text(page)
    assert fields(page)["amount"] == "50.00" and fields(page)["paid_on"] == "2026-11-01"


def test_the_provider_pays_it_and_the_page_says_how_far_it_is(desk: Desk) -> None:
    for _ in range(2):
        assert desk.send().location == desk.invoice
    assert desk.refunds() == [(5000, RefundStatus.QUEUED, True)]
    shown = desk.saskia.get(desk.invoice)
    assert "Refund to the customer Queued" in text(shown) and desk.page not in links(shown)
    desk.world.work()
    shown = text(desk.saskia.get(desk.invoice))
    assert "Refund to the customer Pending" in shown and "to iDEAL | Wero, NL20 •••• 4567" in shown
    assert desk.mails() == ["refund_paid"]
    with clock.frozen(START + timedelta(minutes=5)):
        desk.world.work()
        desk.world.work()
        assert "Refund to the customer Refunded" in text(desk.saskia.get(desk.invoice))


def test_its_customer_sees_it_too(desk: Desk, login: Any) -> None:
    desk.send()
    desk.world.work()
    page = desk.invoice.replace("/office/", "/customer/")
    shown = text(login("emma", now=START).get(page))
    assert "Refund to you Pending" in shown and "to iDEAL | Wero, NL20 •••• 4567" in shown


def test_by_hand_it_takes_a_day_and_tells_at_once(desk: Desk) -> None:
    refused = desk.send(way="own_bank", paid_on="")
    assert refused.status_code == 422 and "Fill in a day." in text(refused)
    assert desk.send(way="own_bank", reference="NL91").status_code == 303
    assert desk.refunds() == [(5000, RefundStatus.DONE, False)] and desk.mails() == ["refund_paid"]
    # The day is asked only of what the shop sent itself.
    with desk.world.scope():
        make_credit_note(db.session.query(Document).filter(Document.original_id.is_(None)).one(), 1000)
        db.session.commit()
    assert desk.send(amount="10.00", paid_on="", key="m" * 22).status_code == 303
    assert desk.refunds()[-1] == (1000, RefundStatus.QUEUED, True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"amount": "50.01"}, "less credit than that"),
        ({"amount": "0"}, "at least one cent"),
        ({"amount": "x"}, "amount"),
        ({"way": "x"}, "Not a valid choice"),
        ({"way": ""}, "Choose one of these."),
        ({"body": " "}, "Write your message."),
    ],
)
def test_what_cannot_be_is_refused(desk: Desk, values: dict[str, str], words: str) -> None:
    refused = desk.send(**values)
    assert refused.status_code == 422 and words.lower() in text(refused).lower(), text(refused)
    assert desk.refunds() == [] and desk.mails() == []


def test_a_request_that_runs_is_answered_wherever_somebody_comes_from(world: World, login: Any) -> None:
    with clock.frozen(START):
        desk = Desk(world, login, asked=True)
        asked = desk.saskia.get(desk.page)
        assert asked.location == f"{desk.page}?ticket={desk.ticket}", "the address says what the form answers"
        desk.page = asked.location
        assert "it stands in the conversation" in text(desk.saskia.get(desk.page))
        assert desk.send().location == f"/office/tickets/{desk.ticket}"
        shown = text(desk.saskia.get(f"/office/tickets/{desk.ticket}"))
        assert "The order waits for the payment provider" in shown and "Refuse…" not in shown
        assert "Refund € 50.00 To iDEAL | Wero, NL20 •••• 4567 Status Queued" in shown
        world.work()
        with world.scope():
            assert db.session.query(Ticket).one().status is TicketStatus.RESOLVED
        assert desk.saskia.get(desk.page).status_code == 303


def test_a_request_about_another_invoice_is_not_found(desk: Desk) -> None:
    with desk.world.scope():
        other = make_ticket(desk.world.ids.emma_account, type=TicketType.REFUND_REQUEST).public_id
        db.session.commit()
    for ticket in (other, "x", "x" * 22, "%00" * 22):
        assert desk.saskia.get(f"{desk.page}?ticket={ticket}").status_code == 404


def test_a_draft_and_a_credit_note_have_no_such_page(desk: Desk, login: Any) -> None:
    with desk.world.scope():
        note = db.session.query(Document).filter(Document.original_id.is_not(None)).one().public_id
    assert desk.saskia.get(f"/office/invoices/{note}/refund").status_code == 404


def test_without_credit_it_says_what_comes_first(world: World, login: Any) -> None:
    with clock.frozen(START):
        invoice = world.invoice()
        saskia = login("saskia", now=START)
        page = f"/office/invoices/{invoice.public_id}"
        assert f"{page}/refund" not in links(saskia.get(page))
        assert "Make a credit note first." in text(saskia.get(f"{page}/refund"))


def test_the_page_costs_a_few_statements(desk: Desk) -> None:
    with counted(desk.world.app) as statements:
        assert desk.saskia.get(desk.page).status_code == 200
    assert len(statements) <= 8, "\n\n".join(statements)


def test_two_at_the_bank_at_once_are_both_paid(desk: Desk) -> None:
    """Parts of one payment, ordered one after the other before the first was done."""
    for key in "ab":
        assert desk.send(amount="20.00", key=key * 22).status_code == 303
    desk.world.work()
    assert [row[1] for row in desk.refunds()] == [RefundStatus.PENDING] * 2
    rows = desk.world.bank()
    assert sorted(each["minor"] for each in rows[0].refunds) == [2000, 2000]


def test_the_bank_shows_what_it_pays_back_and_lets_it_fail(desk: Desk) -> None:
    desk.send()
    desk.world.work()
    bank = f"/sandbox/{desk.world.bank()[0].bank_id}"
    browser: Browser = desk.world.browser()
    page = browser.get(bank)
    shown = text_of(parse(page.get_data(as_text=True))).replace("\xa0", " ")
    assert "€ 50.00, on its way" in shown and "Refund fails" in shown
    # Nobody came from the shop for that, so nobody is led there: the page of somebody who paid thanks for it.
    assert browser.decide(bank, "fail_refund", "before").endswith(bank)
    desk.world.work()
    assert [row[1] for row in desk.refunds()] == [RefundStatus.FAILED]
    shown = text_of(parse(browser.get(bank).get_data(as_text=True))).replace("\xa0", " ")
    assert "€ 50.00, failed" in shown and "Refund fails" not in shown
    # The credit is there again, and so is the way to pay it back.
    assert desk.page in links(desk.saskia.get(desk.invoice))
    assert "The amount is credit again · The account is closed (AC04)" in text(desk.saskia.get(desk.invoice))


def test_a_refund_that_failed_says_when_and_whose_credit_was_spent_is_paid_by_nobody_again(
    world: World, login: Any
) -> None:
    with clock.frozen(START):
        desk = Desk(world, login, asked=True)
        desk.page = desk.saskia.get(desk.page).location
        desk.send()
        world.work()
    ticket = f"/office/tickets/{desk.ticket}"
    assert "Sent on 1 November 2026" in panel(desk.saskia.get(ticket))
    with clock.frozen(START + timedelta(days=3)):
        world.browser().decide(f"/sandbox/{world.bank()[0].bank_id}", "fail_refund", "before")
        world.work()
    shown = panel(desk.saskia.get(ticket))
    assert "Status Failed" in shown and "Failed on 4 November 2026" in shown and "Sent on" not in shown
    assert "Reason The account is closed (AC04)" in shown
    assert "Can be paid back now € 50.00 Only after a credit note € 50.00" in shown
    assert "failed on 4 Nov 2026 · The amount is credit again" in text(desk.saskia.get(desk.invoice))

    # A part of it pays another invoice: the rest can be paid back, and the page says what became of the part.
    with world.scope():
        others = [make_invoice(world.ids.emma_account, amount_minor=5000) for _ in range(2)]
        spend_credit(others[0], 2000)
        db.session.commit()
        numbers, ids = [each.number for each in others], [each.public_id for each in others]
    page = desk.saskia.get(ticket)
    shown = panel(page)
    assert (
        f"Can be paid back now € 30.00 Only after a credit note € 50.00 Used meanwhile € 20.00 for invoice {numbers[0]}"
        in shown
    )
    assert f"/office/invoices/{ids[0]}" in links(page) and "Pay money back…" in shown

    with world.scope():
        spend_credit(db.session.query(Document).filter_by(number=numbers[1]).one(), 3000)
        db.session.commit()
    with counted(world.app) as statements:
        page = desk.saskia.get(ticket)
    shown = panel(page)
    assert "Can be paid back now € 0.00 Only after a credit note € 50.00 Used meanwhile" in shown
    for number, amount in zip(numbers, ("20.00", "30.00"), strict=True):
        assert f"Used meanwhile € {amount} for invoice {number}" in shown
    assert {f"/office/invoices/{each}" for each in ids} <= set(links(page))
    assert "there is nothing of it to pay back any more. What was not credited yet you can give back" in shown
    assert "Pay money back…" not in shown
    assert len(statements) <= 10, "\n\n".join(statements)
    # Whoever gets to the page by the invoice reads the same.
    asked = text(desk.saskia.get(desk.page))
    assert "was used meanwhile" in asked and "Make a credit note first" in asked

    # Once all of it was credited there is nothing left to make one of.
    with world.scope():
        document = (
            db.session.query(Document).filter_by(kind=DocumentKind.INVOICE).order_by(Document.id).first()
        )
        assert document is not None
        make_credit_note(document, 5000)
        spend_credit(make_invoice(world.ids.emma_account, amount_minor=5000), 5000)
        db.session.commit()
    shown, asked = panel(desk.saskia.get(ticket)), text(desk.saskia.get(desk.page))
    assert "Only after" not in shown and "to pay back any more." in shown and "credit note first" not in shown
    assert "was used meanwhile" in asked and "Make a credit note first" not in asked


def panel(page: Any) -> str:
    """What a ticket says of the refund."""
    (matter,) = [e for e in find_all(parse(page.text), "section") if e.attrib.get("id") == "matter"]
    return " ".join(" ".join(matter.itertext()).split())


def test_a_live_shop_pays_nothing_back_by_the_test_bank(desk: Desk) -> None:
    with desk.world.scope():
        db.session.query(Document).update({"mode": Mode.LIVE})
        db.session.commit()
    desk.world.change_shop(mode=Mode.LIVE)
    page = desk.saskia.get(desk.page)
    assert page.status_code == 200 and desk.payment not in page.text


def test_a_page_that_was_shown_before_a_colleague_paid_is_refused(world: World, login: Any) -> None:
    with clock.frozen(START):
        desk = Desk(world, login, asked=True)
        desk.page = desk.saskia.get(desk.page).location
        assert desk.send(way="own_bank", amount="20.00").status_code == 303
        late = desk.send(way="own_bank", amount="20.00", key="m" * 22)
        assert late.status_code == 409 and "decided already" in text(late) and len(desk.refunds()) == 1
