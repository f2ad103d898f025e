"""The life of a ticket and of a dispute: which status may follow which."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.tickets.models import DisputeStatus, TicketStatus


class Move(StrEnum):
    """What can happen to a ticket."""

    REVIEW = "review"
    RESOLVE = "resolve"
    REJECT = "reject"
    CLOSE = "close"
    #: The customer wrote: in a ticket that ended this opens it again, in a running one nothing changes.
    CUSTOMER_REPLY = "customer_reply"
    #: What ended it came to nothing: the shop has to look again.
    REOPEN = "reopen"


_S = TicketStatus

#: Tickets without an end: the sidebar lists them, the badge counts them.
RUNNING = (_S.OPEN, _S.IN_REVIEW)
ENDED = (_S.RESOLVED, _S.REJECTED, _S.CLOSED)
ENDING = (Move.RESOLVE, Move.REJECT, Move.CLOSE)
#: What somebody of the shop does to a ticket; the other moves come by what happens.
BY_STAFF = (Move.REVIEW, *ENDING)

LIFE: Lifecycle[TicketStatus, Move] = Lifecycle(
    "ticket",
    {
        (_S.OPEN, Move.REVIEW): _S.IN_REVIEW,
        (_S.IN_REVIEW, Move.RESOLVE): _S.RESOLVED,
        (_S.IN_REVIEW, Move.REJECT): _S.REJECTED,
        (_S.IN_REVIEW, Move.CLOSE): _S.CLOSED,
        **{(status, move): status for status in RUNNING for move in (Move.CUSTOMER_REPLY, Move.REOPEN)},
        **{(status, move): _S.OPEN for status in ENDED for move in (Move.CUSTOMER_REPLY, Move.REOPEN)},
    },
)


class DisputeMove(StrEnum):
    """How a dispute ends: by the shop's answer, or because the customer takes it back."""

    CREDIT = "credit"
    CORRECT = "correct"
    REJECT = "reject"
    WITHDRAW = "withdraw"


_D = DisputeStatus

DISPUTE: Lifecycle[DisputeStatus, DisputeMove] = Lifecycle(
    "dispute",
    {
        (_D.OPEN, DisputeMove.CREDIT): _D.CREDITED,
        (_D.OPEN, DisputeMove.CORRECT): _D.CORRECTED,
        (_D.OPEN, DisputeMove.REJECT): _D.REJECTED,
        (_D.OPEN, DisputeMove.WITHDRAW): _D.WITHDRAWN,
    },
)
