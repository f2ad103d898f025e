"""The life of a ticket, and of a dispute, over every pair of status and move."""

from itertools import product

import pytest

from portal.core.errors import IllegalMove
from portal.domain.tickets.models import DisputeStatus as D
from portal.domain.tickets.models import TicketStatus as S
from portal.domain.tickets.states import DISPUTE, ENDED, ENDING, LIFE, RUNNING, DisputeMove, Move

#: domain.md, "Support": open → in review → resolved, rejected or closed; a customer's reply reopens, and so does what
#: comes to nothing after all.
LEGAL = {
    (S.OPEN, Move.REVIEW): S.IN_REVIEW,
    (S.IN_REVIEW, Move.RESOLVE): S.RESOLVED,
    (S.IN_REVIEW, Move.REJECT): S.REJECTED,
    (S.IN_REVIEW, Move.CLOSE): S.CLOSED,
    (S.OPEN, Move.CUSTOMER_REPLY): S.OPEN,
    (S.IN_REVIEW, Move.CUSTOMER_REPLY): S.IN_REVIEW,
    (S.RESOLVED, Move.CUSTOMER_REPLY): S.OPEN,
    (S.REJECTED, Move.CUSTOMER_REPLY): S.OPEN,
    (S.CLOSED, Move.CUSTOMER_REPLY): S.OPEN,
    (S.OPEN, Move.REOPEN): S.OPEN,
    (S.IN_REVIEW, Move.REOPEN): S.IN_REVIEW,
    (S.RESOLVED, Move.REOPEN): S.OPEN,
    (S.REJECTED, Move.REOPEN): S.OPEN,
    (S.CLOSED, Move.REOPEN): S.OPEN,
}
REPEATED = {
    (S.IN_REVIEW, Move.REVIEW),
    (S.RESOLVED, Move.RESOLVE),
    (S.REJECTED, Move.REJECT),
    (S.CLOSED, Move.CLOSE),
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


def test_every_status_either_runs_or_has_ended() -> None:
    assert sorted((*RUNNING, *ENDED)) == sorted(S)
    assert {LIFE.next(S.IN_REVIEW, move) for move in ENDING} == set(ENDED)


#: domain.md, "Other states": dispute: open → credited, corrected, rejected, withdrawn.
ENDS = {
    DisputeMove.CREDIT: D.CREDITED,
    DisputeMove.CORRECT: D.CORRECTED,
    DisputeMove.REJECT: D.REJECTED,
    DisputeMove.WITHDRAW: D.WITHDRAWN,
}


@pytest.mark.parametrize(("status", "move"), list(product(D, DisputeMove)))
def test_every_end_of_a_dispute(status: D, move: DisputeMove) -> None:
    if status is D.OPEN:
        assert DISPUTE.next(status, move) is ENDS[move]
    elif status is ENDS[move]:
        assert DISPUTE.next(status, move) is None
    else:
        with pytest.raises(IllegalMove):
            DISPUTE.next(status, move)
