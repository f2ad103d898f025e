"""The lives of a case and of a plan over every pair of status and move."""

from __future__ import annotations

from itertools import product

import pytest

from portal.core.errors import IllegalMove
from portal.domain.collections.models import CaseStatus as C
from portal.domain.collections.models import PlanStatus as P
from portal.domain.collections.states import CASE, CASE_RUNNING, PLAN, PLAN_RUNNING
from portal.domain.collections.states import CaseMove as Case
from portal.domain.collections.states import PlanMove as Plan

#: domain.md, "Other states".
CASE_LEGAL = {
    (C.ACTIVE, Case.HOLD): C.ON_HOLD,
    (C.ON_HOLD, Case.RESUME): C.ACTIVE,
    (C.ACTIVE, Case.START_PLAN): C.WITH_PLAN,
    (C.WITH_PLAN, Case.END_PLAN): C.ACTIVE,
    (C.ACTIVE, Case.PAY): C.PAID,
    (C.ON_HOLD, Case.PAY): C.PAID,
    (C.WITH_PLAN, Case.PAY): C.PAID,
    (C.ACTIVE, Case.WAIVE): C.WAIVED,
    (C.ON_HOLD, Case.WAIVE): C.WAIVED,
    (C.ACTIVE, Case.CLOSE): C.CLOSED,
    (C.ON_HOLD, Case.CLOSE): C.CLOSED,
    (C.ACTIVE, Case.CANCEL): C.CANCELLED,
    (C.ON_HOLD, Case.CANCEL): C.CANCELLED,
}
CASE_REPEATED = {
    (C.ON_HOLD, Case.HOLD),
    (C.ACTIVE, Case.RESUME),
    (C.WITH_PLAN, Case.START_PLAN),
    (C.ACTIVE, Case.END_PLAN),
    (C.PAID, Case.PAY),
    (C.WAIVED, Case.WAIVE),
    (C.CLOSED, Case.CLOSE),
    (C.CANCELLED, Case.CANCEL),
}
PLAN_LEGAL = {
    (P.REQUESTED, Plan.AGREE): P.AGREED,
    (P.REQUESTED, Plan.REFUSE): P.REFUSED,
    (P.AGREED, Plan.ASK_METHOD): P.PENDING_MANDATE,
    (P.PENDING_MANDATE, Plan.ACTIVATE): P.ACTIVE,
    (P.ACTIVE, Plan.COMPLETE): P.COMPLETED,
    (P.ACTIVE, Plan.BREAK): P.BROKEN,
    (P.REQUESTED, Plan.CANCEL): P.CANCELLED,
    (P.AGREED, Plan.CANCEL): P.CANCELLED,
    (P.PENDING_MANDATE, Plan.CANCEL): P.CANCELLED,
    (P.ACTIVE, Plan.CANCEL): P.CANCELLED,
}
PLAN_REPEATED = {
    (P.AGREED, Plan.AGREE),
    (P.REFUSED, Plan.REFUSE),
    (P.PENDING_MANDATE, Plan.ASK_METHOD),
    (P.ACTIVE, Plan.ACTIVATE),
    (P.COMPLETED, Plan.COMPLETE),
    (P.BROKEN, Plan.BREAK),
    (P.CANCELLED, Plan.CANCEL),
}


@pytest.mark.parametrize(("status", "move"), list(product(C, Case)))
def test_every_move_of_a_case(status: C, move: Case) -> None:
    if (status, move) in CASE_LEGAL:
        assert CASE.next(status, move) is CASE_LEGAL[status, move]
    elif (status, move) in CASE_REPEATED:
        assert CASE.next(status, move) is None
    else:
        with pytest.raises(IllegalMove):
            CASE.next(status, move)


@pytest.mark.parametrize(("status", "move"), list(product(P, Plan)))
def test_every_move_of_a_plan(status: P, move: Plan) -> None:
    if (status, move) in PLAN_LEGAL:
        assert PLAN.next(status, move) is PLAN_LEGAL[status, move]
    elif (status, move) in PLAN_REPEATED:
        assert PLAN.next(status, move) is None
    else:
        with pytest.raises(IllegalMove):
            PLAN.next(status, move)


def test_what_runs_is_what_something_leaves() -> None:
    assert set(CASE_RUNNING) == {status for status in C if CASE.moves_from(status)}
    assert set(PLAN_RUNNING) == {status for status in P if PLAN.moves_from(status)}
