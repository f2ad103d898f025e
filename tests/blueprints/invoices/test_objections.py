"""Asking for money back and objecting, on the page of an invoice."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.domain.invoices import rendering
from portal.domain.invoices.balance import rebalance
from portal.domain.invoices.models import Allocation, AllocationState, Document, DocumentKind
from portal.domain.payments.models import Payment
from portal.domain.people.models import Membership, Person, Role, Staff
from portal.domain.people.permissions import PERMISSIONS, Permission
from portal.domain.tickets import disputes
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import (
    Dispute,
    Ticket,
    TicketAttachment,
    TicketMessage,
    TicketStatus,
    TicketType,
)
from portal.domain.tickets.states import DisputeMove
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.domain.payments.mistakes import pay_out
from tests.page_client import find_all, parse, text_of
from tests.pages import links, text
from tests.rows import HOSTILE, make_credit_note, make_ticket
from tests.statements import counted

KEY = "k" * 22


@pytest.fixture(autouse=True)
def _still() -> Any:
    with clock.frozen(START):
        yield


@pytest.fixture
def invoice(on_stage: Any, ids: Any) -> Any:
    """``invoice(paid=True)`` makes one of Emma's: its page."""

    def make(*, paid: bool = False, **options: Any) -> str:
        with on_stage():
            document = make_invoice(ids.emma_account, **options)
            if paid:
                db.session.add(
                    Allocation(
                        document_id=document.id,
                        amount_minor=document.total_minor,
                        state=AllocationState.BOOKED,
                    )
                )
                rebalance(document, now=START)
            return f"/customer/invoices/{document.public_id}"

    return make


def tickets(on_stage: Any) -> list[Ticket]:
    with on_stage():
        found = list(db.session.scalars(sa.select(Ticket).order_by(Ticket.id)))
        db.session.expunge_all()
        return found


def buttons(response: Any) -> dict[str, bool]:
    """The words of the buttons, and whether each can be pressed."""
    page = parse(response.get_data(as_text=True))
    return {
        " ".join("".join(b.itertext()).split()): "disabled" not in b.attrib for b in find_all(page, "button")
    }


def test_asking_for_money_back(login: Any, on_stage: Any, invoice: Any) -> None:
    page = invoice(paid=True, lines=2)
    emma = login("emma", now=START)
    assert links(emma.get(page))[f"{page}/refund"] == "Request refund"
    form = emma.get(f"{page}/refund")
    assert text(form).count("Coffee beans, 1 kg") == 2 and "€ 121.00" in text(form)
    values = {
        each.attrib.get("name"): each.attrib.get("value") for each in find_all(parse(form.text), "input")
    }
    assert values["subject"] == "Refund request for invoice 2026-0001"
    data = {"subject": values["subject"], "body": "It broke.", "key": values["key"]}
    answer = emma.send(f"{page}/refund", data)
    assert (answer.status_code, answer.location) == (303, page)
    (ticket,) = tickets(on_stage)
    assert (ticket.type, ticket.subject) == (
        TicketType.REFUND_REQUEST,
        "Refund request for invoice 2026-0001",
    )
    shown = emma.get(page)
    assert f"We have your request, as number {ticket.number}." in shown.text
    assert buttons(shown)["Refund requested"] is False
    assert links(shown)[f"/customer/support/{ticket.public_id}"] == "See the conversation"
    assert f"{page}/refund" not in links(shown)
    # Twice, also by a form that was open elsewhere.
    assert emma.send(f"{page}/refund", {**data, "key": "x" * 22}).location == page
    assert emma.get(f"{page}/refund").location == page
    assert len(tickets(on_stage)) == 1


