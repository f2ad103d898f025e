"""Refunds that go wrong: answers lost, banks away, what fails, comes back or is charged back: the credit returns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.book import Decision
from portal.blueprints.sandbox.models import Notice
from portal.core import clock, outbox
from portal.core.audit import Actor
from portal.core.mail_message import MailMessage
from portal.core.money import Money
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.payments import refunded, refunding
from portal.domain.payments.models import RefundStatus
from portal.domain.payments.provider import ProviderRefund
from portal.domain.payments.provider import RefundStatus as Reported
from portal.domain.payments.states import TAKES
from portal.domain.people.models import Customer
from portal.domain.tickets.models import Ticket, TicketStatus
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.domain.payments.refund_scene import (
    Scene,
    away,
    charge_back,
    later,
    marks,
    owed,
    reported,
    scene_rows,
    webhook,
)
from tests.payments_world import START, World

R = RefundStatus


@pytest.fixture
def scene(world: World) -> Iterator[Scene]:
    with clock.frozen(START):
        yield Scene(world)


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


def test_another_amount_and_what_is_not_ours_is_marked_once(scene: Scene) -> None:
    scene.order()
    for _ in range(2):
        reported(scene, Reported.PENDING, amount=Money(9999, "EUR"))
        reported(scene, Reported.DONE, provider_ref="re_made_there", reference=None)
        reported(scene, Reported.FAILED, provider_ref="re_failed_there", reference=None)
    assert marks(scene) == ["wrong_refund", "unknown_refund"] and scene.status() == [R.PENDING]


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
    assert scene.refund().failure_reason == refunding.NOT_PAID
    assert owed(scene) == (0, 0, "credited")


def test_who_was_told_nothing_is_not_told_that_it_failed(scene: Scene) -> None:
    with scene.world.scope():
        db.session.get_one(Customer, scene.world.ids.emma_account).mail_payment_confirmation = False
        db.session.commit()
    scene.order(ticket=False)
    scene.world.work()
    assert scene.mails() == [] and not scene.refund().is_told
    scene.at_bank(Decision.FAIL_REFUND)
    assert scene.mails() == ["refund_came_back"]


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
