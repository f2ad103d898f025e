"""The mails about a document: what was sent when and to whom, and what became of it. For staff who may see invoices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.core.audit import AuditEntry
from portal.core.mail_message import MailMessage, MailState
from portal.domain.invoices.actions import SENT
from portal.domain.invoices.links import relation
from portal.domain.invoices.models import Document
from portal.extensions import db

#: How many are shown of a document, the newest.
LATEST = 50
#: The mail that brings an invoice.
ISSUED = "invoice_issued"


@dataclass(frozen=True)
class MailOf:
    """A mail about a document. Without a ``state`` none was written: whoever would get it switched these mails off."""

    name: str
    at: datetime
    state: MailState | None
    subject: str | None = None
    to: tuple[str, ...] = ()
    error: str | None = None


def list_mails(document: Document) -> list[MailOf]:
    """The mails about a document, the newest first, and when one was to be sent that nobody wants; in one statement."""
    mails = sa.select(
        MailMessage.name,
        sa.func.coalesce(MailMessage.sent_at, MailMessage.created_at).label("at"),
        sa.type_coerce(MailMessage.state, sa.String(32)).label("state"),
        MailMessage.subject,
        MailMessage.to,
        MailMessage.cc,
        MailMessage.error,
        sa.cast(sa.null(), sa.JSON).label("data"),
    ).where(MailMessage.related == relation(document))
    asked = sa.select(
        sa.literal(ISSUED, sa.String(80)),
        AuditEntry.at,
        sa.cast(sa.null(), sa.String(32)),
        sa.cast(sa.null(), sa.String(300)),
        sa.cast(sa.null(), sa.JSON),
        sa.cast(sa.null(), sa.JSON),
        sa.cast(sa.null(), sa.String(300)),
        AuditEntry.data,
    ).where(
        AuditEntry.subject_type == Document.__tablename__,
        AuditEntry.subject_id == document.id,
        AuditEntry.event == SENT,
    )
    found = _read(db.session.execute(sa.union_all(mails, asked)).all())
    return sorted(found, key=lambda mail: mail.at, reverse=True)[:LATEST]


def _read(rows: Sequence[Any]) -> list[MailOf]:
    return [
        MailOf(
            name=row.name,
            at=row.at,
            state=MailState(row.state) if row.state is not None else None,
            subject=row.subject,
            to=tuple(dict.fromkeys([*(row.to or ()), *(row.cc or ())])),
            error=row.error,
        )
        for row in rows
        if row.state is not None or not row.data.get("mails", 1)
    ]
