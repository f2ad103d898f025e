"""The payment confirmation as people read it, in both languages. After an intended change: GOLDEN=write pytest ..."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask_babel import force_locale

from portal.core import clock, mail_delivery
from portal.core.audit import Actor
from portal.core.mailer import Category, MailMessage
from portal.core.money import Money
from portal.core.scalars import thaw
from portal.domain.invoices import booking, taking_back
from portal.domain.invoices.models import Document
from portal.domain.invoices.taking_back import Part
from portal.domain.payments import undoing, words
from portal.domain.payments.mails import (
    marked,
    payment_confirmation,
    refund_came_back,
    refund_came_to_nothing,
    refund_paid,
)
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus, Refund
from portal.domain.payments.provider import ProviderStatus
from portal.domain.payments.refunding import NOT_PAID
from portal.domain.payments.registering import Received, register
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.domain.invoices.paying import attempt
from tests.domain.payments.test_applying import report
from tests.domain.payments.test_several import give_credit, start, use_credit
from tests.domain.payments.test_starting import start as start_one
from tests.payments_world import World

PAYMENTS = Path(__file__).resolve().parents[3] / "portal" / "domain" / "payments"
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"


def speak(world: World, language: str) -> None:
    """The language of Emma and of her account."""
    with world.scope():
        db.session.get_one(Customer, world.ids.emma_account).language = language
        for person in db.session.query(Person):
            person.language = language
        db.session.commit()


def check(
    world: World,
    name: str,
    language: str,
    golden: str,
    *,
    leads_to: tuple[str, ...] = ("invoice_url", "settings_url"),
) -> None:
    """The one mail of this name and language, as it is kept in a file; it links the addresses ``leads_to`` names."""
    with world.scope():
        wanted = MailMessage.name == name, MailMessage.language == language
        mail = db.session.query(MailMessage).filter(*wanted).one()
        if mail.category is not Category.STAFF:
            assert (mail.category, mail.to) == (Category.BILLING, ["emma@example.com"])
        values = {
            **thaw(mail.context),
            "envelope": mail_delivery.envelope_of(mail),
            "language": language,
            "colours": {"light": "#123456", "dark": "#abcdef", "on_dark": "#000000"},
        }
        with force_locale(language):
            made = {
                kind: world.app.jinja_env.get_template(f"email/{name}.{kind}").render(values, subject="")
                for kind in ("subject.txt", "txt", "html")
            }
    for each in leads_to:
        assert (
            values[each].startswith("https://shop.example.test/") and f'href="{values[each]}"' in made["html"]
        )
    text = re.sub(r"(/customer/invoices/|/office/\w+/)\S{22}", r"\1…", made["txt"])
    text = re.sub(r"(/pay/)\S{44}", r"\1…", text)
    found = f"Subject: {made['subject.txt'].strip()}\n\n{text.strip()}\n"
    kept = GOLDEN / f"{golden}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        kept.write_text(found)
    assert found == kept.read_text()


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("part", [False, True])
def test_golden(world: World, language: str, part: bool) -> None:
    world.change_shop(allow_part_payment=True)
    speak(world, language)
    browser = world.browser()
    checkout = browser.pay(world.invoice(), amount="40.00" if part else "")
    browser.decide(checkout, "paid", "before")
    world.work()
    check(world, "payment_confirmation", language, f"payment_confirmation{'_part' if part else ''}")


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("several", [False, True])
def test_golden_of_credit_and_of_several(world: World, language: str, several: bool) -> None:
    """Credit pays the first of three, and a part of the second; or one invoice wholly."""
    speak(world, language)
    give_credit(world, 12500)
    invoices = [world.invoice() for _ in range(3 if several else 1)]
    if not several:
        use_credit(world, *invoices, credit_minor=10000)
        check(world, "credit_used", language, "credit_used")
        return
    outcome = start(world, *invoices, credit_minor=12500)
    world.browser().decide(str(outcome.checkout_url), "paid", "before")
    world.work()
    check(world, "credit_used", language, "credit_used_several")
    check(world, "payment_confirmation", language, "payment_confirmation_several")


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("several", [False, True])
def test_golden_of_what_was_too_much(world: World, language: str, several: bool) -> None:
    """More than what was open is told once, as credit, of one invoice and of two paid together."""
    speak(world, language)
    invoices = [world.invoice() for _ in range(2 if several else 1)]
    with world.scope():
        documents = [db.session.get_one(Document, each.id) for each in invoices]
        source = attempt(world.ids.emma_account, *((each, 10000) for each in documents))
        payment = db.session.get_one(Payment, source.payment_id)
        payment.received_minor, payment.paid_at = 10000 * len(documents) + 6000, clock.now()
        booking.book_payment(source, payment.received_minor, now=clock.now(), actor=Actor.system("test"))
        payment_confirmation(payment, now=clock.now())
        db.session.commit()
    check(
        world, "payment_confirmation", language, f"payment_confirmation_credit{'_several' if several else ''}"
    )


@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden_of_a_refund(world: World, language: str) -> None:
    speak(world, language)
    invoice = world.invoice()
    with world.scope():
        document = db.session.get_one(Document, invoice.id)
        by_hand = refund_of(reference="NL91 <b>2026</b>", says="Sorry that it broke.")
        refund_paid(document, by_hand, now=clock.now())
        db.session.commit()
    check(world, "refund_paid", language, "refund_paid")


def refund_of(payment: Payment | None = None, **values: Any) -> Refund:
    """A refund of € 121, sent by hand unless a payment is given."""
    refund = Refund(
        mode=Mode.TEST,
        payment_id=payment.id if payment is not None else None,
        currency="EUR",
        amount_minor=12100,
        idempotency_key="refund-x",
        sent_on=date(2026, 11, 2),
        **{"says": "", "reference": "", "failure_reason": "", **values},
    )
    db.session.add(refund)
    db.session.flush()
    return refund


@pytest.mark.parametrize("ending", ["sent", "failed"])
@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden_of_a_refund_by_its_provider(world: World, language: str, ending: str) -> None:
    speak(world, language)
    browser = world.browser()
    invoice = world.invoice(12100)
    browser.decide(browser.pay(invoice), "paid", "before")
    world.work()
    with world.scope():
        document = db.session.get_one(Document, invoice.id)
        payment = db.session.query(Payment).one()
        assert payment.status is PaymentStatus.PAID
        write = refund_paid if ending == "sent" else refund_came_to_nothing
        write(document, refund_of(payment, says="Sorry that it broke."), now=clock.now())
        db.session.commit()
    name = "refund_paid" if ending == "sent" else "refund_failed"
    golden = "refund_paid_by_provider" if ending == "sent" else name
    leads_to = ("invoice_url", "settings_url") if ending == "sent" else ("invoice_url",)
    check(world, name, language, golden, leads_to=leads_to)


@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden_of_a_payment_to_look_at(world: World, language: str) -> None:
    browser, invoice = world.browser(), world.invoice(12100)
    browser.decide(browser.pay(invoice), "paid", "before")
    world.work()
    with world.scope():
        for one in db.session.query(Staff):
            one.language = language
        marked(db.session.query(Payment).one(), mismatch="unknown_refund", now=clock.now())
        db.session.commit()
    check(world, "payment_marked", language, "payment_marked", leads_to=("page_url",))


def test_every_mark_has_words() -> None:
    """Those that the code makes are those that people can read."""
    made = set()
    for file in ("actions.py", "refunding.py", "refunding_jobs.py"):
        made |= set(re.findall(r'mark\(\s*payment,\s*"(\w+)"', (PAYMENTS / file).read_text()))
    assert made == set(words.MARKS)


@pytest.mark.parametrize(
    ("reason", "language", "read"),
    [
        ("AC04", "en", "The account is closed (AC04)"),
        ("AC04", "nl", "De rekening is opgeheven (AC04)"),
        (
            NOT_PAID,
            "nl",
            "De betaling is niet gebleven: ze is teruggeboekt, of staat bij de betaaldienst niet als betaald",
        ),
        ("Not today, <b>they</b> say.", "nl", "Not today, <b>they</b> say."),
        ("", "nl", ""),
    ],
)
def test_why_a_refund_failed_is_read_in_words(world: World, reason: str, language: str, read: str) -> None:
    with world.scope(), force_locale(language):
        assert words.why(reason) == read


@pytest.mark.parametrize("ending", ["refused", "came back"])
@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden_of_a_refund_that_came_back_to_the_shop(world: World, language: str, ending: str) -> None:
    world.change_shop(default_language=language)
    invoice = world.invoice(12100)
    with world.scope():
        for one in db.session.query(Staff):
            one.language = language
        document = db.session.get_one(Document, invoice.id)
        was_sent = ending == "came back"
        refund = refund_of(failure_reason="AC04" if was_sent else "not today <they say>")
        if not was_sent:
            refund.sent_on = None
        refund_came_back(
            document, refund, ticket="t" * 22 if was_sent else None, is_told=was_sent, now=clock.now()
        )
        db.session.commit()
    golden = f"refund_{ending.replace(' ', '_')}_for_staff"
    check(world, "refund_came_back", language, golden, leads_to=("page_url",))


@pytest.mark.parametrize("is_credited", [False, True])
@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden_of_a_correction(world: World, language: str, is_credited: bool) -> None:
    """Of an invoice that is open again, and of one that was credited since, of which nothing is owed."""
    speak(world, language)
    invoice = world.invoice()
    with world.scope():
        received = Received(
            amount_minor=12100 if is_credited else 10000,
            method=PaymentMethodKind.TRANSFER,
            paid_on=clock.now().date(),
            reference="",
            key="k" * 22,
        )
        shop, actor = db.session.get_one(Shop, world.ids.shop), Actor.system("test")
        payment = register(invoice.id, received, shop=shop, now=clock.now(), actor=actor)
        if is_credited:
            document = db.session.get_one(Document, invoice.id)
            parts = [Part(each.position) for each in taking_back.lines_left(document)]
            taking_back.take_back(
                document.id,
                parts,
                told=taking_back.plan(document, parts).token,
                shop=shop,
                customer=db.session.get_one(Customer, world.ids.emma_account),
                note="",
                now=clock.now(),
                actor=actor,
            )
        undoing.undo(payment.id, reason="Wrong <b>customer</b>", actor=actor, now=clock.now())
        db.session.commit()
    check(world, "payment_corrected", language, "payment_corrected" + ("_credited" if is_credited else ""))


PAYABLE = ("invoice_url", "pay_url")


@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden_of_a_debit_that_failed(world: World, language: str) -> None:
    speak(world, language)
    payment = start_one(world, world.invoice(), f"saved:{world.mandate()}").payment_id
    report(world, payment, ProviderStatus.FAILED)
    check(world, "payment_failed", language, "payment_failed", leads_to=PAYABLE)


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("several", [False, True])
def test_golden_of_a_chargeback(world: World, language: str, several: bool) -> None:
    """Of one payment of one invoice, and of two with more than was asked for; and what staff read of it."""
    speak(world, language)
    with world.scope():
        for staff in db.session.query(Staff):
            staff.language = language
        db.session.commit()
    payment = start(world, *[world.invoice() for _ in range(2 if several else 1)]).payment_id
    arrived = Money(25000 if several else 10000, "EUR")
    report(world, payment, ProviderStatus.PAID, paid_at=clock.now(), amount=arrived)
    report(world, payment, ProviderStatus.REVERSED, reversed_at=clock.now(), amount=arrived)
    kept = "_several" if several else ""
    leads_to = ("invoice_url",) if several else PAYABLE
    check(world, "payment_charged_back", language, f"payment_charged_back{kept}", leads_to=leads_to)
    check(world, "charged_back", language, f"charged_back{kept}", leads_to=("page_url",))


def test_money_is_booked_though_nobody_can_be_told(world: World) -> None:
    with world.scope():
        db.session.get_one(Customer, world.ids.emma_account).email = "no address@"
        db.session.commit()
    invoice, browser = world.invoice(), world.browser()
    browser.decide(browser.pay(invoice), "paid", "before")
    world.work()
    assert world.open_minor(invoice) == 0
    with world.scope():
        assert db.session.query(MailMessage).count() == 0
