"""The list of orders and the page of one."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.orders import bp, show_order
from portal.core import access, clock
from portal.core.access import needs
from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.core.principals import current_membership, current_person
from portal.core.shops import current_shop
from portal.domain.orders import billing, downloads, queries
from portal.domain.orders.models import OrderStatus
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.extensions import db


@bp.get("")
@needs(Permission.ORDERS)
def index() -> ResponseReturnValue:
    """The orders of the account, newest first, of one status or all; an unknown status means all."""
    status = _status()
    page = queries.list_orders(
        current_membership().customer_id,
        mode=Mode(current_shop().mode),
        status=status,
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    return render_template(
        "orders/index.html",
        rows=page.rows,
        filters=[
            (_("All"), url_for("orders.index"), status is None),
            *((s.label, url_for("orders.index", status=s.value), status is s) for s in OrderStatus),
        ],
        status=status or "",
        previous_url=page.prev_cursor and url_for("orders.index", status=status, before=page.prev_cursor),
        next_url=page.next_cursor and url_for("orders.index", status=status, after=page.next_cursor),
    )


@bp.get("/<public_id>")
@needs(Permission.ORDERS)
def show(public_id: str) -> ResponseReturnValue:
    """One order of any account of this person."""
    shop = current_shop()
    order = queries.get_order(public_id, customer_ids=access.customer_ids(), mode=Mode(shop.mode))
    account = access.open_for(order.customer_id)
    lines = queries.list_lines(order.id)
    bills = billing.get_billing(order.id, customer_id=order.customer_id, today=clock.today(shop.time_zone))
    return render_template(
        "orders/show.html",
        order=order,
        lines=show_order.lines(lines, order),
        vat_groups=show_order.vat_groups(order),
        answers=[(answer["label"], answer["value"]) for answer in order.answers],
        downloads=show_order.downloads(lines, order, account),
        invoices=[show_order.invoice(bill, account) for bill in bills.invoices],
        payments=[show_order.payment(payment) for payment in bills.payments],
    )


@bp.post("/<public_id>/files/<file_id>")
@needs(Permission.ORDERS_DOWNLOAD)
def fetch(public_id: str, file_id: str) -> ResponseReturnValue:
    """Counts one download and leads to the file; where nothing is left, to the order, which says what to do."""
    file = downloads.get_download(
        file_id, order=public_id, customer_ids=access.customer_ids(), mode=Mode(current_shop().mode)
    )
    access.open_for(file.customer_id)
    person = current_person()
    assert person is not None
    try:
        token = downloads.fetch(file, actor=Actor.person(person), now=clock.now())
        db.session.commit()
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "error")
        return redirect(url_for("orders.show", public_id=public_id), 303)
    return redirect(url_for("download.fetch", token=token), 303)


def _status() -> OrderStatus | None:
    try:
        return OrderStatus(request.args.get("status", ""))
    except ValueError:
        return None
