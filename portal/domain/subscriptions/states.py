"""The life of a subscription: which status may follow which, and which of them bill, count and show."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.subscriptions.models import SubscriptionStatus


class Move(StrEnum):
    """What can happen to a subscription."""

    #: A payment method was added, and the product has a trial.
    START_TRIAL = "start_trial"
    #: A payment method was added or the trial ended: the first bill.
    ACTIVATE = "activate"
    PAUSE = "pause"
    RESUME = "resume"
    #: Resumed with trial days left: pausing in a trial moves its end.
    RESUME_TRIAL = "resume_trial"
    SUSPEND = "suspend"
    #: The suspension ends: staff lift it, or the overdue invoice was paid.
    LIFT = "lift"
    #: The retries of a collection are exhausted, or its reason cannot be cured.
    FAIL = "fail"
    #: The invoice that failed was paid after all.
    RECOVER = "recover"
    #: The last term was billed.
    COMPLETE = "complete"
    CANCEL = "cancel"
    #: Staff only.
    REACTIVATE = "reactivate"
    #: Staff only: the customer no longer sees it.
    ARCHIVE = "archive"


_S = SubscriptionStatus

#: A cancellation may end these; what has ended already is only reopened or archived, by staff.
RUNNING = (_S.PENDING_MANDATE, _S.TRIAL, _S.ACTIVE, _S.PAUSED, _S.SUSPENDED, _S.FAILED)
ENDED = (_S.COMPLETED, _S.CANCELLED)
#: What customers call active: the home page counts and its card.
COUNTED_ACTIVE = (_S.TRIAL, _S.ACTIVE)
#: What the home page lists.
ON_HOME = (_S.TRIAL, _S.ACTIVE, _S.PAUSED)
#: Those for which a next billing date is a promise: nothing is billed in any other status.
BILLED = (_S.TRIAL, _S.ACTIVE)
#: Everything but the archived.
SHOWN = tuple(status for status in SubscriptionStatus if status is not _S.ARCHIVED)

LIFE: Lifecycle[SubscriptionStatus, Move] = Lifecycle(
    "subscription",
    {
        (_S.PENDING_MANDATE, Move.START_TRIAL): _S.TRIAL,
        (_S.PENDING_MANDATE, Move.ACTIVATE): _S.ACTIVE,
        (_S.TRIAL, Move.ACTIVATE): _S.ACTIVE,
        (_S.TRIAL, Move.PAUSE): _S.PAUSED,
        (_S.ACTIVE, Move.PAUSE): _S.PAUSED,
        (_S.PAUSED, Move.RESUME): _S.ACTIVE,
        (_S.PAUSED, Move.RESUME_TRIAL): _S.TRIAL,
        (_S.ACTIVE, Move.SUSPEND): _S.SUSPENDED,
        (_S.FAILED, Move.SUSPEND): _S.SUSPENDED,
        (_S.SUSPENDED, Move.LIFT): _S.ACTIVE,
        (_S.ACTIVE, Move.FAIL): _S.FAILED,
        (_S.FAILED, Move.RECOVER): _S.ACTIVE,
        (_S.ACTIVE, Move.COMPLETE): _S.COMPLETED,
        **{(status, Move.CANCEL): _S.CANCELLED for status in RUNNING},
        **{(status, Move.REACTIVATE): _S.ACTIVE for status in (*ENDED, _S.ARCHIVED)},
        **{(status, Move.ARCHIVE): _S.ARCHIVED for status in ENDED},
    },
)
