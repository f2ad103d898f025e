"""Payment plans with their conversation: the request is a ticket, and the shop's answer ends it (P-COL-PLAN)."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import locale
from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.domain.collections import plans
from portal.domain.collections.actions import plan_ended
from portal.domain.collections.instalments import amounts
from portal.domain.collections.models import PaymentPlan
from portal.domain.collections.queries import CaseFacts
from portal.domain.tickets import mails
from portal.domain.tickets.actions import (
    Author,
    NewTicket,
    Said,
    acting,
    answer,
    answer_silently,
    change_status,
    end_by_itself,
    lock_ticket,
    of_staff,
    open_ticket,
)
from portal.domain.tickets.mails import Matter, PlanAsked
from portal.domain.tickets.models import Ticket, TicketType
from portal.domain.tickets.related import Kind, Related
from portal.domain.tickets.states import RUNNING, Move
from portal.extensions import db


def request_plan(
    case: CaseFacts,
    count: int,
    message: str,
    *,
    total_minor: int,
    language: str,
    author: Author,
    now: datetime,
) -> PaymentPlan:
    """Asks the shop for a plan, in a ticket about the invoice of the case; staff get the mail "plan request".

    For members who may ask for plans. ``total_minor`` is what the page showed, ``language`` that of the page, which
    the ticket is written in. Asked twice, or at once, it is one request with one ticket. Raises as ``plans.request``.
    """
    plan, is_new = plans.request(case.id, count, total_minor=total_minor, actor=acting(author), now=now)
    if not is_new:
        return plan
    asked = PlanAsked(case.number, amounts(total_minor, count), case.currency)
    invoice = case.invoice
    ticket = open_ticket(
        NewTicket(
            TicketType.BILLING,
            _("Payment plan for %(number)s", number=case.number),
            related=Related(
                Kind.INVOICE, invoice.id, invoice.public_id, case.customer_id, invoice.number or ""
            ),
        ),
        Said(f"{_in_words(asked, language)}\n\n{message}".strip()),
        customer_id=case.customer_id,
        author=author,
        now=now,
        tell=partial(mails.plan_requested, asked=asked),
        confirm=partial(mails.received, matter=Matter.PLAN),
    )
    plan.ticket_public_id = ticket.public_id
    db.session.flush()
    return plan


def agree_plan(plan_id: int, message: str, *, today: date, author: Author, now: datetime) -> PaymentPlan:
    """The shop agrees, maybe with a word; the request is resolved, and the mail "plan agreed" says the rest.

    For staff who may change cases. Raises as ``plans.agree``. Twice is once.
    """
    plan = plans.agree(plan_id, today=today, actor=of_staff(author), now=now)
    ticket = _running_ticket(plan)
    if ticket is not None:
        if message:
            answer_silently(ticket.id, Said(message), author=author, now=now)
        end_by_itself(ticket.id, Move.RESOLVE, actor=of_staff(author), now=now)
    return plan


def refuse_plan(plan_id: int, message: str, *, author: Author, now: datetime) -> PaymentPlan:
    """The shop refuses and says why: the answer goes to the customer by mail, and the request is rejected.

    For staff who may change cases. Raises as ``plans.refuse``, and ``DomainError`` without a word. Twice is once.
    """
    if not message.strip():
        raise DomainError(_l("Say why, so that the customer understands it."), "message")
    plan = plans.refuse(plan_id, actor=of_staff(author), now=now)
    ticket = _running_ticket(plan)
    if ticket is not None:
        answer(ticket.id, Said(message), author=author, now=now)
        change_status(ticket.id, Move.REJECT, author=author, now=now)
    return plan


@plan_ended.connect
def close_request(*, plan: PaymentPlan, now: datetime) -> None:
    """Everything is paid: nobody need answer the request any more. What was paid, its own mail says."""
    ticket = _running_ticket(plan)
    if ticket is not None:
        end_by_itself(ticket.id, Move.RESOLVE, actor=Actor.system(), now=now)


def _running_ticket(plan: PaymentPlan) -> Ticket | None:
    """The conversation about a plan while it has no end, held."""
    found = db.session.scalar(sa.select(Ticket.id).where(Ticket.public_id == plan.ticket_public_id))
    ticket = None if found is None else lock_ticket(found)
    return ticket if ticket is not None and ticket.status in RUNNING else None


def _in_words(asked: PlanAsked, language: str) -> str:
    """What is asked for, as the first line of the ticket."""
    each, last = (
        locale.money(minor, asked.currency, language)
        for minor in (asked.amounts_minor[0], asked.amounts_minor[-1])
    )
    if each == last:
        said = _(
            "I would like to pay in %(count)s monthly instalments of %(each)s.", count=asked.count, each=each
        )
    else:
        said = _(
            "I would like to pay in %(count)s monthly instalments of %(each)s, the last %(last)s.",
            count=asked.count,
            each=each,
            last=last,
        )
    return str(said)
