"""What a ticket asks for that has a decision of its own: while that waits, no general move may end the ticket."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.domain.collections.models import PlanStatus
from portal.domain.collections.plans import find_plan
from portal.domain.payments.refunding import find_under_way
from portal.domain.subscriptions.cancelling import right_to_cancel
from portal.domain.subscriptions.models import ChangeKind, SubscriptionChange
from portal.domain.subscriptions.standing import find_waiting
from portal.domain.tickets.models import Dispute, DisputeStatus, Ticket, TicketType
from portal.extensions import db

#: Under which name a change of a subscription holds the public id of its ticket.
TICKET = "ticket"
#: Under which name a cancellation holds the day on which the shop approved it.
APPROVED = "approved_on"


def why_undecided(ticket: Ticket, *, today: date) -> Any:
    """The sentence that says how this ticket ends; None for one that any move may end. ``today`` is the shop's."""
    match ticket.type:
        case TicketType.DISPUTE if _is_disputing(ticket):
            return _l("A dispute ends by its answer: a credit note, a correction, or a no with its reason.")
        case TicketType.CANCEL_SUBSCRIPTION if _waits_for_word(ticket, today):
            if ticket.subscription_id is not None and right_to_cancel(ticket.subscription_id) is not None:
                return _l("A cancellation ends by its decision: approve and cancel.")
            return _l("A cancellation ends by its decision: approve and cancel, or reject and keep.")
        case TicketType.REFUND_REQUEST if find_under_way(ticket.id) is not None:
            return _l("Money for this request is on its way: it is resolved by that.")
        case TicketType.BILLING if _asks_for_plan(ticket):
            return _l("A payment plan ends by its answer: agree, or refuse with a reason.")
    return None


def find_waiting_of(ticket: Any) -> SubscriptionChange | None:
    """The cancellation that a ticket's row asked for, while it waits. For the office."""
    if ticket.subscription_id is None:
        return None
    change = find_waiting(ticket.subscription_id, ChangeKind.CANCEL)
    return change if change is not None and change.data.get(TICKET) == ticket.public_id else None


def approved_on(change: SubscriptionChange) -> date | None:
    """The day on which the shop approved a cancellation; what was approved in writing is not decided again."""
    day = change.data.get(APPROVED)
    return None if day is None else date.fromisoformat(day)


def _waits_for_word(ticket: Ticket, today: date) -> bool:
    """Whether the shop has to say something: not once it approved, nor from the day on which the subscription ends."""
    change = find_waiting_of(ticket)
    return change is not None and approved_on(change) is None and change.effective_on > today


def _is_disputing(ticket: Ticket) -> bool:
    running = sa.select(Dispute.id).where(
        Dispute.ticket_id == ticket.id, Dispute.status == DisputeStatus.OPEN
    )
    return db.session.scalar(running) is not None


def _asks_for_plan(ticket: Ticket) -> bool:
    plan = find_plan(ticket.public_id)
    return plan is not None and plan.status is PlanStatus.REQUESTED
