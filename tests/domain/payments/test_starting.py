"""From a click to the bank's page: one attempt per balance, whatever is clicked, lost or refused on the way."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest

from portal.blueprints.sandbox.models import BankStatus
from portal.core import clock, database
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError, ProviderError
from portal.domain.invoices.booking import Share
from portal.domain.invoices.models import Document, ListState
from portal.domain.payments import actions, choices, queries, starting
from portal.domain.payments.actions import Wish
from portal.domain.payments.models import Payment, PaymentEvent, PaymentMethodKind, PaymentStatus
from portal.domain.payments.starting import Outcome
from portal.domain.shops.models import Mode
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.payments_world import START, Invoice, World


def start(world: World, invoice: Invoice, way: str = "ideal", **options: Any) -> Outcome:
    """Presses Pay as a signed-in customer would, without a browser."""

    def go() -> Outcome:
        with world.scope():
            document = db.session.get_one(Document, invoice.id)
            wish = choices.wish_for(document, way, locale="en", **{"via_link": False, **options})
            return starting.start_payment(
                world.ids.shop,
                wish,
                actor=Actor.visitor(),
                now=clock.now(),
                transaction=partial(database.writing, db.session),
            )

    return contextvars.Context().run(go)


def cancel(world: World, payment_id: int) -> PaymentStatus:
    """Presses "Start again"."""
    with world.scope():
        return starting.cancel_attempt(
            payment_id,
            actor=Actor.visitor(),
            now=clock.now(),
            transaction=partial(database.writing, db.session),
        )


def only_payment(world: World) -> int:
    """The id of the newest payment."""
    with world.scope():
        return max(id_ for (id_,) in db.session.query(Payment.id))


def break_bank(world: World, answer: Callable[[HttpRequest], HttpResponse]) -> None:
    world.app.config["SANDBOX_TRANSPORT"] = answer


def mend_bank(world: World) -> None:
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http


def away(request: HttpRequest) -> HttpResponse:
    raise ConnectionRefusedError("nobody is there")


def test_a_click_leads_to_the_bank(world: World) -> None:
    invoice = world.invoice()
    outcome = start(world, invoice)
    assert outcome.status is PaymentStatus.OPEN
    (row,) = world.bank()
    assert outcome.checkout_url == f"https://shop.example.test/sandbox/{row.bank_id}"
    assert (row.amount_minor, row.currency, row.reference) == (10000, "EUR", outcome.public_id)
    assert row.webhook_url == "https://shop.example.test/hooks/sandbox"
    assert row.return_url == f"https://shop.example.test/pay/return/{outcome.public_id}"
    with world.scope():
        payment = db.session.get_one(Payment, outcome.payment_id)
        assert (payment.mode, payment.provider, payment.provider_ref) == (Mode.TEST, "sandbox", row.bank_id)
        said = [(event.status, event.source) for event in queries.list_events_of(payment.id)]
        assert said == [(PaymentStatus.CREATED, "start"), (PaymentStatus.OPEN, "start")]
        document = db.session.get_one(Document, invoice.id)
        assert (document.open_minor, document.pending_minor, document.list_state) == (
            10000,
            0,
            ListState.UNPAID,
        )


def test_the_second_click_lands_on_the_same_checkout(world: World) -> None:
    invoice = world.invoice()
    assert start(world, invoice) == start(world, invoice)
    assert len(world.bank()) == len(world.payments()) == 1


@pytest.mark.parametrize("clicks", [2, 8])
def test_clicks_at_once_make_one_attempt(world: World, clicks: int) -> None:
    invoice, gate = world.invoice(), threading.Barrier(clicks)
    ends: list[object] = []

    def click() -> None:
        gate.wait()
        try:
            ends.append(start(world, invoice).checkout_url)
        except Exception as error:
            ends.append(error)

    threads = [threading.Thread(target=click) for _ in range(clicks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == clicks and len(set(ends)) == 1 and isinstance(ends[0], str), ends
    assert len(world.bank()) == len(world.payments()) == 1


def test_another_way_while_one_is_started_is_a_conflict(world: World) -> None:
    invoice = world.invoice()
    start(world, invoice)
    with pytest.raises(Conflict):
        start(world, invoice, "card")
    assert world.payments() == [PaymentStatus.OPEN]


def test_starting_again_cancels_at_the_bank_and_lets_one_choose_anew(world: World) -> None:
    invoice = world.invoice()
    first = start(world, invoice)
    assert cancel(world, first.payment_id) is PaymentStatus.CANCELLED
    assert [row.status for row in world.bank()] == [BankStatus.CANCELED]
    second = start(world, invoice, "card")
    assert second.checkout_url != first.checkout_url
    assert world.payments() == [PaymentStatus.CANCELLED, PaymentStatus.OPEN]


def test_starting_again_finds_out_that_it_was_paid(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    first = start(world, invoice)
    browser.decide(str(first.checkout_url), "paid")
    assert cancel(world, first.payment_id) is PaymentStatus.PAID
    assert world.open_minor(invoice) == 0
    world.check_books()


def test_starting_again_while_the_bank_is_away(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    first = start(world, invoice)
    break_bank(world, away)
    assert cancel(world, first.payment_id) is PaymentStatus.CANCELLED
    mend_bank(world)
    second = start(world, invoice)
    browser.decide(str(second.checkout_url), "paid", "before")
    world.work()
    browser.decide(str(first.checkout_url), "paid", "before")
    world.work()
    assert world.payments() == [PaymentStatus.PAID, PaymentStatus.PAID]
    assert (world.open_minor(invoice), world.credit()) == (0, 10000)
    world.check_books()


def test_starting_again_while_the_other_tab_learns_the_banks_name_for_it(world: World) -> None:
    """The one pressed before the other's answer was stored: the bank is told all the same."""
    invoice = world.invoice()
    stored, gave_up = threading.Event(), threading.Event()
    real = queries.lock_payment

    def late(payment_id: int) -> Payment:
        if threading.current_thread() is again:
            stored.wait(20)
        return real(payment_id)

    def hold(request: HttpRequest) -> HttpResponse:
        answer = client.over_http(request)
        if request.method == "POST" and not gave_up.is_set():
            again.start()
            time.sleep(0.3)
        return answer

    ended: list[PaymentStatus] = []
    again = threading.Thread(
        target=lambda: contextvars.Context().run(lambda: ended.append(cancel(world, only_payment(world))))
    )
    break_bank(world, hold)
    with mock.patch.object(queries, "lock_payment", late):
        first = threading.Thread(target=lambda: contextvars.Context().run(lambda: start(world, invoice)))
        first.start()
        first.join(20)
        gave_up.set()
        stored.set()
        again.join(20)
    assert ended == [PaymentStatus.CANCELLED]
    assert [row.status for row in world.bank()] == [BankStatus.CANCELED]


