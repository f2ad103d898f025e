"""From which day a cancellation is in force (product.md, P-SUB-CANCEL; domain.md, "Subscriptions")."""

from __future__ import annotations

from datetime import date, timedelta

from flask_babel import lazy_gettext as _l

from portal.core.tables import LabelEnum
from portal.domain.people.models import CustomerKind
from portal.domain.subscriptions.cadence import add_months
from portal.domain.subscriptions.forecast import DAY, Standing, bills_from, completes_on


def last_day_before(effective_on: date) -> date:
    """The last day of what is cancelled from a day on: the one day that everybody is told, in these words."""
    return effective_on - DAY


class Right(LabelEnum):
    """Why a cancellation is the customer's right, so that nobody may refuse it; each label says so to the shop."""

    TRIAL = "trial", _l("This cannot be rejected: nothing was agreed beyond the trial.")
    ENDLESS = (
        "endless",
        _l("This cannot be rejected: a consumer may always cancel what goes on without an agreed end."),
    )


def right_to_cancel(standing: Standing, kind: CustomerKind) -> Right | None:
    """Whether a cancellation, with its notice, has to be taken; None for what the shop may refuse.

    Of a trial by anybody: nothing was agreed beyond it. Of what goes on until somebody ends it by a consumer: refused,
    it would be renewed against their will, and a renewed one they may cancel whatever the product says.
    """
    if standing.is_in_trial:
        return Right.TRIAL
    if kind is CustomerKind.CONSUMER and standing.terms is None:
        return Right.ENDLESS
    return None


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
