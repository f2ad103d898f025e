"""What a provider's report does to payment, documents and credit: once, in any order, as much as arrived."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from portal.core import clock, database
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import ProviderError
from portal.core.mailer import MailMessage
from portal.core.money import Money
from portal.domain.invoices.models import Document, DocumentStatus
from portal.domain.payments import actions, asking, queries
from portal.domain.payments.models import Payment, PaymentEvent, PaymentStatus
from portal.domain.payments.provider import ProviderPayment, ProviderStatus
from portal.extensions import db
from portal.providers.sandbox import client
from tests.payments_world import START, Invoice, World

P, S = ProviderStatus, PaymentStatus


def started(world: World, invoice: Invoice, method: str = "ideal") -> int:
    """An attempt at the bank; the payment's primary key."""
    world.browser().pay(invoice, method)
    with world.scope():
        return db.session.query(Payment).order_by(Payment.id.desc()).first().id  # type: ignore[union-attr]


def report(world: World, payment_id: int, status: P, **changes: object) -> bool:
    """Applies a report as the edge would, in a transaction of its own; whether it changed anything."""
    with world.scope():
        payment = queries.lock_payment(payment_id)
        answer = ProviderPayment(
            provider_ref=payment.provider_ref or "",
            status=status,
            amount=Money(payment.amount_minor, payment.currency),
            reference=payment.public_id,
        )
        changed = actions.apply_provider_status(
            payment,
            replace(answer, **changes),  # type: ignore[arg-type]
            source="webhook",
            actor=Actor.provider("sandbox"),
            now=clock.now(),
        )
        db.session.commit()
        return changed


def status_of(world: World, payment_id: int) -> S:
    with world.scope():
        return db.session.get_one(Payment, payment_id).status


def test_a_paid_payment_settles_its_invoice_and_tells_the_customer_once(world: World) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    assert report(world, payment_id, P.PAID, paid_at=START)
    assert not report(world, payment_id, P.PAID, paid_at=START)
    with world.scope():
        document = db.session.get_one(Document, invoice.id)
        assert (document.status, document.open_minor) == (DocumentStatus.SETTLED, 0)
        (mail,) = db.session.query(MailMessage).filter(MailMessage.name == "payment_confirmation")
        assert mail.to == ["emma@example.com"]
        assert mail.context["received_minor"] == 10000
        assert mail.context["numbers"] == document.number
    assert world.booked() == 10000


@pytest.mark.parametrize("order", list(itertools.permutations([P.OPEN, P.PENDING, P.PAID])))
def test_reports_in_any_order_end_in_paid(world: World, order: tuple[P, ...]) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    for status in order * 3:
        report(world, payment_id, status)
    assert status_of(world, payment_id) is S.PAID
    assert (world.booked(), world.credit(), world.open_minor(invoice)) == (10000, 0, 0)


@pytest.mark.parametrize("end", [P.CANCELLED, P.EXPIRED])
def test_a_late_success_pays_what_is_still_open(world: World, end: P) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    report(world, payment_id, end)
    assert report(world, payment_id, P.PAID)
    assert (world.open_minor(invoice), world.credit()) == (0, 0)


@pytest.mark.parametrize("end", [P.CANCELLED, P.EXPIRED])
def test_a_late_success_beside_another_payment_becomes_credit(world: World, end: P) -> None:
    invoice = world.invoice()
    first = started(world, invoice)
    report(world, first, end)
    second = started(world, invoice)
    report(world, second, P.PAID)
    report(world, first, P.PAID)
    assert status_of(world, first) is status_of(world, second) is S.PAID
    assert (world.open_minor(invoice), world.booked(), world.credit()) == (0, 10000, 10000)


