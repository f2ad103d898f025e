"""The invoices of an order or a subscription, as their pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from portal.domain.invoices.balance import badge
from portal.domain.invoices.models import Badge, Document
from portal.domain.invoices.queries import LISTED

#: What ``linked_invoice`` reads.
COLUMNS: tuple[Any, ...] = (
    Document.public_id,
    Document.number,
    Document.issue_date,
    Document.due_date,
    Document.total_minor,
    Document.open_minor,
    Document.currency,
    Document.list_state,
    Document.reversed_at,
    Document.disputed_on,
)
#: Issued ones only, and credit notes stand with their invoice.
ISSUED: Sequence[sa.ColumnElement[bool]] = (Document.kind.in_(LISTED), Document.number.is_not(None))


@dataclass(frozen=True)
class LinkedInvoice:
    """An invoice beside what it is for. The total is in minor units."""

    public_id: str
    number: str
    issue_date: date
    badge: Badge
    total_minor: int
    currency: str


def linked_invoice(row: Any, today: date) -> LinkedInvoice:
    """The invoice of a row with ``COLUMNS``."""
    return LinkedInvoice(
        public_id=row.public_id,
        number=row.number,
        issue_date=row.issue_date,
        badge=badge(
            list_state=row.list_state,
            open_minor=row.open_minor,
            total_minor=row.total_minor,
            reversed_at=row.reversed_at,
            is_late=row.disputed_on is None and row.due_date is not None and row.due_date < today,
        ),
        total_minor=row.total_minor,
        currency=row.currency,
    )
