"""Paying back by the provider: once, whatever is pressed twice, and with the request that it answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.core import clock, outbox
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError, IllegalMove, NotFound
from portal.core.mail_message import MailMessage
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.invoices import ledger
from portal.domain.invoices.models import CreditUse, Document
from portal.domain.payments import refunded, refunding
from portal.domain.payments.models import Payment, PaymentStatus, RefundStatus
from portal.domain.payments.refunding import ByHand, Order, ThroughProvider
from portal.domain.payments.states import REFUND, TAKES, UNDER_WAY, RefundMove
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.shops.models import Mode
from portal.domain.tickets import actions, paying_out, refunds
from portal.domain.tickets.models import Ticket, TicketMessage, TicketStatus
from portal.extensions import db
from tests.domain.payments.refund_scene import (
    Scene,
    later,
    scene_rows,
)
from tests.payments_world import START, World

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


@pytest.fixture
def scene(world: World) -> Iterator[Scene]:
    with clock.frozen(START):
        yield Scene(world)


@pytest.mark.parametrize(("state", "move"), list(itertools.product(R, M)))
def test_every_state_with_every_move(state: R, move: M) -> None:
    if (state, move) in ARROWS:
        assert REFUND.next(state, move) is ARROWS[state, move]
    elif (state, move) in {(after, move) for (_, move), after in ARROWS.items()}:
        assert REFUND.next(state, move) is None
    else:
        with pytest.raises(IllegalMove):
            REFUND.next(state, move)


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


def test_without_a_request_the_mail_has_every_word(scene: Scene) -> None:
    words = "It is on its way. " * 60
    with scene.world.scope():
        order = Order(amount_minor=100, way=ByHand(sent_on=START.date()), says=words, key="w" * 22)
        shop, saskia = scene_rows(scene)[0], db.session.get_one(Staff, scene.world.ids.saskia)
        paying_out.pay_out(scene.invoice.id, order, shop=shop, author=saskia, now=START)
        db.session.commit()
        assert db.session.query(MailMessage).one().context["says"] == words


def test_a_shop_that_went_live_leaves_it(scene: Scene) -> None:
    scene.order()
    scene.world.change_shop(mode=Mode.LIVE)
    scene.world.work()
    later(scene, 30)
    with scene.world.scope():
        row = db.session.query(OutboxRow).filter(OutboxRow.job == refunding.SEND).one()
        assert row.state is OutboxState.DONE
    assert scene.status() == [R.QUEUED] and scene.bank() == []