@pytest.mark.parametrize("status", TicketStatus)
def test_the_button_follows_the_ticket(
    login: Any, on_stage: Any, ids: Any, invoice: Any, status: TicketStatus
) -> None:
    page = invoice(paid=True)
    with on_stage():
        document = db.session.query(Document).one()
        make_ticket(ids.emma_account, type=TicketType.REFUND_REQUEST, status=status, document_id=document.id)
    shown = login("emma", now=START).get(page)
    running = status in (TicketStatus.OPEN, TicketStatus.IN_REVIEW)
    assert ("Refund requested" in buttons(shown)) is running
    assert (f"{page}/refund" in links(shown)) is not running


def test_what_is_not_paid_has_no_button_and_is_refused(login: Any, on_stage: Any, invoice: Any) -> None:
    page = invoice()
    emma = login("emma", now=START)
    assert f"{page}/refund" not in links(emma.get(page))
    assert emma.get(f"{page}/refund").location == page
    assert "nothing to refund" in emma.get(page).text
    answer = emma.send(f"{page}/refund", {"subject": "Money", "body": "Please", "key": KEY})
    assert answer.status_code == 409 and "nothing to refund" in answer.text and "Please" in answer.text
    assert tickets(on_stage) == []


def test_a_reason_is_asked_for_and_what_was_typed_stays(login: Any, on_stage: Any, invoice: Any) -> None:
    page = invoice(paid=True)
    answer = login("emma", now=START).send(f"{page}/refund", {"subject": HOSTILE, "body": "", "key": KEY})
    assert answer.status_code == 422 and "Say why you want your money back." in answer.text
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert" in answer.text
    assert tickets(on_stage) == []


def test_an_invisible_subject_becomes_the_usual_one(login: Any, on_stage: Any, invoice: Any) -> None:
    page = invoice(paid=True)
    login("emma", now=START).send(f"{page}/refund", {"subject": "\u202e\u200e", "body": "Please", "key": KEY})
    (ticket,) = tickets(on_stage)
    assert ticket.subject == "Refund request for invoice 2026-0001"


def test_objecting_to_a_line_with_a_file(login: Any, on_stage: Any, ids: Any, invoice: Any) -> None:
    page = invoice(lines=2, description="Beans <b>")
    emma = login("emma", now=START)
    assert links(emma.get(page))[f"{page}/dispute"] == "Object to this invoice or a line of it"
    options = [each.attrib["value"] for each in find_all(parse(emma.get(f"{page}/dispute").text), "option")]
    assert options == ["all", "1", "2"]
    photo = (io.BytesIO(b"\x89PNG\r\n\x1a\n"), "photo.png")
    data = {"line": "2", "body": "Only **one** came.", "files": photo, "key": KEY}
    answer = emma.send(f"{page}/dispute", data, content_type="multipart/form-data")
    assert (answer.status_code, answer.location) == (303, page)
    (ticket,) = tickets(on_stage)
    named = "Beans <b> (€\N{NO-BREAK SPACE}60.50)"
    assert (ticket.type, ticket.subject) == (TicketType.DISPUTE, f"Objection to invoice 2026-0001: {named}")
    with on_stage():
        assert db.session.scalars(sa.select(Dispute)).one().line_position == 2
        assert db.session.scalars(sa.select(TicketAttachment)).one().name == "photo.png"
    shown = emma.get(page)
    assert "Since 1 November 2026. Until we have answered we send no reminders for it." in text(shown)
    assert links(shown)[f"/customer/support/{ticket.public_id}"] == "See the conversation"
    assert f"{page}/dispute" not in links(shown)
    assert "It is about: Beans <b> (€ 60.50)" in text(shown)
    # It can be paid all the same, but nobody is pressed to; and not be disputed twice.
    assert "You object to it, so it can wait until we have answered." in text(shown)
    assert "Pay € 121.00" in " ".join(buttons(shown))
    behind = [each for each in find_all(parse(shown.text), "details") if "Pay all the same" in text_of(each)]
    assert "Pay € 121.00" in text_of(behind[0]).replace("\N{NO-BREAK SPACE}", " ")
    assert "open" not in behind[0].attrib
    refused = emma.send(f"{page}/pay", {})
    behind = [
        each for each in find_all(parse(refused.text), "details") if "Pay all the same" in text_of(each)
    ]
    assert refused.status_code == 422 and "open" in behind[0].attrib
    assert emma.get(f"{page}/dispute").location == page
    assert emma.send(f"{page}/dispute", {"line": "all", "body": "Again", "key": "x" * 22}).location == page
    assert len(tickets(on_stage)) == 1


