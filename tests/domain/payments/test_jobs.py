"""The safety net: every payment under way for more than ten minutes is asked about, and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.blueprints.sandbox.models import BankStatus
from portal.core import clock, schedule
from portal.core.errors import Conflict
from portal.core.outbox import OutboxRow
from portal.domain.invoices.links import payment_token
from portal.domain.invoices.models import Document, ListState
from portal.domain.payments import asking, queries
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.shops.models import Mode
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.domain.payments.test_starting import cancel, start
from tests.payments_world import START, Invoice, World

S = PaymentStatus


def away(request: HttpRequest) -> HttpResponse:
    raise ConnectionRefusedError


def run_at(world: World, minutes: float) -> list[str]:
    """The periodic run and a worker after it, so many minutes after the start; what the bank was asked."""
    asked: list[str] = []
    before: Callable[[HttpRequest], HttpResponse] = world.app.config.get(
        "SANDBOX_TRANSPORT", client.over_http
    )

    def listen(request: HttpRequest) -> HttpResponse:
        asked.append(f"{request.method} {request.url.partition('/api')[2].partition('/sbp_')[0]}")
        return before(request)

    world.app.config["SANDBOX_TRANSPORT"] = listen
    with clock.frozen(START + timedelta(minutes=minutes)):
        assert schedule.run(world.app, "payments.ask_open", now=clock.now())
        world.work()
    world.app.config["SANDBOX_TRANSPORT"] = before
    return asked


def test_a_payment_whose_news_never_came_is_asked_about(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.decide(browser.pay(invoice), "paid", "never")
    assert run_at(world, 9.9) == []
    assert world.payments() == [S.OPEN]
    assert run_at(world, 10.1) == ["GET /payments"]
    assert (world.payments(), world.open_minor(invoice)) == ([S.PAID], 0)
    assert run_at(world, 30) == []
    world.check_books()


@pytest.mark.parametrize(
    ("decision", "asked"), [("paid", 0), ("failed", 0), ("canceled", 0), ("expired", 0), ("later", 1)]
)
def test_only_what_is_under_way_is_asked_about(world: World, decision: str, asked: int) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.return_to_shop(browser.decide(browser.pay(invoice), decision))
    with world.scope():
        db.session.query(OutboxRow).delete()
        db.session.commit()
    assert len(run_at(world, 11)) == asked


def test_a_tab_that_was_closed_ends_as_expired(world: World) -> None:
    invoice = world.invoice()
    world.browser().pay(invoice)
    assert run_at(world, 15) == ["GET /payments"]
    assert world.payments() == [S.OPEN]
    run_at(world, 40)
    assert (world.payments(), world.open_minor(invoice)) == ([S.EXPIRED], 10000)


def test_a_bank_that_is_away_is_asked_again_by_the_next_run(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.decide(browser.pay(invoice), "paid")

    world.app.config["SANDBOX_TRANSPORT"] = away
    for minute in range(11, 60):
        run_at(world, minute)
    assert world.payments() == [S.OPEN]
    with world.scope():
        row = db.session.query(OutboxRow).filter(OutboxRow.job == asking.ASK).one()
        assert (row.last_error or "").startswith("the test bank does not answer"), (
            "one row, as often as it failed"
        )
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    run_at(world, 70)
    run_at(world, 75)
    assert world.payments() == [S.PAID]


@pytest.mark.parametrize("paid_meanwhile", [False, True])
def test_a_bank_that_was_away_is_told_later_what_was_given_up(world: World, paid_meanwhile: bool) -> None:
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    world.app.config["SANDBOX_TRANSPORT"] = away
    browser.post(invoice.link, {}, to=f"{invoice.link}/restart")
    assert world.payments() == [S.CANCELLED]
    run_at(world, 11)
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    if paid_meanwhile:
        browser.decide(checkout, "paid", "never")
    assert run_at(world, 30) == ["POST /payments"]
    bank, ours = (BankStatus.PAID, S.PAID) if paid_meanwhile else (BankStatus.CANCELED, S.CANCELLED)
    assert ([row.status for row in world.bank()], world.payments()) == ([bank], [ours])
    assert run_at(world, 60) == [], "once the bank says that it is over, nobody asks any more"
    world.check_books()


def test_what_was_given_up_and_is_under_way_there_is_under_way_here(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    world.app.config["SANDBOX_TRANSPORT"] = away
    browser.post(invoice.link, {}, to=f"{invoice.link}/restart")
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    with clock.frozen(START + timedelta(minutes=11)):
        browser.decide(checkout, "later", "never")
    run_at(world, 11)
    assert world.payments() == [S.PENDING]
    assert browser.post(invoice.link, {"method": "card"}).status_code == 409
    run_at(world, 30)
    assert (world.payments(), world.open_minor(invoice)) == ([S.PAID], 0)
    world.check_books()


def test_running_twice_books_once(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.decide(browser.pay(invoice), "paid")
    with clock.frozen(START + timedelta(minutes=11)):
        schedule.run(world.app, "payments.ask_open", now=clock.now())
        schedule.run(world.app, "payments.ask_open", now=clock.now())
        world.work()
    assert world.booked() == 10000


def test_a_debit_that_is_pending_for_days_is_asked_about_once_an_hour(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.return_to_shop(browser.decide(browser.pay(invoice), "later"))
    with world.scope():
        db.session.query(OutboxRow).delete()
        db.session.commit()
    day = 24 * 60
    assert run_at(world, day + 1) and not run_at(world, day + 6)
    assert not run_at(world, day + 60) and run_at(world, day + 62)


def lose_the_answer(world: World, *, at_the_bank: bool) -> None:
    """The process died between sending an attempt and storing what came back."""
    invoice = world.invoice()

    def lost(request: HttpRequest) -> HttpResponse:
        if at_the_bank:
            client.over_http(request)
        raise TimeoutError

    world.app.config["SANDBOX_TRANSPORT"] = lost
    world.browser().post(invoice.link, {"method": "ideal"})
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    assert world.payments() == [S.CREATED]


@pytest.mark.parametrize("at_the_bank", [True, False])
def test_an_attempt_whose_answer_was_lost_is_sent_again_with_its_key(world: World, at_the_bank: bool) -> None:
    lose_the_answer(world, at_the_bank=at_the_bank)
    assert run_at(world, 11) == ["POST /payments", "GET /payments"]
    (row,) = world.bank()
    with world.scope():
        payment = db.session.query(Payment).one()
        assert (payment.status, payment.provider_ref) == (S.OPEN, row.bank_id)


def charge_without_answer(world: World, *, at_the_bank: bool) -> Invoice:
    """The customer had a mandate charged, and the bank's answer was lost."""
    invoice, mandate = world.invoice(), world.mandate()

    def lost(request: HttpRequest) -> HttpResponse:
        if at_the_bank:
            client.over_http(request)
        raise TimeoutError

    world.app.config["SANDBOX_TRANSPORT"] = lost
    start(world, invoice, f"saved:{mandate}")
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    assert world.payments() == [S.CREATED]
    return invoice