@pytest.mark.parametrize("via_link", [True, False])
def test_nobody_tries_without_end(world: World, via_link: bool) -> None:
    """Who holds a link cannot fill the history of an invoice, nor keep its customer from paying."""
    invoice = world.invoice()
    for _ in range(actions.TRIES_AN_HOUR):
        cancel(world, start(world, invoice, via_link=via_link).payment_id)
    with pytest.raises(DomainError, match="very often"):
        start(world, invoice, via_link=via_link)
    with world.scope():
        assert len(queries.list_payments_of(invoice.id)) == queries.LATEST
    assert start(world, invoice, via_link=not via_link).status is PaymentStatus.OPEN
    with clock.frozen(START + timedelta(minutes=61)):
        cancel(world, only_payment(world))
        assert start(world, invoice, via_link=via_link).status is PaymentStatus.OPEN


def test_an_attempt_that_the_bank_gave_up_is_replaced_by_the_next_click(world: World) -> None:
    invoice = world.invoice()
    first = start(world, invoice)
    with clock.frozen(START + timedelta(hours=1)):
        second = start(world, invoice)
    assert second.payment_id != first.payment_id and second.status is PaymentStatus.OPEN
    assert world.payments() == [PaymentStatus.EXPIRED, PaymentStatus.OPEN]


def test_continuing_while_the_bank_is_away_leads_to_the_known_page(world: World) -> None:
    invoice = world.invoice()
    first = start(world, invoice)
    break_bank(world, away)
    assert start(world, invoice) == first


def test_a_bank_that_is_away_costs_nothing_but_a_second_click(world: World) -> None:
    invoice = world.invoice()
    break_bank(world, away)
    with pytest.raises(DomainError, match="cannot be reached"):
        start(world, invoice)
    assert world.payments() == [PaymentStatus.CREATED]
    mend_bank(world)
    assert start(world, invoice).status is PaymentStatus.OPEN
    assert len(world.bank()) == len(world.payments()) == 1


