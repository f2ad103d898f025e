"""Paying back by the provider: once, whatever is lost, repeated or killed, and the credit comes back where it fails."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.book import Decision
from portal.blueprints.sandbox.models import Notice
from portal.core import clock, outbox, schedule
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError, IllegalMove, NotFound
from portal.core.mail_message import MailMessage
from portal.core.money import Money
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.invoices import ledger
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.models import CreditEntry, CreditUse, Document
from portal.domain.payments import asking, refunded, refunding
from portal.domain.payments.models import Payment, PaymentStatus, Refund, RefundStatus
from portal.domain.payments.provider import ProviderRefund
from portal.domain.payments.provider import RefundStatus as Reported
from portal.domain.payments.refunding import ByHand, Order, ThroughProvider
from portal.domain.payments.states import REFUND, TAKES, UNDER_WAY, RefundMove
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.shops.models import Mode, Shop
from portal.domain.tickets import actions, paying_out, refunds
from portal.domain.tickets.models import Ticket, TicketMessage, TicketStatus, TicketType
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.payments_world import START, Invoice, World
from tests.rows import make_credit_note, make_ticket

R, M = RefundStatus, RefundMove

ARROWS = {
    (R.QUEUED, M.TAKE): R.PENDING,
    (R.QUEUED, M.FINISH): R.DONE,
    (R.PENDING, M.FINISH): R.DONE,
    (R.QUEUED, M.FAIL): R.FAILED,
    (R.PENDING, M.FAIL): R.FAILED,
    (R.DONE, M.FAIL): R.FAILED,
    (R.QUEUED, M.CANCEL): R.CANCELLED,
    (R.PENDING, M.CANCEL): R.CANCELLED,
}


@pytest.mark.parametrize(("state", "move"), list(itertools.product(R, M)))
def test_every_state_with_every_move(state: R, move: M) -> None:
    if (state, move) in ARROWS:
        assert REFUND.next(state, move) is ARROWS[state, move]
    elif (state, move) in {(after, move) for (_, move), after in ARROWS.items()}:
        assert REFUND.next(state, move) is None
    else:
        with pytest.raises(IllegalMove):
            REFUND.next(state, move)


class Scene:
    """An invoice of € 100 that was paid by iDEAL and credited whole, and a request for the money."""

    def __init__(self, world: World, *, amount: int = 10000, credited: int = 10000) -> None:
        self.world = world
        self.invoice: Invoice = world.invoice(amount)
        browser = world.browser()
        browser.decide(browser.pay(self.invoice), "paid", "before")
        world.work()
        with world.scope():
            document = db.session.get_one(Document, self.invoice.id)
            payment = db.session.query(Payment).order_by(Payment.id.desc()).first()
            assert payment is not None and payment.status is PaymentStatus.PAID
            self.payment_id, self.bank_id = payment.id, payment.provider_ref or ""
            if credited:
                make_credit_note(document, credited)
            ticket = make_ticket(
                world.ids.emma_account, type=TicketType.REFUND_REQUEST, document_id=document.id
            )
            self.ticket_id = ticket.id
            db.session.query(MailMessage).delete()
            db.session.commit()

    def order(self, minor: int = 10000, *, key: str = "k", ticket: bool = True) -> None:
        """Somebody of the shop has the provider pay back."""
        with self.world.scope():
            paying_out.pay_out(
                self.invoice.id,
                Order(
                    amount_minor=minor,
                    way=ThroughProvider(payment_id=self.payment_id),
                    says="It is on its way.",
                    key=key * 22,
                    ticket_id=self.ticket_id if ticket else None,
                ),
                shop=db.session.get_one(Shop, self.world.ids.shop),
                author=db.session.get_one(Staff, self.world.ids.saskia),
                now=clock.now(),
            )
            db.session.commit()

    def refund(self) -> Refund:
        with self.world.scope():
            found = db.session.query(Refund).order_by(Refund.id.desc()).first()
            assert found is not None
            db.session.expunge_all()
            return found

    def status(self) -> list[RefundStatus]:
        with self.world.scope():
            return [each.status for each in db.session.query(Refund).order_by(Refund.id)]

    def ticket(self) -> TicketStatus:
        with self.world.scope():
            return db.session.get_one(Ticket, self.ticket_id).status

    def mails(self) -> list[str]:
        with self.world.scope():
            return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))

    def bank(self) -> list[tuple[int, str]]:
        """What the bank paid back: how much, and how far it is."""
        rows = {row.bank_id: row.refunds for row in self.world.bank()}
        return [(each["minor"], each["status"]) for each in rows[self.bank_id]]

    def at_bank(self, decision: Decision) -> None:
        """A person at the bank's page; the shop is told."""
        with self.world.scope():
            payment = book.get_payment(self.bank_id)
            book.decide(payment, decision, Notice.BEFORE, now=clock.now(), later=timedelta(0))
            db.session.commit()
        self.world.work()

    def entries(self) -> list[int]:
        """What the ledger says of refunds."""
        uses = (CreditUse.REFUND, CreditUse.REFUND_RETURNED)
        with self.world.scope():
            found = sa.select(CreditEntry.amount_minor).where(CreditEntry.use.in_(uses))
            assert find_imbalances() == []
            return list(db.session.scalars(found.order_by(CreditEntry.id)))


