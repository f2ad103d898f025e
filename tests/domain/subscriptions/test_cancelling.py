"""Cancelling: at once with a credit, on request with a ticket, and taking it back; each once, however often asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core.errors import Conflict, DomainError, IllegalMove
from portal.core.mailer import MailMessage
from portal.core.vat import VatCategory
from portal.domain.catalog.models import CancelMode, IntervalUnit
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.crediting import credit_invoice
from portal.domain.invoices.drafts import LineInput
from portal.domain.invoices.models import ListState
from portal.domain.people.models import Customer, CustomerKind, Person, Staff
from portal.domain.shops.models import Shop
from portal.domain.subscriptions import cancelling, pausing
from portal.domain.subscriptions.cancelling import Ending, Reason
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.domain.subscriptions.notice import Right
from portal.domain.subscriptions.standing import read_whole
from portal.domain.subscriptions.states import RUNNING
from portal.domain.tickets.actions import Said, change_status, reply
from portal.domain.tickets.cancelling import decide_cancellation, request_cancellation, withdraw_cancellation
from portal.domain.tickets.models import Ticket, TicketMessage, TicketStatus, TicketType
from portal.domain.tickets.states import Move
from portal.extensions import db
from tests.domain.invoices.paying import attempt, book, reverse
from tests.domain.subscriptions.looking import ACTOR, changes, events, ledger, mails, notes, november
from tests.rows import make_billed, make_subscription, make_ticket

pytestmark = pytest.mark.usefixtures("here")

AT_ONCE = {"cancel_mode": CancelMode.IMMEDIATE}


def preview(subscription: Subscription, day: int = 11) -> Ending:
    return cancelling.preview(subscription.id, today=november(day).date())


def cancel(subscription: Subscription, day: int = 11, told: str | None = None) -> Ending | None:
    return cancelling.cancel_now(subscription.id, told=told, actor=ACTOR, now=november(day))


def ask(subscription: Subscription, ids: Any, day: int = 10, **options: Any) -> SubscriptionChange:
    emma = db.session.get_one(Person, ids.emma)
    options = {"reason": Reason.NOT_NEEDED, "message": "", "told": None, **options}
    return request_cancellation(subscription.id, author=emma, now=november(day), **options)


def take_back(subscription: Subscription, ids: Any, day: int = 12) -> bool:
    emma = db.session.get_one(Person, ids.emma)
    return withdraw_cancellation(subscription.id, author=emma, now=november(day))


# At once.


def test_a_paid_rest_becomes_credit(ids: Any) -> None:
    subscription, invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    book(attempt(ids.emma_account, (invoice, 3000)), 3000)
    found = preview(subscription)
    # The eleventh has begun, so nineteen of thirty days are left.
    assert found.credit is not None and (found.credit.total_minor, found.credit.off_minor) == (1900, 0)
    assert (found.at_once, found.effective_on, found.last_day, found.bills) == (
        True, date(2026, 11, 11), date(2026, 11, 11), (),
    )  # fmt: skip
    assert cancel(subscription, told=found.token) is not None
    (note,) = notes()
    assert (note.total_minor, note.original_id, note.subscription_id) == (1900, invoice.id, subscription.id)
    assert note.number == "C2026-0001" and (note.net_minor, note.vat_minor) == (1570, 330)
    assert ledger() == [1900]
    assert (invoice.open_minor, invoice.list_state) == (0, ListState.PAID)
    assert (subscription.status, subscription.ended_on, subscription.next_billing_on) == (
        SubscriptionStatus.CANCELLED, date(2026, 11, 11), None,
    )  # fmt: skip
    assert events() == ["subscription.cancelled"]
    assert mails() == ["credit_note_issued", "subscription_cancelled", "subscription_ended"]
    billing, account = db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id).limit(2))
    assert billing.context["number"] == account.context["credit_note"] == note.number
    for one, other in (
        ("total_minor", "credit_minor"),
        ("off_minor", "off_minor"),
        ("kept_minor", "kept_minor"),
    ):
        assert billing.context[one] == account.context[other], one
    assert find_imbalances() == []


def test_an_unpaid_rest_is_taken_off_the_invoice(ids: Any) -> None:
    subscription, invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    found = preview(subscription)
    assert found.credit is not None and found.credit.off_minor == 1900
    cancel(subscription)
    assert ledger() == []
    assert (invoice.credited_minor, invoice.open_minor) == (1900, 1100)
    assert find_imbalances() == []


def test_of_a_part_payment_the_open_part_goes_first(ids: Any) -> None:
    subscription, invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    book(attempt(ids.emma_account, (invoice, 2000)), 2000)
    cancel(subscription)
    assert (invoice.open_minor, invoice.credited_minor, ledger()) == (0, 1000, [900])
    assert find_imbalances() == []


def test_a_chargeback_afterwards_owes_what_was_used(ids: Any) -> None:
    """The invoice reopens whole, and the credit is there: together they come to the eleven days."""
    subscription, invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    source = attempt(ids.emma_account, (invoice, 3000))
    book(source, 3000)
    cancel(subscription)
    reverse(source)
    assert invoice.open_minor - sum(ledger()) == 1100


@pytest.mark.parametrize(
    ("day", "credit"), [(1, 2900), (2, 2800), (15, 1500), (16, 1400), (29, 100), (30, 0)]
)
def test_the_rest_by_the_day(ids: Any, day: int, credit: int) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    found = preview(subscription, day)
    assert (found.credit.total_minor if found.credit else 0) == credit
    cancel(subscription, day)
    assert [note.total_minor for note in notes()] == ([credit] if credit else [])


def test_a_price_without_vat(ids: Any) -> None:
    subscription, invoice = make_billed(ids.jan_account, plan=AT_ONCE, prices_include_vat=False)
    assert invoice.total_minor == 3630
    cancel(subscription)
    (note,) = notes()
    assert (note.net_minor, note.vat_minor, note.total_minor) == (1900, 399, 2299)


def test_an_earlier_credit_note_leaves_less_to_give_back(ids: Any) -> None:
    subscription, invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    shop, emma = db.session.get_one(Shop, ids.shop), db.session.get_one(Customer, ids.emma_account)
    line = LineInput("Two cold weeks", Decimal(1), Decimal(2000), Decimal(21), VatCategory.STANDARD)
    options: dict[str, Any] = {"shop": shop, "customer": emma, "note": "", "now": november(5), "actor": ACTOR}
    credit_invoice(invoice, [line], **options)
    with pytest.raises(Exception, match="more than is left"):
        credit_invoice(invoice, [line], **options)
    db.session.expire_all()
    found = preview(subscription)
    assert found.credit is not None and found.credit.total_minor == 1000
    cancel(subscription)
    assert invoice.open_minor == 0 and invoice.list_state is ListState.CREDITED


def test_nothing_was_billed_so_nothing_is_credited(ids: Any) -> None:
    subscription = make_subscription(ids.emma_account, plan=AT_ONCE)
    assert preview(subscription).credit is None
    cancel(subscription)
    assert notes() == [] and ledger() == []


def test_a_paused_one_gives_back_the_days_it_kept(ids: Any) -> None:
    subscription, _invoice = make_billed(
        ids.emma_account,
        plan=AT_ONCE,
        status=SubscriptionStatus.PAUSED,
        paused_on=date(2026, 11, 10),
        unused_days=20,
        next_billing_on=None,
    )
    cancel(subscription, 25)
    assert [note.total_minor for note in notes()] == [2000]
    assert subscription.unused_days == 0


def test_twice_is_once(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    assert cancel(subscription) is not None
    assert cancel(subscription) is None
    assert len(notes()) == 1 and events() == ["subscription.cancelled"]


def test_who_was_told_something_else_is_asked_again(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    yesterday = preview(subscription, 10).token
    with pytest.raises(Conflict, match="changed meanwhile"):
        cancel(subscription, 11, told=yesterday)
    assert notes() == [] and events() == []


def test_one_with_notice_does_not_end_at_once(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    with pytest.raises(Conflict):
        cancel(subscription)


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_what_runs_can_end_at_once(ids: Any, status: SubscriptionStatus) -> None:
    subscription = make_subscription(ids.emma_account, plan=AT_ONCE, status=status)
    if status in RUNNING:
        assert cancel(subscription) is not None
    elif status is SubscriptionStatus.CANCELLED:
        assert cancel(subscription) is None
    else:
        with pytest.raises(IllegalMove):
            cancel(subscription)


def test_what_was_planned_is_off(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    for kind in (ChangeKind.PRICE, ChangeKind.SWITCH):
        plan(subscription, kind)
    cancel(subscription)
    assert [status for _kind, status in changes(subscription)] == [ChangeStatus.WITHDRAWN] * 2


def test_what_never_began_ends_at_once_whatever_the_product_says(ids: Any) -> None:
    subscription = make_subscription(ids.emma_account, status=SubscriptionStatus.PENDING_MANDATE)
    assert preview(subscription).at_once
    assert cancel(subscription) is not None


# On request.


def test_a_request_waits_for_its_date_and_has_a_ticket(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    change = ask(subscription, ids, message="Thank you for **everything**.")
    assert (change.kind, change.status, change.effective_on) == (
        ChangeKind.CANCEL, ChangeStatus.WAITING, date(2026, 12, 10),
    )  # fmt: skip
    ticket = db.session.query(Ticket).one()
    assert change.data == {"asked_on": "2026-11-10", "reason": "not_needed", "ticket": ticket.public_id}
    assert (ticket.type, ticket.subscription_id, ticket.subject) == (
        TicketType.CANCEL_SUBSCRIPTION, subscription.id, "Cancel Coffee beans, 1 kg",
    )  # fmt: skip
    body = db.session.query(TicketMessage).one().body
    assert body == "Reason: I no longer need it\n\nThank you for **everything**."
    assert subscription.status is SubscriptionStatus.ACTIVE and subscription.next_billing_on is not None
    assert events() == ["subscription.cancellation_requested", "ticket.opened"]
    assert mails() == ["cancellation_received", "ticket_opened"]
    assert notes() == []


def test_what_is_still_billed_is_told(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    found = preview(subscription, 10)
    (bill,) = found.bills
    # Nine of the thirty-one days of December.
    assert (bill.first_day, bill.last_day, bill.amount_minor) == (date(2026, 12, 1), date(2026, 12, 9), 871)
    assert found.credit is None and found.last_day == date(2026, 12, 9)


def test_a_consumer_past_the_first_year_gets_the_rest_back(ids: Any) -> None:
    options: dict[str, Any] = {
        "interval_unit": IntervalUnit.YEAR, "periods_billed": 2, "next_billing_on": date(2027, 11, 1),
        "period_end": date(2027, 10, 31), "plan": {"notice_days": 365},
    }  # fmt: skip
    subscription, _invoice = make_billed(ids.emma_account, **options)
    period = read_whole(subscription.id).period
    assert period is not None
    period.ends_on = date(2027, 10, 31)
    db.session.flush()
    found = preview(subscription, 10)
    assert (found.effective_on, found.bills) == (date(2026, 12, 10), ())
    # 326 of 365 days of € 30.
    assert found.credit is not None and found.credit.total_minor == 2679
    db.session.get_one(Customer, ids.emma_account).kind = CustomerKind.BUSINESS
    business = preview(subscription, 10)
    assert business.effective_on == date(2027, 11, 10) and business.credit is None


def test_asked_twice_it_is_one_request(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    assert ask(subscription, ids) is ask(subscription, ids, 11, reason=Reason.OTHER)
    assert db.session.query(Ticket).count() == 1
    assert changes(subscription) == [(ChangeKind.CANCEL, ChangeStatus.WAITING)]


def test_a_request_told_otherwise_is_asked_again(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    with pytest.raises(Conflict):
        ask(subscription, ids, told=preview(subscription, 9).token)
    assert changes(subscription) == [] and mails() == []


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_what_can_be_asked_to_end(ids: Any, status: SubscriptionStatus) -> None:
    subscription, _invoice = make_billed(ids.emma_account, status=status)
    if status in RUNNING and status is not SubscriptionStatus.PENDING_MANDATE:
        assert ask(subscription, ids).status is ChangeStatus.WAITING
    else:
        with pytest.raises(Conflict):
            ask(subscription, ids)


def test_a_planned_change_of_plan_is_off_and_a_new_price_is_not(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    plan(subscription, ChangeKind.SWITCH)
    plan(subscription, ChangeKind.PRICE, {"amount_minor": 6200})
    ask(subscription, ids)
    assert [status for _kind, status in changes(subscription)] == [
        ChangeStatus.WITHDRAWN, ChangeStatus.WAITING, ChangeStatus.WAITING,
    ]  # fmt: skip
    assert preview(subscription, 10).bills[-1].amount_minor == 1800, "nine days at the new price"


# Taking it back.


def test_taken_back_it_goes_on(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids)
    assert take_back(subscription, ids)
    assert changes(subscription) == [(ChangeKind.CANCEL, ChangeStatus.WITHDRAWN)]
    assert db.session.query(Ticket).one().status is TicketStatus.CLOSED
    assert mails() == ["cancellation_received", "ticket_opened", "cancellation_withdrawn", "ticket_replied"]
    assert events()[2:] == [
        "subscription.cancellation_withdrawn", "ticket.replied", "ticket.in_review", "ticket.closed",
    ]  # fmt: skip
    # And it can be asked for again.
    assert ask(subscription, ids, 13).effective_on == date(2026, 12, 13)
    assert db.session.query(Ticket).count() == 2


def test_no_bill_is_promised_for_after_the_end_until_it_is_taken_back(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan={"notice_days": 10})
    ask(subscription, ids)
    assert subscription.next_billing_on is None, "it would come on the day of the end"
    take_back(subscription, ids)
    assert subscription.next_billing_on == date(2026, 12, 1)


def test_paused_meanwhile_the_first_bill_after_it_is_held_too(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan={"notice_days": 10})
    pausing.pause(subscription.id, until=None, actor=ACTOR, now=november(10))
    ask(subscription, ids, 11)
    assert take_back(subscription, ids) and subscription.next_billing_on is None, "it is paused"
    change = ask(subscription, ids, 12)
    assert change.effective_on == date(2026, 11, 22)
    pausing.resume(subscription.id, actor=ACTOR, now=november(20))
    assert subscription.next_billing_on is None, "twenty days are paid"
    take_back(subscription, ids, 21)
    assert subscription.next_billing_on == date(2026, 12, 10)


def test_taken_back_twice_or_never_asked_for_is_nothing(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    assert not take_back(subscription, ids)
    ask(subscription, ids)
    assert take_back(subscription, ids)
    assert not take_back(subscription, ids)
    assert mails().count("cancellation_withdrawn") == 1


def test_on_its_date_it_is_too_late(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    change = ask(subscription, ids)
    change.effective_on = date(2026, 11, 12)
    db.session.flush()
    with pytest.raises(Conflict, match="has come"):
        take_back(subscription, ids, 12)
    assert changes(subscription) == [(ChangeKind.CANCEL, ChangeStatus.WAITING)]


def test_in_a_ticket_that_the_shop_ended_it_is_said_too(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids)
    ticket = db.session.query(Ticket).one()
    ticket.status = TicketStatus.RESOLVED
    db.session.flush()
    assert take_back(subscription, ids)
    assert ticket.status is TicketStatus.CLOSED and mails()[-1] == "ticket_replied"


# The date comes.


def test_on_the_date_it_ends_with_its_ticket_and_the_rest(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    change = ask(subscription, ids)
    ending = replace(preview(subscription, 10), effective_on=change.effective_on, bills=())
    assert cancelling.end(subscription, ending, actor=ACTOR, now=november(40)) is None
    assert subscription.ended_on == date(2026, 12, 9)
    assert changes(subscription) == [(ChangeKind.CANCEL, ChangeStatus.DONE)]
    assert db.session.query(Ticket).one().status is TicketStatus.RESOLVED
    assert cancelling.end(subscription, ending, actor=ACTOR, now=november(41)) is None
    assert events().count("subscription.cancelled") == 1


def plan(subscription: Subscription, kind: ChangeKind, data: dict[str, Any] | None = None) -> None:
    db.session.add(
        SubscriptionChange(
            subscription_id=subscription.id,
            kind=kind,
            effective_on=date(2026, 12, 1),
            data=data or {},
            created_at=november(2),
        )
    )
    db.session.flush()


# The shop decides.


def decide(approves: bool, ids: Any, day: int = 12, message: str = "As agreed.") -> SubscriptionChange:
    saskia = db.session.get_one(Staff, ids.saskia)
    ticket = db.session.query(Ticket).order_by(Ticket.id.desc()).first()
    assert ticket is not None
    return decide_cancellation(
        ticket.id, approves=approves, message=message, author=saskia, now=november(day)
    )


@pytest.fixture
def business(here: None, ids: Any) -> None:
    """Emma's account is a company's, which is bound to what it agreed to."""
    db.session.get_one(Customer, ids.emma_account).kind = CustomerKind.BUSINESS


@pytest.mark.parametrize("trial", [False, True])
@pytest.mark.parametrize("terms", [None, 12])
@pytest.mark.parametrize("kind", CustomerKind)
def test_what_is_the_customers_right_is_not_rejected(
    ids: Any, kind: CustomerKind, terms: int | None, trial: bool
) -> None:
    db.session.get_one(Customer, ids.emma_account).kind = kind
    subscription, _invoice = make_billed(ids.emma_account, terms=terms)
    if trial:
        subscription.status, subscription.periods_billed = SubscriptionStatus.TRIAL, 0
        subscription.trial_ends_on = subscription.next_billing_on = date(2026, 12, 4)
        subscription.period_end = None
    db.session.flush()
    change = ask(subscription, ids)
    if trial:
        assert change.effective_on == date(2026, 12, 4)
    if not trial and (kind is CustomerKind.BUSINESS or terms is not None):
        assert decide(False, ids).status is ChangeStatus.WITHDRAWN
        return
    known = (changes(subscription), events(), mails())
    with pytest.raises(Conflict, match="cannot be rejected"):
        decide(False, ids)
    assert (changes(subscription), events(), mails()) == known
    ticket, saskia = db.session.query(Ticket).one(), db.session.get_one(Staff, ids.saskia)
    change_status(ticket.id, Move.REVIEW, author=saskia, now=november(12))
    for move in (Move.REJECT, Move.CLOSE, Move.RESOLVE):
        with pytest.raises(Conflict, match=r"approve and cancel\.$"):
            change_status(ticket.id, move, author=saskia, now=november(12))
    assert decide(True, ids).status is ChangeStatus.WAITING
    assert changes(subscription) == [(ChangeKind.CANCEL, ChangeStatus.WAITING)]


def test_paused_in_its_trial_it_is_still_their_right(ids: Any, business: None) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    subscription.status, subscription.periods_billed = SubscriptionStatus.PAUSED, 0
    subscription.trial_ends_on, subscription.unused_days = date(2026, 12, 4), 5
    subscription.next_billing_on = None
    db.session.flush()
    assert cancelling.right_to_cancel(subscription.id) is Right.TRIAL


@pytest.mark.usefixtures("business")
def test_what_the_shop_rejects_goes_on_with_its_bill(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan={"notice_days": 10})
    ask(subscription, ids)
    assert subscription.next_billing_on is None
    assert decide(False, ids).status is ChangeStatus.WITHDRAWN
    assert (subscription.status, subscription.next_billing_on) == (
        SubscriptionStatus.ACTIVE, date(2026, 12, 1),
    )  # fmt: skip
    assert events()[2:] == [
        "subscription.cancellation_rejected", "ticket.answered", "ticket.in_review", "ticket.rejected",
    ]  # fmt: skip
    assert mails() == ["cancellation_received", "ticket_opened", "cancellation_decided"]
    # The customer may ask again.
    assert ask(subscription, ids, 13).status is ChangeStatus.WAITING


def test_what_the_shop_approves_ends_on_its_day_and_the_customer_may_still_take_it_back(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    effective_on = ask(subscription, ids).effective_on
    change = decide(True, ids)
    assert (change.status, change.effective_on) == (ChangeStatus.WAITING, effective_on)
    assert (subscription.status, subscription.ended_on) == (SubscriptionStatus.ACTIVE, None)
    assert events()[2:] == [
        "subscription.cancellation_approved", "ticket.answered", "ticket.in_review", "ticket.resolved",
    ]  # fmt: skip
    known = len(mails())
    assert take_back(subscription, ids, 13)
    assert db.session.query(Ticket).one().status is TicketStatus.CLOSED
    assert mails()[known:] == ["cancellation_withdrawn", "ticket_replied"], "the shop hears of it"
    assert db.session.query(TicketMessage).order_by(TicketMessage.id.desc()).first().body == (
        "I take the cancellation back: the subscription goes on."
    )


@pytest.mark.usefixtures("business")
@pytest.mark.parametrize("approves", [True, False])
def test_what_was_approved_is_not_decided_again_though_its_ticket_opens(ids: Any, approves: bool) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids)
    decide(True, ids)
    ticket = db.session.query(Ticket).one()
    emma, saskia = db.session.get_one(Person, ids.emma), db.session.get_one(Staff, ids.saskia)
    reply(ticket.id, Said("Thanks"), author=emma, now=november(13))
    known = (changes(subscription), events(), mails())
    with pytest.raises(Conflict, match="already"):
        decide(approves, ids, 13)
    assert (changes(subscription), events(), mails()) == known
    # Nothing is left to decide, so it ends as any other.
    change_status(ticket.id, Move.REVIEW, author=saskia, now=november(14))
    change_status(ticket.id, Move.CLOSE, author=saskia, now=november(14))
    assert changes(subscription) == [(ChangeKind.CANCEL, ChangeStatus.WAITING)]


@pytest.mark.usefixtures("business")
def test_of_a_new_cancellation_after_an_approved_one_the_shop_decides_again(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids)
    decide(True, ids)
    take_back(subscription, ids, 13)
    ask(subscription, ids, 14)
    assert decide(False, ids, 15).status is ChangeStatus.WITHDRAWN


@pytest.mark.usefixtures("business")
@pytest.mark.parametrize(("day", "is_free"), [(11, False), (12, True), (13, True)])
def test_from_its_date_on_any_move_ends_its_ticket(ids: Any, day: int, is_free: bool) -> None:
    """Nothing can be kept then: should the run be late, nobody has to decide what decides itself."""
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids).effective_on = date(2026, 11, 12)
    ticket, saskia = db.session.query(Ticket).one(), db.session.get_one(Staff, ids.saskia)
    change_status(ticket.id, Move.REVIEW, author=saskia, now=november(11))
    if is_free:
        change_status(ticket.id, Move.CLOSE, author=saskia, now=november(day))
        assert ticket.status is TicketStatus.CLOSED
    else:
        with pytest.raises(Conflict, match="ends by its decision"):
            change_status(ticket.id, Move.CLOSE, author=saskia, now=november(day))


@pytest.mark.usefixtures("business")
@pytest.mark.parametrize("approves", [True, False])
@pytest.mark.parametrize("before", ["approved", "rejected", "taken back", "done", "closed"])
def test_what_is_no_question_any_more_is_not_decided(ids: Any, before: str, approves: bool) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    change = ask(subscription, ids)
    if before in ("approved", "rejected"):
        decide(before == "approved", ids)
    elif before == "taken back":
        take_back(subscription, ids)
    elif before == "done":
        change.status = ChangeStatus.DONE
    else:
        db.session.query(Ticket).one().status = TicketStatus.CLOSED
    db.session.flush()
    known = (change.status, db.session.query(Ticket).one().status, events(), mails())
    with pytest.raises(Conflict, match="already"):
        decide(approves, ids, 13)
    assert (change.status, db.session.query(Ticket).one().status, events(), mails()) == known


@pytest.mark.usefixtures("business")
def test_on_its_date_it_is_too_late_to_keep_it_but_not_to_approve_it(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids).effective_on = date(2026, 11, 12)
    db.session.flush()
    with pytest.raises(Conflict, match="has come"):
        decide(False, ids)
    assert changes(subscription) == [(ChangeKind.CANCEL, ChangeStatus.WAITING)]
    assert decide(True, ids).status is ChangeStatus.WAITING


@pytest.mark.parametrize("approves", [True, False])
def test_the_shop_says_why(ids: Any, approves: bool) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids)
    with pytest.raises(DomainError, match="Say why"):
        decide(approves, ids, message="  ")


@pytest.mark.usefixtures("business")
def test_another_ticket_about_it_decides_nothing(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    ask(subscription, ids)
    make_ticket(ids.emma_account, type=TicketType.CANCEL_SUBSCRIPTION, subscription_id=subscription.id)
    with pytest.raises(Conflict):
        decide(False, ids)
    make_ticket(ids.emma_account)
    with pytest.raises(Conflict):
        decide(False, ids)


# A bill that is due.


def test_while_a_bill_is_due_it_does_not_end_at_once(ids: Any) -> None:
    """The days since would be given away: on the day of the bill it may end, a day later not before it was made."""
    subscription, _invoice = make_billed(ids.emma_account, plan=AT_ONCE)
    assert [preview(subscription, day).waits_for_bill for day in (30, 31, 32, 41)] == [
        False,
        False,
        True,
        True,
    ]
    with pytest.raises(Conflict, match="A bill is due"):
        cancel(subscription, 41)
    assert (subscription.status, events(), mails()) == (SubscriptionStatus.ACTIVE, [], [])
    subscription.next_billing_on = date(2026, 12, 31)
    db.session.flush()
    assert cancel(subscription, 41) is not None


@pytest.mark.parametrize("status", [SubscriptionStatus.SUSPENDED, SubscriptionStatus.PENDING_MANDATE])
def test_what_is_not_billed_waits_for_no_bill(ids: Any, status: SubscriptionStatus) -> None:
    subscription, _invoice = make_billed(ids.emma_account, plan=AT_ONCE, status=status)
    assert not preview(subscription, 41).waits_for_bill and cancel(subscription, 41) is not None


def test_with_notice_the_bill_that_is_due_is_told_as_before(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    found = preview(subscription, 41)
    assert not found.waits_for_bill and found.bills[0].first_day == date(2026, 12, 1)