@pytest.mark.parametrize("length", [100, 145, 146, 160, 400])
def test_of_a_long_line_the_words_are_cut_and_never_the_amount(
    login: Any, on_stage: Any, invoice: Any, length: int
) -> None:
    page = invoice(lines=2, description="x" * length)
    data = {"line": "2", "body": "Only one came.", "key": KEY}
    assert login("emma", now=START).send(f"{page}/dispute", data).status_code == 303
    (ticket,) = tickets(on_stage)
    assert ticket.subject.endswith(" (€\N{NO-BREAK SPACE}60.50)") and len(ticket.subject) <= 200
    assert ("…" in ticket.subject) is ("x" * length not in ticket.subject)
    assert ticket.subject.count("x") >= min(length, 140)


def test_a_file_that_is_not_taken(login: Any, on_stage: Any, invoice: Any) -> None:
    page = invoice()
    data = {"line": "all", "body": "Look", "files": (io.BytesIO(b"MZ\0\1"), "run.exe"), "key": KEY}
    answer = login("emma", now=START).send(f"{page}/dispute", data, content_type="multipart/form-data")
    assert answer.status_code == 422 and "cannot be sent" in answer.text and "Look" in answer.text
    assert tickets(on_stage) == []


def test_taking_it_back(login: Any, on_stage: Any, invoice: Any) -> None:
    page = invoice()
    emma = login("emma", now=START)
    emma.send(f"{page}/dispute", {"line": "all", "body": "Too much", "key": KEY})
    assert links(emma.get(page))[f"{page}/dispute/withdraw"] == "Withdraw objection"
    assert "Withdraw your objection?" in text(emma.get(f"{page}/dispute/withdraw"))
    later = START + timedelta(days=2)
    with clock.frozen(later):
        emma = login("emma", now=later)
        assert emma.send(f"{page}/dispute/withdraw").location == page
        shown = emma.get(page)
    assert "Your objection is withdrawn." in shown.text and f"{page}/dispute" in links(shown)
    (ticket,) = tickets(on_stage)
    assert ticket.status is TicketStatus.CLOSED
    with on_stage():
        assert db.session.query(Document).one().disputed_days == 2
        said = db.session.scalars(sa.select(TicketMessage.body).order_by(TicketMessage.id)).all()
    assert said[-1] == "I withdraw my objection to this invoice."
    with clock.frozen(later):
        for again in (emma.get(f"{page}/dispute/withdraw"), emma.send(f"{page}/dispute/withdraw")):
            assert again.location == page
    with on_stage():
        assert len(db.session.scalars(sa.select(TicketMessage.id)).all()) == len(said)


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (
            DisputeMove.REJECT,
            "Your objection of 1 November 2026 was rejected The answer says why. See the answer",
        ),
        (DisputeMove.CORRECT, "Your objection of 1 November 2026 led to a correction The answer says why."),
        (DisputeMove.CREDIT, "Your objection of 1 November 2026 led to a credit note The answer says why."),
    ],
)
def test_what_became_of_it_stays_on_the_page(
    login: Any, on_stage: Any, ids: Any, invoice: Any, move: DisputeMove, said: str
) -> None:
    page = invoice()
    emma = login("emma", now=START)
    emma.send(f"{page}/dispute", {"line": "all", "body": "Two were broken", "key": KEY})
    (ticket,) = tickets(on_stage)
    assert "You object to this invoice Since 1 November 2026." in text(emma.get(page))
    with on_stage():
        document_id, saskia = ticket.document_id or 0, db.session.get_one(Staff, ids.saskia)
        later = START + timedelta(days=3)
        disputes.answer_dispute(document_id, move, Said("Because."), author=saskia, now=later)
    after = emma.get(page)
    assert said in text(after) and "You object to this invoice" not in text(after)
    assert links(after)[f"/customer/support/{ticket.public_id}"] == "See the answer"
    # Of two the later one counts, and one that waits for its answer before both.
    emma.send(f"{page}/dispute", {"line": "all", "body": "Still", "key": "o" * 22})
    again = text(emma.get(page))
    assert "You object to this invoice" in again and "Your objection of" not in again
    with on_stage():
        disputes.withdraw(
            document_id, Said("Never mind"), author=db.session.get_one(Person, ids.emma), now=later
        )
    assert said in text(emma.get(page)), "one that was taken back was not answered"
    # Who may not read conversations is told without a link.
    with on_stage():
        bram = sa.select(Membership).where(Membership.person_id == ids.bram)
        db.session.scalars(bram).one().role = Role.READ_ONLY
    assert "Your objection of" in text(login("bram", now=START).get(page))
    assert "Your objection of" not in text(emma.get(invoice()))


