"""The invoices that somebody ticked, or all that are open, sorted into what can be paid in one payment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core.counting import count_up_to
from portal.core.errors import NotFound
from portal.domain.invoices.booking import in_paying_order
from portal.domain.invoices.disputing import is_disputed
from portal.domain.invoices.models import Allocation, CreditEntry, Document, DocumentStatus
from portal.domain.invoices.queries import LISTED, InPlan, asked_for, unpaid
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db

#: How many documents one payment may be for: the bank's page, the address and the mail name them.
MOST = 100


@dataclass(frozen=True)
class Together:
    """Documents of one customer: what can be paid now, in paying order, and what is left out, for one reason each.

    ``payable`` is in one currency, ``elsewhere`` in others. ``is_cut``: there were more than fit into one payment.
    """

    payable: list[Document]
    elsewhere: list[Document]
    settled: list[Document]
    under_way: list[Document]
    disputed: list[Document]
    planned: list[Document]
    is_cut: bool


def list_chosen(public_ids: Sequence[str], *, customer_ids: Sequence[int], mode: Mode) -> list[Document]:
    """Issued documents of one of these accounts by their public ids; ``NotFound`` when one is anybody else's.

    For people who may pay for it. Nobody pays for two accounts at once: then it is ``NotFound`` too.
    """
    found = list(
        db.session.scalars(
            sa.select(Document).where(
                Document.public_id.in_(public_ids),
                Document.customer_id.in_(customer_ids),
                Document.mode == mode,
                Document.kind.in_(LISTED),
                Document.status.in_([DocumentStatus.OPEN, DocumentStatus.SETTLED]),
            )
        )
    )
    if len(found) != len(set(public_ids)) or len({document.customer_id for document in found}) != 1:
        raise NotFound
    return found


def list_open(customer_id: int, *, mode: Mode, in_plan: InPlan | None = None) -> list[Document]:
    """What a customer has to pay, the first due first: one more than fits into one payment shows that there is more.

    After that comes what who pays everything does not mean, as far as anybody wants to read of it.
    """
    meant = sa.and_(*_meant(Document, in_plan))
    found: list[Document] = []
    for which, most in ((meant, MOST + 1), (sa.not_(meant), MOST)):
        found += db.session.scalars(
            sa.select(Document)
            .where(*unpaid(customer_id, mode), which)
            .order_by(Document.due_date, Document.id)
            .limit(most)
        )
    return found


def _meant(entity: Any, in_plan: InPlan | None) -> list[sa.ColumnElement[bool]]:
    """What one payment for everything is for: where money is under way for a part, the rest waits for that."""
    return [entity.pending_minor == 0, *asked_for(entity, in_plan)]


def sort_out(
    documents: Sequence[Document],
    *,
    currency: str,
    is_everything: bool = False,
    planned: Collection[int] = (),
) -> Together:
    """What of these can be paid in one payment; in ``currency`` rather than in another one.

    Who pays everything does not mean what can wait (``queries.asked_for``), what they object to and what they pay in
    instalments, the ids in ``planned``; who chose it does.
    """
    settled = [each for each in documents if each.open_minor <= 0]
    under_way = [each for each in documents if each.open_minor > 0 and each.pending_minor > 0]
    to_pay = [each for each in documents if each.open_minor > 0 and not each.pending_minor]
    disputed = [each for each in to_pay if is_everything and is_disputed(each)]
    in_plan = [each for each in to_pay if is_everything and each.id in planned and each not in disputed]
    payable = in_paying_order(each for each in to_pay if each not in disputed and each not in in_plan)
    currencies = [each.currency for each in payable]
    first = currency if currency in currencies else next(iter(currencies), currency)
    together = [each for each in payable if each.currency == first]
    return Together(
        payable=together[:MOST],
        elsewhere=[each for each in payable if each.currency != first],
        settled=settled,
        under_way=under_way,
        disputed=disputed,
        planned=in_plan,
        is_cut=len(together) > MOST,
    )


def over_the_list(
    customer_id: int,
    *,
    mode: Mode,
    currency: str,
    in_plan: InPlan | None = None,
    also: Sequence[sa.ScalarSelect[Any]] = (),
) -> tuple[int, bool, list[Any]]:
    """A customer's credit in one currency, and whether more than one invoice is asked for; in one statement.

    ``in_plan`` as for ``queries.asked_for``. ``also`` are scalar subqueries of areas that this one does not know; their
    values come last.
    """
    credit = credit_column(sa.literal(customer_id), sa.literal(mode.value), sa.literal(currency))
    several = count_up_to(1, Document, *unpaid(customer_id, mode), *_meant(Document, in_plan))
    row = db.session.execute(sa.select(credit, several, *also)).one()
    return int(row[0]), row[1] > 1, list(row[2:])


def credit_column(customer_id: Any, mode: Any, currency: Any) -> sa.ScalarSelect[int]:
    """A customer's credit as a scalar subquery, of columns of another table or of values."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.amount_minor), 0))
        .where(
            CreditEntry.customer_id == customer_id,
            CreditEntry.mode == mode,
            CreditEntry.currency == currency,
        )
        .scalar_subquery()
    )


def credit_to_use(customer_id: Any, mode: Any) -> sa.ScalarSelect[int]:
    """A customer's credit in the currency of their shop, which most is paid in, as a scalar subquery."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.amount_minor), 0))
        .join(Shop, sa.and_(Shop.id == CreditEntry.shop_id, Shop.currency == CreditEntry.currency))
        .where(CreditEntry.customer_id == customer_id, CreditEntry.mode == mode)
        .scalar_subquery()
    )


def objected_count(customer_id: Any, mode: Any) -> sa.ScalarSelect[int]:
    """Whether a customer objects to something that is to be paid, as a scalar subquery: 0, or what stands for more."""
    return count_up_to(0, Document, *unpaid(customer_id, mode), Document.disputed_on.is_not(None))


def columns_beside(
    document: type[Document], in_plan: InPlan | None = None
) -> dict[str, sa.ScalarSelect[Any]]:
    """What the page of a document shows of its customer's other affairs, for the statement that finds the document.

    ``credit_minor`` there is, ``credit_uses`` there were on it, and of what is to be paid in its currency, itself
    included where it cannot wait, ``open_count`` and ``open_minor``: without what can wait (``queries.asked_for``), and
    both of at most one more than one payment may be for.
    """
    other = aliased(Document)
    is_open = [
        other.customer_id == document.customer_id,
        other.mode == document.mode,
        other.currency == document.currency,
        other.kind.in_(LISTED),
        other.list_state == sa.literal_column("'unpaid'"),
        *_meant(other, in_plan),
    ]
    uses = [Allocation.document_id == document.id, Allocation.credit_entry_id.is_not(None)]
    first = sa.select(other.open_minor).where(*is_open).correlate(document).limit(MOST + 1).subquery()
    total = sa.select(sa.func.coalesce(sa.func.sum(first.c.open_minor), 0))
    return {
        "credit_minor": credit_column(document.customer_id, document.mode, document.currency),
        "credit_uses": sa.select(sa.func.count()).select_from(Allocation).where(*uses).scalar_subquery(),
        "open_count": sa.select(sa.func.count()).select_from(first).scalar_subquery(),
        "open_minor": total.scalar_subquery(),
    }
