"""Mails that come in: each adds a message to a ticket, or opens one, and does nothing else (domain.md, "Support")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from flask_babel import force_locale
from flask_babel import gettext as _

from portal.core import mail_text, reply_address, uploads
from portal.core.errors import DomainError
from portal.core.inbound_mail import InboundMail
from portal.core.mailer import Category, MailMessage
from portal.core.tenancy import current_shop_id
from portal.core.uploads import Upload
from portal.domain.people.models import Customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop
from portal.domain.tickets import actions, senders
from portal.domain.tickets.actions import Author, ByMail, NewTicket, Said
from portal.domain.tickets.models import Ticket, TicketMessage, TicketType
from portal.domain.tickets.related import Related, find_related
from portal.domain.tickets.senders import Writer
from portal.extensions import db

#: Characters of a message, as in the portal's own form; the whole of a longer text comes with it as a file.
LONGEST = 10_000
#: Mails of an account in an hour; more of them wait at the mail server. Two machines that answer each other end here.
MOST_IN_AN_HOUR = 30
_NAMES_SHOWN = 10
_OURS = re.compile(r"([A-Za-z0-9_-]{22})(\.[0-9]{1,6})?@\S+")
#: What a mail of ours may be about, as the form of a ticket names it.
_ABOUT = {"document": "invoice", "order": "order", "subscription": "subscription"}


class Done(StrEnum):
    """What became of a mail."""

    OPENED = "opened"
    ADDED = "added"
    ANSWERED = "answered"
    KNOWN = "known"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Outcome:
    """What became of a mail; ``reason`` says why it was dropped, without personal data."""

    done: Done
    reason: str = ""
    ticket_id: int | None = None


class TooMany(Exception):
    """An account sent more mails than are taken in an hour: this one may come again later."""


class _Dropped(Exception):
    """Not for a ticket; says why."""


@dataclass(frozen=True)
class _Match:
    customer_id: int
    author: Author
    ticket_id: int | None = None
    related: Related | None = None
    by_staff: bool = False


def take(mail: InboundMail, recipients: Sequence[str], *, now: datetime) -> Outcome:
    """Adds a mail to the active shop's tickets. ``recipients`` are those of its envelope.

    For whatever brings mails. Twice, and at once, it is added once. A customer's mail opens an ended ticket again, as
    their reply in the portal does. Raises ``TooMany``.
    """
    shop = get_shop(current_shop_id())
    try:
        _check_sender(mail, shop)
        match = _match(mail, _answered(mail, recipients), shop)
        customer = _lock_account(match.customer_id)
    except _Dropped as dropped:
        return Outcome(Done.DROPPED, str(dropped))
    known = db.session.scalar(
        sa.select(TicketMessage.ticket_id).where(TicketMessage.mail_message_id == mail.message_id)
    )
    if known is not None:
        return Outcome(Done.KNOWN, ticket_id=known)
    _check_pace(match.customer_id, now)
    with force_locale(account_language(customer, shop)):
        said = _said(mail)
        if said is None:
            return Outcome(Done.DROPPED, "it is empty")
        subject = mail.subject or _("E-mail without a subject")
    if match.by_staff and match.ticket_id is not None:
        actions.answer(match.ticket_id, said, author=match.author, now=now)
        return Outcome(Done.ANSWERED, ticket_id=match.ticket_id)
    if match.ticket_id is not None:
        actions.reply(match.ticket_id, said, author=match.author, now=now)
        return Outcome(Done.ADDED, ticket_id=match.ticket_id)
    wanted = NewTicket(TicketType.GENERAL, subject, related=match.related)
    ticket = actions.open_ticket(wanted, said, customer_id=match.customer_id, author=match.author, now=now)
    return Outcome(Done.OPENED, ticket_id=ticket.id)


def _check_sender(mail: InboundMail, shop: Shop) -> None:
    if mail.automatic is not None:
        raise _Dropped(f"no person wrote it: {mail.automatic}")
    if mail.sender is None:
        raise _Dropped("it has no single sender")
    if reply_address.is_inbox(mail.sender) or mail.sender == shop.email.lower():
        raise _Dropped("it comes from the shop's own address")
    if _mails_of((mail.message_id,)):
        raise _Dropped("it is a mail of the portal itself")


def _mails_of(message_ids: Sequence[str]) -> dict[str, MailMessage]:
    """The mails of the shop that have these ids, which nobody can guess who has not got one."""
    found = {each: match[1] for each in message_ids if (match := _OURS.fullmatch(each)) is not None}
    if not found:
        return {}
    rows = db.session.scalars(sa.select(MailMessage).where(MailMessage.public_id.in_(set(found.values()))))
    by_id = {row.public_id: row for row in rows}
    return {each: by_id[public_id] for each, public_id in found.items() if public_id in by_id}


def _answered(mail: InboundMail, recipients: Sequence[str]) -> MailMessage | None:
    """The mail of ours that this one answers: by the signed address, else by an id in its header."""
    named = reply_address.find([*recipients, *mail.recipients])
    if named is not None and named.shop_id == current_shop_id():
        found = db.session.get(MailMessage, named.mail_id)
        if found is not None:
            return found
    known = _mails_of(mail.references)
    found = next((known[each] for each in mail.references if each in known), None)
    # A security mail goes to an address that is not proved yet: whoever has one is known by their own address only.
    return None if found is None or found.category is Category.SECURITY else found


def _match(mail: InboundMail, answered: MailMessage | None, shop: Shop) -> _Match:
    sender = mail.sender or ""
    staff = senders.find_staff(sender)
    if answered is not None and answered.category is Category.STAFF:
        ticket = _ticket_of(answered)
        if staff is None or not senders.may_answer(staff):
            raise _Dropped("it answers a mail to staff, from another address")
        if ticket is None:
            raise _Dropped("it answers a mail to staff that is about no ticket")
        return _Match(ticket.customer_id, staff, ticket.id, by_staff=True)
    places = senders.places_of(sender)
    if answered is not None and answered.customer_id is not None:
        place = places.get(answered.customer_id)
        if place is not None and not place.may_write:
            raise _Dropped("this person may not write for the account")
        if place is None and staff is not None:
            raise _Dropped("staff answer by the mail that they got")
        author = place.writer if place is not None else Writer(None, sender[:200])
        ticket = _ticket_of(answered)
        about = None if ticket is not None else _about(answered, shop)
        return _Match(answered.customer_id, author, ticket.id if ticket is not None else None, about)
    earlier = _earlier(mail)
    if earlier is not None and earlier.customer_id in places and places[earlier.customer_id].may_write:
        return _Match(earlier.customer_id, places[earlier.customer_id].writer, earlier.id)
    place = senders.only_place(places)
    if place is not None:
        return _Match(place.customer_id, place.writer)
    if places:
        several = sum(each.may_write for each in places.values()) > 1
        raise _Dropped("several accounts have this address" if several else "this person may not write")
    if staff is not None:
        raise _Dropped("staff answer by the mail that they got")
    company = senders.company_of(sender, shop, is_proved=_is_proved(mail))
    if company is None:
        raise _Dropped("nobody knows the sender")
    known = earlier is not None and earlier.customer_id == company
    return _Match(company, Writer(None, sender[:200]), earlier.id if earlier is not None and known else None)


def _ticket_of(answered: MailMessage) -> Ticket | None:
    kind, _colon, public_id = (answered.related or "").partition(":")
    if kind != "ticket":
        return None
    return db.session.scalar(
        sa.select(Ticket).where(Ticket.public_id == public_id, Ticket.customer_id == answered.customer_id)
    )


def _about(answered: MailMessage, shop: Shop) -> Related | None:
    kind, _colon, public_id = (answered.related or "").partition(":")
    if kind not in _ABOUT or answered.customer_id is None:
        return None
    return find_related(f"{_ABOUT[kind]}:{public_id}", customer_ids=[answered.customer_id], mode=shop.mode)


def _earlier(mail: InboundMail) -> Ticket | None:
    """The ticket with the nearest earlier mail of the same exchange, such as one's own."""
    if not mail.references:
        return None
    rows = db.session.execute(
        sa.select(TicketMessage.mail_message_id, Ticket)
        .join(Ticket, Ticket.id == TicketMessage.ticket_id)
        .where(TicketMessage.mail_message_id.in_(mail.references))
    )
    found = {row[0]: row[1] for row in rows}
    return next((found[each] for each in mail.references if each in found), None)


