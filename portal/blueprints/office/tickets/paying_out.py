"""Writing down that the shop sent money back: the page asks how much, when and with which words."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.blueprints.office.tickets import bp, views
from portal.blueprints.office.tickets.deciding import in_their_language
from portal.blueprints.office.tickets.forms import PayOutForm
from portal.core import clock, locale, money
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.shops.queries import get_shop
from portal.domain.tickets import paying_out
from portal.domain.tickets.models import TicketType
from portal.domain.tickets.paying_out import PaidOut
from portal.domain.tickets.states import RUNNING
from portal.extensions import db

#: What the customer reads, in their language; whoever pays may change it.
SAYS = _l("We have sent your money back. It can take a few days before you see it on your account.")


@bp.route("/<public_id>/refund/paid", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def pay_out(public_id: str) -> ResponseReturnValue:
    """The money that a refund request asked for has left the bank: takes the credit, and resolves the ticket."""
    ticket, form, status = views.load(public_id), PayOutForm(), 200
    if ticket.type is not TicketType.REFUND_REQUEST or ticket.document_id is None:
        abort(404)
    here = url_for("office.tickets.show", public_id=public_id)
    credit = paying_out.credit_about(ticket.document_id)
    if not form.is_submitted():
        if ticket.status not in RUNNING:
            return redirect(here, 303)
        if credit.here_minor > 0:
            form.amount.data = locale.amount(credit.here_minor, ticket.document_currency, language())
        form.paid_on.data = clock.today(current_shop().time_zone)
        form.body.data = in_their_language(ticket, SAYS)
    elif not form.validate():
        status = 422
    else:
        try:
            _pay_out(ticket, form)
            return redirect(here, 303)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error if error.field in form else DomainError(error.message))
            status = 409 if isinstance(error, Conflict) else 422
    page = render_template(
        "office/tickets/pay_out.html",
        ticket=ticket,
        form=form,
        credit_minor=max(0, credit.minor),
        here_minor=credit.here_minor,
    )
    return page, status


def _pay_out(ticket: Any, form: PayOutForm) -> None:
    paid = PaidOut(
        amount_minor=money.parse_amount(
            form.amount.data or "", language(), ticket.document_currency, field="amount"
        ),
        paid_on=form.paid_on.data,
        reference=form.reference.data or "",
        message=form.body.data or "",
        key=form.key.data or "",
    )
    shop = get_shop(current_shop().id)
    paying_out.pay_out(ticket.id, paid, shop=shop, author=views.staff(), now=clock.now())
    db.session.commit()
    flash(_("The refund is written down. The customer was told."), "success")
