"""Paying through the test bank: each way, each button, each time of notice, with and without coming back.

Over real HTTP between page and bank. Who comes back makes the portal ask; who closes the bank's tab does not, so
there the webhook, and where it never comes the periodic run, are all that can bring the news.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.models import BankStatus
from portal.core import clock, schedule
from portal.core.mail_message import MailMessage
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.invoices.models import Document
from portal.domain.payments.models import Payment, PaymentEvent, PaymentStatus
from portal.extensions import db
from tests.page_client import PageClient
from tests.payments_world import START, Browser, Invoice, World

Login = Callable[..., PageClient]
S = PaymentStatus

#: What each button makes of a payment once everybody knows; "later" is paid after the bank's minute.
OUTCOMES = {
    "paid": S.PAID,
    "failed": S.FAILED,
    "canceled": S.CANCELLED,
    "expired": S.EXPIRED,
    "later": S.PENDING,
}
#: How often the bank tells the shop of one decision.
CALLS = {"before": 1, "after": 1, "thrice": 3, "never": 0}
SAYS = {
    BankStatus.PAID: S.PAID,
    BankStatus.FAILED: S.FAILED,
    BankStatus.CANCELED: S.CANCELLED,
    BankStatus.EXPIRED: S.EXPIRED,
    BankStatus.PENDING: S.PENDING,
}


@dataclass(frozen=True)
class Way:
    """From which page, and by what."""

    signed_in: bool
    method: str

    @property
    def by_mandate(self) -> bool:
        """Nobody goes to the bank's page: the payment is under way at once."""
        return self.method == "saved"


