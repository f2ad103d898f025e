"""Mails about tickets: to the customer on what they asked and its answer, to staff when a customer writes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale

from portal.core import links, mailer, markdown, reply_address
from portal.core.letter import BadAddress
from portal.core.mailer import Category, Mail, MailMessage
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import (
    Recipients,
    Switch,
    account_language,
    contact_recipients,
    staff_recipients,
)
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop
from portal.domain.tickets import senders
from portal.domain.tickets.models import DisputeStatus, Ticket, TicketAttachment, TicketMessage
from portal.extensions import db

log = logging.getLogger(__name__)

#: How much of a message its mail shows.
EXCERPT = 200
#: How many files of a message its mail names.
NAMED = 5
#: How often in a day who writes a mail is told that it arrived.
MOST_IN_A_DAY = 3


@dataclass(frozen=True)
class PlanAsked:
    """The payment plan that a ticket asks for; amounts in minor units."""

    case_number: str
    amounts_minor: Sequence[int]
    currency: str

    @property
    def count(self) -> int:
        """In how many instalments."""
        return len(self.amounts_minor)


class Matter(StrEnum):
    """What somebody asked for, by which the mail about it says what happens next."""

    QUESTION = "question"
    REFUND = "refund"
    DISPUTE = "dispute"
    PLAN = "plan"


def received(
    ticket: Ticket, message: TicketMessage, *, to: str, now: datetime, matter: Matter = Matter.QUESTION
) -> MailMessage | None:
    """Tells who opened a ticket, at the address ``to``, and contacts with account e-mails that it arrived.

    No switch stops it. ``to`` is proved: a mail to it about what came in a mail answers that one. Who has no log-in is
    given no link. The contacts get a mail of their own, as not everybody who asks may see who they are; whoever is
    nobody of the account sees no name of it, and the contacts hear nothing of them.
    """
    customer, shop = get_customer(ticket.customer_id), get_shop(ticket.shop_id)
    is_known = ticket.opened_by_id is not None or customer.id in senders.places_of(to)
    name = message.author_name

    def written(recipients: Recipients, who: str | None, answers: str | None = None) -> Mail:
        return Mail(
            name="ticket_received",
            category=Category.ACCOUNT,
            language=account_language(customer, shop),
            to=recipients.to,
            cc=recipients.cc,
            context={
                "who": who,
                "is_known": is_known,
                "shop": shop.name,
                "number": ticket.number,
                "subject_line": ticket.subject,
                "matter": matter.value,
                "by_mail": reply_address.inbox() is not None,
                "ticket_url": links.external(shop.id, "support.show", public_id=ticket.public_id)
                if ticket.opened_by_id is not None
                else None,
            },
            related=f"ticket:{ticket.public_id}",
            customer_id=customer.id,
            answers=answers,
        )

    # Who is known by an address alone has no name.
    who = name if is_known and name and "@" not in name else None
    own = _queue([written(Recipients([to], []), who, message.mail_message_id)], ticket, now=now)
    contacts = contact_recipients(customer, but=to) if is_known else None
    if contacts is not None:
        _queue([written(contacts, customer.name)], ticket, now=now)
    return next(iter(own), None)


def may_confirm(address: str, *, now: datetime) -> bool:
    """Whether somebody who writes a mail is told that it arrived: a few times a day.

    Two machines that answer each other, with a new subject each time, end here.
    """
    rows = db.session.execute(
        sa.select(MailMessage.to, MailMessage.context).where(
            MailMessage.name == "ticket_received", MailMessage.created_at > now - timedelta(days=1)
        )
    )
    told = [row for row in rows if row.to == [address] and mailer.ANSWERS in row.context]
    return len(told) < MOST_IN_A_DAY


def answered(ticket: Ticket, message: TicketMessage, *, now: datetime) -> MailMessage | None:
    """Tells the account, and contacts with account e-mails, what the shop answered. No switch stops it."""
    said = {
        "author": message.author_name or get_shop(ticket.shop_id).name,
        "excerpt": excerpt(message.body),
        "files": _files_of(message),
    }
    return _tell_account("ticket_answered", ticket, None, said, now=now)


def resolved(ticket: Ticket, *, now: datetime) -> MailMessage | None:
    """Tells them that the shop took what was asked for resolved, unless status changes are switched off."""
    said = {"settings_url": links.external(ticket.shop_id, "settings.index")}
    return _tell_account("ticket_resolved", ticket, Switch.STATUS_CHANGES, said, now=now)


def dispute_answered(
    ticket: Ticket, message: TicketMessage, *, number: str, outcome: DisputeStatus, now: datetime
) -> MailMessage | None:
    """Tells them how the shop answered a dispute, in place of the mail about an answer. No switch stops it."""
    said = {
        "author": message.author_name or get_shop(ticket.shop_id).name,
        "excerpt": excerpt(message.body),
        "invoice": number,
        "outcome": outcome.value,
    }
    return _tell_account("dispute_answered", ticket, None, said, now=now)


def cancellation_decided(
    ticket: Ticket, message: TicketMessage, *, name: str, last_day: date | None, now: datetime
) -> MailMessage | None:
    """Tells them the last day of a subscription, or that it goes on (None), and why. No switch stops it."""
    said = {"name": name, "last_day": last_day, "excerpt": excerpt(message.body)}
    return _tell_account("cancellation_decided", ticket, None, said, now=now)


def opened(ticket: Ticket, message: TicketMessage, *, now: datetime) -> list[MailMessage]:
    """Tells staff about a new ticket: one mail for each language that they read, to those who may answer."""
    return _tell_staff("ticket_opened", ticket, message, now=now)


def replied(ticket: Ticket, message: TicketMessage, *, now: datetime) -> list[MailMessage]:
    """Tells staff about a customer's reply, as about a new ticket."""
    return _tell_staff("ticket_replied", ticket, message, now=now)


