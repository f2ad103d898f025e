"""The life of a saved method."""

from __future__ import annotations

from enum import StrEnum

from portal.core.lifecycle import Lifecycle
from portal.domain.methods.models import MethodStatus


class Move(StrEnum):
    """What can happen to a saved method."""

    CONFIRM = "confirm"
    INVALIDATE = "invalidate"
    REVOKE = "revoke"


LIFE: Lifecycle[MethodStatus, Move] = Lifecycle(
    "payment method",
    {
        (MethodStatus.PENDING, Move.CONFIRM): MethodStatus.VALID,
        (MethodStatus.PENDING, Move.INVALIDATE): MethodStatus.INVALID,
        (MethodStatus.VALID, Move.INVALIDATE): MethodStatus.INVALID,
        (MethodStatus.VALID, Move.REVOKE): MethodStatus.REVOKED,
    },
)
