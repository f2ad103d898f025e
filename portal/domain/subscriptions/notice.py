"""From which day a cancellation is in force (product.md, P-SUB-CANCEL; domain.md, "Subscriptions")."""

from __future__ import annotations

from datetime import date, timedelta

from portal.domain.people.models import CustomerKind
from portal.domain.subscriptions.cadence import add_months
from portal.domain.subscriptions.forecast import DAY, Standing, bills_from, completes_on


def is_renewed_tacitly(standing: Standing, today: date) -> bool:
    """Whether the first term is over and the contract went on by itself: no agreed end, a second period."""
    if standing.terms is not None or standing.periods_billed == 0:
        return False
    due = standing.next_billing_on is not None and standing.next_billing_on <= today
    return standing.periods_billed > 1 or due


def effective_on(standing: Standing, *, today: date, notice_days: int, kind: CustomerKind) -> date:
    """The first day without the subscription when its cancellation is asked for today, with notice.

    | who and when | from |
    | --- | --- |
    | in a trial | the end of the trial: nothing was agreed beyond it |
    | a consumer whose contract was renewed tacitly | today + notice, at most a month |
    | anybody else | the later of today + notice and the next billing date |

    Never later than the last term ends by itself.
    """
    noticed = today + timedelta(days=notice_days)
    next_bill = bills_from(standing)
    if standing.is_in_trial and next_bill is not None and next_bill > today:
        return next_bill
    if standing.is_in_trial and next_bill is None:
        return today + DAY
    if kind is CustomerKind.CONSUMER and is_renewed_tacitly(standing, today):
        found = min(noticed, add_months(today, 1))
    else:
        found = max(noticed, next_bill or noticed)
    ends = completes_on(standing)
    return found if ends is None else max(today + DAY, min(found, ends))