def test_an_answer_lost_on_the_way_is_fetched_by_the_next_click(world: World) -> None:
    invoice = world.invoice()

    def lost(request: HttpRequest) -> HttpResponse:
        client.over_http(request)
        raise TimeoutError("timed out")

    break_bank(world, lost)
    with pytest.raises(DomainError):
        start(world, invoice)
    mend_bank(world)
    outcome = start(world, invoice)
    (row,) = world.bank()
    assert str(outcome.checkout_url).endswith(row.bank_id)


def test_another_way_after_the_bank_was_away_replaces_what_never_arrived(world: World) -> None:
    invoice = world.invoice()
    break_bank(world, away)
    with pytest.raises(DomainError):
        start(world, invoice)
    mend_bank(world)
    assert start(world, invoice, "card").status is PaymentStatus.OPEN
    assert world.payments() == [PaymentStatus.CANCELLED, PaymentStatus.OPEN]


def test_an_attempt_replaced_while_it_was_being_sent_is_cancelled_at_the_bank(world: World) -> None:
    invoice = world.invoice()

    def meanwhile(request: HttpRequest) -> HttpResponse:
        answer = client.over_http(request)
        mend_bank(world)
        start(world, invoice, "card")
        return answer

    break_bank(world, meanwhile)
    with pytest.raises(DomainError, match="started again"):
        start(world, invoice, "ideal")
    assert world.payments() == [PaymentStatus.CANCELLED, PaymentStatus.OPEN]
    assert {row.method: row.status for row in world.bank()} == {
        "ideal": BankStatus.CANCELED,
        "card": BankStatus.OPEN,
    }


def test_a_refusal_ends_the_attempt(world: World) -> None:
    invoice = world.invoice()
    break_bank(world, lambda request: HttpResponse(422, b'{"error": "no"}'))
    with pytest.raises(DomainError, match="refused"):
        start(world, invoice)
    assert world.payments() == [PaymentStatus.FAILED]
    mend_bank(world)
    assert start(world, invoice).status is PaymentStatus.OPEN


def test_no_transaction_is_open_while_the_bank_is_called(world: World) -> None:
    invoice, seen = world.invoice(), []

    def look(request: HttpRequest) -> HttpResponse:
        seen.append(db.session().in_transaction())
        return client.over_http(request)

    break_bank(world, look)
    outcome = start(world, invoice)
    start(world, invoice)
    cancel(world, outcome.payment_id)
    assert seen == [False, False, False]


