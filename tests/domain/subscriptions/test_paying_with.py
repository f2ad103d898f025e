"""Which saved method pays a subscription."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portal.core.errors import Conflict, DomainError
from portal.domain.collections.revoking import revoke_method
from portal.domain.methods.models import MethodStatus
from portal.domain.subscriptions.models import Subscription, SubscriptionStatus
from portal.domain.subscriptions.paying_with import choose_method, may_pay_by_hand, pay_by_hand
from portal.domain.subscriptions.states import RUNNING
from tests.domain.subscriptions.looking import ACTOR, events, november
from tests.rows import make_method, make_subscription

pytestmark = pytest.mark.usefixtures("here")


def choose(subscription: Subscription, method: Any) -> Any:
    return choose_method(subscription.id, method.public_id, actor=ACTOR, now=november(10))


def test_another_method_pays_from_now_on_and_twice_is_once(ids: Any) -> None:
    first, second = make_method(ids.emma_account), make_method(ids.emma_account)
    subscription = make_subscription(ids.emma_account, payment_method_id=first.id)
    assert choose(subscription, second) is second
    assert subscription.payment_method_id == second.id
    assert choose(subscription, second) is None
    assert events() == ["subscription.method_changed"]


@pytest.mark.parametrize("status", [s for s in MethodStatus if s is not MethodStatus.VALID])
def test_what_cannot_be_charged_cannot_be_chosen(ids: Any, status: MethodStatus) -> None:
    method = make_method(ids.emma_account, status=status)
    with pytest.raises(DomainError) as refused:
        choose(make_subscription(ids.emma_account), method)
    assert refused.value.field == "method"


def test_nobody_elses_method_can_be_chosen(ids: Any) -> None:
    with pytest.raises(DomainError):
        choose(make_subscription(ids.emma_account), make_method(ids.jan_account))


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_only_what_runs_is_paid(ids: Any, status: SubscriptionStatus) -> None:
    subscription, method = make_subscription(ids.emma_account, status=status), make_method(ids.emma_account)
    if status in RUNNING:
        assert choose(subscription, method) is method
    else:
        with pytest.raises(Conflict):
            choose(subscription, method)


@pytest.mark.parametrize(
    ("trial_days", "status", "first"),
    [
        (0, SubscriptionStatus.ACTIVE, date(2026, 11, 10)),
        (14, SubscriptionStatus.TRIAL, date(2026, 11, 24)),
    ],
)
def test_what_waited_for_a_method_begins(
    ids: Any, trial_days: int, status: SubscriptionStatus, first: date
) -> None:
    method = make_method(ids.emma_account)
    subscription = make_subscription(
        ids.emma_account,
        plan={"trial_days": trial_days},
        status=SubscriptionStatus.PENDING_MANDATE,
        next_billing_on=None,
        payment_method_id=method.id,
    )
    assert choose(subscription, method) is method
    assert (subscription.status, subscription.next_billing_on) == (status, first)
    assert subscription.trial_ends_on == (first if trial_days else None)
    assert subscription.anchor_day == first.day
    assert events() == ["subscription.method_changed", f"subscription.{status.value}"]


def by_hand(subscription: Subscription) -> bool:
    return pay_by_hand(subscription.id, actor=ACTOR, now=november(10))


def test_it_goes_back_to_paying_each_invoice_once(ids: Any) -> None:
    subscription = make_subscription(ids.emma_account, payment_method_id=make_method(ids.emma_account).id)
    billed_on = subscription.next_billing_on
    assert may_pay_by_hand(subscription.id, subscription.status)
    assert by_hand(subscription) and not by_hand(subscription)
    assert (subscription.payment_method_id, subscription.next_billing_on) == (None, billed_on)
    assert events() == ["subscription.method_changed"]


def test_then_the_only_method_can_be_taken_back(ids: Any) -> None:
    method = make_method(ids.emma_account)
    subscription = make_subscription(ids.emma_account, payment_method_id=method.id)
    with pytest.raises(Conflict, match="Active subscriptions"):
        revoke_method(method, successor=None, actor=ACTOR, now=november(10))
    by_hand(subscription)
    assert revoke_method(method, successor=None, actor=ACTOR, now=november(10)) is not None
    assert method.status is MethodStatus.REVOKED


@pytest.mark.parametrize("trial_days", [0, 14])
def test_what_asked_for_a_method_to_begin_keeps_one(ids: Any, trial_days: int) -> None:
    method = make_method(ids.emma_account)
    subscription = make_subscription(
        ids.emma_account,
        plan={"trial_days": trial_days},
        status=SubscriptionStatus.PENDING_MANDATE,
        next_billing_on=None,
    )
    with pytest.raises(Conflict, match="only offered with"):
        by_hand(subscription)
    choose(subscription, method)
    with pytest.raises(Conflict, match="only offered with"):
        by_hand(subscription)
    assert subscription.payment_method_id == method.id


@pytest.mark.parametrize("status", [s for s in SubscriptionStatus if s not in RUNNING])
def test_of_what_has_ended_nothing_is_paid_by_hand(ids: Any, status: SubscriptionStatus) -> None:
    subscription = make_subscription(
        ids.emma_account, status=status, payment_method_id=make_method(ids.emma_account).id
    )
    with pytest.raises(Conflict, match="has ended"):
        by_hand(subscription)
