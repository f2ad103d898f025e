"""What is still to happen to a subscription, as its pages tell it: what counts, with the day from which it is billed.

| change | told |
| --- | --- |
| new price, new plan | from the day of the first bill it counts for: later than planned while it is paused |
| new price of a plan that it leaves before | not at all, and neither what another change replaces before any bill |
| anything on or after the day of a cancellation | not at all |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from portal.domain.subscriptions import forecast
from portal.domain.subscriptions.forecast import Standing
from portal.domain.subscriptions.models import ChangeKind, SubscriptionChange, SubscriptionStatus
from portal.domain.subscriptions.standing import counted, list_waiting, read_whole, standing_of

#: So many bills ahead are looked at for the first of a change: more than ten years of weeks.
_FAR = 600
#: What a change that is billed holds; one that says less is told as it was planned.
_SAYS = {ChangeKind.PRICE: "amount_minor", ChangeKind.SWITCH: "unit_price"}


@dataclass(frozen=True)
class Coming:
    """A change to come. ``amount_minor`` is what a period costs by it, VAT included, of a new price or plan.

    ``on`` is its day; None for what waits until somebody resumes the subscription.
    """

    kind: ChangeKind
    on: date | None
    data: dict[str, Any]
    amount_minor: int | None = None


def list_coming(subscription_id: int) -> list[Coming]:
    """What will happen to a subscription that the caller looked up, in the order in which it was planned for."""
    waiting = list_waiting(subscription_id)
    end = next((each.effective_on for each in waiting if each.kind is ChangeKind.CANCEL), None)
    kept = [
        each for each in waiting if end is None or each.kind is ChangeKind.CANCEL or each.effective_on < end
    ]
    billed = [each for each in kept if _SAYS.get(each.kind, "") in each.data]
    days: dict[int, date | None] = {}
    terms: dict[int, int] = {}
    if billed:
        whole = read_whole(subscription_id)
        terms = {change.id: plan.price.gross_minor for change, plan in counted(billed, whole.subscription)}
        days = _billed_from(standing_of(whole, billed), [each for each in billed if each.id in terms], end)
    return [
        Coming(each.kind, days.get(each.id, each.effective_on), each.data, terms.get(each.id))
        for each in kept
        if each not in billed or each.id in days
    ]


def _billed_from(
    standing: Standing, changes: Sequence[SubscriptionChange], end: date | None
) -> dict[int, date | None]:
    """Of the changes that count for a bill the day of the first one; not of those that never do."""
    if forecast.bills_from(standing) is None:
        if end is not None:
            return {}
        waits = standing.status is SubscriptionStatus.PAUSED
        return {each.id: None if waits else each.effective_on for each in changes}
    left = list(changes)
    days: dict[int, date | None] = {}
    for bill in islice(forecast.bills(standing, until=end), _FAR):
        begun = [each for each in left if each.effective_on <= bill.first_day]
        if begun:
            # Of several that begin with one bill the last is what it is made by.
            days[begun[-1].id] = bill.first_day
            left = left[len(begun) :]
        if not left:
            return days
    ends = end is not None or standing.terms is not None
    return days if ends else {**days, **{each.id: each.effective_on for each in left}}
