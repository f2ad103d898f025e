"""The life of a subscription over every pair of status and move."""

from itertools import product

import pytest

from portal.core.errors import IllegalMove
from portal.domain.subscriptions.models import SubscriptionStatus as S
from portal.domain.subscriptions.states import (
    BILLED,
    COUNTED_ACTIVE,
    ENDED,
    LIFE,
    ON_HOME,
    RUNNING,
    SHOWN,
    Move,
)

#: domain.md, "Subscriptions", row by row of its table.
LEGAL = {
    # Method added → trial or active; cancelled.
    (S.PENDING_MANDATE, Move.START_TRIAL): S.TRIAL,
    (S.PENDING_MANDATE, Move.ACTIVATE): S.ACTIVE,
    (S.PENDING_MANDATE, Move.CANCEL): S.CANCELLED,
    # Trial end → active, first bill; cancelled; "pausing in a trial moves its end".
    (S.TRIAL, Move.ACTIVATE): S.ACTIVE,
    (S.TRIAL, Move.CANCEL): S.CANCELLED,
    (S.TRIAL, Move.PAUSE): S.PAUSED,
    # Pause, suspend, retries exhausted, last term, cancel.
    (S.ACTIVE, Move.PAUSE): S.PAUSED,
    (S.ACTIVE, Move.SUSPEND): S.SUSPENDED,
    (S.ACTIVE, Move.FAIL): S.FAILED,
    (S.ACTIVE, Move.COMPLETE): S.COMPLETED,
    (S.ACTIVE, Move.CANCEL): S.CANCELLED,
    # Resume, by hand or on its date; cancelled.
    (S.PAUSED, Move.RESUME): S.ACTIVE,
    (S.PAUSED, Move.RESUME_TRIAL): S.TRIAL,
    (S.PAUSED, Move.CANCEL): S.CANCELLED,
    # Overdue invoice paid; lifted by staff; cancelled.
    (S.SUSPENDED, Move.LIFT): S.ACTIVE,
    (S.SUSPENDED, Move.CANCEL): S.CANCELLED,
    # Its invoice paid → active; suspended; cancelled.
    (S.FAILED, Move.RECOVER): S.ACTIVE,
    (S.FAILED, Move.SUSPEND): S.SUSPENDED,
    (S.FAILED, Move.CANCEL): S.CANCELLED,
    # By staff only.
    (S.COMPLETED, Move.REACTIVATE): S.ACTIVE,
    (S.COMPLETED, Move.ARCHIVE): S.ARCHIVED,
    (S.CANCELLED, Move.REACTIVATE): S.ACTIVE,
    (S.CANCELLED, Move.ARCHIVE): S.ARCHIVED,
    (S.ARCHIVED, Move.REACTIVATE): S.ACTIVE,
}
#: A move that leads to the present status has happened already: the run that is repeated ends quietly.
REPEATED = {
    (S.TRIAL, Move.START_TRIAL),
    (S.TRIAL, Move.RESUME_TRIAL),
    (S.ACTIVE, Move.ACTIVATE),
    (S.ACTIVE, Move.RESUME),
    (S.ACTIVE, Move.LIFT),
    (S.ACTIVE, Move.RECOVER),
    (S.ACTIVE, Move.REACTIVATE),
    (S.PAUSED, Move.PAUSE),
    (S.SUSPENDED, Move.SUSPEND),
    (S.FAILED, Move.FAIL),
    (S.COMPLETED, Move.COMPLETE),
    (S.CANCELLED, Move.CANCEL),
    (S.ARCHIVED, Move.ARCHIVE),
}


@pytest.mark.parametrize(("status", "move"), list(product(S, Move)))
def test_every_move_from_every_status(status: S, move: Move) -> None:
    if (status, move) in LEGAL:
        assert LIFE.next(status, move) is LEGAL[status, move]
    elif (status, move) in REPEATED:
        assert LIFE.next(status, move) is None
    else:
        with pytest.raises(IllegalMove):
            LIFE.next(status, move)


def test_what_each_status_means_to_lists() -> None:
    assert set(BILLED) == {S.TRIAL, S.ACTIVE}
    assert set(COUNTED_ACTIVE) == {S.TRIAL, S.ACTIVE}
    assert set(ON_HOME) == {S.TRIAL, S.ACTIVE, S.PAUSED}
    assert set(SHOWN) == set(S) - {S.ARCHIVED}
    assert set(RUNNING) == set(S) - {S.COMPLETED, S.CANCELLED, S.ARCHIVED}
    assert set(ENDED) == {S.COMPLETED, S.CANCELLED}
