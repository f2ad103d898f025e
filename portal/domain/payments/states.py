"""The lives of a payment and of a refund: which status may follow which, and the way to what a provider reports."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.payments.models import PaymentStatus, RefundStatus
from portal.domain.payments.provider import ProviderStatus


class Move(StrEnum):
    """What can happen to a payment."""

    OPEN = "open"
    PEND = "pend"
    PAY = "pay"
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REVERSE = "reverse"
    REINSTATE = "reinstate"


_S = PaymentStatus

LIFE: Lifecycle[PaymentStatus, Move] = Lifecycle(
    "payment",
    {
        (_S.CREATED, Move.OPEN): _S.OPEN,
        (_S.OPEN, Move.PEND): _S.PENDING,
        (_S.PENDING, Move.PAY): _S.PAID,
        **{(status, Move.FAIL): _S.FAILED for status in (_S.CREATED, _S.OPEN, _S.PENDING)},
        **{(status, Move.CANCEL): _S.CANCELLED for status in (_S.CREATED, _S.OPEN, _S.PENDING)},
        **{(status, Move.EXPIRE): _S.EXPIRED for status in (_S.CREATED, _S.OPEN, _S.PENDING)},
        # The customer paid after all in a bank's page that we had given up.
        (_S.CANCELLED, Move.PEND): _S.PENDING,
        (_S.EXPIRED, Move.PEND): _S.PENDING,
        (_S.CANCELLED, Move.PAY): _S.PAID,
        (_S.EXPIRED, Move.PAY): _S.PAID,
        (_S.PAID, Move.REVERSE): _S.REVERSED,
        # The chargeback was won.
        (_S.REVERSED, Move.REINSTATE): _S.PAID,
    },
)

#: Attempts that may still end either way.
RUNNING = (_S.CREATED, _S.OPEN, _S.PENDING)
#: Attempts merely started: no money is under way yet.
STARTED = (_S.CREATED, _S.OPEN)

#: Attempts that ended here without money, which may be news to the provider.
GIVEN_UP = (_S.CANCELLED, _S.EXPIRED, _S.FAILED)
#: What a provider says last: only a late success or a chargeback may follow.
OVER = (
    ProviderStatus.PAID,
    ProviderStatus.FAILED,
    ProviderStatus.CANCELLED,
    ProviderStatus.EXPIRED,
    ProviderStatus.REVERSED,
)

_REPORTED: dict[ProviderStatus, Move] = {
    ProviderStatus.OPEN: Move.OPEN,
    ProviderStatus.PENDING: Move.PEND,
    ProviderStatus.PAID: Move.PAY,
    ProviderStatus.FAILED: Move.FAIL,
    ProviderStatus.CANCELLED: Move.CANCEL,
    ProviderStatus.EXPIRED: Move.EXPIRE,
    ProviderStatus.REVERSED: Move.REVERSE,
}

#: The stations that a provider may leave out: iDEAL goes from open to paid, a direct debit is pending at
#: once.
_WAY = (Move.OPEN, Move.PEND, Move.PAY, Move.REVERSE)


def moves_to(status: PaymentStatus, reported: ProviderStatus, *, reinstated: bool) -> tuple[Move, ...]:
    """The legal moves from ``status`` to what the provider reports; none when there is nothing new.

    Stations that the provider left out are passed in order, each by a legal move. ``reinstated`` says that
    the provider itself reports the chargeback as won: only that brings a reversed payment back, as an old
    report of "paid" must not. What contradicts the history (failed, then paid) gives no moves either: see
    ``contradicts``.
    """
    move = _REPORTED[reported]
    if status is _S.REVERSED:
        return (Move.REINSTATE,) if move is Move.PAY and reinstated else ()
    if (status, move) in _EDGES:
        return (move,)
    if move not in _WAY:
        return ()
    return _walk(status, move)


def contradicts(status: PaymentStatus, reported: ProviderStatus) -> bool:
    """Whether money is reported where our history says there can be none, which a person must look at."""
    return status is _S.FAILED and reported in (ProviderStatus.PAID, ProviderStatus.REVERSED)


_EDGES = {(status, move) for status in PaymentStatus for move in LIFE.moves_from(status)}


def _walk(status: PaymentStatus, goal: Move) -> tuple[Move, ...]:
    taken: list[Move] = []
    for move in _WAY[: _WAY.index(goal) + 1]:
        if (status, move) in _EDGES:
            status = LIFE.next(status, move) or status
            taken.append(move)
    return tuple(taken) if taken and taken[-1] is goal else ()


class RefundMove(StrEnum):
    """What can happen to a refund."""

    TAKE = "take"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


_R = RefundStatus

REFUND: Lifecycle[RefundStatus, RefundMove] = Lifecycle(
    "refund",
    {
        (_R.QUEUED, RefundMove.TAKE): _R.PENDING,
        **{(status, RefundMove.FINISH): _R.DONE for status in (_R.QUEUED, _R.PENDING)},
        # A bank may send back what had arrived, weeks later: the account is closed.
        **{(status, RefundMove.FAIL): _R.FAILED for status in (_R.QUEUED, _R.PENDING, _R.DONE)},
        **{(status, RefundMove.CANCEL): _R.CANCELLED for status in (_R.QUEUED, _R.PENDING)},
    },
)

#: Refunds that have no end yet.
UNDER_WAY = (_R.QUEUED, _R.PENDING)
#: Refunds that took, or are about to take, money back; the others gave it up again.
TAKES = (*UNDER_WAY, _R.DONE)

#: By which move a refund comes to a status.
REACHED_BY = {
    _R.PENDING: RefundMove.TAKE,
    _R.DONE: RefundMove.FINISH,
    _R.FAILED: RefundMove.FAIL,
    _R.CANCELLED: RefundMove.CANCEL,
}
