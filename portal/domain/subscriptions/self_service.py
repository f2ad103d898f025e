"""What a customer may do with a subscription now: what its product allows, and what its status makes sense of.

| act | product | status |
| --- | --- | --- |
| pause | self-management, allow pause | trial, active; no cancellation waits |
| resume | self-management, allow pause | paused |
| cancel | self-management, allow cancel | whatever runs; no cancellation waits |
| change of plan | self-management, another plan or quantity is offered | trial, active; no cancellation waits |
| take a cancellation back | whatever it says: the shop keeps a customer | a cancellation waits |
| choose what pays | whatever it says | whatever runs |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.subscriptions.states import BILLED, LIFE, RUNNING, Move


class Act(StrEnum):
    """What a product can keep from its customers."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    SWITCH = "switch"


@dataclass(frozen=True)
class Toggles:
    """The settings of a product (P-SUB-SELF), and whether there is anything to switch to."""

    self_management: bool
    pause: bool
    cancel: bool
    offers_switch: bool

    def allow(self, act: Act) -> bool:
        """Whether the product allows it, whatever the status is."""
        match act:
            case Act.PAUSE | Act.RESUME:
                return self.self_management and self.pause
            case Act.CANCEL:
                return self.self_management and self.cancel
            case Act.SWITCH:
                return self.self_management and self.offers_switch


def makes_sense(act: Act, status: SubscriptionStatus, *, is_cancelled: bool) -> bool:
    """Whether it can be done in a status; ``is_cancelled`` while a cancellation waits for its date."""
    if act is Act.RESUME:
        return status is SubscriptionStatus.PAUSED
    if is_cancelled:
        return False
    match act:
        case Act.PAUSE:
            return Move.PAUSE in LIFE.moves_from(status)
        case Act.SWITCH:
            return status in BILLED
        case _:
            return status in RUNNING
