"""Pausing and resuming: what is kept, what is billed when, in each status, and once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portal.core.errors import Conflict, DomainError, IllegalMove
from portal.domain.people.models import Person
from portal.domain.subscriptions import pausing
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.subscriptions.models import Subscription, SubscriptionStatus
from portal.domain.subscriptions.pausing import Resumption
from portal.domain.tickets.cancelling import request_cancellation
from portal.extensions import db
from tests.domain.subscriptions.looking import ACTOR, events, mails, november
from tests.rows import make_billed, make_subscription

pytestmark = pytest.mark.usefixtures("here")


def pause(subscription: Subscription, day: int = 10, until: date | None = None) -> Subscription | None:
    return pausing.pause(subscription.id, until=until, actor=ACTOR, now=november(day))


def resume(subscription: Subscription, day: int = 20, told: str | None = None) -> Resumption | None:
    return pausing.resume(subscription.id, told=told, actor=ACTOR, now=november(day))


def trial(ids: Any) -> Subscription:
    return make_subscription(
        ids.emma_account,
        status=SubscriptionStatus.TRIAL,
        trial_ends_on=date(2026, 11, 15),
        next_billing_on=date(2026, 11, 15),
    )


def test_a_pause_keeps_the_paid_days(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    told = pausing.preview_pause(subscription.id, until=None, today=date(2026, 11, 10))
    assert (told.unused_days, told.is_trial, told.resumption) == (20, False, None)
    assert pause(subscription) is subscription
    assert (subscription.status, subscription.paused_on, subscription.resume_on) == (
        SubscriptionStatus.PAUSED, date(2026, 11, 10), None,
    )  # fmt: skip
    assert (subscription.unused_days, subscription.next_billing_on) == (20, None)
    assert events() == ["subscription.paused"] and mails() == ["subscription_paused"]


def test_until_a_date_the_preview_says_what_comes_then(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    until = date(2026, 12, 5)
    told = pausing.preview_pause(subscription.id, until=until, today=date(2026, 11, 10)).resumption
    assert told is not None and told.used_until == date(2026, 12, 24)
    assert [(bill.first_day, bill.amount_minor) for bill in told.bills] == [
        (date(2026, 12, 25), 677), (date(2027, 1, 1), 3000),
    ]  # fmt: skip
    pause(subscription, until=until)
    assert subscription.resume_on == until


@pytest.mark.parametrize(
    "until", [date(2026, 11, 9), date(2026, 11, 10), date(2027, 11, 11), date(9999, 12, 31)]
)
def test_a_day_that_cannot_be_is_refused(ids: Any, until: date) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    for act in (
        lambda: pause(subscription, until=until),
        lambda: pausing.preview_pause(subscription.id, until=until, today=date(2026, 11, 10)),
    ):
        with pytest.raises(DomainError) as refused:
            act()
        assert refused.value.field == "until"
    assert events() == []


@pytest.mark.parametrize("until", [date(2026, 11, 11), date(2027, 11, 10)])
def test_the_nearest_and_the_farthest_day(ids: Any, until: date) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    assert pause(subscription, until=until) is not None


def test_resumed_the_kept_days_come_first(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    pause(subscription)
    told = pausing.preview_resume(subscription.id, today=date(2026, 12, 5))
    found = resume(subscription, 35, told.token)
    assert found == told
    assert (subscription.status, subscription.next_billing_on, subscription.period_end) == (
        SubscriptionStatus.ACTIVE, date(2026, 12, 25), date(2026, 12, 24),
    )  # fmt: skip
    assert (subscription.paused_on, subscription.resume_on, subscription.unused_days) == (None, None, 0)
    assert subscription.anchor_day == 1, "the calendar stays"
    assert events()[1:] == ["subscription.resumed"] and mails()[1:] == ["subscription_resumed"]
    # Paused again on the first day: it was used, the other nineteen are kept.
    pause(subscription, 35)
    assert subscription.unused_days == 19
    resume(subscription, 35)
    assert subscription.next_billing_on == date(2026, 12, 25)


def test_a_trial_goes_on_where_it_stopped(ids: Any) -> None:
    subscription = trial(ids)
    pause(subscription)
    assert subscription.unused_days == 4
    found = resume(subscription, 20)
    assert found is not None and found.is_trial
    assert (subscription.status, subscription.trial_ends_on, subscription.next_billing_on) == (
        SubscriptionStatus.TRIAL, date(2026, 11, 24), date(2026, 11, 24),
    )  # fmt: skip
    assert subscription.anchor_day == 24, "the first bill makes the calendar"


def test_a_trial_paused_on_its_last_day_is_over(ids: Any) -> None:
    subscription = trial(ids)
    pause(subscription, 14)
    resume(subscription, 20)
    assert (subscription.status, subscription.next_billing_on) == (
        SubscriptionStatus.ACTIVE, date(2026, 11, 20),
    )  # fmt: skip


def test_what_nothing_says_about_is_paid_up_to_its_next_bill(ids: Any) -> None:
    subscription = make_subscription(ids.emma_account)
    pause(subscription)
    assert subscription.unused_days == 4
    resume(subscription, 20)
    assert subscription.next_billing_on == date(2026, 11, 24)


def test_twice_is_once(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    assert pause(subscription) is not None and pause(subscription, 12) is None
    assert (subscription.unused_days, subscription.paused_on) == (20, date(2026, 11, 10))
    assert resume(subscription) is not None and resume(subscription) is None
    assert events() == ["subscription.paused", "subscription.resumed"]


def test_who_was_told_something_else_is_asked_again(ids: Any) -> None:
    subscription, _invoice = make_billed(ids.emma_account)
    pause(subscription)
    yesterday = pausing.preview_resume(subscription.id, today=date(2026, 11, 19)).token
    with pytest.raises(Conflict, match="changed meanwhile"):
        resume(subscription, 20, yesterday)
    assert subscription.status is SubscriptionStatus.PAUSED


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_what_can_be_paused(ids: Any, status: SubscriptionStatus) -> None:
    subscription, _invoice = make_billed(ids.emma_account, status=status)
    if status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL):
        assert pause(subscription) is not None
    elif status is SubscriptionStatus.PAUSED:
        assert pause(subscription) is None
    else:
        with pytest.raises(IllegalMove):
            pause(subscription)


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_what_can_be_resumed(ids: Any, status: SubscriptionStatus) -> None:
    subscription, _invoice = make_billed(ids.emma_account, status=status)
    if status is SubscriptionStatus.PAUSED:
        assert resume(subscription) is not None
    elif status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL):
        assert resume(subscription) is None
    else:
        with pytest.raises(IllegalMove):
            resume(subscription)


def test_what_is_cancelled_is_not_paused_but_goes_on_until_its_end(ids: Any) -> None:
    emma = db.session.get_one(Person, ids.emma)
    options: dict[str, Any] = {"reason": Reason.OTHER, "message": "", "told": None, "author": emma}
    subscription, _invoice = make_billed(ids.emma_account)
    request_cancellation(subscription.id, now=november(9), **options)
    with pytest.raises(Conflict, match="cancelled"):
        pause(subscription)
    paused, _other = make_billed(ids.emma_account)
    pause(paused)
    request_cancellation(paused.id, now=november(11), **options)
    assert resume(paused) is not None


def test_while_a_bill_is_due_it_is_not_paused(ids: Any) -> None:
    """Else the days from the first of December to the pause would never be billed."""
    subscription, _invoice = make_billed(ids.emma_account)
    until = date(2026, 12, 20)
    seen = [
        pausing.preview_pause(subscription.id, until=until, today=november(day).date()) for day in (31, 32)
    ]
    assert [each.waits_for_bill for each in seen] == [False, True]
    with pytest.raises(Conflict, match="A bill is due"):
        pause(subscription, 41)
    assert (subscription.status, events(), mails()) == (SubscriptionStatus.ACTIVE, [], [])
    subscription.next_billing_on = date(2026, 12, 31)
    db.session.flush()
    assert pause(subscription, 41) is subscription