class TestChargeWithoutAnswer:
    """A charge that was sent moves money by itself, whether its answer arrived or not."""

    @pytest.mark.parametrize("at_the_bank", [True, False])
    def test_it_is_under_way_and_nothing_is_started_beside_it(self, world: World, at_the_bank: bool) -> None:
        invoice = charge_without_answer(world, at_the_bank=at_the_bank)
        with world.scope():
            document = db.session.get_one(Document, invoice.id)
            assert (document.pending_minor, document.list_state) == (10000, ListState.PENDING)
            assert queries.find_started_attempt(document.id) is None
        for way in ("ideal", "card"):
            with pytest.raises(Conflict):
                start(world, invoice, way)
        world.browser().post(invoice.link, {}, to=f"{invoice.link}/restart")
        assert world.payments() == [S.CREATED]

    @pytest.mark.parametrize("at_the_bank", [True, False])
    def test_it_is_sent_again_and_charged_once(self, world: World, at_the_bank: bool) -> None:
        invoice = charge_without_answer(world, at_the_bank=at_the_bank)
        world.work()
        assert world.payments() == [S.PENDING]
        run_at(world, 30)
        run_at(world, 60)
        assert (world.payments(), world.open_minor(invoice), len(world.bank())) == ([S.PAID], 0, 1)
        world.check_books()

    def test_starting_again_leaves_it_alone(self, world: World) -> None:
        charge_without_answer(world, at_the_bank=True)
        with world.scope():
            payment_id = db.session.query(Payment).one().id
        assert cancel(world, payment_id) is S.CREATED
        world.work()
        assert world.payments() == [S.PENDING]

    def test_a_refusal_found_later_frees_the_invoice(self, world: World) -> None:
        invoice = charge_without_answer(world, at_the_bank=False)
        world.app.config["SANDBOX_TRANSPORT"] = lambda request: HttpResponse(422, b'{"error": "no"}')
        world.work()
        world.app.config["SANDBOX_TRANSPORT"] = client.over_http
        assert world.payments() == [S.FAILED]
        assert start(world, invoice, "ideal").status is S.OPEN

    def test_near_the_end_of_the_banks_memory_it_is_left_alone(self, world: World) -> None:
        charge_without_answer(world, at_the_bank=False)
        assert run_at(world, 24 * 60 - 1) == []
        assert world.payments() == [S.CREATED]

    def test_without_an_answer_for_longer_than_the_bank_remembers_it_expires(self, world: World) -> None:
        invoice = charge_without_answer(world, at_the_bank=False)
        run_at(world, 24 * 60 + 1)
        assert world.payments() == [S.EXPIRED]
        with clock.frozen(START + timedelta(days=2)):
            assert start(world, invoice, "ideal").status is S.OPEN


def test_a_key_that_the_bank_may_have_forgotten_is_not_sent_again(world: World) -> None:
    """The job did not run for days: a click then makes a new attempt instead of repeating the old one."""
    lose_the_answer(world, at_the_bank=True)
    with world.scope():
        invoice = db.session.query(Document).order_by(Document.id.desc()).first()
        assert invoice is not None
        found = Invoice(invoice.id, invoice.public_id, payment_token(invoice))
    with clock.frozen(START + timedelta(days=3)):
        world.browser().pay(found)
    assert world.payments() == [S.EXPIRED, S.OPEN]
    assert len(world.bank()) == 2


def test_after_the_banks_memory_of_keys_it_is_given_up(world: World) -> None:
    lose_the_answer(world, at_the_bank=False)
    assert run_at(world, 24 * 60 + 1) == []
    assert world.payments() == [S.EXPIRED]
    assert world.bank() == []


def test_a_provider_that_is_gone_leaves_the_payment_and_says_so(world: World) -> None:
    world.browser().pay(world.invoice())
    world.change_shop(mode=Mode.LIVE)
    assert run_at(world, 11) == []
    with world.scope():
        row = db.session.query(OutboxRow).filter(OutboxRow.job == asking.ASK).one()
        assert row.last_error == "the provider is not there any more"
    assert world.payments() == [S.OPEN]