@pytest.fixture
def scene(world: World) -> Iterator[Scene]:
    with clock.frozen(START):
        yield Scene(world)


def later(scene: Scene, minutes: float) -> None:
    """The periodic runs and a worker after them."""
    with clock.frozen(START + timedelta(minutes=minutes)):
        assert schedule.run(scene.world.app, "payments.ask_refunds", now=clock.now())
        scene.world.work()


def away(request: HttpRequest) -> HttpResponse:
    raise ConnectionRefusedError


def test_the_whole_way(scene: Scene) -> None:
    assert scene.world.credit() == 10000
    scene.order()
    assert (scene.status(), scene.ticket(), scene.mails()) == ([R.QUEUED], TicketStatus.IN_REVIEW, [])
    assert (scene.world.credit(), scene.bank()) == (0, [])
    scene.world.work()
    assert (scene.status(), scene.bank()) == ([R.PENDING], [(10000, "pending")])
    assert (scene.ticket(), scene.mails()) == (TicketStatus.RESOLVED, ["refund_paid"])
    assert (scene.refund().sent_on, scene.refund().done_at) == (START.date(), None)
    with clock.frozen(START + timedelta(minutes=5)):
        scene.world.work()
        scene.world.work()
    assert (scene.status(), scene.bank()) == ([R.DONE], [(10000, "done")])
    assert scene.refund().done_at == START + timedelta(minutes=5)
    assert (scene.mails(), scene.entries()) == (["refund_paid"], [-10000])
    with scene.world.scope():
        assert db.session.scalar(sa.select(refunds.refundable_minor(scene.invoice.id))) == 0
        entries = db.session.query(AuditEntry).order_by(AuditEntry.id)
        said = [one.event for one in entries if one.subject_type == "refunds"]
        assert said == ["refund.queued", "refund.pending", "refund.done"]
        (told,) = refunded.list_refunded(scene.invoice.id)
        assert told.words() == "to iDEAL | Wero, NL20 •••• 4567"
        assert "It is on its way." in [each.body for each in db.session.query(TicketMessage)]


def test_without_a_request_it_goes_back_too(scene: Scene) -> None:
    scene.order(ticket=False)
    scene.world.work()
    assert (scene.status(), scene.ticket()) == ([R.PENDING], TicketStatus.OPEN)
    assert scene.mails() == ["refund_paid"]


def test_who_switched_confirmations_off_reads_the_answer(scene: Scene) -> None:
    with scene.world.scope():
        db.session.get_one(Customer, scene.world.ids.emma_account).mail_payment_confirmation = False
        db.session.commit()
    scene.order()
    scene.world.work()
    assert scene.mails() == ["ticket_answered"]


def test_the_same_form_twice_is_one_order(scene: Scene) -> None:
    scene.order(4000)
    scene.order(4000)
    scene.world.work()
    scene.order(4000)
    scene.world.work()
    assert (scene.bank(), scene.entries()) == ([(4000, "pending")], [-4000])


