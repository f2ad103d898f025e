"""Money that the shop sent back, as the ledger and its audit entries tell it. For staff, and for the customer's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.core import clock, locale
from portal.core.audit import AuditEntry
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.invoices import ledger
from portal.domain.invoices.models import CreditEntry, CreditUse
from portal.extensions import db


@dataclass(frozen=True)
class Refunded:
    """What was paid out about an invoice, in minor units of its currency: on which day, and with which reference.

    ``at`` is when it was written down; ``ticket_id`` the request that it answers.
    """

    at: datetime
    amount_minor: int
    paid_on: date | None
    reference: str
    ticket_id: int | None

    @property
    def day(self) -> date:
        """The day on which the money went out, or else on which that was written down, at the shop."""
        return self.paid_on or clock.today(current_shop().time_zone, self.at)

    def words(self) -> str | None:
        """Its day, if it was written down on another, and its reference, in the reader's language."""
        said = []
        if self.day != clock.today(current_shop().time_zone, self.at):
            said.append(_("paid on %(date)s", date=locale.date(self.day, language(), "medium")))
        if self.reference:
            said.append(_("reference %(reference)s", reference=self.reference))
        return " · ".join(said) or None


def list_refunded(document_id: int) -> list[Refunded]:
    """What was paid out about an invoice, the newest first."""
    rows = db.session.execute(
        sa.select(CreditEntry.created_at, CreditEntry.amount_minor, AuditEntry.data)
        .outerjoin(AuditEntry, told_of_entry())
        .where(CreditEntry.document_id == document_id, CreditEntry.use == CreditUse.REFUND)
        .order_by(CreditEntry.id.desc())
    )
    return [Refunded(row.created_at, -row.amount_minor, *read(row.data)) for row in rows]


def told_of_entry() -> sa.ColumnElement[bool]:
    """The audit entry of a row of the ledger: it alone keeps the day, the reference and the request of a refund."""
    return sa.and_(
        AuditEntry.subject_type == CreditEntry.__tablename__,
        AuditEntry.subject_id == CreditEntry.id,
        AuditEntry.event == ledger.CHANGED,
    )


def read(data: dict[str, Any] | None) -> tuple[date | None, str, int | None]:
    """Day, reference and ticket of a refund from its audit entry, which may say nothing of them."""
    said = data or {}
    day = said.get("paid_on")
    return (date.fromisoformat(day) if day else None, said.get("reference") or "", said.get("ticket_id"))


def refunded_minor(document_id: Any) -> sa.ScalarSelect[int]:
    """How much that is in all, less what came back, for a statement."""
    return (
        sa.select(sa.func.coalesce(-sa.func.sum(CreditEntry.amount_minor), 0))
        .where(
            CreditEntry.document_id == document_id,
            CreditEntry.use.in_((CreditUse.REFUND, CreditUse.REFUND_RETURNED)),
        )
        .scalar_subquery()
    )


def of_ticket(refunds: Sequence[Refunded], ticket_id: int) -> list[Refunded]:
    """Those that answer a request, the oldest first."""
    return [each for each in reversed(refunds) if each.ticket_id == ticket_id]
