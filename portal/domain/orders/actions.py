"""What happens to an order. Callers commit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.core import audit
from portal.core.audit import Actor
from portal.domain.invoices import taking_back
from portal.domain.invoices.balance import documents_settled
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.orders.downloads import GIVES, give_downloads
from portal.domain.orders.models import Download, Order, OrderLine
from portal.domain.orders.states import LIFE, Move
from portal.domain.payments import undoing
from portal.domain.payments.models import Payment
from portal.domain.payments.undoing import Stays
from portal.extensions import db


@documents_settled.connect
def follow_invoices(*, documents: Sequence[Document], now: datetime) -> None:
    """Takes an order as paid once all of its invoices are, and gives the files that it holds.

    An invoice that was credited instead leaves its order as it is, for the shop to cancel; so does a chargeback. All
    orders are locked at once and in id order, whatever the order in which their invoices are paid.
    """
    paid_by = {
        document.order_id: document
        for document in documents
        if document.order_id is not None and document.kind is DocumentKind.INVOICE
    }
    if not paid_by:
        return
    orders = db.session.scalars(
        sa.select(Order)
        .where(Order.id.in_(paid_by))
        .order_by(Order.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for order in orders:
        if Move.PAY in LIFE.moves_from(order.status) and _is_paid(order.id):
            order.status = LIFE.next(order.status, Move.PAY) or order.status
            by = paid_by[order.id]
            audit.record("order.paid", order, actor=Actor.system(), now=now, document_id=by.id)
            give_downloads(order, now=now)


@undoing.look
def find_what_stays(payment: Payment, document_ids: Collection[int]) -> list[Stays]:
    """Orders of these invoices that are paid, and the files that were given with them."""
    files = (
        sa.select(sa.func.count())
        .select_from(Download)
        .join(OrderLine, OrderLine.id == Download.order_line_id)
        .where(OrderLine.order_id == Order.id)
        .scalar_subquery()
    )
    of_invoices = sa.select(Document.order_id).where(Document.id.in_(document_ids))
    found = db.session.execute(
        sa.select(Order.number, files.label("files"))
        .where(Order.id.in_(of_invoices), Order.status.in_(GIVES))
        .order_by(Order.id)
    )
    stays = []
    for row in found:
        stays.append(Stays("order", row.number, _("Order %(number)s stays paid.", number=row.number)))
        if row.files:
            says = _("The customer keeps the files of order %(number)s.", number=row.number)
            stays.append(Stays("files", row.number, says))
    return stays


def _is_paid(order_id: int) -> bool:
    """Whether each issued invoice of an order is paid, and there is one.

    One that was credited whole does not count: neither is one paid for that has no line left.
    """
    db.session.flush()
    counted = [
        document
        for document in db.session.scalars(
            sa.select(Document).where(
                Document.order_id == order_id,
                Document.kind == DocumentKind.INVOICE,
                Document.status.in_((DocumentStatus.OPEN, DocumentStatus.SETTLED)),
                Document.list_state != ListState.CREDITED,
            )
        )
        # A cent that is left open of one whose lines were all taken back buys nothing.
        if not document.credited_minor or taking_back.lines_left(document)
    ]
    return bool(counted) and all(document.list_state is ListState.PAID for document in counted)