class TestSavedMandate:
    """Direct debit: pending first, and then nothing else can be started."""

    def test_it_is_pending_at_once_and_hides_the_form(self, world: World) -> None:
        invoice, mandate = world.invoice(), world.mandate()
        outcome = start(world, invoice, f"saved:{mandate}")
        assert (outcome.status, outcome.checkout_url) == (PaymentStatus.PENDING, None)
        with world.scope():
            document = db.session.get_one(Document, invoice.id)
            assert (document.open_minor, document.pending_minor) == (10000, 10000)
            assert document.list_state is ListState.PENDING
            side = choices.panel(queries_shop(world), document, on_link=False)
            assert side.is_pending and side.ways == [] and side.attempt is None

    def test_one_that_is_paid_at_once_counts_as_under_way_until_the_bank_is_asked(self, world: World) -> None:
        """As at Stripe: the answer says paid, and the question that compares amounts gets through only later."""
        invoice, mandate = world.invoice(), world.mandate()

        def paid_and_gone(request: HttpRequest) -> HttpResponse:
            if request.method != "POST":
                raise ConnectionRefusedError
            answer = client.over_http(request)
            assert b'"status":"pending"' in answer.body
            return HttpResponse(answer.status, answer.body.replace(b'"status":"pending"', b'"status":"paid"'))

        break_bank(world, paid_and_gone)
        outcome = start(world, invoice, f"saved:{mandate}")
        mend_bank(world)
        assert (outcome.status, outcome.checkout_url) == (PaymentStatus.PENDING, None)
        with pytest.raises(Conflict):
            start(world, invoice)

    def test_nothing_else_can_be_started_meanwhile(self, world: World) -> None:
        invoice, mandate = world.invoice(), world.mandate()
        start(world, invoice, f"saved:{mandate}")
        for way in ("ideal", "card", f"saved:{mandate}"):
            with pytest.raises(DomainError):
                start(world, invoice, way)
        assert world.payments() == [PaymentStatus.PENDING]

    def test_two_clicks_debit_once(self, world: World) -> None:
        invoice, mandate = world.invoice(), world.mandate()
        gate = threading.Barrier(2)
        refused: list[DomainError] = []

        def click() -> None:
            gate.wait()
            try:
                start(world, invoice, f"saved:{mandate}")
            except DomainError as error:
                refused.append(error)

        threads = [threading.Thread(target=click) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(world.bank()) == len(world.payments()) == 1

    def test_it_pays_by_itself_after_a_while(self, world: World) -> None:
        invoice, mandate = world.invoice(), world.mandate()
        start(world, invoice, f"saved:{mandate}")
        world.work()
        assert world.payments() == [PaymentStatus.PENDING]
        with clock.frozen(START + timedelta(minutes=2)):
            world.work()
        with clock.frozen(START + timedelta(minutes=3)):
            world.work()
        assert (world.payments(), world.open_minor(invoice)) == ([PaymentStatus.PAID], 0)
        world.check_books()

    def test_it_can_fail_at_the_bank_and_then_be_tried_again(self, world: World) -> None:
        invoice, mandate = world.invoice(), world.mandate()
        start(world, invoice, f"saved:{mandate}")
        world.browser().decide(f"/sandbox/{world.bank()[0].bank_id}", "failed", "before")
        world.work()
        assert world.payments() == [PaymentStatus.FAILED]
        with world.scope():
            assert db.session.get_one(Document, invoice.id).pending_minor == 0
            assert db.session.query(Payment).one().details["reason"] == "AM04"
        assert start(world, invoice).status is PaymentStatus.OPEN

    def test_somebody_elses_mandate_cannot_be_used(self, world: World) -> None:
        mandate = world.mandate()
        jans = world.invoice(account=world.ids.jan_account)
        with pytest.raises(DomainError, match="cannot be used"):
            start(world, jans, f"saved:{mandate}")
        assert world.payments() == []

    def test_nobody_on_a_link_can_use_it(self, world: World) -> None:
        invoice, mandate = world.invoice(), world.mandate()
        answer = world.browser().post(invoice.link, {"method": f"saved:{mandate}"})
        assert answer.status_code == 422
        assert world.payments() == []


class TestPartUnderWay:
    """Money under way for a part leaves the rest to be paid, and never more than that."""

    @pytest.fixture
    def under_way(self, world: World) -> Invoice:
        """€ 100, of which a direct debit of € 30 is under way."""
        world.change_shop(allow_part_payment=True)
        invoice = world.invoice()
        start(world, invoice, f"saved:{world.mandate()}", amount_minor=3000)
        return invoice

    def test_the_rest_is_offered(self, world: World, under_way: Invoice) -> None:
        with world.scope():
            document = db.session.get_one(Document, under_way.id)
            assert (document.pending_minor, document.list_state) == (3000, ListState.UNPAID)
            for on_link in (False, True):
                side = choices.panel(queries_shop(world), document, on_link=on_link)
                assert not side.is_pending and side.ways
                assert (side.due_minor, side.under_way_minor) == (7000, 3000)

    @pytest.mark.parametrize("part", [None, 7000, 1])
    def test_it_is_paid_beside_it(self, world: World, under_way: Invoice, part: int | None) -> None:
        outcome = start(world, under_way, amount_minor=part, under_way_minor=3000)
        world.browser().decide(str(outcome.checkout_url), "paid", "before")
        world.work()
        assert world.open_minor(under_way) == 10000 - (part or 7000)
        with clock.frozen(START + timedelta(minutes=2)):
            world.work()
        with clock.frozen(START + timedelta(minutes=3)):
            world.work()
        assert world.payments() == [PaymentStatus.PAID] * 2
        assert (world.open_minor(under_way), world.credit()) == (7000 - (part or 7000), 0)
        world.check_books()

    @pytest.mark.parametrize("part", [7001, 10000, 0, -1])
    def test_no_more_than_the_rest(self, world: World, under_way: Invoice, part: int) -> None:
        with pytest.raises(DomainError) as refused:
            start(world, under_way, amount_minor=part, under_way_minor=3000)
        assert refused.value.field == "amount" and world.payments() == [PaymentStatus.PENDING]

    @pytest.mark.parametrize(
        ("seen", "says"), [(0, "part of this"), (2999, "part of this"), (3001, "changed")]
    )
    def test_nobody_pays_who_saw_something_else(
        self, world: World, under_way: Invoice, seen: int, says: str
    ) -> None:
        """A second click is from a page that did not know of the first, and would debit another part."""
        for way in ("ideal", "saved:" + mandate_of(world)):
            with pytest.raises(Conflict, match=says):
                start(world, under_way, way, amount_minor=3000, under_way_minor=seen)
        assert world.payments() == [PaymentStatus.PENDING]

    def test_clicks_at_once_pay_the_rest_once(self, world: World, under_way: Invoice) -> None:
        mandate, gate = mandate_of(world), threading.Barrier(3)
        refused: list[DomainError] = []

        def click() -> None:
            gate.wait()
            try:
                start(world, under_way, f"saved:{mandate}", amount_minor=3500, under_way_minor=3000)
            except DomainError as error:
                refused.append(error)

        threads = [threading.Thread(target=click) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(world.bank()) == len(world.payments()) == 2 and len(refused) == 2
        with world.scope():
            assert db.session.get_one(Document, under_way.id).pending_minor == 6500

    def test_the_same_click_goes_on_to_the_same_page(self, world: World, under_way: Invoice) -> None:
        first, second = (start(world, under_way, under_way_minor=3000) for _ in range(2))
        assert first.payment_id == second.payment_id and first.checkout_url == second.checkout_url

    def test_the_rest_is_paid_with_credit(self, world: World, under_way: Invoice) -> None:
        from tests.domain.payments.test_several import give_credit

        give_credit(world, 9000)
        for seen, left in ((0, 10000), (3000, 3000)):
            with world.scope():
                document = db.session.get_one(Document, under_way.id)
                wish = choices.wish_for_credit([document], 7000, under_way_minor=seen)
                try:
                    starting.pay_with_credit(
                        world.ids.shop,
                        wish,
                        actor=Actor.visitor(),
                        now=clock.now(),
                        transaction=partial(database.writing, db.session),
                    )
                except Conflict:
                    assert seen == 0
            assert world.open_minor(under_way) == left
        assert world.credit() == 2000

    def test_the_whole_is_open_again_once_it_failed(self, world: World, under_way: Invoice) -> None:
        world.browser().decide(f"/sandbox/{world.bank()[0].bank_id}", "failed", "before")
        world.work()
        with pytest.raises(Conflict, match="changed"):
            start(world, under_way, under_way_minor=3000)
        start(world, under_way)
        assert world.bank()[-1].amount_minor == 10000

    def test_an_attempt_that_became_too_much_is_not_continued(self, world: World) -> None:
        """An attempt on a part that was given up comes under way after all, beside one on everything."""
        world.change_shop(allow_part_payment=True)
        invoice = world.invoice()
        first = start(world, invoice, "card", amount_minor=3000)
        cancel(world, first.payment_id)
        second = start(world, invoice)
        with world.scope():
            payment = queries.lock_payment(first.payment_id)
            for step in (actions.Move.PEND,):
                actions.move(payment, step, source="asked", actor=Actor.visitor(), now=clock.now())
            db.session.commit()
            document = db.session.get_one(Document, invoice.id)
            side = choices.panel(queries_shop(world), document, on_link=False)
            assert side.attempt is not None and side.attempt.id == second.payment_id
            assert not side.may_continue and side.due_minor == 7000


def mandate_of(world: World) -> str:
    """The one saved mandate there is."""
    from portal.domain.methods.models import PaymentMethod

    with world.scope():
        return str(db.session.query(PaymentMethod).one().public_id)


def queries_shop(world: World) -> Any:
    from portal.domain.shops.queries import get_shop

    return get_shop(world.ids.shop)


class TestWhatCanBePaid:
    """The checks before an attempt is written."""

    @pytest.mark.parametrize("amount", [0, -1, 10001, 9999])
    def test_only_what_is_due(self, world: World, amount: int) -> None:
        invoice = world.invoice()
        with pytest.raises(DomainError) as refused:
            start(world, invoice, amount_minor=amount)
        assert refused.value.field == "amount"
        assert world.payments() == []

    def test_a_part_where_the_shop_allows_it(self, world: World) -> None:
        world.change_shop(allow_part_payment=True)
        invoice, browser = world.invoice(), world.browser()
        first = start(world, invoice, amount_minor=2500)
        browser.decide(str(first.checkout_url), "paid", "before")
        world.work()
        assert world.open_minor(invoice) == 7500
        second = start(world, invoice)
        browser.decide(str(second.checkout_url), "paid", "before")
        world.work()
        assert (world.open_minor(invoice), world.credit()) == (0, 0)
        world.check_books()

    @pytest.mark.parametrize("way", ["", "transfer", "cash", "saved:", "saved:nobody", "sepa", "IDEAL"])
    def test_only_ways_that_there_are(self, world: World, way: str) -> None:
        invoice = world.invoice()
        with pytest.raises(DomainError):
            start(world, invoice, way)
        assert world.payments() == []

    def test_nothing_of_somebody_elses(self, world: World) -> None:
        invoice = world.invoice(account=world.ids.jan_account)
        wish = Wish(
            customer_id=world.ids.emma_account,
            shares=(Share(invoice.id, 10000),),
            kind=PaymentMethodKind.IDEAL,
            locale="en",
        )
        with world.scope(), pytest.raises(DomainError, match="nothing to pay"):
            starting.start_payment(
                world.ids.shop,
                wish,
                actor=Actor.visitor(),
                now=clock.now(),
                transaction=partial(database.writing, db.session),
            )

    def test_nothing_twice_over(self, world: World) -> None:
        invoice = world.invoice()
        for shares in ((), (Share(invoice.id, 1), Share(invoice.id, 9999)), (Share(999999, 1),)):
            wish = Wish(
                customer_id=world.ids.emma_account, shares=shares, kind=PaymentMethodKind.IDEAL, locale="en"
            )
            with world.scope(), pytest.raises(DomainError, match="nothing to pay"):
                starting.start_payment(
                    world.ids.shop,
                    wish,
                    actor=Actor.visitor(),
                    now=clock.now(),
                    transaction=partial(database.writing, db.session),
                )

    def test_a_live_shop_has_no_sandbox(self, world: World) -> None:
        world.change_shop(mode=Mode.LIVE)
        with world.scope():
            assert [way.value for way in choices.ways_to_pay(queries_shop(world), None)] == ["transfer"]

    def test_several_at_once_are_paid_by_one_payment(self, world: World) -> None:
        first, second = world.invoice(3000), world.invoice(2000)
        wish = Wish(
            customer_id=world.ids.emma_account,
            shares=(Share(second.id, 2000), Share(first.id, 3000)),
            kind=PaymentMethodKind.IDEAL,
            locale="en",
        )
        with world.scope():
            outcome = starting.start_payment(
                world.ids.shop,
                wish,
                actor=Actor.visitor(),
                now=clock.now(),
                transaction=partial(database.writing, db.session),
            )
        world.browser().decide(str(outcome.checkout_url), "paid", "before")
        world.work()
        assert (world.open_minor(first), world.open_minor(second)) == (0, 0)
        world.check_books()


def test_each_step_leaves_an_event_and_an_entry_in_the_log(world: World) -> None:
    invoice = world.invoice()
    outcome = start(world, invoice)
    world.browser().decide(str(outcome.checkout_url), "paid", "thrice")
    world.work()
    with world.scope():
        events = [event.status.value for event in db.session.query(PaymentEvent).order_by(PaymentEvent.id)]
        entries = db.session.query(AuditEntry).filter(AuditEntry.subject_type == "payments")
        logged = [entry.event for entry in entries.order_by(AuditEntry.id)]
    assert events == ["created", "open", "pending", "paid"]
    assert logged == ["payment.created", "payment.open", "payment.pending", "payment.paid"]


def test_a_provider_error_says_nothing_to_the_customer(world: World) -> None:
    invoice = world.invoice()
    break_bank(world, lambda request: HttpResponse(500, b"secret trace"))
    with pytest.raises(DomainError) as refused:
        start(world, invoice)
    assert "secret" not in str(refused.value) and isinstance(refused.value.__cause__, ProviderError)
