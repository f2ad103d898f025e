"""What the shop sees of its documents, drafts included. For staff who may see invoices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from portal.core.counting import BADGE, count_up_to
from portal.core.errors import NotFound
from portal.core.pagination import Page, keyset
from portal.domain.invoices.models import Document, DocumentFile, DocumentKind, ListState
from portal.domain.invoices.queries import LISTED
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode
from portal.extensions import db


class Filter(StrEnum):
    """The filters of the list, as they stand in the address: those of the customer's list, and two more."""

    ALL = "all"
    DRAFT = "draft"
    PAID = "paid"
    UNPAID = "unpaid"
    PENDING = "pending"
    OVERDUE = "overdue"
    CREDIT_NOTES = "credit_notes"


#: How many of a customer's invoices stand on the customer's page.
NEWEST = 10

_IN_LIST = (
    Document.public_id,
    Document.number,
    Document.kind,
    Document.status,
    Document.issue_date,
    Document.due_date,
    Document.total_minor,
    Document.open_minor,
    Document.currency,
    Document.list_state,
    Document.reversed_at,
    Document.created_at,
)


def is_draft() -> sa.ColumnElement[bool]:
    """Written out: no plan for any parameter may use the index of the drafts."""
    return Document.status == sa.literal_column("'draft'")


def draft_count(shop_id: Any, mode: Any) -> sa.ScalarSelect[int]:
    """How many drafts there are, up to what a badge shows."""
    return count_up_to(BADGE, Document, Document.shop_id == shop_id, Document.mode == mode, is_draft())


def overdue_sum(shop_id: Any, mode: Any, today: Any) -> sa.ScalarSelect[int]:
    """What is unpaid and late, in minor units of the shop's currency: other currencies are no part of a sum."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(Document.open_minor), 0))
        .where(*_late(shop_id, mode, today))
        .scalar_subquery()
    )


def overdue_count(shop_id: Any, mode: Any, today: Any) -> sa.ScalarSelect[int]:
    """How many documents that is."""
    return count_up_to(BADGE, Document, *_late(shop_id, mode, today))


def _late(shop_id: Any, mode: Any, today: Any) -> list[sa.ColumnElement[bool]]:
    return [
        Document.shop_id == shop_id,
        Document.mode == mode,
        Document.list_state == ListState.UNPAID,
        Document.due_date < today,
        Document.kind.in_(LISTED),
    ]


def find_customer_id_by_number(number: str, *, mode: Mode) -> int | None:
    """Whose document a number is."""
    return db.session.scalar(
        sa.select(Document.customer_id)
        .where(Document.number == number.upper(), Document.mode == mode)
        .order_by(Document.id)
        .limit(1)
    )


def list_for_staff(
    *,
    mode: Mode,
    today: date,
    status: Filter = Filter.ALL,
    search: str = "",
    after: str | None = None,
    before: str | None = None,
) -> Page[Any]:
    """A page of the shop's documents, the newest first; drafts by themselves, as they have no date yet.

    Searched by number and by whose it is.
    """
    stmt = (
        sa.select(*_IN_LIST, Customer.name.label("customer_name"))
        .join(Customer, Customer.id == Document.customer_id)
        .where(Document.mode == mode)
    )
    if search:
        found = [
            column.icontains(search, autoescape=True)
            for column in (Document.number, Customer.name, Customer.company, Customer.email)
        ]
        stmt = stmt.where(sa.or_(*found))
    if status is Filter.DRAFT:
        return keyset(
            db.session,
            stmt.where(is_draft()),
            key_columns=[Document.id.desc()],
            after=after,
            before=before,
        )
    return keyset(
        db.session,
        _filtered(stmt.where(Document.issue_date.is_not(None)), status, today),
        key_columns=[Document.issue_date.desc(), Document.id.desc()],
        after=after,
        before=before,
    )


def _filtered(stmt: sa.Select[*tuple[Any, ...]], status: Filter, today: date) -> sa.Select[*tuple[Any, ...]]:
    if status is Filter.CREDIT_NOTES:
        return stmt.where(Document.kind == DocumentKind.CREDIT_NOTE)
    stmt = stmt.where(Document.kind.in_(LISTED))
    if status is Filter.PAID:
        # Two states in one order: told from the date's index, else they would be sorted together.
        paid = sa.func.coalesce(Document.list_state, "").in_([ListState.PAID.value, ListState.CREDITED.value])
        return stmt.where(paid)
    if status is Filter.UNPAID:
        return stmt.where(Document.list_state == ListState.UNPAID)
    if status is Filter.PENDING:
        return stmt.where(Document.list_state == ListState.PENDING)
    if status is Filter.OVERDUE:
        # Hidden from the index on due dates, which is in another order.
        past = sa.func.coalesce(Document.due_date, today) < today
        return stmt.where(Document.list_state == ListState.UNPAID, past)
    return stmt


def list_of_customer(customer_id: int, *, mode: Mode) -> Sequence[Any]:
    """The newest issued documents of a customer, for the customer's page."""
    return db.session.execute(
        sa.select(*_IN_LIST)
        .where(
            Document.customer_id == customer_id,
            Document.mode == mode,
            Document.issue_date.is_not(None),
        )
        .order_by(Document.issue_date.desc(), Document.id.desc())
        .limit(NEWEST)
    ).all()


def get_document_for_staff(public_id: str, *, mode: Mode) -> tuple[Document, Customer, DocumentFile | None]:
    """A document of the shop in any status with its lines, whose it is, and its original if that is built.

    ``NotFound`` for any other.
    """
    row = (
        db.session.execute(
            sa.select(Document, Customer, DocumentFile)
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
    return row[0], row[1], row[2]
