"""A customer's cancellation: a change of the subscription with its ticket, and taking both back (P-SUB-CANCEL)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.core.audit import Actor
from portal.domain.subscriptions import cancelling
from portal.domain.subscriptions.cancelling import Reason, subscription_cancelled
from portal.domain.subscriptions.models import ChangeStatus, Subscription, SubscriptionChange
from portal.domain.tickets.actions import Author, NewTicket, Said, acting, end_by_itself, open_ticket, reply
from portal.domain.tickets.models import Ticket, TicketType
from portal.domain.tickets.related import Kind, Related
from portal.domain.tickets.states import RUNNING, Move
from portal.extensions import db

#: Under which name a change of a subscription holds the public id of its ticket.
TICKET = "ticket"


def request_cancellation(
    subscription_id: int, *, reason: Reason, message: str, told: str | None, author: Author, now: datetime
) -> SubscriptionChange:
    """Notes that a subscription is to end on its date, and opens the ticket in which the shop can say something.

    For members who may change subscriptions. Asked for twice, or at once, it is one cancellation with one ticket, the
    first. The text of the ticket is in the language of the page. Raises as ``subscriptions.cancelling.request`` does.
    """
    actor = acting(author)
    change, ending = cancelling.request(subscription_id, reason=reason, told=told, actor=actor, now=now)
    if ending is None:
        return change
    subscription = db.session.get_one(Subscription, subscription_id)
    said = _("Reason: %(reason)s", reason=reason.label)
    ticket = open_ticket(
        NewTicket(
            TicketType.CANCEL_SUBSCRIPTION,
            _("Cancel %(name)s", name=subscription.name)[:200],
            related=Related(
                Kind.SUBSCRIPTION,
                subscription.id,
                subscription.public_id,
                subscription.customer_id,
                subscription.name,
            ),
        ),
        Said(f"{said}\n\n{message}".strip()),
        customer_id=subscription.customer_id,
        author=author,
        now=now,
    )
    change.data = {**change.data, TICKET: ticket.public_id}
    db.session.flush()
    return change


def withdraw_cancellation(subscription_id: int, *, author: Author, now: datetime) -> bool:
    """Takes a cancellation back, says so in its ticket, and closes that; whether there was one to take back.

    For members who may change subscriptions. Raises ``Conflict`` once its date has come.
    """
    actor = acting(author)
    change = cancelling.withdraw(subscription_id, actor=actor, now=now)
    if change is None:
        return False
    ticket = find_ticket(change)
    if ticket is not None and ticket.status in RUNNING:
        said = Said(_("I take the cancellation back: the subscription goes on."))
        reply(ticket.id, said, author=author, now=now)
        end_by_itself(ticket.id, Move.CLOSE, actor=actor, now=now)
    return True


def find_ticket(change: SubscriptionChange) -> Ticket | None:
    """The ticket of a cancellation, if it has one."""
    public_id: Any = change.data.get(TICKET)
    if public_id is None:
        return None
    return db.session.scalar(sa.select(Ticket).where(Ticket.public_id == public_id))


@subscription_cancelled.connect
def resolve_tickets(*, subscription: Subscription, actor: Actor, now: datetime) -> None:
    """What was asked for has happened: the tickets of its cancellation are resolved. The mail about the end says so."""
    done = db.session.scalars(
        sa.select(SubscriptionChange).where(
            SubscriptionChange.subscription_id == subscription.id,
            SubscriptionChange.status == ChangeStatus.DONE,
        )
    )
    for change in done:
        ticket = find_ticket(change)
        if ticket is not None and ticket.status in RUNNING:
            end_by_itself(ticket.id, Move.RESOLVE, actor=actor, now=now)
