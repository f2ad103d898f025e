"""The life of an order: which status may follow which."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.orders.models import OrderStatus


class Move(StrEnum):
    """What can happen to an order."""

    PAY = "pay"
    COMPLETE = "complete"
    CANCEL = "cancel"
    REFUND = "refund"


_S = OrderStatus

LIFE: Lifecycle[OrderStatus, Move] = Lifecycle(
    "order",
    {
        (_S.PENDING_PAYMENT, Move.PAY): _S.PAID,
        (_S.PENDING_PAYMENT, Move.CANCEL): _S.CANCELLED,
        (_S.PAID, Move.COMPLETE): _S.COMPLETED,
        (_S.PAID, Move.REFUND): _S.REFUNDED,
        (_S.COMPLETED, Move.REFUND): _S.REFUNDED,
    },
)
