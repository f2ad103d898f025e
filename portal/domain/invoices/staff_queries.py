"""What the shop sees of its documents, drafts included. For staff who may see invoices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from portal.core.counting import BADGE, count_up_to
from portal.core.errors import NotFound
from portal.core.tables import BigId
from portal.domain.invoices import ledger, numbers
from portal.domain.invoices.models import CreditEntry, Document, DocumentFile
from portal.domain.invoices.queries import LISTED, late
from portal.domain.invoices.staff_list import in_list, is_draft
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode
from portal.extensions import db

#: How many of a customer's invoices stand on the customer's page.
NEWEST = 10


def draft_count(shop_id: Any, mode: Any) -> sa.ScalarSelect[int]:
    """How many drafts there are, up to what a badge shows."""
    return count_up_to(BADGE, Document, Document.shop_id == shop_id, Document.mode == mode, is_draft())


def overdue_sum(shop_id: Any, mode: Any, today: Any, planned: sa.CTE) -> sa.ScalarSelect[int]:
    """What is unpaid and late, in minor units of the one currency that a shop has.

    ``planned`` as for ``staff_list.list_documents``, whose filter this agrees with.
    """
    return (
        sa.select(sa.func.coalesce(sa.func.sum(Document.open_minor), 0))
        .where(*_late(shop_id, mode, today, planned))
        .scalar_subquery()
    )


def overdue_count(shop_id: Any, mode: Any, today: Any, planned: sa.CTE) -> sa.ScalarSelect[int]:
    """How many documents that is."""
    return count_up_to(BADGE, Document, *_late(shop_id, mode, today, planned))


def _late(shop_id: Any, mode: Any, today: Any, planned: sa.CTE) -> list[sa.ColumnElement[bool]]:
    return [
        Document.shop_id == shop_id,
        Document.mode == mode,
        # Written out: no plan for any parameter may use the index of what is unpaid.
        Document.list_state == sa.literal_column("'unpaid'"),
        Document.kind.in_(LISTED),
        late(Document, today, planned),
    ]


def select_customer_by_number(number: str, *, mode: Mode) -> sa.Select[Any]:
    """Selects whose document a number is, the whole of it, or a bank's reference; for a search of customers."""
    number = numbers.of_reference(number) or number
    return (
        sa.select(Document.customer_id)
        .where(Document.number == number.upper(), Document.mode == mode)
        .order_by(Document.id)
        .limit(1)
    )


def list_of_customer(customer_id: int, *, mode: Mode, today: date, planned: sa.CTE) -> Sequence[Any]:
    """The newest issued documents of a customer, for the customer's page."""
    return db.session.execute(
        sa.select(*in_list(today, planned))
        .where(
            Document.customer_id == customer_id,
            Document.mode == mode,
            Document.issue_date.is_not(None),
        )
        .order_by(Document.issue_date.desc(), Document.id.desc())
        .limit(NEWEST)
    ).all()


def credit_of_customer(customer_id: int, *, mode: Mode) -> list[tuple[int, str]]:
    """The credit of a customer: minor units and their currency, of each in which there is some."""
    # Cast, as PostgreSQL adds whole numbers up to a decimal.
    credit = sa.cast(sa.func.sum(CreditEntry.amount_minor), BigId)
    rows = db.session.execute(
        sa.select(credit, CreditEntry.currency)
        .where(CreditEntry.customer_id == customer_id, CreditEntry.mode == mode)
        .group_by(CreditEntry.currency)
        .having(credit != 0)
        .order_by(CreditEntry.currency)
    )
    return [(minor, currency) for minor, currency in rows]


def get_document_for_staff(
    public_id: str, *, mode: Mode, also: sa.ScalarSelect[Any]
) -> tuple[Document, Customer, DocumentFile | None, int, Any]:
    """A document of the shop in any status with its lines, whose it is, its original if that is built, and credit.

    ``also`` is a scalar subquery on ``Document`` of an area that this one does not know, whose value comes last.
    ``NotFound`` for any other.
    """
    row = (
        db.session.execute(
            sa.select(
                Document,
                Customer,
                DocumentFile,
                ledger.credit_about(Document.id).label("credit"),
                also.label("also"),
            )
            .join(Customer, Customer.id == Document.customer_id)
            .outerjoin(
                DocumentFile,
                sa.and_(DocumentFile.document_id == Document.id, DocumentFile.language == Document.language),
            )
            .where(Document.public_id == public_id, Document.mode == mode)
            .options(joinedload(Document.lines), joinedload(Document.vat_groups))
        )
        .unique()
        .one_or_none()
    )
    if row is None:
        raise NotFound(f"no document {public_id}")
    return row[0], row[1], row[2], int(row.credit), row.also
