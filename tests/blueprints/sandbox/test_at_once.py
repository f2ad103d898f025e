"""Two clicks at once that want different things: another way to pay, or to start again.

Whatever the portal makes of them, afterwards at most one payment for the balance can still be collected at the bank,
the portal knows that one as running, and every cent that the bank takes is booked or becomes credit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from werkzeug.test import TestResponse

from portal.blueprints.sandbox.models import BankStatus, SandboxPayment
from portal.core import clock, schedule
from portal.domain.payments.models import Payment
from portal.domain.payments.states import RUNNING
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.page_client import PageClient
from tests.payments_world import START, Browser, Invoice, World

Login = Callable[..., PageClient]
Click = Callable[[], TestResponse]

#: What the bank may still take money for.
COLLECTABLE = (BankStatus.OPEN, BankStatus.PENDING)
#: Seconds in which a click that waits for nobody has long been answered.
PATIENCE = 2.0


class Counter:
    """One invoice that several people stand before, each with the page open and a finger on a button."""

    def __init__(self, world: World, login: Login) -> None:
        self.world, self.login = world, login
        self.mandate = world.mandate()
        # A direct debit stays under way until somebody decides.
        world.app.config["SANDBOX_DELAY_SECONDS"] = 36_000
        self.seconds = 0.0
        self.next_invoice()

    def next_invoice(self) -> None:
        self.invoice: Invoice = self.world.invoice()
        self.taken = len(self.world.bank())

    def aim(self, what: str) -> Click:
        """By link a visitor pays by iDEAL or starts again; signed in, Emma pays by card or by her mandate."""
        page = f"/customer/invoices/{self.invoice.public_id}"
        if what in ("ideal", "restart"):
            link = self.invoice.link
            to, data = (link, {"method": what}) if what == "ideal" else (f"{link}/restart", {})
            return self.quick().aim(link, data, to=to)
        emma = self.quick(self.login("emma", now=clock.now()))
        if what == "restart signed in":
            return emma.aim(page, {}, to=f"{page}/restart")
        return emma.aim(
            page, {"method": "card" if what == "card" else f"saved:{self.mandate}"}, to=f"{page}/pay"
        )

    def quick(self, signed_in: PageClient | None = None) -> Browser:
        """A browser that does not stop to look at each page: other tests do."""
        browser = self.world.browser(signed_in)
        browser.client.checks = False
        return browser

    def later(self, seconds: float) -> None:
        """Time passes, and the worker does what is due by then."""
        self.seconds += seconds
        with clock.frozen(START + timedelta(seconds=self.seconds)):
            self.world.work()

    def at_the_bank(self) -> list[SandboxPayment]:
        """What the bank was asked to collect for this invoice."""
        return self.world.bank()[self.taken :]

    def collectable(self) -> list[str]:
        """The payments for this invoice that the bank may still take money for, each known here as running."""
        found = [row.bank_id for row in self.at_the_bank() if row.status in COLLECTABLE]
        with self.world.scope():
            rows = db.session.query(Payment).filter(
                Payment.provider_ref.in_(found), Payment.status.in_(RUNNING)
            )
            known = {row.provider_ref for row in rows}
        assert set(found) == known, "the bank may collect what the portal has given up or never heard of"
        return found

    def settle(self) -> None:
        """At most one payment is left to collect, whatever anybody clicks now; then the bank takes all it can."""
        world = self.world
        # What is told to a bank later because it was away, or is told in the background.
        self.later(31)
        assert len(self.collectable()) <= 1
        assert self.aim("ideal")().status_code in (303, 409, 422)
        self.later(31)
        assert len(self.collectable()) <= 1, "two payments for one balance may both be collected"
        before, owed = world.credit(), world.open_minor(self.invoice)
        assert owed == 10000

        browser = self.quick()
        for bank_id in self.collectable():
            browser.decide(f"/sandbox/{bank_id}", "paid", "after")
        self.later(61)
        paid = [row for row in self.at_the_bank() if row.status is BankStatus.PAID]
        assert world.open_minor(self.invoice) == owed - sum(row.amount_minor for row in paid)
        assert world.credit() == before, "an invoice that was collected once leaves no credit"
        world.check_books()

        # At a real bank money may arrive for what was cancelled, too: then it is the customer's all the same.
        for row in self.at_the_bank():
            if row.status is BankStatus.CANCELED:
                browser.decide(f"/sandbox/{row.bank_id}", "paid", "never")
        with clock.frozen(START + timedelta(seconds=self.seconds) + timedelta(minutes=11)):
            assert schedule.run(world.app, "payments.ask_open", now=clock.now())
            world.work()
        for row in self.at_the_bank():
            if row.status is BankStatus.PAID:
                self.quick().get(f"/pay/return/{row.reference}")
        taken = sum(row.amount_minor for row in self.at_the_bank() if row.status is BankStatus.PAID)
        assert world.open_minor(self.invoice) == owed - min(owed, taken)
        assert world.credit() == before + max(0, taken - owed)
        world.check_books()


def press(clicks: list[Click]) -> list[TestResponse]:
    """All at the same moment, each in a thread of its own."""
    gate, answers = threading.Barrier(len(clicks)), []

    def one(click: Click) -> None:
        gate.wait()
        answers.append(click())

    threads = [threading.Thread(target=one, args=(click,)) for click in clicks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(clicks), "a click had no answer"
    return answers


def overtake(world: World, first: Click, second: Click, *, held: str) -> list[TestResponse]:
    """The first click is held on its way to the bank, or back from it, until the second is through.

    Where the portal has the second one wait for the first, it is let go after a while.
    """
    arrived, go_on, mine = threading.Event(), threading.Event(), threading.Lock()
    answers: list[TestResponse] = []

    def slowly(request: HttpRequest) -> HttpResponse:
        # Only the first call that changes something at the bank: what follows is not held up.
        hold = request.method == "POST" and mine.acquire(blocking=False)
        if hold and held == "there":
            arrived.set()
            go_on.wait(30)
        answer = client.over_http(request)
        if hold and held == "back":
            arrived.set()
            go_on.wait(30)
        return answer

    world.app.config["SANDBOX_TRANSPORT"] = slowly
    one, two = (
        threading.Thread(target=lambda click=click: answers.append(click())) for click in (first, second)
    )
    one.start()
    assert arrived.wait(20), "the first click never came to the bank"
    two.start()
    two.join(PATIENCE)
    go_on.set()
    one.join(20)
    two.join(20)
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    assert len(answers) == 2, "a click had no answer"
    return answers


@pytest.fixture
def counter(world: World, login: Login) -> Counter:
    return Counter(world, login)


def answered(answers: list[TestResponse]) -> None:
    """Each led on or said why not; no click ends in an error."""
    assert {answer.status_code for answer in answers} <= {303, 409, 422}, [a.status for a in answers]


NEW = ("ideal", "card")


@pytest.mark.parametrize("held", ["there", "back"])
@pytest.mark.parametrize(("first", "second"), [(a, b) for a, b in product(NEW, NEW) if a != b])
def test_another_way_while_the_first_is_on_its_way(
    counter: Counter, first: str, second: str, held: str
) -> None:
    answered(overtake(counter.world, counter.aim(first), counter.aim(second), held=held))
    assert counter.collectable(), "somebody can pay"
    counter.settle()


@pytest.mark.parametrize("held", ["there", "back"])
@pytest.mark.parametrize("second", ["restart", "restart signed in"])
@pytest.mark.parametrize("first", NEW)
def test_start_again_while_the_payment_is_on_its_way(
    counter: Counter, first: str, second: str, held: str
) -> None:
    answered(overtake(counter.world, counter.aim(first), counter.aim(second), held=held))
    counter.settle()


@pytest.mark.parametrize("held", ["there", "back"])
@pytest.mark.parametrize("second", [*NEW, "saved", "restart signed in"])
def test_paying_while_start_again_is_on_its_way(counter: Counter, second: str, held: str) -> None:
    counter.quick().pay(counter.invoice)
    answered(overtake(counter.world, counter.aim("restart"), counter.aim(second), held=held))
    counter.settle()


#: How often what only chance brings about is tried.
ROUNDS = 3


def at_the_same_moment(counter: Counter, clicks: tuple[str, ...], *, open_already: bool) -> None:
    """Again and again, each time for another invoice."""
    for _ in range(ROUNDS):
        if open_already:
            counter.quick().pay(counter.invoice)
        answered(press([counter.aim(what) for what in clicks]))
        counter.settle()
        counter.next_invoice()


@pytest.mark.parametrize("open_already", [False, True], ids=["nothing open", "one open already"])
def test_two_ways_at_the_very_same_moment(counter: Counter, open_already: bool) -> None:
    at_the_same_moment(counter, ("ideal", "card"), open_already=open_already)


@pytest.mark.parametrize("pair", [("ideal", "restart"), ("card", "restart signed in")])
def test_paying_and_starting_again_at_the_very_same_moment(counter: Counter, pair: tuple[str, str]) -> None:
    at_the_same_moment(counter, pair, open_already=True)


@pytest.mark.parametrize("pair", [("ideal", "restart"), ("card", "restart signed in"), ("saved", "restart")])
def test_starting_again_what_is_only_just_being_started(counter: Counter, pair: tuple[str, str]) -> None:
    at_the_same_moment(counter, pair, open_already=False)


@pytest.mark.parametrize("held", ["there", "back"])
@pytest.mark.parametrize(
    ("first", "second"),
    [("saved", "ideal"), ("saved", "card"), ("saved", "restart"), ("ideal", "saved"), ("card", "saved")],
)
def test_a_direct_debit_and_another_wish(counter: Counter, first: str, second: str, held: str) -> None:
    """What the bank was told to debit can no longer be taken back there."""
    answered(overtake(counter.world, counter.aim(first), counter.aim(second), held=held))
    counter.settle()


@pytest.mark.parametrize("open_already", [False, True], ids=["nothing open", "one open already"])
@pytest.mark.parametrize("pair", [("saved", "ideal"), ("saved", "card")])
def test_a_direct_debit_at_the_very_same_moment(
    counter: Counter, pair: tuple[str, str], open_already: bool
) -> None:
    at_the_same_moment(counter, pair, open_already=open_already)


def test_everything_at_once(counter: Counter) -> None:
    clicks = ("ideal", "card", "saved", "restart", "restart signed in") * 2
    at_the_same_moment(counter, clicks, open_already=False)