def test_parts_never_come_to_more_than_the_payment(world: World) -> None:
    with clock.frozen(START):
        scene = Scene(world)
        with world.scope():
            # Credit from elsewhere, which this payment did not bring.
            account = ledger.account_of(db.session.get_one(Document, scene.invoice.id))
            ledger.write(account, 5000, CreditUse.OVERPAID, now=START, actor=Actor.system("test"))
            db.session.commit()
        scene.order(6000, ticket=False)
        with pytest.raises(DomainError, match="more than is left of this payment"):
            scene.order(4001, key="m", ticket=False)
        scene.order(4000, key="m", ticket=False)
        with pytest.raises(Conflict, match="cannot go back the way it came any more"):
            scene.order(1, key="n", ticket=False)
        world.work()
        assert scene.bank() == [(6000, "pending"), (4000, "pending")] and world.credit() == 5000


def test_what_cannot_be_ordered(scene: Scene) -> None:
    for minor, words in ((0, "at least one cent"), (-1, "at least one cent"), (10001, "less credit")):
        with pytest.raises(DomainError, match=words):
            scene.order(minor)
    scene.world.change_shop(name="x")
    other = scene.world.invoice()
    with scene.world.scope(), pytest.raises(NotFound):
        document = db.session.get_one(Document, other.id)
        refunding.hold(document, ThroughProvider(payment_id=scene.payment_id))
    assert (scene.status(), scene.entries()) == ([], [])


def test_a_payment_that_was_charged_back_or_came_by_hand_does_not_go_back(scene: Scene) -> None:
    with scene.world.scope():
        shop, document = scene_rows(scene)
        assert [each.most_minor for each in refunding.list_returnable(document, shop, 20000)] == [10000]
        payment = db.session.get_one(Payment, scene.payment_id)
        payment.provider = "manual"
        assert refunding.list_returnable(document, shop, 20000) == []
        payment.provider = "gone"
        assert refunding.list_returnable(document, shop, 20000) == []
        payment.provider, payment.status = "sandbox", PaymentStatus.REVERSED
        assert refunding.list_returnable(document, shop, 20000) == []


def scene_rows(scene: Scene) -> tuple[Shop, Document]:
    return (
        db.session.get_one(Shop, scene.world.ids.shop),
        db.session.get_one(Document, scene.invoice.id),
    )


def test_a_bank_that_refuses_gives_the_credit_back(scene: Scene) -> None:
    scene.order()
    with scene.world.scope():
        # Paid back on the bank's own pages a moment before; the shop does not know yet.
        made = {"id": "sbr_x", "key": "x", "minor": 9000, "reference": "x", "status": "done"}
        book.get_payment(scene.bank_id).refunds = [made]
        db.session.commit()
    scene.world.work()
    assert (scene.status(), scene.entries()) == ([R.FAILED], [-10000, 10000])
    assert (scene.ticket(), scene.mails()) == (TicketStatus.IN_REVIEW, ["refund_came_back"])
    assert "refused" in scene.refund().failure_reason
    with scene.world.scope():
        assert not db.session.get_one(Ticket, scene.ticket_id).waits_for_customer
        (told,) = refunded.list_refunded(scene.invoice.id)
        assert (told.words() or "").endswith("The amount is credit again")
        assert "refused" in (told.words(for_staff=True) or "")


@pytest.mark.parametrize("after_it_arrived", [False, True])
def test_what_comes_back_is_credit_again_and_both_are_told(scene: Scene, after_it_arrived: bool) -> None:
    scene.order()
    scene.world.work()
    if after_it_arrived:
        with clock.frozen(START + timedelta(minutes=5)):
            scene.world.work()
            scene.world.work()
        assert scene.status() == [R.DONE]
    with clock.frozen(START + timedelta(days=3)):
        scene.at_bank(Decision.FAIL_REFUND)
        scene.world.work()
    assert (scene.status(), scene.entries()) == ([R.FAILED], [-10000, 10000])
    assert scene.refund().failure_reason == "AC04" and scene.refund().done_at is None
    assert (scene.ticket(), scene.mails()) == (
        TicketStatus.OPEN,
        ["refund_paid", "refund_failed", "refund_came_back"],
    )
    # It can be paid once more, in whichever way.
    scene.order(key="m")
    scene.world.work()
    assert scene.status() == [R.FAILED, R.PENDING] and scene.bank() == [(10000, "failed"), (10000, "pending")]