def test_a_late_success_while_another_is_pending_becomes_the_others_credit(world: World) -> None:
    invoice = world.invoice()
    first = started(world, invoice)
    report(world, first, P.EXPIRED)
    second = started(world, invoice, "card")
    report(world, second, P.PENDING)
    report(world, first, P.PAID)
    assert world.open_minor(invoice) == 0
    report(world, second, P.PAID)
    assert (world.booked(), world.credit()) == (10000, 10000)


@pytest.mark.parametrize(
    ("arrived", "open_minor", "credit"), [(9000, 1000, 0), (12000, 0, 2000), (1, 9999, 0)]
)
def test_another_amount_is_booked_as_what_really_arrived(
    world: World, arrived: int, open_minor: int, credit: int
) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    assert report(world, payment_id, P.PAID, amount=Money(arrived, "EUR"))
    assert (world.open_minor(invoice), world.credit()) == (open_minor, credit)
    with world.scope():
        payment = db.session.get_one(Payment, payment_id)
        assert payment.received_minor == arrived
        assert payment.details["mismatch"]["mismatch"] == "wrong_amount"
        assert db.session.query(AuditEntry).filter(AuditEntry.event == "payment.mismatch").count() == 1


@pytest.mark.parametrize("amount", [Money(10000, "USD"), Money(0, "EUR"), Money(-1, "EUR")])
def test_money_that_fits_nowhere_is_marked_once_and_books_nothing(world: World, amount: Money) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    for _ in range(3):
        assert not report(world, payment_id, P.PAID, amount=amount)
    assert status_of(world, payment_id) is S.OPEN
    assert (world.open_minor(invoice), world.booked(), world.credit()) == (10000, 0, 0)
    with world.scope():
        assert db.session.query(AuditEntry).filter(AuditEntry.event == "payment.mismatch").count() == 1
    assert report(world, payment_id, P.PAID)


def test_a_report_about_another_attempt_is_marked_and_books_nothing(world: World) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    assert not report(world, payment_id, P.PAID, reference="somebody-elses")
    assert (status_of(world, payment_id), world.booked()) == (S.OPEN, 0)


def test_money_after_a_failure_is_shown_to_the_shop(world: World) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    report(world, payment_id, P.FAILED, failure_reason="refused")
    for _ in range(3):
        assert not report(world, payment_id, P.PAID)
    with world.scope():
        payment = db.session.get_one(Payment, payment_id)
        assert payment.status is S.FAILED
        assert payment.details["mismatch"] == {"mismatch": "contradiction", "reported": "paid"}
        assert db.session.query(AuditEntry).filter(AuditEntry.event == "payment.mismatch").count() == 1


class TestReversal:
    """A chargeback, and one that was won."""

    def test_it_reopens_the_invoice(self, world: World) -> None:
        invoice = world.invoice()
        payment_id = started(world, invoice)
        report(world, payment_id, P.PAID)
        assert report(world, payment_id, P.REVERSED, reversed_at=START)
        assert not report(world, payment_id, P.REVERSED, reversed_at=START)
        with world.scope():
            document = db.session.get_one(Document, invoice.id)
            assert (document.status, document.open_minor) == (DocumentStatus.OPEN, 10000)
            assert document.reversed_at is not None
        assert world.booked() == 0

    def test_one_that_was_won_books_it_again_without_a_second_mail(self, world: World) -> None:
        invoice = world.invoice()
        payment_id = started(world, invoice)
        report(world, payment_id, P.PAID)
        report(world, payment_id, P.REVERSED, reversed_at=START)
        assert not report(world, payment_id, P.PAID), "an old report of paid brings nothing back"
        assert report(world, payment_id, P.PAID, reversed_at=START, reinstated_at=START)
        assert (world.open_minor(invoice), world.booked()) == (0, 10000)
        with world.scope():
            assert db.session.get_one(Payment, payment_id).reversed_at is None
            assert (
                db.session.query(MailMessage).filter(MailMessage.name == "payment_confirmation").count() == 1
            )

    def test_it_takes_its_excess_back(self, world: World) -> None:
        invoice = world.invoice()
        payment_id = started(world, invoice)
        report(world, payment_id, P.PAID, amount=Money(12000, "EUR"))
        assert world.credit() == 2000
        report(world, payment_id, P.REVERSED, reversed_at=START)
        assert (world.credit(), world.open_minor(invoice)) == (0, 10000)

    def test_it_can_be_the_first_thing_heard(self, world: World) -> None:
        invoice = world.invoice()
        payment_id = started(world, invoice)
        report(world, payment_id, P.REVERSED, reversed_at=START)
        assert status_of(world, payment_id) is S.REVERSED
        assert (world.booked(), world.credit(), world.open_minor(invoice)) == (0, 0, 10000)


