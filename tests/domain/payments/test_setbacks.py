"""Money that was under way and does not come, or that a bank takes back: who is told of it, and how often.

| what happens | the account | staff |
| --- | --- | --- |
| a debit or a pending payment fails, is cancelled or expires | once | no |
| an attempt ends in the browser, or the bank refuses at the press of a button | no: they see it | no |
| it fails where nothing is to be paid any more | no | no |
| a bank takes back what was paid | once each time | once each time |
| the shop takes back what it booked by mistake | the mail of a correction | no |
"""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.core import clock
from portal.core.audit import Actor
from portal.core.mailer import Category, MailMessage
from portal.core.money import Money
from portal.core.scalars import thaw
from portal.domain.invoices.links import payment_url
from portal.domain.invoices.models import Document
from portal.domain.payments import undoing
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.payments.provider import ProviderStatus
from portal.domain.payments.registering import Received, register
from portal.domain.people.models import Customer, Staff
from portal.domain.people.recipients import Switch
from portal.domain.shops.models import Shop
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.domain.payments.test_applying import report, started
from tests.domain.payments.test_jobs import run_at
from tests.domain.payments.test_several import give_credit, use_credit
from tests.domain.payments.test_starting import break_bank, mend_bank, start
from tests.payments_world import START, Invoice, World
from tests.rows import make_contact

P = ProviderStatus
ENDS = [P.FAILED, P.CANCELLED, P.EXPIRED]


def mails(world: World, name: str) -> list[MailMessage]:
    with world.scope():
        return list(db.session.query(MailMessage).filter(MailMessage.name == name).order_by(MailMessage.id))


def ill_news(world: World) -> list[str]:
    """The names of all mails about what went wrong."""
    return [
        mail.name
        for name in ("payment_failed", "payment_charged_back", "charged_back", "payment_corrected")
        for mail in mails(world, name)
    ]


def debit(world: World, invoice: Invoice, **options: object) -> int:
    """A direct debit under way; the payment's primary key."""
    return start(world, invoice, f"saved:{world.mandate()}", **options).payment_id