def _lock_account(customer_id: int) -> Customer:
    """The account, held: two servers that bring the same mail at once queue here."""
    customer = db.session.scalars(
        sa.select(Customer)
        .where(Customer.id == customer_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if customer is None or customer.archived_at is not None:
        raise _Dropped("the account is archived")
    return customer


def _check_pace(customer_id: int, now: datetime) -> None:
    since = now - timedelta(hours=1)
    count = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(TicketMessage)
        .join(Ticket, Ticket.id == TicketMessage.ticket_id)
        .where(
            Ticket.customer_id == customer_id,
            Ticket.last_message_at > since,
            TicketMessage.by_mail,
            TicketMessage.created_at > since,
        )
    )
    if (count or 0) >= MOST_IN_AN_HOUR:
        raise TooMany


def _said(mail: InboundMail) -> Said | None:
    """The message as the portal keeps it, in the language of the account; None for a mail that says nothing."""
    kept, missing = _files(mail)
    if not mail.text and not kept and not missing:
        return None
    parts = [mail_text.escaped(mail.text[:LONGEST].rstrip()) or _("Sent by e-mail, without text.")]
    if len(mail.text) > LONGEST:
        parts.append(_("The whole text is in the file."))
    if missing:
        shown = ", ".join(mail_text.escaped(name) for name in missing[:_NAMES_SHOWN])
        shown += "…" if len(missing) > _NAMES_SHOWN else ""
        parts.append(_("Not kept, as files of this kind or size are not taken: %(names)s", names=shown))
    by_mail = ByMail(mail.message_id, _is_proved(mail), mail.sender or "")
    return Said("\n\n".join(parts), kept, mail=by_mail)


def _is_proved(mail: InboundMail) -> bool:
    """Whether the sender's own domain signed it, as far as a server says that is trusted."""
    return mail.sender is not None and mail.sender.rpartition("@")[2] in mail.signed_by


def _files(mail: InboundMail) -> tuple[list[Upload], list[str]]:
    """The files that are taken, by the rules of the portal's own form, and the names of the others."""
    kept: list[Upload] = []
    missing: list[str] = []
    if len(mail.text) > LONGEST:
        kept.append(Upload(_("message.txt"), uploads.TEXT, mail.text.encode()))
    for sent in mail.files:
        total = sum(len(each.data) for each in kept) + len(sent.data)
        fits = len(kept) < uploads.MAX_FILES and total <= uploads.MAX_TOTAL_BYTES
        try:
            kept += uploads.check([(sent.name, sent.data)], "files") if fits else []
        except DomainError:
            fits = False
        if not fits:
            missing.append(uploads.clean_name(sent.name))
    return kept, missing
