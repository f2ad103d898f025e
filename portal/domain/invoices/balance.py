"""What is open of a document: worked out from its allocations by one function, and checked by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core import signals
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    Badge,
    Document,
    DocumentKind,
    DocumentStatus,
    ListState,
)
from portal.domain.invoices.states import DOCUMENT, DocumentMove
from portal.extensions import db

#: Sent inside the transaction, with ``documents`` and ``now``, when nothing is open of these any more. Once for all
#: that one change settled: a receiver that locks rows of its own locks all of them at once, in id order.
documents_settled = signals.signal("documents_settled")


@dataclass(frozen=True)
class Balance:
    """The sums of a document's allocations, in minor units of its currency."""

    paid_minor: int
    credited_minor: int
    pending_minor: int
    open_minor: int
    list_state: ListState


def rebalance(document: Document, *, now: datetime) -> None:
    """Writes the balance columns and settles or reopens the document; the only writer of all of them.

    Called in the transaction that changed an allocation, with the document locked by the caller.
    """
    rebalance_all([document], now=now)


def rebalance_all(documents: Sequence[Document], *, now: datetime) -> None:
    """The same for every document that one change concerns; whoever follows them is told once."""
    db.session.flush()
    _tell([each for each in documents if _write(each, compute_balance(each), now=now)], now=now)


def begin_balances(documents: Sequence[Document], *, now: datetime) -> None:
    """The same for documents that were finalised in this transaction, and have no allocation yet."""
    _tell([each for each in documents if _write(each, _balance(each, NOTHING), now=now)], now=now)


def _tell(settled: list[Document], *, now: datetime) -> None:
    if settled:
        documents_settled.send(documents=settled, now=now)


def _write(document: Document, balance: Balance, *, now: datetime) -> bool:
    """Writes a balance; whether that settled the document."""
    document.paid_minor = balance.paid_minor
    document.credited_minor = balance.credited_minor
    document.pending_minor = balance.pending_minor
    document.open_minor = balance.open_minor
    document.list_state = balance.list_state
    move = DocumentMove.SETTLE if balance.open_minor <= 0 else DocumentMove.REOPEN
    if document.status not in (DocumentStatus.OPEN, DocumentStatus.SETTLED):
        return False
    if move is DocumentMove.REOPEN and document.status is DocumentStatus.OPEN:
        return False
    after = DOCUMENT.next(document.status, move)
    if after is None:
        return False
    document.status = after
    is_settled = after is DocumentStatus.SETTLED
    document.settled_at = now if is_settled else None
    if is_settled:
        document.reversed_at = None
    return is_settled


@dataclass(frozen=True)
class _Sums:
    """What allocations and credit notes come to, in minor units.

    ``noted`` is all that credit notes took back, ``credited`` the part of it that was open at the time.
    """

    paid: int
    credited: int
    pending: int
    noted: int


NOTHING = _Sums(0, 0, 0, 0)


def compute_balance(document: Document) -> Balance:
    """The balance as the allocations say it."""
    noted = noted_minor(document.id).label("noted")
    sums = db.session.execute(sa.select(*_sums(), noted).where(Allocation.document_id == document.id)).one()
    return _balance(document, sums)


def _sums() -> tuple[sa.ColumnElement[int], ...]:
    """What allocations come to: ``paid``, ``credited`` and ``pending``."""
    booked, pending = AllocationState.BOOKED, AllocationState.PENDING
    amount = Allocation.amount_minor
    is_note = Allocation.credit_note_id.is_not(None)
    return (
        _sum(sa.case((sa.and_(Allocation.state == booked, ~is_note), amount), else_=0)).label("paid"),
        _sum(sa.case((sa.and_(Allocation.state == booked, is_note), amount), else_=0)).label("credited"),
        _sum(sa.case((Allocation.state == pending, amount), else_=0)).label("pending"),
    )


def noted_minor(document_id: Any) -> sa.ColumnElement[int]:
    """How much of a document its credit notes took back, what became credit among it, as a scalar subquery."""
    note = aliased(Document)
    return (
        sa.select(_sum(note.total_minor))
        .where(
            note.original_id == document_id,
            note.kind == DocumentKind.CREDIT_NOTE,
            note.number.is_not(None),
        )
        .scalar_subquery()
    )


def off_minor(note_id: Any) -> sa.ColumnElement[int]:
    """What a credit note took off what was open of its invoice, as a scalar subquery; the rest of it is credit."""
    return (
        sa.select(_sum(Allocation.amount_minor))
        .where(Allocation.credit_note_id == note_id, Allocation.state == AllocationState.BOOKED)
        .scalar_subquery()
    )


def _balance(document: Any, sums: Any) -> Balance:
    """The balance of a document, or of a row with its ``kind``, ``status`` and ``total_minor``."""
    if document.kind is DocumentKind.CREDIT_NOTE:
        return Balance(0, 0, 0, 0, ListState.PAID)
    if document.status in (DocumentStatus.DRAFT, DocumentStatus.CANCELLED):
        return Balance(0, 0, 0, 0, ListState.UNPAID)
    paid, credited, under_way = int(sums.paid), int(sums.credited), int(sums.pending)
    left = document.total_minor - paid - credited
    if left <= 0:
        # What was paid before its notes became credit: it is taken back all the same.
        is_taken_back = int(sums.noted) >= document.total_minor > 0
        state = ListState.CREDITED if is_taken_back else ListState.PAID
    else:
        state = ListState.PENDING if under_way >= left else ListState.UNPAID
    return Balance(paid, credited, under_way, left, state)


def _sum(column: Any) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(column), 0)


def count_documents() -> int:
    """How many documents the active shop has, drafts included."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Document)) or 0


def find_imbalances() -> list[tuple[Document, Balance]]:
    """Documents of the active shop whose stored balance is not what the allocations say; for ``flask invoice check``.

    One statement for all of them, so that it can be run on a large shop every night.
    """
    stored = (
        Document.paid_minor,
        Document.credited_minor,
        Document.pending_minor,
        Document.open_minor,
        Document.list_state,
    )
    noted = noted_minor(Document.id).label("noted")
    rows = db.session.execute(
        sa.select(Document.id, Document.kind, Document.status, Document.total_minor, *stored, *_sums(), noted)
        .outerjoin(Allocation, Allocation.document_id == Document.id)
        .group_by(Document.id)
        .order_by(Document.id)
        .execution_options(yield_per=5_000)
    )
    wrong = {row.id: balance for row in rows if not _is_stored(balance := _balance(row, row), row)}
    return [(db.session.get_one(Document, id_), balance) for id_, balance in wrong.items()]


def _is_stored(balance: Balance, row: Any) -> bool:
    return balance == Balance(
        row.paid_minor, row.credited_minor, row.pending_minor, row.open_minor, row.list_state
    )


def badge(
    *,
    list_state: ListState,
    open_minor: int,
    total_minor: int,
    reversed_at: datetime | None,
    is_late: bool,
) -> Badge:
    """The one word for an invoice: the first that holds of Credited, Paid, Pending, Reversed, Overdue, Partly paid."""
    if list_state is ListState.CREDITED:
        return Badge.CREDITED
    if list_state is ListState.PAID:
        return Badge.PAID
    if list_state is ListState.PENDING:
        return Badge.PENDING
    if reversed_at is not None:
        return Badge.REVERSED
    if is_late:
        return Badge.OVERDUE
    return Badge.PARTLY_PAID if open_minor < total_minor else Badge.UNPAID
