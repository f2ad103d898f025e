"""What happened to a document, for the timeline of its page: its life, its mails, its money, objections to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from portal.core import clock, locale
from portal.core.mail_message import MailState
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.invoices.letters import ISSUED, MailOf
from portal.domain.invoices.models import AllocationState, Document
from portal.domain.invoices.spending import Use
from portal.domain.payments import undoing, words
from portal.domain.payments.models import PaymentStatus
from portal.domain.payments.queries import PaidHere
from portal.domain.payments.refunded import Refunded
from portal.domain.payments.registering import PROVIDER
from portal.domain.tickets.models import DisputeStatus
from portal.domain.tickets.staff_queries import DisputeOf

ICONS = {
    PaymentStatus.PAID: ("circle-check", "green"),
    PaymentStatus.PENDING: ("clock", "azure"),
    PaymentStatus.FAILED: ("alert-circle", "red"),
    PaymentStatus.REVERSED: ("arrow-back-up", "red"),
}


@dataclass(frozen=True)
class Event:
    """An entry of the history. The amount is in minor units; ``action`` is the label and the address of a link."""

    icon: str
    title: str
    detail: str | None
    at: datetime
    amount_minor: int | None = None
    currency: str = ""
    state: Any = None
    tone: str | None = None
    action: tuple[str, str] | None = None


def of_payments(document: Document, payments: Iterable[PaidHere], *, may: bool) -> list[Event]:
    """Attempts to pay; one that was booked by hand can be taken back by who ``may``."""
    return [_payment(document, paid, may) for paid in payments]


def _payment(document: Document, paid: PaidHere, may: bool) -> Event:
    payment, amount_minor, credit_minor = paid
    parts = [payment.details.get("reference"), payment.details.get("account")]
    if credit_minor > 0:
        said = _(
            "%(received)s received, %(credit)s became credit",
            received=locale.money(payment.received_minor, payment.currency, language()),
            credit=locale.money(credit_minor, payment.currency, language()),
        )
        parts.insert(0, said)
    icon, tone = ICONS.get(payment.status, ("circle-x", None))
    state: PaymentStatus | None = payment.status
    action = None
    if payment.is_undone:
        state, tone = None, None
        parts += [
            undoing.words(payment.reversed_at or payment.created_at),
            payment.details["undone"]["reason"],
        ]
    elif payment.status is PaymentStatus.REVERSED and payment.reversed_at is not None:
        parts.append(_("taken back by the bank on %(date)s", date=_day(payment.reversed_at)))
    elif payment.fell_through_at is not None:
        failed = _("failed at the bank on %(date)s", date=_day(payment.fell_through_at))
        parts += [failed, payment.details.get("reason")]
    elif may and payment.provider == PROVIDER and payment.status is PaymentStatus.PAID:
        address = url_for(
            "office.invoices.undo_payment", public_id=document.public_id, payment_id=payment.public_id
        )
        action = (_("Take payment back…"), address)
    if (mark := payment.details.get("mismatch")) is not None:
        parts.append(words.MARKS[mark["mismatch"]])
    return Event(
        icon,
        str(payment.method.label),
        " · ".join(str(part) for part in parts if part) or None,
        payment.paid_at or payment.created_at,
        amount_minor,
        payment.currency,
        state,
        tone,
        action,
    )


def _day(at: datetime) -> str:
    return locale.date(clock.today(current_shop().time_zone, at), language(), "medium")


def of_credit(document: Document, uses: Iterable[Use]) -> list[Event]:
    """What was paid with the customer's credit."""
    return [
        Event("receipt-refund", _("Paid with credit"), None, use.at, use.amount_minor, document.currency)
        for use in uses
        if use.state is AllocationState.BOOKED
    ]


def of_refunds(document: Document, refunds: Iterable[Refunded]) -> list[Event]:
    """What was paid back to the customer."""
    return [
        Event(
            "arrow-back-up",
            _("Refund to the customer"),
            each.words(for_staff=True),
            each.refund.created_at,
            each.refund.amount_minor,
            document.currency,
            each.refund.status,
            each.refund.status.tone,
        )
        for each in refunds
    ]


def of_notes(notes: Sequence[Any]) -> list[Event]:
    """The credit notes on it."""
    return [
        Event(
            "receipt-refund",
            _("Credit note %(number)s", number=note.number),
            None,
            note.finalised_at,
            -note.total_minor,
            note.currency,
        )
        for note in notes
    ]


def of_mails(mails: Iterable[MailOf]) -> list[Event]:
    """The mails about it: to whom, and whether the mail server took them."""
    return [_mail(mail) for mail in mails]


def _mail(mail: MailOf) -> Event:
    titles = {ISSUED: _("Mailed to the customer"), "payment_reminder": _("Reminder mailed")}
    if mail.state is None:
        return Event(
            "mail", _("Not mailed"), _("Everybody of this account switched these mails off."), mail.at
        )
    parts = [_("to %(addresses)s", addresses=", ".join(mail.to)), mail.error]
    return Event(
        "mail",
        titles.get(mail.name) or mail.subject or _("E-mail"),
        " · ".join(part for part in parts if part),
        mail.at,
        state=mail.state,
        tone="red" if mail.state is MailState.FAILED else None,
    )


def of_disputes(found: Iterable[DisputeOf]) -> list[Event]:
    """Objections of the customer, and how they ended."""
    events = []
    for dispute in found:
        there = (_("To the ticket"), url_for("office.tickets.show", public_id=dispute.ticket))
        events.append(Event("message-question", _("The customer objected"), None, dispute.at, action=there))
        if dispute.ended_at is not None:
            ended = (
                _("The customer took the objection back")
                if dispute.status is DisputeStatus.WITHDRAWN
                else _("The objection was answered")
            )
            events.append(Event("circle-check", ended, None, dispute.ended_at, state=dispute.status))
    return events


def of_life(document: Document) -> list[Event]:
    """When it was made and finalised."""
    made = [Event("history", _("Draft made"), None, document.created_at)]
    if document.finalised_at is not None:
        made.insert(0, Event("file-text", _("Finalised"), None, document.finalised_at))
    return made


def in_order(*parts: list[Event]) -> list[Event]:
    """All of it, the newest first; of the same moment in the order given."""
    return sorted((event for part in parts for event in part), key=lambda event: event.at, reverse=True)