class TestFailed:
    """What was under way and does not come."""

    @pytest.mark.parametrize("end", ENDS)
    def test_a_debit_that_comes_to_nothing_is_told_once(self, world: World, end: P) -> None:
        invoice = world.invoice()
        payment_id = debit(world, invoice)
        assert report(world, payment_id, end)
        for _ in range(3):
            report(world, payment_id, end)
        (mail,) = mails(world, "payment_failed")
        said = thaw(mail.context)
        assert (mail.category, mail.to) == (Category.BILLING, ["emma@example.com"])
        assert (said["amount_minor"], said["due_minor"], said["numbers"]) == (10000, 10000, "2026-0001")
        assert (said["failed_on"], said["method"]) == (START.date(), "Direct debit")
        with world.scope():
            document = db.session.get_one(Document, invoice.id)
            assert said["pay_url"] == payment_url(document)
            assert said["invoice_url"].endswith(f"/customer/invoices/{document.public_id}")
        assert ill_news(world) == ["payment_failed"]

    def test_webhooks_at_once_tell_it_once(self, world: World) -> None:
        payment_id = debit(world, world.invoice())

        def hear(_: int) -> bool:
            return contextvars.Context().run(report, world, payment_id, P.FAILED)

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(hear, range(4))) == 1
        assert ill_news(world) == ["payment_failed"]

    def test_a_pending_payment_of_a_bank_page_is_told_too(self, world: World) -> None:
        payment_id = started(world, world.invoice(), "card")
        report(world, payment_id, P.PENDING)
        report(world, payment_id, P.FAILED)
        (mail,) = mails(world, "payment_failed")
        assert mail.context["method"] == "Credit card"

    @pytest.mark.parametrize("end", ENDS)
    def test_what_ended_in_the_browser_was_seen_there(self, world: World, end: P) -> None:
        payment_id = started(world, world.invoice())
        report(world, payment_id, end)
        assert ill_news(world) == []
        with world.scope():
            assert db.session.get_one(Payment, payment_id).fell_through_at is None

    def test_what_the_bank_refuses_at_once_is_said_on_the_page(self, world: World) -> None:
        def refused(request: HttpRequest) -> HttpResponse:
            return HttpResponse(422, b'{"error": "no"}')

        invoice, mandate = world.invoice(), world.mandate()
        break_bank(world, refused)
        with pytest.raises(Exception, match="refused"):
            start(world, invoice, f"saved:{mandate}")
        mend_bank(world)
        assert world.payments() == [PaymentStatus.FAILED]
        assert ill_news(world) == []

    def test_a_debit_that_never_got_an_answer_is_told(self, world: World) -> None:
        """They were told to wait for it, and there is nobody to ask any more."""

        def away(request: HttpRequest) -> HttpResponse:
            raise ConnectionRefusedError

        invoice, mandate = world.invoice(), world.mandate()
        break_bank(world, away)
        start(world, invoice, f"saved:{mandate}")
        run_at(world, 2 * 24 * 60)
        assert world.payments() == [PaymentStatus.EXPIRED]
        assert ill_news(world) == ["payment_failed"]

    def test_nothing_is_said_where_nothing_is_to_be_paid(self, world: World) -> None:
        """Another attempt, given up and paid after all, settled it meanwhile."""
        invoice = world.invoice()
        late = started(world, invoice)
        report(world, late, P.EXPIRED)
        payment_id = debit(world, invoice)
        report(world, late, P.PAID)
        report(world, payment_id, P.FAILED)
        assert world.open_minor(invoice) == 0 and ill_news(world) == []

    def test_no_switch_stops_it_and_contacts_get_copies(self, world: World) -> None:
        with world.scope():
            account = db.session.get_one(Customer, world.ids.emma_account)
            for switch in Switch:
                setattr(account, switch.value, False)
            make_contact(account.id, name="Books", email="books@example.net", billing_mails=True)
            make_contact(account.id, name="Other", email="other@example.net", billing_mails=False)
            db.session.commit()
        payment_id = debit(world, world.invoice())
        report(world, payment_id, P.FAILED)
        (mail,) = mails(world, "payment_failed")
        assert (mail.to, mail.cc) == (["emma@example.com"], ["books@example.net"])

    def test_a_part_says_what_is_to_be_paid_beside_other_money_under_way(self, world: World) -> None:
        world.change_shop(allow_part_payment=True)
        invoice = world.invoice()
        first = debit(world, invoice, amount_minor=3000)
        second = started_beside(world, invoice, 2000, 3000)
        report(world, first, P.FAILED)
        (mail,) = mails(world, "payment_failed")
        assert (mail.context["amount_minor"], mail.context["due_minor"]) == (3000, 8000)
        report(world, second, P.FAILED)
        assert mails(world, "payment_failed")[-1].context["due_minor"] == 10000

    def test_nobody_to_tell_stops_nothing(self, world: World) -> None:
        invoice = world.invoice()
        payment_id = debit(world, invoice)
        with world.scope():
            db.session.get_one(Customer, world.ids.emma_account).email = "no address@"
            db.session.commit()
        assert report(world, payment_id, P.FAILED)
        assert world.payments() == [PaymentStatus.FAILED] and ill_news(world) == []


def started_beside(world: World, invoice: Invoice, amount_minor: int, under_way_minor: int) -> int:
    """A card payment of a part under way beside money that is under way already."""
    outcome = start(world, invoice, "card", amount_minor=amount_minor, under_way_minor=under_way_minor)
    report(world, outcome.payment_id, P.PENDING)
    return outcome.payment_id