@pytest.mark.parametrize("minutes", [1, 60 * 24 * 9])
def test_an_answer_that_was_lost_orders_nothing_twice(scene: Scene, minutes: int) -> None:
    """Also long after the bank forgot our key: it is asked for our reference first."""
    scene.order()

    def lost(request: HttpRequest) -> HttpResponse:
        answer = client.over_http(request)
        if request.url.endswith("/refunds"):
            raise ConnectionResetError
        return answer

    scene.world.app.config["SANDBOX_TRANSPORT"] = lost
    scene.world.work()
    assert (scene.status(), scene.bank(), scene.mails()) == ([R.QUEUED], [(10000, "pending")], [])
    with scene.world.scope():
        for row in scene.world.bank():
            refund = {**row.refunds[0], "key": "forgotten"} if row.refunds else None
            if refund:
                book.get_payment(row.bank_id).refunds = [refund]
        db.session.commit()
    scene.world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    later(scene, minutes + 10)
    assert len(scene.bank()) == 1 and scene.status() in ([R.PENDING], [R.DONE])
    assert scene.mails() == ["refund_paid"] and scene.entries() == [-10000]


def test_a_bank_that_is_away_gets_the_order_later(scene: Scene) -> None:
    scene.world.app.config["SANDBOX_TRANSPORT"] = away
    scene.order()
    for minute in range(0, 60, 5):
        later(scene, minute)
    # Told once, however often it is tried.
    assert (scene.status(), scene.mails(), scene.world.credit()) == ([R.QUEUED], ["payment_marked"], 0)
    with scene.world.scope():
        row = db.session.query(OutboxRow).filter(OutboxRow.job == refunding.SEND).one()
        assert row.last_error is not None and "does not answer" in row.last_error
    scene.world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    later(scene, 90)
    later(scene, 95)
    assert scene.status()[0] in (R.PENDING, R.DONE) and len(scene.bank()) == 1


def test_a_wrong_key_gives_nothing_up(scene: Scene) -> None:
    """Refused while it is being asked says nothing of an order that may have been given before."""

    def forbidden(request: HttpRequest) -> HttpResponse:
        return HttpResponse(401, b"{}")

    scene.world.app.config["SANDBOX_TRANSPORT"] = forbidden
    scene.order()
    scene.world.work()
    assert (scene.status(), scene.entries()) == ([R.QUEUED], [-10000])
    with scene.world.scope():
        row = db.session.query(OutboxRow).filter(OutboxRow.job == refunding.SEND).one()
        assert row.state is OutboxState.FAILED


def test_while_an_order_waits_its_request_cannot_be_refused(scene: Scene) -> None:
    scene.order()
    with scene.world.scope(), pytest.raises(Conflict, match="on its way"):
        saskia = db.session.get_one(Staff, scene.world.ids.saskia)
        refunds.refuse_refund(scene.ticket_id, "No.", author=saskia, now=START)


def test_what_somebody_closed_meanwhile_stays_closed(scene: Scene) -> None:
    scene.order()
    with scene.world.scope():
        db.session.get_one(Ticket, scene.ticket_id).status = TicketStatus.CLOSED
        db.session.commit()
    scene.world.work()
    assert (scene.ticket(), scene.mails()) == (TicketStatus.CLOSED, ["refund_paid"])


def test_nobody_asks_about_what_has_ended_or_just_began(scene: Scene) -> None:
    scene.order()
    scene.world.work()
    with scene.world.scope():
        before = db.session.query(OutboxRow).filter(OutboxRow.job == refunding.SEND).one().attempts
    later(scene, 9)
    with scene.world.scope():
        row = db.session.query(OutboxRow).filter(OutboxRow.job == refunding.SEND).one()
        assert (row.state, row.attempts) == (OutboxState.DONE, before)


