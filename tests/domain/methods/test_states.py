"""The life of a saved method over every pair of status and move."""

from itertools import product

import pytest

from portal.core.errors import IllegalMove
from portal.domain.methods.models import MethodStatus as S
from portal.domain.methods.states import LIFE, Move

#: domain.md, "Other states": pending → valid or invalid; valid → invalid, revoked.
LEGAL = {
    (S.PENDING, Move.CONFIRM): S.VALID,
    (S.PENDING, Move.INVALIDATE): S.INVALID,
    (S.VALID, Move.INVALIDATE): S.INVALID,
    (S.VALID, Move.REVOKE): S.REVOKED,
}
REPEATED = {
    (S.VALID, Move.CONFIRM),
    (S.INVALID, Move.INVALIDATE),
    (S.REVOKED, Move.REVOKE),
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