class TestChargedBack:
    """What a bank takes back."""

    def test_account_and_staff_are_told_once(self, world: World) -> None:
        invoice = world.invoice()
        payment_id = started(world, invoice)
        report(world, payment_id, P.PAID, paid_at=START)
        with clock.frozen(START + timedelta(days=20)):
            assert report(world, payment_id, P.REVERSED, reversed_at=START)
            for _ in range(3):
                report(world, payment_id, P.REVERSED, reversed_at=START)
        (mail,) = mails(world, "payment_charged_back")
        said = thaw(mail.context)
        assert (mail.category, mail.to) == (Category.BILLING, ["emma@example.com"])
        assert (said["amount_minor"], said["due_minor"], said["credit_minor"]) == (10000, 10000, 0)
        assert (said["paid_on"], said["taken_on"]) == (START.date(), (START + timedelta(days=20)).date())
        assert "/pay/" in said["pay_url"]
        (staff,) = mails(world, "charged_back")
        told = thaw(staff.context)
        with world.scope():
            everybody = {each.email for each in db.session.query(Staff)}
            document = db.session.get_one(Document, invoice.id)
            assert told["page_url"].endswith(f"/office/invoices/{document.public_id}")
        assert staff.category is Category.STAFF and staff.to and set(staff.to) <= everybody
        assert (told["taken_minor"], told["numbers"], told["is_told"]) == (10000, "2026-0001", True)

    def test_webhooks_at_once_tell_it_once(self, world: World) -> None:
        payment_id = started(world, world.invoice())
        report(world, payment_id, P.PAID)

        def hear(_: int) -> bool:
            return contextvars.Context().run(report, world, payment_id, P.REVERSED, reversed_at=START)

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(hear, range(4))) == 1
        assert ill_news(world) == ["payment_charged_back", "charged_back"]

    def test_one_that_was_won_and_lost_again_is_told_again(self, world: World) -> None:
        payment_id = started(world, world.invoice())
        report(world, payment_id, P.PAID)
        report(world, payment_id, P.REVERSED, reversed_at=START)
        report(world, payment_id, P.PAID, reversed_at=START, reinstated_at=START)
        assert ill_news(world) == ["payment_charged_back", "charged_back"]
        report(world, payment_id, P.REVERSED, reversed_at=START)
        assert len(mails(world, "payment_charged_back")) == len(mails(world, "charged_back")) == 2

    def test_what_was_paid_with_its_excess_is_named_too(self, world: World) -> None:
        first, second = world.invoice(), world.invoice()
        payment_id = started(world, first)
        report(world, payment_id, P.PAID, amount=Money(12000, "EUR"))
        use_credit(world, second, credit_minor=2000)
        report(world, payment_id, P.REVERSED, reversed_at=START, amount=Money(12000, "EUR"))
        (mail,) = mails(world, "payment_charged_back")
        assert mail.context["numbers"] == "2026-0001, 2026-0002"
        assert (mail.context["amount_minor"], mail.context["due_minor"]) == (12000, 20000)
        assert mail.context["pay_url"] is None and mail.context["several"] is True
        (staff,) = mails(world, "charged_back")
        assert "/office/customers/" in staff.context["page_url"]

    def test_credit_that_goes_is_said(self, world: World) -> None:
        invoice = world.invoice()
        payment_id = started(world, invoice)
        report(world, payment_id, P.PAID, amount=Money(12000, "EUR"))
        give_credit(world, 500)
        report(world, payment_id, P.REVERSED, reversed_at=START, amount=Money(12000, "EUR"))
        for name in ("payment_charged_back", "charged_back"):
            (mail,) = mails(world, name)
            assert mail.context["credit_minor"] == 2000, name

    def test_the_shops_own_mistake_is_no_chargeback(self, world: World) -> None:
        invoice = world.invoice()
        with world.scope():
            received = Received(
                amount_minor=10000,
                method=PaymentMethodKind.CASH,
                paid_on=START.date(),
                reference="",
                key="k" * 22,
            )
            shop, actor = db.session.get_one(Shop, world.ids.shop), Actor.system("test")
            payment = register(invoice.id, received, shop=shop, now=clock.now(), actor=actor)
            undoing.undo(payment.id, reason="Wrong", actor=actor, now=clock.now())
            db.session.commit()
        assert ill_news(world) == ["payment_corrected"]

    def test_staff_hear_of_it_though_no_mail_can_go_to_the_customer(self, world: World) -> None:
        payment_id = started(world, world.invoice())
        report(world, payment_id, P.PAID)
        with world.scope():
            db.session.get_one(Customer, world.ids.emma_account).email = "no address@"
            db.session.commit()
        assert report(world, payment_id, P.REVERSED, reversed_at=START)
        assert ill_news(world) == ["charged_back"]
        assert mails(world, "charged_back")[0].context["is_told"] is False

    def test_what_a_bank_decides_on_its_page_arrives_by_its_webhook(self, world: World) -> None:
        invoice, browser = world.invoice(), world.browser()
        checkout = browser.pay(invoice)
        browser.decide(checkout, "paid", "before")
        world.work()
        browser.decide(checkout, "charge_back", "before")
        world.work()
        world.work()
        assert world.payments() == [PaymentStatus.REVERSED]
        assert ill_news(world) == ["payment_charged_back", "charged_back"]
        world.check_books()


def test_the_bank_s_answer_is_lost_and_the_failure_heard_later(world: World) -> None:
    """Nobody stood beside it: the run that asks tells the account."""

    def deaf(request: HttpRequest) -> HttpResponse:
        client.over_http(request)
        raise ConnectionResetError

    invoice, mandate = world.invoice(), world.mandate()
    break_bank(world, deaf)
    start(world, invoice, f"saved:{mandate}")
    mend_bank(world)
    world.browser().decide(f"/sandbox/{world.bank()[0].bank_id}", "failed")
    run_at(world, 20)
    assert world.payments() == [PaymentStatus.FAILED]
    assert ill_news(world) == ["payment_failed"]
