"""The office's list of documents: its filters, and a page without a search. For staff who may see invoices."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from portal.core.pagination import Page, keyset
from portal.domain.invoices.models import Document, DocumentKind, ListState
from portal.domain.invoices.queries import LISTED, late
from portal.domain.people.models import Customer
from portal.domain.people.staff_queries import called
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


IN_LIST = (
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


def in_list(today: date, planned: sa.CTE) -> tuple[Any, ...]:
    """The columns of a row, with ``is_late``: whether it is, should it be unpaid (``queries.late``)."""
    return *IN_LIST, late(Document, today, planned).label("is_late")


_STATES = {
    Filter.UNPAID: ListState.UNPAID,
    Filter.PENDING: ListState.PENDING,
    Filter.OVERDUE: ListState.UNPAID,
}


def is_draft() -> sa.ColumnElement[bool]:
    """Written out: no plan for any parameter may use the index of the drafts."""
    return Document.status == sa.literal_column("'draft'")


def list_documents(
    *,
    mode: Mode,
    today: date,
    status: Filter = Filter.ALL,
    after: str | None = None,
    before: str | None = None,
    planned: sa.CTE,
) -> Page[Any]:
    """A page of the shop's documents, the newest first; drafts by themselves, as they have no date yet.

    ``planned`` (``collections.planned.plans_of_shop``): what is paid in instalments is late by these.
    """
    stmt = (
        sa.select(*in_list(today, planned), called().label("customer_name"))
        .join(Customer, Customer.id == Document.customer_id)
        .where(*wanted(Document, mode=mode, status=status, today=today, planned=planned))
    )
    return keyset(db.session, stmt, key_columns=newest_first(Document, status), after=after, before=before)


def newest_first(entity: Any, status: Filter) -> list[Any]:
    """The order of the list: by date, and drafts by when they were begun."""
    if status is Filter.DRAFT:
        return [entity.id.desc()]
    return [entity.issue_date.desc(), entity.id.desc()]


def wanted(
    entity: Any,
    *,
    mode: Mode,
    status: Filter,
    today: date,
    planned: sa.CTE,
    notes_too: bool = False,
) -> list[sa.ColumnElement[bool]]:
    """What a filter lets through, of ``Document`` or an alias of it: of all credit notes only with ``notes_too``."""
    here = [entity.mode == mode]
    if status is Filter.DRAFT:
        return [*here, entity.status == sa.literal_column("'draft'")]
    here.append(entity.issue_date.is_not(None))
    if status is Filter.CREDIT_NOTES:
        # Written out, for the index of these few alone.
        return [*here, entity.kind == sa.literal_column(f"'{DocumentKind.CREDIT_NOTE.value}'")]
    notes = (DocumentKind.CREDIT_NOTE,) if notes_too and status is Filter.ALL else ()
    here.append(entity.kind.in_((*LISTED, *notes)))
    if status is Filter.PAID:
        # Two states in one order: told from the date's index, else they would be sorted together.
        paid = sa.func.coalesce(entity.list_state, "").in_([ListState.PAID.value, ListState.CREDITED.value])
        return [*here, paid]
    if status in _STATES:
        here.append(entity.list_state == _STATES[status])
    if status is Filter.OVERDUE:
        # No index on due dates can tell it, which would be in another order.
        here.append(late(entity, today, planned))
    return here
