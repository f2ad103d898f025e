"""What Emma de Vries subscribed to: coffee, a loaf in its trial, a letter that is paused, and croissants once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from portal.blueprints.sandbox.book import Decision
from portal.demo import deeds, paying, subscribing
from portal.demo.methods import save_method
from portal.demo.people import EMMA
from portal.demo.story import Story
from portal.domain.catalog.models import IntervalUnit
from portal.domain.methods.models import MethodKind
from portal.domain.payments.models import PaymentMethodKind
from portal.domain.subscriptions.models import ChangeKind, SubscriptionChange, SubscriptionStatus
from portal.domain.subscriptions.states import Move

MANDATE, CARD = f"{EMMA}:sepa", f"{EMMA}:card"

#: Her coffee is billed every two weeks, last two days ago, so that the one before is being collected now.
PERIODS = 19
FIRST = 2 + 14 * (PERIODS - 1)
#: Those of them that went wrong, counted from nought: one was collected at the second try, one taken back.
SECOND_TRY, CHARGED_BACK = 11, 14


def plan(story: Story) -> None:
    """All her subscriptions with their invoices."""
    _coffee(story)
    _sourdough(story)
    _letter(story)
    _croissants(story)


def _coffee(story: Story) -> None:
    """Collected by direct debit on the due day of each invoice."""
    story.at(story.moment(FIRST + 1, "20:15"), lambda now: _sign_mandate(story, now))
    story.at(story.moment(FIRST, "06:00"), lambda now: _begin_coffee(story, now))
    for period in range(PERIODS):
        key, billed = f"coffee-{period}", FIRST - 14 * period
        deeds.bill(story, EMMA, "coffee", key, story.moment(billed, "06:10"))
        due = billed - story.shop.payment_term_days
        if period == SECOND_TRY:
            _debit(story, key, due, Decision.FAILED)
            _debit(story, key, due - 3, Decision.PAID)
        elif period == PERIODS - 2:
            story.at(story.moment(due, "07:00"), partial(_debit_under_way, story, key))
        elif due > 0:
            _debit(story, key, due, Decision.PAID)
    deeds.decide(story, f"coffee-{CHARGED_BACK}", story.moment(20, "08:40"), Decision.CHARGE_BACK)
    story.at(story.moment(3, "08:00"), lambda now: _plan_price(story, now))


def _begin_coffee(story: Story, now: datetime) -> None:
    answers = (("Maling", "Hele bonen"),)
    subscribing.begin(story, "coffee", EMMA, "coffee_subscription", now=now, method=MANDATE, answers=answers)


def _debit(story: Story, key: str, days_ago: int, decision: Decision) -> None:
    started, decided = story.moment(days_ago, "07:00"), story.moment(days_ago - 2, "08:30")
    deeds.attempt(story, [key], PaymentMethodKind.SEPA, started, decision, decided, saved=MANDATE)


def _debit_under_way(story: Story, key: str, now: datetime) -> None:
    """Still pending while somebody looks at the demo; the bank pays it in three days."""
    paying.start(
        story,
        [story.invoices[key]],
        PaymentMethodKind.SEPA,
        now=now,
        saved=story.methods[MANDATE],
        takes=timedelta(days=5),
    )


def _plan_price(story: Story, now: datetime) -> None:
    change = SubscriptionChange(
        subscription_id=story.subscriptions["coffee"].id,
        kind=ChangeKind.PRICE,
        effective_on=story.day(-54),
        data={"amount_minor": 2590},
        created_at=now,
    )
    story.record("subscription.change_planned", story.add(change), now=now, kind=change.kind.value)


def _sourdough(story: Story) -> None:
    """In its trial, which ends in six days."""
    story.at(
        story.moment(8, "20:45"),
        lambda now: subscribing.begin(
            story,
            "sourdough",
            EMMA,
            "sourdough_subscription",
            now=now,
            method=MANDATE,
            status=SubscriptionStatus.TRIAL,
            answers=(("Gesneden", "Nee"),),
        ),
    )


def _letter(story: Story) -> None:
    """Five issues, each charged to the saved card, then paused until next month."""
    began, paused = 230, 90
    story.at(story.moment(began + 1, "21:02"), lambda now: _save_card(story, now))
    story.at(
        story.moment(began, "06:20"),
        lambda now: subscribing.begin(story, "letter", EMMA, "letter_subscription", now=now, method=CARD),
    )
    starts = subscribing.starts_between(story.day(began), IntervalUnit.MONTH, 1, story.day(paused))
    for issue, day in enumerate(starts):
        key, days_ago = f"letter-{issue}", (story.today - day).days
        deeds.bill(story, EMMA, "letter", key, story.moment(days_ago, "06:30"))
        deeds.pay(story, [key], PaymentMethodKind.CARD, story.moment(days_ago, "07:30"), saved=CARD)
    story.at(story.moment(paused, "19:20"), lambda now: _pause_letter(story, now))


def _pause_letter(story: Story, now: datetime) -> None:
    letter = story.subscriptions["letter"]
    subscribing.move(story, letter, Move.PAUSE, now=now)
    letter.resume_on = story.day(-33)


def _croissants(story: Story) -> None:
    """Three months of Sundays, paid by hand, then cancelled."""
    began, ended = 400, 315
    story.at(
        story.moment(began, "06:40"),
        lambda now: subscribing.begin(story, "croissants", EMMA, "croissant_subscription", now=now),
    )
    starts = subscribing.starts_between(story.day(began), IntervalUnit.MONTH, 1, story.day(ended))
    for month, day in enumerate(starts):
        key, days_ago = f"croissants-{month}", (story.today - day).days
        deeds.bill(story, EMMA, "croissants", key, story.moment(days_ago, "06:50"))
        deeds.pay(story, [key], PaymentMethodKind.IDEAL, story.moment(days_ago - 1, "20:05"))
    deeds.move_subscription(story, "croissants", story.moment(ended, "10:00"), Move.CANCEL)


def _sign_mandate(story: Story, now: datetime) -> None:
    save_method(
        story,
        EMMA,
        MethodKind.SEPA,
        number="NL20INGB0001234567",
        masked="NL20 •••• 4567",
        expires_on=None,
        now=now,
    )


def _save_card(story: Story, now: datetime) -> None:
    save_method(
        story,
        EMMA,
        MethodKind.CARD,
        number="4242424242424242",
        masked="Visa •••• 4242",
        expires_on=story.today.replace(day=1) + timedelta(days=760),
        now=now,
    )
