"""Taking back a payment that was booked by hand by mistake, after a page that asks why."""

from __future__ import annotations

import re

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.office.invoices import bp, loading, pages
from portal.blueprints.office.invoices.forms import UndoForm
from portal.core import clock
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.shops import current_shop
from portal.domain.invoices import booking
from portal.domain.payments import undoing
from portal.domain.payments.models import Payment
from portal.domain.people.staff_permissions import StaffPermission
from portal.extensions import db

_PUBLIC_ID = re.compile(r"[\w-]{22}", re.ASCII)


@bp.route("/<public_id>/payments/<payment_id>/undo", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def undo_payment(public_id: str, payment_id: str) -> ResponseReturnValue:
    """Takes a payment back that was booked by mistake; where that cannot be, the page says why."""
    found = loading.load(public_id)
    if _PUBLIC_ID.fullmatch(payment_id) is None:
        # PostgreSQL refuses a NUL in any text.
        abort(404)
    payment = undoing.find_payment_of(found.document.id, payment_id)
    form, status = UndoForm(), 200
    if form.is_submitted() and form.validate():
        try:
            undoing.undo(payment.id, reason=form.reason.data or "", actor=loading.actor(), now=clock.now())
            db.session.commit()
            flash(_("The payment is taken back."), "success")
            return redirect(url_for("office.invoices.show", public_id=public_id), 303)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error if error.field in form else DomainError(error.message))
            status = 409 if isinstance(error, Conflict) else 422
    elif form.is_submitted():
        status = 422
    credit_minor = booking.credit_going(payment.id)
    off_minor = credit_minor - booking.credit_of_payment(payment.id)
    share_minor = undoing.share_of(payment, found.document) - off_minor
    page = render_template(
        "office/invoices/undo.html",
        form=form,
        document=found.document,
        title=pages.title_of(found.document),
        payment=payment,
        paid_on=clock.today(current_shop().time_zone, payment.paid_at or payment.created_at),
        share_minor=share_minor,
        off_minor=off_minor,
        credit_minor=credit_minor,
        stays=undoing.list_what_stays(payment, {found.document.id} if share_minor > 0 else ()),
        refusal=_refusal(payment),
    )
    return page, status


def _refusal(payment: Payment) -> str | None:
    try:
        undoing.check(payment)
    except Conflict as refused:
        return str(refused)
    return None