def reported(scene: Scene, status: Reported, **values: Any) -> None:
    """The provider says this of our refund."""
    with scene.world.scope():
        refund = refunding.lock_refund(
            db.session.query(Refund.id).order_by(Refund.id.desc()).limit(1).scalar()
        )
        answer = ProviderRefund(
            **{
                "provider_ref": "sbr_x",
                "amount": Money(10000, "EUR"),
                "status": status,
                "reference": refund.public_id,
                **values,
            }
        )
        payment = db.session.get_one(Payment, scene.payment_id)
        actor = Actor.provider("sandbox")
        refunding.apply_all(payment, (answer,), source="webhook", actor=actor, now=START)
        db.session.commit()


#: What becomes of a refund by each report, one after the other; and whether the shop must look.
REPORTS: dict[tuple[Reported, ...], tuple[RefundStatus, bool]] = {
    (Reported.QUEUED,): (R.QUEUED, False),
    (Reported.PENDING, Reported.QUEUED): (R.PENDING, False),
    (Reported.DONE, Reported.PENDING, Reported.DONE): (R.DONE, False),
    (Reported.DONE, Reported.FAILED, Reported.FAILED): (R.FAILED, False),
    (Reported.FAILED, Reported.DONE): (R.FAILED, True),
    (Reported.CANCELLED, Reported.CANCELLED): (R.CANCELLED, False),
    (Reported.CANCELLED, Reported.PENDING): (R.CANCELLED, True),
    (Reported.CANCELLED, Reported.FAILED): (R.CANCELLED, False),
    (Reported.DONE, Reported.CANCELLED): (R.DONE, True),
}


@pytest.mark.parametrize("said", REPORTS, ids=lambda said: "-".join(each.value for each in said))
def test_reports_in_any_order(scene: Scene, said: tuple[Reported, ...]) -> None:
    scene.order()
    for each in said:
        reported(scene, each)
    reached, is_marked = REPORTS[said]
    assert scene.status() == [reached]
    assert sum(scene.entries()) == (-10000 if reached in TAKES else 0)
    sent = Reported.PENDING in said or Reported.DONE in said
    assert scene.mails().count("refund_paid") == (
        sent and said[0] not in (Reported.FAILED, Reported.CANCELLED)
    )
    assert ("refund_came_back" in scene.mails()) == (reached not in TAKES)
    assert marks(scene) == (["contradicting_refund"] if is_marked else [])


def marks(scene: Scene) -> list[str]:
    with scene.world.scope():
        entries = db.session.query(AuditEntry).filter(AuditEntry.event == "payment.mismatch")
        return [entry.data["mismatch"] for entry in entries.order_by(AuditEntry.id)]


def test_another_amount_and_what_is_not_ours_is_marked_once(scene: Scene) -> None:
    scene.order()
    for _ in range(2):
        reported(scene, Reported.PENDING, amount=Money(9999, "EUR"))
        reported(scene, Reported.DONE, provider_ref="re_made_there", reference=None)
        reported(scene, Reported.FAILED, provider_ref="re_failed_there", reference=None)
    assert marks(scene) == ["wrong_refund", "unknown_refund"] and scene.status() == [R.PENDING]


def test_a_webhook_of_the_payment_brings_it(scene: Scene) -> None:
    scene.order()
    scene.world.work()
    with clock.frozen(START + timedelta(minutes=2)):
        scene.world.work()
        assert scene.bank() == [(10000, "done")]
        scene.world.work()
    assert scene.status() == [R.DONE]


def test_what_is_under_way_is_what_has_no_end() -> None:
    assert set(UNDER_WAY) == {R.QUEUED, R.PENDING} and set(TAKES) == {R.QUEUED, R.PENDING, R.DONE}
    assert {state for state in R if not REFUND.moves_from(state)} == {R.FAILED, R.CANCELLED}


def test_by_hand_it_is_done_at_once(scene: Scene) -> None:
    with scene.world.scope():
        shop, document = scene_rows(scene)
        order = Order(amount_minor=100, way=ByHand(sent_on=START.date()), says="x", key="h" * 22)
        refunding.hold(document, order.way)
        refund = refunding.make(document, order, shop=shop, actor=Actor.system("test"), now=START)
        again = refunding.make(document, order, shop=shop, actor=Actor.system("test"), now=START)
        assert (
            again is refund
            and refund.status is R.DONE
            and outbox.find(refunding.SEND, refund.public_id) is None
        )
        db.session.commit()
    assert scene.entries() == [-100]