@pytest.mark.parametrize("role", Role)
def test_each_role(login: Any, on_stage: Any, ids: Any, invoice: Any, role: Role) -> None:
    paid, unpaid = invoice(paid=True), invoice()
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = role
    bram = login("bram", now=START)
    rights = PERMISSIONS[role]
    may_ask, may_object = Permission.INVOICES_REFUND in rights, Permission.INVOICES_DISPUTE in rights
    if Permission.INVOICES in rights:
        assert (f"{paid}/refund" in links(bram.get(paid))) is may_ask
        assert (f"{unpaid}/dispute" in links(bram.get(unpaid))) is may_object
    asked = bram.send(f"{paid}/refund", {"subject": "Money", "body": "Please", "key": KEY})
    objected = bram.send(f"{unpaid}/dispute", {"line": "all", "body": "Too much", "key": KEY})
    assert asked.status_code == (303 if may_ask else 403)
    assert objected.status_code == (303 if may_object else 403)
    assert len(tickets(on_stage)) == may_ask + may_object
    assert bram.send(f"{unpaid}/dispute/withdraw").status_code == (303 if may_object else 403)
    for stranger in ("jan", "dora"):
        for address in (f"{paid}/refund", f"{unpaid}/dispute", f"{unpaid}/dispute/withdraw"):
            assert login(stranger, now=START).send(address).status_code == 404


def test_who_writes_too_often_is_told_so(app: Any, login: Any, on_stage: Any, invoice: Any) -> None:
    app.config["SUPPORT_LIMIT_NEW"] = "1 per hour"
    first, second = invoice(), invoice()
    emma = login("emma", now=START)
    assert emma.send(f"{first}/dispute", {"line": "all", "body": "Too much", "key": KEY}).status_code == 303
    answer = emma.send(f"{second}/dispute", {"line": "all", "body": "Too much too", "key": "x" * 22})
    assert answer.status_code == 429 and "Too much too" in answer.text
    assert len(tickets(on_stage)) == 1


def test_it_costs_the_page_no_statement(app: Any, login: Any, invoice: Any) -> None:
    page = invoice()
    emma = login("emma", now=START)
    emma.get(page)
    with counted(app) as before:
        emma.get(page)
    emma.send(f"{page}/dispute", {"line": "all", "body": "Too much", "key": KEY})
    emma.get(page)
    with counted(app) as after:
        emma.get(page)
    assert len(before) == len(after) <= 6


def test_in_dutch(login: Any, invoice: Any) -> None:
    page = invoice(paid=True)
    emma = login("emma", now=START)
    for path, words in ((f"{page}/refund", "Terugbetaling aanvragen"), (f"{page}/dispute", "Bezwaar maken")):
        assert words in text(emma.get(path, headers={"Accept-Language": "nl"}))


