"""Paying documents with a customer's credit: rows of the ledger, and what each of them paid.

| rule | where it is kept |
| --- | --- |
| fees, then interest, then principal by due date | the caller's shares are in paying order |
| never more than there is: the ledger is never below zero | ``spend_credit`` counts with the account held |
| twice, or at once, has one effect | the account is held before any document, and what is due is looked at after |
| currencies and modes apart | a ``ledger.Account`` has one of each, and its documents the same |
| what it was spent on reopens when the payment it came from is taken back | ``booking.reverse_payment`` |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import aliased

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.domain.invoices import booking, ledger
from portal.domain.invoices.balance import rebalance_all
from portal.domain.invoices.booking import Share
from portal.domain.invoices.ledger import Account
from portal.domain.invoices.models import Allocation, AllocationState, CreditEntry, CreditUse, Document
from portal.extensions import db

#: Why credit that a page offered cannot be used any more.
USED_MEANWHILE = _l("Your credit was used for something else meanwhile. Please look again.")


#: How many invoices somebody is told of that credit was used for.
MOST_SPENT = 10


def after_credit(shares: Iterable[Share], credit_minor: int) -> tuple[list[Share], list[Share]]:
    """Shares in paying order as credit pays them, each up to all of it, and what is left of them."""
    by_credit, left = [], []
    for share in shares:
        part = min(share.amount_minor, credit_minor)
        credit_minor -= part
        if part:
            by_credit.append(Share(share.document_id, part))
        if share.amount_minor > part:
            left.append(Share(share.document_id, share.amount_minor - part))
    return by_credit, left


def spend_credit(account: Account, shares: Sequence[Share], *, now: datetime, actor: Actor) -> None:
    """Pays these parts of documents with credit.

    For people who may pay for the customer. The caller holds the account by ``booking.lock_credit``, and after it the
    documents, and looked that so much is due. ``Conflict`` when there is less credit than that.
    """
    spent = sum(share.amount_minor for share in shares)
    if spent > booking.credit_balance(account.customer_id, mode=account.mode, currency=account.currency):
        raise Conflict(USED_MEANWHILE)
    documents = {each.id: each for each in booking.lock_documents(share.document_id for share in shares)}
    for share in shares:
        _spend(account, documents[share.document_id], share.amount_minor, now=now, actor=actor)
    rebalance_all(list(documents.values()), now=now)


def _spend(account: Account, document: Document, amount_minor: int, *, now: datetime, actor: Actor) -> None:
    entry = ledger.write(
        account, -amount_minor, CreditUse.USED, now=now, actor=actor, document_id=document.id
    )
    db.session.add(
        Allocation(
            document_id=document.id,
            credit_entry_id=entry.id,
            amount_minor=amount_minor,
            state=AllocationState.BOOKED,
            created_at=now,
        )
    )
    audit.record("invoice.credit_used", document, actor=actor, now=now, amount_minor=amount_minor)


class Use(NamedTuple):
    """Credit that paid a document, in minor units. ``is_undone``: it came from a payment the shop booked by mistake."""

    at: datetime
    amount_minor: int
    state: AllocationState
    is_undone: bool


def list_uses(document_id: int) -> list[Use]:
    """When credit was used for a document, how much, and whether it still counts; the newest first."""
    uses = db.session.execute(
        sa.select(
            Allocation.credit_entry_id, Allocation.created_at, Allocation.amount_minor, Allocation.state
        ).where(Allocation.document_id == document_id, Allocation.credit_entry_id.is_not(None))
    ).all()
    why = _why_taken_back(document_id, [use.credit_entry_id for use in uses]) if uses else {}
    return [
        Use(
            use.created_at,
            use.amount_minor,
            use.state,
            use.state is AllocationState.RELEASED and why.get(use.credit_entry_id) is CreditUse.UNDONE,
        )
        for use in sorted(uses, key=lambda use: use.credit_entry_id, reverse=True)
    ]


class SpentOn(NamedTuple):
    """An invoice that credit paid a part of, in minor units."""

    public_id: str
    number: str
    amount_minor: int


def list_spent_since_noted(document_id: int, minor: int) -> list[SpentOn]:
    """What the customer's credit paid since the first credit note of a document, the newest first. For staff.

    As much as makes up ``minor``: which credit it was the ledger does not say.
    """
    whole, note, noted = aliased(Document), aliased(Document), aliased(CreditEntry)
    first = (
        sa.select(sa.func.min(noted.id))
        .join(note, note.id == noted.document_id)
        .where(note.original_id == document_id, noted.use == CreditUse.CREDIT_NOTE)
        .scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(Document.public_id, Document.number, Allocation.amount_minor)
        .select_from(whole)
        .join(
            CreditEntry,
            sa.and_(
                CreditEntry.customer_id == whole.customer_id,
                CreditEntry.mode == whole.mode,
                CreditEntry.currency == whole.currency,
            ),
        )
        .join(Allocation, Allocation.credit_entry_id == CreditEntry.id)
        .join(Document, Document.id == Allocation.document_id)
        .where(
            whole.id == document_id,
            CreditEntry.use == CreditUse.USED,
            CreditEntry.id > first,
            Allocation.state == AllocationState.BOOKED,
        )
        .order_by(CreditEntry.id.desc())
        .limit(MOST_SPENT)
    )
    found: list[SpentOn] = []
    for public_id, number, amount_minor in rows:
        if minor <= 0:
            break
        found.append(SpentOn(public_id, number or "", min(amount_minor, minor)))
        minor -= amount_minor
    return found


def _why_taken_back(document_id: int, used: Sequence[int]) -> dict[int, CreditUse]:
    """Why uses of credit for a document, by the id of their row of the ledger, were taken back.

    The ledger does not say of which use a row is, but the newest goes first: so it is of the newest that still counted.
    """
    came_back = db.session.execute(
        sa.select(CreditEntry.id, CreditEntry.use).where(
            CreditEntry.document_id == document_id,
            CreditEntry.use.in_((CreditUse.REVERSED, CreditUse.UNDONE)),
        )
    )
    rows = sorted([*((entry_id, None) for entry_id in used), *((row.id, row.use) for row in came_back)])
    counted: list[int] = []
    why: dict[int, CreditUse] = {}
    for entry_id, use in rows:
        if use is None:
            counted.append(entry_id)
        elif counted:
            why[counted.pop()] = use
    return why