WAYS = {
    "iDEAL by link": Way(False, "ideal"),
    "card by link": Way(False, "card"),
    "iDEAL signed in": Way(True, "ideal"),
    "card signed in": Way(True, "card"),
    "saved mandate": Way(True, "saved"),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
#: Coming back is one page for all of them: with each method once, by link and signed in.
BACK = ("iDEAL by link", "card signed in", "saved mandate")
each_way_back = pytest.mark.parametrize("way", [WAYS[name] for name in BACK], ids=BACK)
each_notice = pytest.mark.parametrize("notice", CALLS)


@dataclass(frozen=True)
class Started:
    """One payment begun, and the page at which the bank takes its decision."""

    decision: str
    invoice: Invoice
    payment: int
    back: str
    bank: str


def begin(world: World, login: Login, way: Way) -> tuple[Browser, list[Started]]:
    """A person with five invoices, each being paid, one for each button."""
    browser = world.browser(login("emma", now=clock.now()) if way.signed_in else None)
    # The same pages over and over, which other tests look at.
    browser.client.checks, browser.hurried = False, True
    method = f"saved:{world.mandate()}" if way.by_mandate else way.method
    return browser, [press_pay(world, browser, way, method, decision) for decision in OUTCOMES]


def press_pay(world: World, browser: Browser, way: Way, method: str, decision: str) -> Started:
    invoice = world.invoice()
    page = f"/customer/invoices/{invoice.public_id}" if way.signed_in else invoice.link
    answer = browser.post(page, {"method": method}, to=f"{page}/pay" if way.signed_in else page)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    ordered = world.bank()[-1]
    with world.scope():
        payment = db.session.query(Payment).filter_by(provider_ref=ordered.bank_id).one()
        assert payment.method.value == ("sepa" if way.by_mandate else method)
        assert payment.via_link is not way.signed_in
        payment_id, back = payment.id, f"/pay/return/{payment.public_id}"
        document = db.session.get_one(Document, invoice.id)
        assert document.open_minor == 10000, "nothing is booked before it is paid"
        assert document.pending_minor == (10000 if way.by_mandate else 0)
    if way.by_mandate:
        assert answer.location.endswith(page), "there is nowhere to go: the page says that it is under way"
    else:
        assert answer.location.endswith(f"/sandbox/{ordered.bank_id}")
    return Started(decision, invoice, payment_id, back, f"/sandbox/{ordered.bank_id}")


def come_back(browser: Browser, way: Way, started: Started, address: str) -> None:
    """The bank's way back to the shop; of a direct debit, which has none, the page of its progress once more."""
    answer = browser.get(started.back) if way.by_mandate else browser.return_to_shop(address)
    if answer.status_code == 303:
        assert way.signed_in and answer.location.endswith(f"/customer/invoices/{started.invoice.public_id}")
        answer = browser.get(answer.location)
    assert answer.status_code == 200


def states(world: World, attempts: list[Started]) -> dict[str, PaymentStatus]:
    """Where each payment stands, by the button that was pressed for it."""
    with world.scope():
        return {each.decision: db.session.get_one(Payment, each.payment).status for each in attempts}


def work_at(world: World, seconds: float) -> None:
    """The worker of the lane, so many seconds after everybody pressed their button."""
    with clock.frozen(START + timedelta(seconds=seconds)):
        world.work()


def check_end(world: World, attempts: list[Started]) -> None:
    """Every payment as the bank has it, booked once, told once, and nothing left over."""
    there = {row.bank_id: SAYS[row.status] for row in world.bank()}
    with world.scope():
        here = {row.provider_ref: row.status for row in db.session.query(Payment)}
        assert here == there
        paid = [event.payment_id for event in db.session.query(PaymentEvent).filter_by(status=S.PAID)]
        assert sorted(paid) == sorted(each.payment for each in attempts if each.decision in ("paid", "later"))
        assert db.session.query(MailMessage).filter_by(name="payment_confirmation").count() == len(paid)
        for each in attempts:
            document = db.session.get_one(Document, each.invoice.id)
            left = 0 if each.decision in ("paid", "later") else 10000
            assert (document.open_minor, document.pending_minor) == (left, 0), each.decision
    assert world.credit() == 0
    world.check_books()


def check_calls(world: World, attempts: list[Started], notice: str) -> None:
    """The bank called as often as was chosen, no more and no less, and was understood each time."""
    with world.scope():
        calls = db.session.query(OutboxRow).filter_by(job=book.NOTIFY, state=OutboxState.DONE).all()
        ids = [call.payload["bank_id"] for call in calls]
    for each in attempts:
        assert ids.count(each.bank.rpartition("/")[2]) == CALLS[notice], each.decision


@each_notice
@each_way_back
def test_everybody_comes_back(world: World, login: Login, way: Way, notice: str) -> None:
    browser, attempts = begin(world, login, way)
    for each in attempts:
        come_back(browser, way, each, browser.decide(each.bank, each.decision, notice))
        assert states(world, [each]) == {each.decision: OUTCOMES[each.decision]}, (
            "known as soon as one is back"
        )
    work_at(world, 0)
    work_at(world, 6)
    assert states(world, attempts) == OUTCOMES
    work_at(world, 61)
    work_at(world, 67)
    come_back(browser, way, attempts[-1], attempts[-1].back)
    check_end(world, attempts)
    check_calls(world, attempts, notice)


@each_notice
@each_way
def test_the_banks_tab_is_closed(world: World, login: Login, way: Way, notice: str) -> None:
    """Nobody comes back: the bank's calls bring the news as soon as they come, and the periodic run the rest."""
    browser, attempts = begin(world, login, way)
    begun = S.PENDING if way.by_mandate else S.OPEN
    untold = dict.fromkeys(OUTCOMES, begun)
    told = {**OUTCOMES, "later": begun}  # that it will be paid later is nothing to call about
    for each in attempts:
        browser.decide(each.bank, each.decision, notice)
    assert states(world, attempts) == untold

    work_at(world, 0)
    assert states(world, attempts) == (told if notice in ("before", "thrice") else untold)
    work_at(world, 6)
    assert states(world, attempts) == (untold if notice == "never" else told)
    work_at(world, 61)
    work_at(world, 67)
    end = untold if notice == "never" else {**OUTCOMES, "later": S.PAID}
    assert states(world, attempts) == end
    check_calls(world, attempts, notice)
    if notice != "never":
        check_end(world, attempts)

    with clock.frozen(START + timedelta(minutes=11)):
        assert schedule.run(world.app, "payments.ask_open", now=clock.now())
        world.work()
    check_end(world, attempts)
    check_calls(world, attempts, notice)