def test_credit_notes_stand_with_their_invoice_and_are_downloaded(
    login: Any, on_stage: Any, ids: Any, invoice: Any
) -> None:
    page = invoice()
    with on_stage():
        original = db.session.query(Document).one()
        notes = [
            make_invoice(ids.emma_account, amount_minor=1000, kind=DocumentKind.CREDIT_NOTE) for _ in range(2)
        ]
        for note in notes:
            note.original_id = original.id
        rendering.keep_file(notes[0], notes[0].language, b"%PDF-1.7 one", now=START)
        numbers = [note.number for note in notes]
        pdfs = [f"/customer/invoices/{note.public_id}/pdf?save=1" for note in notes]
    emma = login("emma", now=START)
    shown = emma.get(page)
    assert all(number in text(shown) for number in numbers) and set(pdfs) <= set(links(shown))
    assert emma.get(pdfs[0]).get_data() == b"%PDF-1.7 one"
    # One that is still being made leads to its page, which makes it.
    assert emma.get(pdfs[1]).location == pdfs[1].partition("/pdf")[0]
    assert login("jan", now=START).get(pdfs[0]).status_code == 404


def test_a_refund_that_was_paid_out_is_in_the_history_and_not_offered_again(
    login: Any, on_stage: Any, invoice: Any, ids: Any
) -> None:
    page = invoice(paid=True)
    emma = login("emma", now=START)
    for amount, said, more, days in ((2100, "€ 21.00", True, 2), (10000, "€ 100.00", False, 0)):
        with on_stage():
            document = db.session.scalars(
                sa.select(Document).where(Document.kind == DocumentKind.INVOICE)
            ).one()
            document.issue_date = START.date() - timedelta(days=3)
            make_credit_note(document, amount)
            pay_out(ids, document, amount, paid_on=START.date() - timedelta(days=days))
        shown = emma.get(page)
        story = text_of(
            next(e for e in find_all(parse(shown.text), "ol") if "story" in e.attrib.get("class", ""))
        )
        assert "Refund to you" in story and said in story
        # The day is said where it is another one than that of the row.
        assert story.count("paid on 30 Oct 2026") == 1 and "paid on 1 Nov" not in story
        assert (f"{page}/refund" in links(shown)) is more
    office = login("saskia").get(page.replace("/customer/", "/office/"))
    assert text(office).count("Refund to the customer") == 2 and "paid on 30 Oct 2026" in text(office)


def test_what_was_paid_too_much_is_in_the_history(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        documents = [make_invoice(ids.emma_account) for _ in range(2)]
        book(attempt(ids.emma_account, *((each, 12100) for each in documents)), 30000)
        # The bank says so too.
        db.session.query(Payment).one().received_minor = 30000
        pages = [f"/customer/invoices/{each.public_id}" for each in documents]
    emma, jan = login("emma", now=START), login("jan", now=START)
    for page in pages:
        assert "€ 300.00 received, € 58.00 became your credit" in text(emma.get(page))
        assert jan.get(page).status_code == 404


@pytest.mark.parametrize("paid", [False, True])
def test_what_is_credited_in_full_cannot_be_objected_to(
    login: Any, on_stage: Any, invoice: Any, paid: bool
) -> None:
    page = invoice(paid=paid)
    with on_stage():
        make_credit_note(db.session.query(Document).one(), 12100)
    emma = login("emma", now=START)
    assert f"{page}/dispute" not in links(emma.get(page))
    assert (f"{page}/refund" in links(emma.get(page))) is paid, "its credit can be paid back"
    assert emma.get(f"{page}/dispute").location == page
    assert "nothing left to object to" in emma.get(page).text
    answer = emma.send(f"{page}/dispute", {"line": "all", "body": "Too much", "key": KEY})
    assert (
        answer.status_code == 409 and "nothing left to object to" in answer.text and "Too much" in answer.text
    )
    with on_stage():
        assert db.session.query(Ticket).count() == 0
