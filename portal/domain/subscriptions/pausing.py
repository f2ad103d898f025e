"""Pausing and resuming: what is kept, and what is billed when (product.md, P-SUB-PAUSE and P-SUB-RESUME).

The run that works off what is due resumes by ``resume`` those whose ``resume_on`` has come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice

from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.subscriptions import forecast, mails
from portal.domain.subscriptions.cadence import add_months
from portal.domain.subscriptions.cancelling import hold_bill
from portal.domain.subscriptions.forecast import DAY, Bill, Standing
from portal.domain.subscriptions.models import ChangeKind, Subscription, SubscriptionStatus
from portal.domain.subscriptions.standing import (
    BILL_DUE,
    find_waiting,
    list_waiting,
    lock_subscription,
    read_whole,
    standing_of,
    today_of,
)
from portal.domain.subscriptions.states import LIFE, Move
from portal.extensions import db

#: A pause with an end lasts this long at most.
LONGEST_MONTHS = 12
#: How many bills a preview tells.
TOLD = 2


@dataclass(frozen=True)
class Resumption:
    """What happens when a subscription goes on on a day.

    ``unused_days`` are used first, up to and including ``used_until``; then come the ``bills``, the first of them told.
    """

    on: date
    unused_days: int
    used_until: date | None
    bills: tuple[Bill, ...]
    is_trial: bool

    @property
    def token(self) -> str:
        """What a page showed, so that nobody confirms something else."""
        told = [f"{bill.first_day.isoformat()}.{bill.amount_minor}" for bill in self.bills]
        return "_".join([self.on.isoformat(), str(self.unused_days), *told])


@dataclass(frozen=True)
class Pause:
    """What a pause of today means: the days it keeps, and how it goes on on a date, if one is given."""

    on: date
    unused_days: int
    is_trial: bool
    resumption: Resumption | None
    #: Whether it cannot pause today, as the days since a bill that is due were not billed yet.
    waits_for_bill: bool = False

    @property
    def token(self) -> str:
        """What a page showed, so that nobody confirms something else."""
        then = self.resumption.token if self.resumption else ""
        return f"{self.on.isoformat()}_{self.unused_days}_{then}"


def preview_pause(subscription_id: int, *, until: date | None, today: date) -> Pause:
    """What pausing today means. For the page that asks; nothing is held. Raises as ``pause`` does for a date."""
    _check_date(until, today)
    return _pause(_standing(subscription_id), today, until)


def preview_resume(subscription_id: int, *, today: date) -> Resumption:
    """What resuming today means. For the page that asks; nothing is held."""
    return resumption_of(_standing(subscription_id), today)


def resumption_of(standing: Standing, on: date) -> Resumption:
    """How a paused subscription goes on on a day."""
    start = forecast.runs_from(standing, on)
    used_until = start + DAY * (standing.unused_days - 1) if standing.unused_days else None
    told = tuple(islice(forecast.bills(standing, resumed_on=on), TOLD))
    return Resumption(start, standing.unused_days, used_until, told, standing.is_in_trial)


def pause(
    subscription_id: int, *, until: date | None, told: str | None = None, actor: Actor, now: datetime
) -> Subscription | None:
    """Pauses a subscription from today on, until a day or until somebody resumes it. None when it is paused already.

    For members who may change subscriptions, and for staff. ``told`` is the token of the preview that somebody
    confirmed; ``Conflict`` when it means something else by now, while a cancellation waits, and while a bill is due.
    Raises ``DomainError`` for a day that is not to come within a year, and ``IllegalMove``.
    """
    subscription = lock_subscription(subscription_id)
    after = LIFE.next(subscription.status, Move.PAUSE)
    if after is None:
        return None
    today = today_of(subscription, now)
    _check_date(until, today)
    if find_waiting(subscription_id, ChangeKind.CANCEL) is not None:
        raise Conflict(_l("It is cancelled. Take the cancellation back first, then you can pause it."))
    found = _pause(_standing(subscription_id), today, until)
    if found.waits_for_bill:
        raise Conflict(BILL_DUE)
    if told is not None and told != found.token:
        raise _changed()
    before, subscription.status = subscription.status, after
    subscription.paused_on, subscription.resume_on = today, until
    subscription.unused_days = found.unused_days
    subscription.next_billing_on = None
    audit.record(
        "subscription.paused",
        subscription,
        actor=actor,
        now=now,
        before=before.value,
        unused_days=found.unused_days,
        resume_on=until.isoformat() if until else None,
    )
    db.session.flush()
    mails.paused(subscription, now=now)
    return subscription


def resume(
    subscription_id: int, *, told: str | None = None, actor: Actor, now: datetime
) -> Resumption | None:
    """Goes on with a paused subscription today. None when it runs already.

    For members who may change subscriptions, for staff, and for the run on its date. ``told`` is the token of the
    preview that somebody confirmed; ``Conflict`` when it means something else by now. Raises ``IllegalMove``.
    """
    subscription = lock_subscription(subscription_id)
    standing = _standing(subscription_id)
    in_trial = standing.is_in_trial and subscription.unused_days > 0
    if subscription.status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIAL):
        return None
    after = LIFE.next(subscription.status, Move.RESUME_TRIAL if in_trial else Move.RESUME)
    found = resumption_of(standing, today_of(subscription, now))
    if told is not None and told != found.token:
        raise _changed()
    first = forecast.bills_from(standing, resumed_on=found.on)
    before, subscription.status = subscription.status, after or subscription.status
    if standing.is_in_trial:
        subscription.trial_ends_on = first
    elif first is not None:
        subscription.period_end = first - DAY
    subscription.next_billing_on = first
    if subscription.periods_billed == 0 and first is not None:
        subscription.anchor_day = first.day
    cancellation = find_waiting(subscription_id, ChangeKind.CANCEL)
    if cancellation is not None:
        hold_bill(subscription, cancellation)
    subscription.paused_on = subscription.resume_on = None
    subscription.unused_days = 0
    audit.record(
        "subscription.resumed",
        subscription,
        actor=actor,
        now=now,
        before=before.value,
        next_billing_on=first.isoformat() if first else None,
    )
    db.session.flush()
    mails.resumed(subscription, found, now=now)
    return found


def _standing(subscription_id: int) -> Standing:
    return standing_of(read_whole(subscription_id), list_waiting(subscription_id))


def _pause(standing: Standing, today: date, until: date | None) -> Pause:
    kept = forecast.unused_after(standing, today)
    paused = replace(
        standing,
        status=SubscriptionStatus.PAUSED,
        unused_days=kept,
        next_billing_on=None,
        paused_on=today,
        resume_on=until,
    )
    resumption = None if until is None else resumption_of(paused, until)
    return Pause(today, kept, standing.is_in_trial, resumption, forecast.is_bill_due(standing, today))


def _changed() -> Conflict:
    return Conflict(_l("This changed meanwhile. Please look again at what happens, and confirm it."))


def _check_date(until: date | None, today: date) -> None:
    if until is None:
        return
    if until <= today:
        raise DomainError(_l("Choose a day that is still to come."), "until")
    if until > add_months(today, LONGEST_MONTHS):
        raise DomainError(_l("Choose a day within a year, or pause without one."), "until")
