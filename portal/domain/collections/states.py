"""The lives of a case and of a payment plan: what may follow what (domain.md, "Other states")."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.collections.models import CaseStatus, PlanStatus


class CaseMove(StrEnum):
    """What can happen to a case."""

    HOLD = "hold"
    RESUME = "resume"
    #: The shop agreed to a plan: nothing escalates any more.
    START_PLAN = "start_plan"
    #: The plan was broken off or cancelled: the case goes on where it stood.
    END_PLAN = "end_plan"
    #: Nothing is open of its documents any more.
    PAY = "pay"
    WAIVE = "waive"
    CLOSE = "close"
    CANCEL = "cancel"


class PlanMove(StrEnum):
    """What can happen to a payment plan."""

    AGREE = "agree"
    REFUSE = "refuse"
    #: It was agreed to, and the customer is to say what pays it.
    ASK_METHOD = "ask_method"
    ACTIVATE = "activate"
    #: Everything of its case is paid.
    COMPLETE = "complete"
    BREAK = "break"
    CANCEL = "cancel"


_C, _P = CaseStatus, PlanStatus

#: Cases without an end: at most one for an invoice, and the sidebar has its entry while there is one.
CASE_RUNNING = (_C.ACTIVE, _C.ON_HOLD, _C.WITH_PLAN)

CASE: Lifecycle[CaseStatus, CaseMove] = Lifecycle(
    "collection case",
    {
        (_C.ACTIVE, CaseMove.HOLD): _C.ON_HOLD,
        (_C.ON_HOLD, CaseMove.RESUME): _C.ACTIVE,
        (_C.ACTIVE, CaseMove.START_PLAN): _C.WITH_PLAN,
        (_C.WITH_PLAN, CaseMove.END_PLAN): _C.ACTIVE,
        **{(status, CaseMove.PAY): _C.PAID for status in CASE_RUNNING},
        # One with a plan first loses that.
        **{(status, CaseMove.WAIVE): _C.WAIVED for status in (_C.ACTIVE, _C.ON_HOLD)},
        **{(status, CaseMove.CLOSE): _C.CLOSED for status in (_C.ACTIVE, _C.ON_HOLD)},
        **{(status, CaseMove.CANCEL): _C.CANCELLED for status in (_C.ACTIVE, _C.ON_HOLD)},
    },
)

#: A plan that was agreed to and did not end.
PLAN_AGREED = (_P.AGREED, _P.PENDING_MANDATE, _P.ACTIVE)
#: Plans without an end, of which a case has at most one.
PLAN_RUNNING = (_P.REQUESTED, *PLAN_AGREED)

PLAN: Lifecycle[PlanStatus, PlanMove] = Lifecycle(
    "payment plan",
    {
        (_P.REQUESTED, PlanMove.AGREE): _P.AGREED,
        (_P.REQUESTED, PlanMove.REFUSE): _P.REFUSED,
        (_P.AGREED, PlanMove.ASK_METHOD): _P.PENDING_MANDATE,
        (_P.PENDING_MANDATE, PlanMove.ACTIVATE): _P.ACTIVE,
        (_P.ACTIVE, PlanMove.COMPLETE): _P.COMPLETED,
        (_P.ACTIVE, PlanMove.BREAK): _P.BROKEN,
        # Also one that nobody answered: its case may be paid, or end otherwise, before the shop does.
        **{(status, PlanMove.CANCEL): _P.CANCELLED for status in PLAN_RUNNING},
    },
)