def charge_back(scene: Scene, *, shop_knows: bool = True) -> None:
    """At the bank; the shop hears of it, or not yet."""
    with scene.world.scope():
        row = book.get_payment(scene.bank_id)
        notice = Notice.BEFORE if shop_knows else Notice.NEVER
        book.decide(row, Decision.CHARGE_BACK, notice, now=START, later=timedelta(0))
        db.session.commit()


def webhook(scene: Scene) -> None:
    """The bank's message alone, without a worker that would also send orders."""
    with scene.world.scope():
        question = asking.question(db.session.get_one(Payment, scene.payment_id))
        db.session.rollback()
    answer = question.ask()
    with scene.world.scope():
        asking.settle(question, answer, source="webhook", actor=Actor.provider("sandbox"), now=START)
        db.session.commit()


def owed(scene: Scene) -> tuple[int, int, str]:
    """What is open of the invoice, the customer's credit, and how the invoice is shown."""
    credit = scene.world.credit()
    with scene.world.scope():
        document = db.session.get_one(Document, scene.invoice.id)
        return document.open_minor, credit, document.list_state.value


def test_charged_back_and_then_failed_it_is_as_if_it_had_never_been_sent(scene: Scene) -> None:
    """The bank gave the money back, the note took the invoice back: nothing is owed, and nothing is credit."""
    scene.order()
    scene.world.work()
    charge_back(scene)
    scene.world.work()
    assert owed(scene)[:2] == (10000, 0), "the customer has it twice as long as the refund may arrive"
    reported(scene, Reported.FAILED, provider_ref=scene.refund().provider_ref)
    assert owed(scene) == (0, 0, "credited")
    assert "refund_failed" not in scene.mails(), "who has the money waits for none"
    with scene.world.scope():
        mail = db.session.query(MailMessage).filter(MailMessage.name == "refund_came_back").one()
        assert mail.context["is_charged_back"] and not mail.context["is_told"]


def test_failed_and_then_charged_back_comes_to_the_same(scene: Scene) -> None:
    scene.order()
    scene.world.work()
    scene.at_bank(Decision.FAIL_REFUND)
    charge_back(scene)
    scene.world.work()
    assert owed(scene) == (0, 0, "credited")


def test_what_is_known_to_be_charged_back_is_not_ordered(scene: Scene) -> None:
    scene.order()
    charge_back(scene, shop_knows=False)
    webhook(scene)
    calls: list[str] = []

    def listen(request: HttpRequest) -> HttpResponse:
        calls.append(request.method)
        return client.over_http(request)

    scene.world.app.config["SANDBOX_TRANSPORT"] = listen
    scene.world.work()
    scene.world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    assert scene.status() == [R.FAILED] and "POST" not in calls and scene.bank() == []
    assert owed(scene) == (0, 0, "credited")


def test_while_one_is_under_way_nothing_else_is_decided_of_its_request(scene: Scene) -> None:
    scene.order(4000)
    with pytest.raises(Conflict, match="on its way already"):
        scene.order(1000, key="m")
    with scene.world.scope():
        saskia = db.session.get_one(Staff, scene.world.ids.saskia)
        for move in (actions.Move.REJECT, actions.Move.RESOLVE, actions.Move.CLOSE):
            with pytest.raises(Conflict, match="resolved by that"):
                actions.change_status(scene.ticket_id, move, author=saskia, now=START)
    scene.world.work()
    assert (scene.ticket(), scene.status()) == (TicketStatus.RESOLVED, [R.PENDING])


def test_what_the_customer_wrote_meanwhile_is_read_first(scene: Scene) -> None:
    scene.order()
    with scene.world.scope():
        emma = db.session.get_one(Person, scene.world.ids.emma)
        actions.reply(scene.ticket_id, actions.Said("Wait, that card is closed."), author=emma, now=START)
        db.session.commit()
    scene.world.work()
    assert scene.ticket() is TicketStatus.IN_REVIEW and "refund_paid" in scene.mails()


