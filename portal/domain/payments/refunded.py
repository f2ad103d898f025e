"""Money that went back about a document, for its pages. For staff, and for the customer's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import aliased

from portal.core import clock, locale
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.invoices.models import CreditEntry, CreditUse
from portal.domain.payments import words
from portal.domain.payments.models import Payment, Refund, RefundStatus
from portal.domain.payments.states import TAKES
from portal.extensions import db


@dataclass(frozen=True)
class Refunded:
    """A refund as it stands, and the payment that goes back by its provider; none where the shop sent it itself.

    ``returned_at``: when it came to nothing, and its amount was credit again.
    """

    refund: Refund
    payment: Payment | None
    returned_at: datetime | None = None

    @property
    def day(self) -> date:
        """The day on which the money went out, or else on which that was ordered, at the shop."""
        return self.refund.sent_on or self._made_on

    @property
    def returned_on(self) -> date | None:
        """The day at the shop on which it came to nothing, if it did."""
        return clock.today(current_shop().time_zone, self.returned_at) if self.returned_at else None

    @property
    def _made_on(self) -> date:
        return clock.today(current_shop().time_zone, self.refund.created_at)

    def words(self, *, for_staff: bool = False) -> str | None:
        """Where it goes, its day, if it was written down on another, and its reference, in the reader's language.

        ``for_staff``: also when and why it failed.
        """
        refund, said = self.refund, []
        if self.payment is not None:
            said.append(_("to %(account)s", account=way_back(self.payment)))
        elif self.day != self._made_on:
            said.append(_("paid on %(date)s", date=locale.date(self.day, language(), "medium")))
        if refund.reference:
            said.append(_("reference %(reference)s", reference=refund.reference))
        if refund.status not in TAKES:
            if for_staff and self.returned_on is not None:
                day = locale.date(self.returned_on, language(), "medium")
                is_failed = refund.status is RefundStatus.FAILED
                said.append(
                    _("failed on %(date)s", date=day) if is_failed else _("cancelled on %(date)s", date=day)
                )
            said.append(_("The amount is credit again"))
            if for_staff and refund.failure_reason:
                said.append(words.why(refund.failure_reason))
        return " · ".join(said) or None


def way_back(payment: Payment) -> str:
    """The way that a payment came, which is the way it goes back: its kind and the account as far as it is shown."""
    account = payment.details.get("account")
    return f"{payment.method.label}, {account}" if account else str(payment.method.label)


def list_refunded(document_id: int) -> list[Refunded]:
    """What went back about a document, or was to, the newest first."""
    returned = aliased(CreditEntry)
    rows = db.session.execute(
        sa.select(Refund, Payment, returned.created_at)
        .join(CreditEntry, CreditEntry.refund_id == Refund.id)
        .outerjoin(Payment, Payment.id == Refund.payment_id)
        .outerjoin(
            returned, sa.and_(returned.refund_id == Refund.id, returned.use == CreditUse.REFUND_RETURNED)
        )
        .where(CreditEntry.document_id == document_id, CreditEntry.use == CreditUse.REFUND)
        .order_by(Refund.id.desc())
    )
    return [Refunded(refund, payment, returned_at) for refund, payment, returned_at in rows]


def refunds_count(document_id: Any) -> sa.ScalarSelect[int]:
    """How many those are, for a statement."""
    return (
        sa.select(sa.func.count())
        .select_from(CreditEntry)
        .where(CreditEntry.document_id == document_id, CreditEntry.use == CreditUse.REFUND)
        .scalar_subquery()
    )


def of_ticket(refunds: Sequence[Refunded], ticket_id: int) -> list[Refunded]:
    """Those that answer a request, the oldest first."""
    return [each for each in reversed(refunds) if each.refund.ticket_id == ticket_id]