def ask(world: World, payment_id: int) -> S:
    with world.scope():
        return asking.refresh(
            payment_id,
            source="asked",
            actor=Actor.provider("sandbox"),
            now=clock.now(),
            transaction=partial(database.writing, db.session),
        )


def test_a_report_that_was_overtaken_is_asked_for_again(world: World) -> None:
    """The first answer says reversed; before it is applied the chargeback is won, and that is booked."""
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    browser.decide(checkout, "paid")
    payment_id = 1
    assert ask(world, payment_id) is S.PAID
    browser.decide(checkout, "charge_back")
    calls = []

    def slow(request: client.HttpRequest) -> client.HttpResponse:
        answer = client.over_http(request)
        calls.append(request)
        if len(calls) == 1:
            assert ask(world, payment_id) is S.REVERSED
            browser.decide(checkout, "win_chargeback")
            assert ask(world, payment_id) is S.PAID
        return answer

    world.app.config["SANDBOX_TRANSPORT"] = slow
    assert ask(world, payment_id) is S.PAID
    assert len(calls) == 4, "the overtaken answer was asked for again"
    assert world.open_minor(invoice) == 0
    world.check_books()


def test_an_answer_about_another_payment_changes_nothing(world: World) -> None:
    first, second = world.invoice(), world.invoice()
    browser = world.browser()
    browser.decide(browser.pay(first), "paid")
    other = browser.pay(second).rpartition("/")[2]

    def mixed_up(request: client.HttpRequest) -> client.HttpResponse:
        paid = world.bank()[0].bank_id
        return client.over_http(replace(request, url=request.url.replace(other, paid)))

    world.app.config["SANDBOX_TRANSPORT"] = mixed_up
    with pytest.raises(ProviderError):
        ask(world, 2)
    assert world.payments()[1] is S.OPEN


def test_a_payment_that_never_reached_its_provider_cannot_be_asked_about(world: World) -> None:
    invoice = world.invoice()
    payment_id = started(world, invoice)
    with world.scope():
        db.session.get_one(Payment, payment_id).provider_ref = None
        db.session.commit()
    with pytest.raises(asking.NothingToAsk):
        ask(world, payment_id)


def test_the_confirmation_obeys_its_switch(world: World) -> None:
    with world.scope():
        from portal.domain.people.models import Customer

        db.session.get_one(Customer, world.ids.emma_account).mail_payment_confirmation = False
        db.session.commit()
    payment_id = started(world, world.invoice())
    report(world, payment_id, P.PAID)
    with world.scope():
        assert db.session.query(MailMessage).count() == 0


def test_events_are_only_added(world: World) -> None:
    payment_id = started(world, world.invoice())
    with clock.frozen(START + timedelta(minutes=1)):
        report(world, payment_id, P.PAID)
    with world.scope():
        rows = db.session.query(PaymentEvent).order_by(PaymentEvent.id).all()
        assert [(row.status, row.source) for row in rows] == [
            (S.CREATED, "start"),
            (S.OPEN, "start"),
            (S.PENDING, "webhook"),
            (S.PAID, "webhook"),
        ]
        assert rows[-1].created_at == START + timedelta(minutes=1)
