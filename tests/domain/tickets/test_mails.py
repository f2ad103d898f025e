"""The mails about tickets as people read them, in both languages. After an intended change: GOLDEN=write pytest ..."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import force_locale

from portal.core import database, mail_delivery
from portal.core.mailer import Category, MailMessage
from portal.core.scalars import thaw
from portal.core.tenancy import shop_scope
from portal.core.uploads import PDF, Upload
from portal.domain.collections.queries import get_case_by_id
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.people.models import ContactPerson, Customer, Person, Staff, StaffRole
from portal.domain.people.recipients import Switch
from portal.domain.shops.models import Shop
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.tickets import actions, disputes, mails, refunds
from portal.domain.tickets.actions import ByMail, NewTicket, Said
from portal.domain.tickets.cancelling import request_cancellation
from portal.domain.tickets.mails import Matter
from portal.domain.tickets.models import Priority, TicketStatus, TicketType
from portal.domain.tickets.plans import request_plan
from portal.domain.tickets.states import DisputeMove, Move
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.rows import HOSTILE, make_case, make_subscription, make_ticket

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"
COLOURS = {"light": "#123456", "dark": "#abcdef", "on_dark": "#000000"}
BODY = "Of course: **before eight** or after six?\n\n- call me\n- or answer here\n\n" + "Long story. " * 30


@pytest.fixture(autouse=True)
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


def queued() -> list[MailMessage]:
    return list(db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id)))


def rendered(app: Flask, mail: MailMessage) -> dict[str, str]:
    """Subject, text and HTML, as the runner makes them."""
    values = {
        **thaw(mail.context),
        "envelope": mail_delivery.envelope_of(mail),
        "language": mail.language,
        "colours": COLOURS,
    }
    with force_locale(mail.language):
        return {
            kind: app.jinja_env.get_template(f"email/{mail.name}.{kind}").render(values, subject="")
            for kind in ("subject.txt", "txt", "html")
        }


def hand_in(matter: Matter, ids: Any, body: str, subject: str) -> None:
    """What a customer asks, of each kind that its confirmation tells apart."""
    emma = db.session.get_one(Person, ids.emma)
    asks = {"customer_id": ids.emma_account, "author": emma, "now": START}
    if matter is Matter.PLAN:
        case = get_case_by_id(make_case(ids.emma_account, number=subject[:40]).id)
        language = db.session.get_one(Customer, ids.emma_account).language
        with force_locale("nl" if language == "nl" else "en"):
            request_plan(case, 3, body, total_minor=12100, language="en", author=emma, now=START)
    elif matter is Matter.DISPUTE:
        document = make_invoice(ids.emma_account)
        disputes.open_dispute(document.id, subject, Said(body), line=None, **asks)
    elif matter is Matter.REFUND:
        document = make_invoice(ids.emma_account)
        book(attempt(ids.emma_account, (document, 12100)), 12100)
        db.session.execute(sa.update(Payment).values(status=PaymentStatus.PAID, received_minor=12100))
        refunds.request_refund(document.id, subject, Said(body), **asks)
    else:
        actions.open_ticket(NewTicket(TicketType.GENERAL, subject), Said(body), **asks)
    staff = MailMessage.category == Category.STAFF
    db.session.execute(sa.delete(MailMessage).where(staff), execution_options={"synchronize_session": False})


def happen(name: str, ids: Any, body: str = BODY, subject: str = "Delivery day") -> None:
    emma = db.session.get_one(Person, ids.emma)
    saskia = db.session.get_one(Staff, ids.saskia)
    if name.startswith("received_"):
        hand_in(Matter(name.removeprefix("received_")), ids, body, subject)
        return
    if name == "ticket_opened":
        actions.open_ticket(
            NewTicket(TicketType.COMPLAINT, subject, Priority.URGENT),
            Said(body),
            customer_id=ids.emma_account,
            author=emma,
            now=START,
            confirm=None,
        )
        return
    if name.startswith("dispute_"):
        document = make_invoice(ids.emma_account)
        disputes.open_dispute(
            document.id,
            subject,
            Said("Why?"),
            line=None,
            customer_id=ids.emma_account,
            author=emma,
            now=START,
        )
        db.session.execute(sa.delete(MailMessage), execution_options={"synchronize_session": False})
        move = DisputeMove(name.removeprefix("dispute_"))
        disputes.answer_dispute(document.id, move, Said(body), author=saskia, now=START)
        return
    ticket = make_ticket(ids.emma_account, number="T-1007", subject=subject)
    if name == "ticket_replied":
        actions.reply(ticket.id, Said(body), author=emma, now=START)
    elif name == "ticket_resolved":
        ticket.status = TicketStatus.IN_REVIEW
        actions.change_status(ticket.id, Move.RESOLVE, author=saskia, now=START)
    else:
        files = [Upload(name, PDF, b"%PDF-") for name in ("label <1>.pdf", "return.pdf")]
        actions.answer(ticket.id, Said(body, files), author=saskia, now=START)


NAMES = [
    *("ticket_answered", "ticket_opened", "ticket_replied", "ticket_resolved"),
    *("dispute_credit", "dispute_correct", "dispute_reject"),
    *(f"received_{matter.value}" for matter in Matter),
]


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("name", NAMES)
def test_golden(app: Flask, ids: Any, name: str, language: str) -> None:
    db.session.get_one(Customer, ids.emma_account).language = language
    db.session.get_one(Shop, ids.shop).language = language
    happen(name, ids)
    (mail,) = queued()
    sent = {"dispute": "dispute_answered", "received": "ticket_received"}.get(name.partition("_")[0], name)
    assert (mail.name, mail.language) == (sent, language)
    made = rendered(app, mail)
    addresses = re.findall(r"https://shop\.example\.test/customer/\S+", made["txt"])
    # Of one that can be switched off also where.
    assert len(addresses) == {"ticket_opened": 0, "ticket_replied": 0, "ticket_resolved": 2}.get(name, 1)
    assert all(f'href="{url}"' in made["html"] for url in addresses)
    text = re.sub(r"(example\.test/(?:customer/support|office/tickets)/)\S+", r"\1…", made["txt"])
    write_golden(GOLDEN / f"{name}.{language}.txt", made["subject.txt"], text)


def write_golden(golden: Path, subject: str, text: str) -> None:
    """Compares a mail with its golden file, or writes that with GOLDEN=write."""
    found = f"Subject: {subject.strip()}\n\n{text.strip()}\n"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_typed_is_text(app: Flask, ids: Any, name: str) -> None:
    happen(name, ids, body=HOSTILE, subject=HOSTILE)
    made = rendered(app, queued()[0])
    assert "<script>" not in made["html"] and "<img" not in made["html"]
    assert "&lt;script&gt;alert(1)" in made["html"]
    assert made["subject.txt"].strip().count("\n") == 0


def contacts_of_emma(ids: Any) -> None:
    for email, account_mails in (("copy@example.com", True), ("none@example.com", False)):
        db.session.add(
            ContactPerson(
                customer_id=ids.emma_account,
                name="C",
                email=email,
                account_mails=account_mails,
                billing_mails=True,
            )
        )


def test_the_account_and_its_contacts_get_the_answer_whatever_is_switched_off(ids: Any) -> None:
    contacts_of_emma(ids)
    customer = db.session.get_one(Customer, ids.emma_account)
    for switch in Switch:
        setattr(customer, switch.value, False)
    happen("ticket_answered", ids)
    (mail,) = queued()
    assert (mail.category, mail.to, mail.cc) == (Category.ACCOUNT, ["emma@example.com"], ["copy@example.com"])


def test_who_asked_is_told_at_their_own_address_whatever_is_switched_off(ids: Any) -> None:
    contacts_of_emma(ids)
    customer = db.session.get_one(Customer, ids.emma_account)
    customer.language = "nl"
    for switch in Switch:
        setattr(customer, switch.value, False)
    bram = db.session.get_one(Person, ids.bram)
    wanted, said = NewTicket(TicketType.GENERAL, "Oven"), Said("Warm?", key="k" * 22)
    for _click in range(2):
        ticket = actions.open_ticket(wanted, said, customer_id=ids.emma_account, author=bram, now=START)
    mail, copy = [each for each in queued() if each.name == "ticket_received"]
    assert (mail.category, mail.to, mail.cc, mail.language) == (Category.ACCOUNT, [bram.email], [], "nl")
    assert mail.context["who"] == bram.name and mail.related == f"ticket:{ticket.public_id}"
    assert ticket.public_id in str(mail.context["ticket_url"])
    # Contact persons are told apart: who asks need not be allowed to see who they are.
    assert (copy.to, copy.cc, copy.context["who"]) == (["copy@example.com"], [], customer.name)


def test_who_asks_as_a_contact_person_gets_one_mail(ids: Any) -> None:
    contacts_of_emma(ids)
    emma = db.session.get_one(Person, ids.emma)
    emma.email = "copy@example.com"
    happen("received_question", ids)
    assert [(mail.to, mail.cc) for mail in queued()] == [([emma.email], [])]


@pytest.mark.parametrize("inbox", [None, "support@shop.example.test"])
def test_who_asked_is_offered_to_answer_by_mail_only_where_mail_comes_in(
    app: Flask, ids: Any, monkeypatch: pytest.MonkeyPatch, inbox: str | None
) -> None:
    monkeypatch.setitem(app.config, "INBOUND_MAIL", inbox)
    happen("received_question", ids)
    made = rendered(app, queued()[0])
    for kind in ("txt", "html"):
        assert ("Answer this mail." in made[kind]) is (inbox is not None)
        assert ("on the page of this conversation" in made[kind]) is (inbox is None)


@pytest.mark.parametrize("name", ["ticket_answered", "dispute_reject"])
@pytest.mark.parametrize("inbox", [None, "support@shop.example.test"])
def test_an_answer_is_replied_to_by_mail_only_where_mail_comes_in(
    app: Flask, ids: Any, monkeypatch: pytest.MonkeyPatch, name: str, inbox: str | None
) -> None:
    monkeypatch.setitem(app.config, "INBOUND_MAIL", inbox)
    happen(name, ids)
    made = rendered(app, queued()[0])
    for kind in ("txt", "html"):
        assert ("simply reply to this mail" in made[kind]) is (inbox is not None)
        assert ("and not by mail" in made[kind]) is (inbox is None)


def test_a_cancellation_has_a_mail_of_its_own(ids: Any) -> None:
    emma = db.session.get_one(Person, ids.emma)
    subscription = make_subscription(ids.emma_account)
    request_cancellation(subscription.id, reason=Reason.OTHER, message="", told=None, author=emma, now=START)
    told = [mail.name for mail in queued() if mail.category is Category.ACCOUNT]
    assert told == ["cancellation_received"]


@pytest.mark.parametrize("wanted", [True, False])
def test_that_it_is_resolved_follows_the_switch_of_status_changes(ids: Any, wanted: bool) -> None:
    contacts_of_emma(ids)
    customer = db.session.get_one(Customer, ids.emma_account)
    for switch in Switch:
        setattr(customer, switch.value, wanted == (switch is Switch.STATUS_CHANGES))
    happen("ticket_resolved", ids)
    (mail,) = queued()
    own, copy = ["emma@example.com"], ["copy@example.com"]
    assert (mail.to, mail.cc) == ((own, copy) if wanted else (copy, []))


@pytest.mark.parametrize("name", ["ticket_opened", "ticket_replied"])
def test_staff_see_for_whom_somebody_writes(app: Flask, ids: Any, name: str) -> None:
    db.session.get_one(Customer, ids.emma_account).name = "De Vries BV"
    happen(name, ids)
    assert "Emma de Vries (De Vries BV)" in rendered(app, queued()[0])["txt"]


def test_those_who_may_answer_are_told_each_in_their_language(ids: Any) -> None:
    for number, (role, language, archived) in enumerate(
        [
            (StaffRole.MANAGER, "nl", None),
            (StaffRole.READ_ONLY, "nl", None),
            (StaffRole.OWNER, "nl", START),
            (StaffRole.SUPPORT, "auto", None),
        ]
    ):
        db.session.add(
            Staff(email=f"s{number}@x.nl", name="S", role=role, language=language, archived_at=archived)
        )
    happen("ticket_replied", ids)
    assert {(mail.category, mail.language, *mail.to) for mail in queued()} == {
        (Category.STAFF, "en", "saskia@example.com", "kees@example.com", "s3@x.nl"),
        (Category.STAFF, "nl", "s0@x.nl"),
    }
    assert all(mail.cc == [] for mail in queued())


@pytest.mark.parametrize("address", ["hello@shop.example.test", ""])
def test_without_staff_the_shop_itself_is_told(ids: Any, address: str) -> None:
    db.session.execute(sa.update(Staff).values(archived_at=START))
    db.session.get_one(Shop, ids.shop).email = address
    happen("ticket_opened", ids)
    assert [mail.to for mail in queued()] == ([[address]] if address else [])


def test_what_was_said_is_kept_where_nobody_can_be_told(ids: Any, caplog: pytest.LogCaptureFixture) -> None:
    db.session.get_one(Customer, ids.emma_account).email = "no address"
    happen("ticket_answered", ids)
    assert queued() == [] and "no address that it could go to" in caplog.text


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("Hello", "Hello"),
        ("**Hello** [you](https://example.com)\n\n- one\n- two", "Hello you one two"),
        ("x" * 201, "x" * 200 + "…"),
        ("x" * 200, "x" * 200),
        ("word " * 60, ("word " * 40).strip() + "…"),
        ("<b>a</b> & b", "<b>a</b> & b"),
    ],
)
def test_an_excerpt_is_plain_and_short(body: str, shown: str) -> None:
    assert mails.excerpt(body) == shown


@pytest.mark.parametrize("name", ["ticket_opened", "ticket_replied"])
@pytest.mark.parametrize(
    ("language", "mark"),
    [
        ("en", "It came by mail, and its sender is not verified."),
        ("nl", "Het kwam per e-mail, en de afzender is niet bevestigd."),
    ],
)
def test_staff_are_told_of_a_sender_who_is_not_verified(
    app: Any, ids: Any, name: str, language: str, mark: str
) -> None:
    db.session.get_one(Staff, ids.saskia).language = db.session.get_one(Staff, ids.kees).language = language
    emma = db.session.get_one(Person, ids.emma)
    for proved in (True, False):
        said = Said("Hi", mail=ByMail(f"{proved}@x.example", proved))
        if name == "ticket_opened":
            wanted = NewTicket(TicketType.GENERAL, "Delivery day")
            actions.open_ticket(wanted, said, customer_id=ids.emma_account, author=emma, now=START)
        else:
            actions.reply(make_ticket(ids.emma_account).id, said, author=emma, now=START)
        mail = rendered(app, queued()[-1])
        assert (mark in mail["txt"], mark in mail["html"]) == (not proved, not proved)
