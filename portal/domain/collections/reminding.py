"""Reminding of an invoice by hand: a friendly mail that starts no case, moves none, and adds no cost.

| the invoice | a reminder |
| --- | --- |
| unpaid or partly paid, due or not yet | goes out, once a day of the shop at most |
| settled, a draft, a credit note | refused: nothing is owed |
| money under way for it, also for a part | refused: it may be paid tomorrow, and nothing else can be paid meanwhile |
| disputed | refused until the dispute is answered |
| of a case on hold, or with a plan | refused: the customer was told that nothing more is asked |
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit, clock, links, mailer
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.core.letter import BadAddress
from portal.core.mailer import Category, Mail, MailMessage
from portal.domain.collections.models import CaseStatus, CollectionCase
from portal.domain.invoices.booking import lock_documents
from portal.domain.invoices.disputing import is_disputed
from portal.domain.invoices.links import payment_url, relation
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.people.addressing import mail_to_account
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import Switch
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db

#: The audit event.
REMINDED = "invoice.reminded"
#: Cases in which the shop said that it asks for nothing more for now.
_QUIET = (CaseStatus.ON_HOLD, CaseStatus.WITH_PLAN)


def remind(document_id: int, *, shop: Shop, now: datetime, actor: Actor) -> MailMessage | None:
    """Mails a reminder of an invoice, with its PDF; None where nobody of the account wants these mails.

    Raises ``Conflict`` with a sentence where the table above refuses, and where no mail can go to the account's
    address. For staff who may change invoices.
    """
    (document,) = lock_documents([document_id])
    _check(document)
    last, today = audit.last_at(REMINDED, document), clock.today(shop.time_zone, now)
    if last is not None and clock.today(shop.time_zone, last) >= today:
        raise Conflict(_l("A reminder of this invoice was sent today already."))
    mail = _reminder(document, shop, today)
    if mail is None:
        return None
    try:
        queued = mailer.queue(mail, now=now)
    except BadAddress:
        raise Conflict(_l("No mail can go to the address of this customer. Correct it first.")) from None
    audit.record(REMINDED, document, actor=actor, now=now)
    return queued


def _check(document: Document) -> None:
    if document.status is not DocumentStatus.OPEN or document.kind is DocumentKind.CREDIT_NOTE:
        raise Conflict(_l("There is nothing to pay, so nothing to remind of."))
    if document.list_state is not ListState.UNPAID or document.pending_minor:
        raise Conflict(_l("A payment of this invoice is under way. Wait until it has arrived."))
    if is_disputed(document):
        raise Conflict(_l("The customer objects to this invoice. Answer that first."))
    if db.session.scalar(_quiet(document)) is not None:
        raise Conflict(_l("The collection of this invoice is on hold or has a payment plan."))


def quiet_case(document: Any) -> sa.ScalarSelect[Any]:
    """The case that keeps a document from being reminded of, else none, for the statement that finds the document."""
    return _quiet(document).correlate(document).scalar_subquery()


def _quiet(document: Any) -> sa.Select[int]:
    return (
        sa.select(CollectionCase.id)
        .where(
            # The account is implied, but found by an index.
            CollectionCase.customer_id == document.customer_id,
            sa.or_(CollectionCase.document_id == document.id, CollectionCase.id == document.case_id),
            CollectionCase.status.in_(_QUIET),
        )
        .limit(1)
    )


def _reminder(document: Document, shop: Shop, today: date) -> Mail | None:
    customer = get_customer(document.customer_id)
    return mail_to_account(
        customer,
        "payment_reminder",
        {
            "number": document.number,
            "total_minor": document.total_minor,
            "open_minor": document.open_minor,
            "currency": document.currency,
            "due_date": document.due_date,
            "is_late": document.due_date is not None and document.due_date < today,
            "pay_url": payment_url(document),
            "invoice_url": links.external(shop.id, "invoices.show", public_id=document.public_id),
            "settings_url": links.external(shop.id, "settings.index"),
            "test_mode": shop.mode is Mode.TEST,
        },
        shop=shop,
        category=Category.BILLING,
        switch=Switch.PAYMENT_REMINDERS,
        related=relation(document),
        attachments=[("invoice_pdf", document.id)],
    )