def test_the_same_form_with_something_else_in_it_is_refused(scene: Scene) -> None:
    scene.order(4000, ticket=False)
    with pytest.raises(Conflict, match="sent before"):
        scene.order(5000, ticket=False)
    assert scene.entries() == [-4000]


def test_who_was_told_nothing_is_not_told_that_it_failed(scene: Scene) -> None:
    with scene.world.scope():
        db.session.get_one(Customer, scene.world.ids.emma_account).mail_payment_confirmation = False
        db.session.commit()
    scene.order(ticket=False)
    scene.world.work()
    assert scene.mails() == [] and not scene.refund().is_told
    scene.at_bank(Decision.FAIL_REFUND)
    assert scene.mails() == ["refund_came_back"]


def test_without_a_request_the_mail_has_every_word(scene: Scene) -> None:
    words = "It is on its way. " * 60
    with scene.world.scope():
        order = Order(amount_minor=100, way=ByHand(sent_on=START.date()), says=words, key="w" * 22)
        shop, saskia = scene_rows(scene)[0], db.session.get_one(Staff, scene.world.ids.saskia)
        paying_out.pay_out(scene.invoice.id, order, shop=shop, author=saskia, now=START)
        db.session.commit()
        assert db.session.query(MailMessage).one().context["says"] == words


def test_what_arrived_may_still_come_back_and_is_asked_about(scene: Scene) -> None:
    """Its message is lost."""
    scene.order()
    scene.world.work()
    later(scene, 5)
    later(scene, 20)
    assert scene.status() == [R.DONE]
    with scene.world.scope():
        row = book.get_payment(scene.bank_id)
        book.decide(row, Decision.FAIL_REFUND, Notice.NEVER, now=START, later=timedelta(0))
        db.session.commit()
    later(scene, 60)
    assert scene.status() == [R.DONE], "asked once a day"
    later(scene, 60 * 26)
    assert scene.status() == [R.FAILED]


def test_a_shop_that_went_live_leaves_it(scene: Scene) -> None:
    scene.order()
    scene.world.change_shop(mode=Mode.LIVE)
    scene.world.work()
    later(scene, 30)
    with scene.world.scope():
        row = db.session.query(OutboxRow).filter(OutboxRow.job == refunding.SEND).one()
        assert row.state is OutboxState.DONE
    assert scene.status() == [R.QUEUED] and scene.bank() == []


def test_what_was_paid_back_elsewhere_does_not_go_back_again(scene: Scene) -> None:
    reported_elsewhere = ProviderRefund(
        provider_ref="re_1", amount=Money(9000, "EUR"), status=Reported.DONE, reference=None
    )
    with scene.world.scope():
        payment = refunding.lock_payment(scene.payment_id)
        said = {"source": "webhook", "actor": Actor.provider("sandbox"), "now": START}
        refunding.apply_all(payment, (reported_elsewhere,), **said)  # type: ignore[arg-type]
        db.session.commit()
        shop, document = scene_rows(scene)
        assert [each.most_minor for each in refunding.list_returnable(document, shop, 10000)] == [1000]
    assert scene.mails() == ["payment_marked"]


def test_a_report_that_was_overtaken_is_asked_for_again(scene: Scene) -> None:
    """While the question is on its way the provider's own message moves the refund."""
    scene.order()
    scene.world.work()
    asked = []

    def overtaken(request: HttpRequest) -> HttpResponse:
        answer = client.over_http(request)
        if not asked:
            asked.append(answer)
            reported(scene, Reported.DONE, provider_ref=scene.refund().provider_ref)
            reported(scene, Reported.FAILED, provider_ref=scene.refund().provider_ref)
        return answer

    scene.world.app.config["SANDBOX_TRANSPORT"] = overtaken
    with scene.world.scope():
        outbox.repeat(
            refunding.SEND, {"refund_id": scene.refund().id}, key=scene.refund().public_id, now=START
        )
        db.session.commit()
    scene.world.work()
    scene.world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    assert scene.status() == [R.FAILED] and marks(scene) == []
