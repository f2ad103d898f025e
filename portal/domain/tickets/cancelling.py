"""A customer's cancellation: a change of the subscription with its ticket, and taking both back (P-SUB-CANCEL).

What the shop can decide while it waits (P-OFF-SUP). The date is the law's and the product's, so nothing ends earlier,
and what is the customer's right (``subscriptions.notice``) cannot be rejected:

| decision | the change | the subscription | the ticket | the mail |
| --- | --- | --- | --- | --- |
| approve and cancel | waits for its day | ends on that day | resolved | cancellation decided |
| reject and keep | withdrawn | goes on, with the bill that was held | rejected | cancellation decided |
| (the customer takes it back) | withdrawn | goes on | closed | cancellation withdrawn |

It is decided once: what was approved stays so, though the customer's thanks open its ticket again, and only they may
take it back. They say so in the ticket, which tells the shop, whatever became of that one meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.domain.subscriptions import cancelling
from portal.domain.subscriptions.cancelling import Reason, subscription_cancelled
from portal.domain.subscriptions.models import ChangeKind, ChangeStatus, Subscription, SubscriptionChange
from portal.domain.subscriptions.notice import last_day_before
from portal.domain.subscriptions.standing import find_waiting, lock_subscription, today_of
from portal.domain.tickets import mails
from portal.domain.tickets.actions import (
    Author,
    NewTicket,
    Said,
    acting,
    answer_silently,
    end_by_itself,
    lock_ticket,
    of_staff,
    open_ticket,
    reply,
)
from portal.domain.tickets.models import Ticket, TicketType
from portal.domain.tickets.related import Kind, Related
from portal.domain.tickets.states import RUNNING, Move
from portal.domain.tickets.undecided import APPROVED, TICKET, approved_on
from portal.extensions import db

DECIDED = _l("This cancellation was decided already. Please look again.")


def request_cancellation(
    subscription_id: int,
    *,
    reason: Reason | None,
    message: str,
    told: str | None,
    author: Author,
    now: datetime,
) -> SubscriptionChange:
    """Notes that a subscription is to end on its date, and opens the ticket in which the shop can say something.

    For members who may change subscriptions. Nobody need give a reason or say a word. Asked for twice, or at once, it
    is one cancellation with one ticket, the first. The text of the ticket is in the language of the page. Raises as
    ``subscriptions.cancelling.request`` does.
    """
    actor = acting(author)
    change, ending = cancelling.request(subscription_id, reason=reason, told=told, actor=actor, now=now)
    if ending is None:
        return change
    subscription = db.session.get_one(Subscription, subscription_id)
    said = _("Reason: %(reason)s", reason=reason.label) if reason else _("I cancel this subscription.")
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
        confirm=None,
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
    if ticket is not None:
        # Of one that ended with the approval too the shop hears: the reply opens it again.
        said = Said(_("I take the cancellation back: the subscription goes on."))
        reply(ticket.id, said, author=author, now=now)
        end_by_itself(ticket.id, Move.CLOSE, actor=actor, now=now)
    return True


def decide_cancellation(
    ticket_id: int, *, approves: bool, message: str, author: Author, now: datetime
) -> SubscriptionChange:
    """The shop's decision on a cancellation that waits, with its answer. The account is told, whatever is off.

    For staff who may change subscriptions. Raises ``DomainError`` without a word, and ``Conflict`` where it was
    decided, taken back or done meanwhile, or is to be rejected on or after its date or against the customer's right.
    """
    if not message.strip():
        raise DomainError(_l("Say why, so that the customer understands it."), "body")
    about = db.session.scalar(sa.select(Ticket.subscription_id).where(Ticket.id == ticket_id))
    if about is None:
        raise Conflict(DECIDED)
    subscription = lock_subscription(about)
    ticket = lock_ticket(ticket_id)
    change = find_waiting(subscription.id, ChangeKind.CANCEL)
    if change is None or change.data.get(TICKET) != ticket.public_id or ticket.status not in RUNNING:
        raise Conflict(DECIDED)
    if approved_on(change) is not None:
        raise Conflict(DECIDED)
    actor = of_staff(author)
    if approves:
        change.data = {**change.data, APPROVED: today_of(subscription, now).isoformat()}
        audit.record(
            "subscription.cancellation_approved",
            subscription,
            actor=actor,
            now=now,
            effective_on=change.effective_on.isoformat(),
        )
    else:
        cancelling.reject(subscription.id, actor=actor, now=now)
    said = answer_silently(ticket.id, Said(message), author=author, now=now)
    end_by_itself(ticket.id, Move.RESOLVE if approves else Move.REJECT, actor=actor, now=now)
    last_day = last_day_before(change.effective_on) if approves else None
    mails.cancellation_decided(ticket, said, name=subscription.name, last_day=last_day, now=now)
    return change


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