def plan_requested(
    ticket: Ticket, message: TicketMessage, *, asked: PlanAsked, now: datetime
) -> list[MailMessage]:
    """Tells staff that a payment plan is asked for, in place of the mail about a new ticket."""
    return _tell_staff(
        "plan_requested",
        ticket,
        message,
        {
            "case": asked.case_number,
            "count": asked.count,
            "each_minor": asked.amounts_minor[0],
            "last_minor": asked.amounts_minor[-1],
            "total_minor": sum(asked.amounts_minor),
            "currency": asked.currency,
        },
        now=now,
    )


def excerpt(body: str) -> str:
    """The beginning of a message as plain text on one line, cut at a word."""
    text = markdown.to_text(body)
    if len(text) <= EXCERPT:
        return text
    cut = text[:EXCERPT]
    at_word = cut.rpartition(" ")[0]
    return f"{at_word if len(at_word) > EXCERPT // 2 else cut}…"


def _files_of(message: TicketMessage) -> str:
    """The names of what is attached to a message, of many the first; they are on its page, not in the mail."""
    names = list(
        db.session.scalars(
            sa.select(TicketAttachment.name)
            .where(TicketAttachment.message_id == message.id)
            .order_by(TicketAttachment.id)
        )
    )
    return ", ".join(names[:NAMED]) + ("…" if len(names) > NAMED else "")


def _tell_account(
    name: str, ticket: Ticket, switch: Switch | None, said: Mapping[str, Any], *, now: datetime
) -> MailMessage | None:
    customer, shop = get_customer(ticket.customer_id), get_shop(ticket.shop_id)
    mail = mail_to_account(
        customer,
        name,
        {
            "number": ticket.number,
            "subject_line": ticket.subject,
            "by_mail": reply_address.inbox() is not None,
            "ticket_url": links.external(shop.id, "support.show", public_id=ticket.public_id),
            **said,
        },
        shop=shop,
        category=Category.ACCOUNT,
        switch=switch,
        related=f"ticket:{ticket.public_id}",
    )
    return next(iter(_queue([mail], ticket, now=now)), None) if mail is not None else None


def _tell_staff(
    name: str,
    ticket: Ticket,
    message: TicketMessage,
    said: Mapping[str, Any] | None = None,
    *,
    now: datetime,
) -> list[MailMessage]:
    customer, shop = get_customer(ticket.customer_id), get_shop(ticket.shop_id)
    return _queue(
        [
            _to_staff(
                name,
                ticket,
                message,
                customer.company or customer.name,
                shop,
                language,
                addresses,
                said or {},
            )
            for language, addresses in staff_recipients(shop).items()
        ],
        ticket,
        now=now,
    )


def _to_staff(
    name: str,
    ticket: Ticket,
    message: TicketMessage,
    customer: str,
    shop: Shop,
    language: str,
    addresses: list[str],
    said: Mapping[str, Any],
) -> Mail:
    author = message.author_name
    with force_locale(language):
        type_, priority = str(ticket.type.label), str(ticket.priority.label)
    return Mail(
        name=name,
        category=Category.STAFF,
        language=language,
        to=addresses,
        context={
            "customer": customer,
            "who": author if author == customer else f"{author} ({customer})",
            "shop": shop.name,
            "number": ticket.number,
            "subject_line": ticket.subject,
            "type": type_,
            "priority": priority,
            "excerpt": excerpt(message.body),
            "ticket_url": links.external(shop.id, "office.tickets.show", public_id=ticket.public_id),
            **({} if message.is_proved else {"unproved": True}),
            **said,
        },
        related=f"ticket:{ticket.public_id}",
        customer_id=ticket.customer_id,
    )


def _queue(wanted: Sequence[Mail], ticket: Ticket, *, now: datetime) -> list[MailMessage]:
    try:
        return mailer.queue_all(wanted, now=now)
    except BadAddress:
        # What was said is kept, even where nobody can be told.
        log.warning("ticket %s: a mail about it has no address that it could go to", ticket.id)
        return []
