"""What the tests of actions look at: mails, audit entries, credit notes and changes."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.core.audit import Actor, AuditEntry
from portal.core.mailer import MailMessage
from portal.domain.invoices.models import CreditEntry, Document, DocumentKind
from portal.domain.subscriptions.models import ChangeKind, ChangeStatus, Subscription, SubscriptionChange
from portal.extensions import db
from tests.cast import START

ACTOR = Actor.system("test")


def november(day: int) -> datetime:
    """Noon of a day of the month in which the cast was put on stage."""
    return START + timedelta(days=day - 1, hours=2)


def events() -> list[str]:
    """What the audit log says of subscriptions and tickets, in order."""
    found = db.session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id))
    return [event for event in found if event.startswith(("subscription.", "ticket."))]


def mails() -> list[str]:
    """The names of the mails that were written."""
    return list(db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)))


def notes() -> list[Document]:
    """The credit notes."""
    return list(db.session.scalars(sa.select(Document).where(Document.kind == DocumentKind.CREDIT_NOTE)))


def ledger() -> list[int]:
    """The rows of everybody's credit, in minor units."""
    return list(db.session.scalars(sa.select(CreditEntry.amount_minor).order_by(CreditEntry.id)))


def changes(subscription: Subscription) -> list[tuple[ChangeKind, ChangeStatus]]:
    """The changes of a subscription, in order."""
    rows = db.session.execute(
        sa.select(SubscriptionChange.kind, SubscriptionChange.status)
        .where(SubscriptionChange.subscription_id == subscription.id)
        .order_by(SubscriptionChange.id)
    )
    return [(row.kind, row.status) for row in rows]
