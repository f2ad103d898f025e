"""A subscription as lists, the home page and its own page show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from portal.domain.catalog.models import IntervalUnit
from portal.domain.subscriptions.intervals import interval_text
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.domain.subscriptions.notice import last_day_before
from portal.domain.subscriptions.states import BILLED

#: From which day a cancellation that waits is in force.
_CANCELLED_FROM = (
    sa.select(sa.func.min(SubscriptionChange.effective_on))
    .where(
        SubscriptionChange.subscription_id == Subscription.id,
        SubscriptionChange.kind == ChangeKind.CANCEL,
        SubscriptionChange.status == ChangeStatus.WAITING,
    )
    .correlate(Subscription)
    .scalar_subquery()
    .label("cancelled_from")
)

#: What ``subscription_row`` reads.
COLUMNS: tuple[Any, ...] = (
    Subscription.public_id,
    Subscription.name,
    Subscription.icon,
    Subscription.status,
    Subscription.amount_minor,
    Subscription.currency,
    Subscription.interval_unit,
    Subscription.interval_count,
    Subscription.next_billing_on,
    Subscription.trial_ends_on,
    Subscription.resume_on,
    _CANCELLED_FROM,
)


@dataclass(frozen=True)
class SubscriptionRow:
    """A subscription in a list. ``amount_minor`` is one period, VAT included, in minor units."""

    public_id: str
    name: str
    icon: str
    status: SubscriptionStatus
    amount_minor: int
    currency: str
    interval_unit: IntervalUnit
    interval_count: int
    #: None in every status that bills nothing, whatever date the subscription remembers.
    next_billing_on: date | None
    #: The last day of its trial, before that of the first bill; None outside a trial.
    trial_last_day: date | None
    #: How many days the trial goes on after today, 0 on its last day; None outside a trial.
    trial_days_left: int | None
    #: None unless it is paused until a date.
    resume_on: date | None
    #: The last day of one that is cancelled with notice; None of any other.
    last_day: date | None

    @property
    def interval(self) -> str:
        """What stands behind the amount: "month" or "2 weeks", in the reader's language."""
        return interval_text(self.interval_unit, self.interval_count)


def subscription_row(row: Any, today: date) -> SubscriptionRow:
    """What is shown of a row with ``COLUMNS`` on a day."""
    in_trial = row.status is SubscriptionStatus.TRIAL and row.trial_ends_on is not None
    trial_last_day = last_day_before(row.trial_ends_on) if in_trial else None
    return SubscriptionRow(
        public_id=row.public_id,
        name=row.name,
        icon=row.icon,
        status=row.status,
        amount_minor=row.amount_minor,
        currency=row.currency,
        interval_unit=row.interval_unit,
        interval_count=row.interval_count,
        next_billing_on=row.next_billing_on if row.status in BILLED else None,
        trial_last_day=trial_last_day,
        trial_days_left=max(0, (trial_last_day - today).days) if trial_last_day is not None else None,
        resume_on=row.resume_on if row.status is SubscriptionStatus.PAUSED else None,
        last_day=last_day_before(row.cancelled_from) if row.cancelled_from is not None else None,
    )
