"""The credit ledger: every row of a customer's credit, written in one place with its audit entry.

Credit is the sum of its rows, for each customer, mode and currency apart. Who takes of it holds the account first, by
``booking.lock_credit``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core import audit
from portal.core.audit import Actor
from portal.domain.invoices.models import CreditEntry, CreditUse, Document
from portal.domain.shops.models import Mode
from portal.extensions import db

#: The audit event of a row.
CHANGED = "credit.changed"


@dataclass(frozen=True)
class Account:
    """Whose credit it is, in one mode and one currency."""

    customer_id: int
    mode: Mode
    currency: str


def account_of(document: Document) -> Account:
    """The credit that a document is paid with, and that its credit notes become."""
    return Account(document.customer_id, document.mode, document.currency)


def credit_about(document_id: Any) -> sa.ScalarSelect[int]:
    """The credit of a document's customer in its mode and currency, in minor units, for a statement."""
    # Of names of its own, as the statement around it may read the same tables.
    whole, entry = aliased(Document), aliased(CreditEntry)
    return (
        sa.select(sa.func.coalesce(sa.func.sum(entry.amount_minor), 0))
        .join(
            whole,
            sa.and_(
                whole.customer_id == entry.customer_id,
                whole.mode == entry.mode,
                whole.currency == entry.currency,
            ),
        )
        .where(whole.id == document_id)
        .scalar_subquery()
    )


def write(
    account: Account,
    amount_minor: int,
    use: CreditUse,
    *,
    now: datetime,
    actor: Actor,
    payment_id: int | None = None,
    document_id: int | None = None,
    refund_id: int | None = None,
    **detail: Any,
) -> CreditEntry:
    """A row of the ledger, in minor units, below zero for what is taken, and its audit entry; it is flushed.

    ``payment_id`` or ``document_id``: what it comes from or goes to; ``refund_id``: what pays it out. ``detail`` goes
    into the audit entry alone.
    """
    entry = CreditEntry(
        mode=account.mode,
        customer_id=account.customer_id,
        currency=account.currency,
        amount_minor=amount_minor,
        use=use,
        payment_id=payment_id,
        document_id=document_id,
        refund_id=refund_id,
        created_at=now,
    )
    db.session.add(entry)
    about = {"payment_id": payment_id, "document_id": document_id, "refund_id": refund_id}
    said = {key: value for key, value in about.items() if value is not None}
    audit.record(
        CHANGED,
        entry,
        actor=actor,
        now=now,
        amount_minor=amount_minor,
        use=use.value,
        **said,
        **detail,
    )
    return entry
