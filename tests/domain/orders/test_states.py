"""The life of an order over every pair of status and move."""

from itertools import product

import pytest

from portal.core.errors import IllegalMove
from portal.domain.orders.models import OrderStatus as S
from portal.domain.orders.states import LIFE, Move

#: domain.md, "Other states".
LEGAL = {
    (S.PENDING_PAYMENT, Move.PAY): S.PAID,
    (S.PAID, Move.COMPLETE): S.COMPLETED,
    (S.PENDING_PAYMENT, Move.CANCEL): S.CANCELLED,
    (S.PAID, Move.REFUND): S.REFUNDED,
    (S.COMPLETED, Move.REFUND): S.REFUNDED,
}
REPEATED = {
    (S.PAID, Move.PAY),
    (S.COMPLETED, Move.COMPLETE),
    (S.CANCELLED, Move.CANCEL),
    (S.REFUNDED, Move.REFUND),
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


def test_nothing_leaves_cancelled_and_refunded() -> None:
    assert LIFE.moves_from(S.CANCELLED) == LIFE.moves_from(S.REFUNDED) == ()
