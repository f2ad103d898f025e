"""What the shop does with an issued invoice: sends it, books money on it, takes lines of it back."""

from __future__ import annotations

import re

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.office.invoices import bp, loading, pages
from portal.blueprints.office.invoices.forms import CreditForm, PaymentForm, credit_form
from portal.blueprints.office.invoices.loading import Found
from portal.core import clock, locale, money
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import PortalForm, checked_by_form
from portal.core.templating import language
from portal.domain.collections import reminding
from portal.domain.invoices import booking, taking_back
from portal.domain.invoices.actions import send_again
from portal.domain.invoices.crediting import creditable
from portal.domain.invoices.models import DocumentStatus
from portal.domain.invoices.taking_back import Part
from portal.domain.payments.models import Payment, PaymentMethodKind
from portal.domain.payments.registering import Received, register
from portal.domain.people.staff_permissions import StaffPermission
from portal.extensions import db

_TICKET = re.compile(r"[A-Za-z0-9_-]{22}")


@bp.post("/<public_id>/send")
@needs(StaffPermission.INVOICES_CHANGE)
def send(public_id: str) -> ResponseReturnValue:
    """Mails an issued invoice, once more if need be."""
    found = _issued(public_id)
    try:
        send_again(
            found.document.id,
            shop=loading.shop(),
            customer=found.customer,
            now=clock.now(),
            actor=loading.actor(),
        )
        db.session.commit()
    except Conflict as refused:
        db.session.rollback()
        flash(str(refused), "warning")
    else:
        flash(_("The invoice is on its way, unless the customer switched these mails off."), "success")
    return redirect(url_for("office.invoices.show", public_id=public_id), 303)


@bp.post("/<public_id>/remind")
@needs(StaffPermission.INVOICES_CHANGE)
def remind(public_id: str) -> ResponseReturnValue:
    """Mails a reminder; once a day, and not where the customer waits for the shop."""
    found = _issued(public_id)
    try:
        mail = reminding.remind(
            found.document.id, shop=loading.shop(), now=clock.now(), actor=loading.actor()
        )
        db.session.commit()
    except Conflict as refused:
        db.session.rollback()
        flash(str(refused), "warning")
    else:
        if mail is not None:
            flash(_("The reminder is on its way."), "success")
        else:
            flash(_("Nobody of this account wants reminders by mail, so none was sent."), "warning")
    return redirect(url_for("office.invoices.show", public_id=public_id), 303)


@bp.route("/<public_id>/payment", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def pay(public_id: str) -> ResponseReturnValue:
    """Books money that came in elsewhere; what is more than what is open becomes credit."""
    found = _issued(public_id)
    shop, form, status = loading.shop(), PaymentForm(), 200
    if not form.is_submitted():
        if found.document.status is not DocumentStatus.OPEN:
            flash(_("There is nothing to pay of this invoice, so no payment of it can be booked."), "warning")
            return redirect(url_for("office.invoices.show", public_id=public_id), 303)
        form.amount.data = locale.amount(found.document.open_minor, found.document.currency, language())
        form.paid_on.data = clock.today(shop.time_zone)
    elif not form.validate():
        status = 422
    else:
        try:
            payment = register(
                found.document.id,
                Received(
                    amount_minor=money.parse_amount(
                        form.amount.data or "", language(), found.document.currency, field="amount"
                    ),
                    method=PaymentMethodKind(form.method.data),
                    paid_on=form.paid_on.data,
                    reference=form.reference.data or "",
                    key=form.key.data or "",
                ),
                shop=shop,
                now=clock.now(),
                actor=loading.actor(),
            )
            said = _booked(payment)
            db.session.commit()
            flash(said, "success")
            return redirect(url_for("office.invoices.show", public_id=public_id), 303)
        except DomainError as error:
            status = _undo(form, error)
            found = loading.load(public_id)
    page = render_template(
        "office/invoices/payment.html", form=form, document=found.document, title=_title(found)
    )
    return page, status


def _booked(payment: Payment) -> str:
    """What was booked, and what of it became credit: more than what was open."""
    amount = locale.money(payment.received_minor, payment.currency, language())
    credit_minor = booking.credit_of_payment(payment.id)
    if credit_minor <= 0:
        return str(_("%(amount)s is booked.", amount=amount))
    said = _(
        "%(amount)s is booked. %(credit)s of it was more than what was open, and is the customer’s credit now.",
        amount=amount,
        credit=locale.money(credit_minor, payment.currency, language()),
    )
    return str(said)


@bp.route("/<public_id>/credit", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def credit(public_id: str) -> ResponseReturnValue:
    """A credit note on lines or parts of them, and a page that asks before it is made.

    Nothing is chosen beforehand but the ``line`` in the address, which a customer objects to. Whoever came from a
    ticket (``ticket``) goes back to that.
    """
    found = _issued(public_id)
    left = taking_back.lines_left(found.document)
    form, status = credit_form(left), 200
    if form.is_submitted():
        parts = form.parts(left, found.document.currency) if form.validate() else None
        if parts is None:
            status = 422
        elif "change" not in request.form:
            try:
                return _credited(found, form, parts)
            except DomainError as error:
                status = _undo(form, error)
                found = loading.load(public_id)
                left = [
                    each
                    for each in taking_back.lines_left(found.document)
                    if f"whole-{each.position}" in form
                ]
    elif (asked := f"whole-{request.args.get('line', '')}") in form:
        form[asked].data = True
    left_minor = creditable(found.document)
    if left_minor == found.document.total_minor:
        form.everything.label.text = _("The whole invoice")
    page = render_template(
        "office/invoices/credit.html",
        form=form,
        document=found.document,
        title=_title(found),
        left=left,
        left_minor=left_minor,
        is_partly_taken=taking_back.is_partly_taken(found.document, left),
    )
    return page, status


def _credited(found: Found, form: CreditForm, parts: list[Part]) -> ResponseReturnValue:
    """The page that asks; once it was confirmed the credit note is made."""
    if not form.told.data:
        planned = taking_back.plan(found.document, parts)
        return render_template(
            "office/invoices/credit_sure.html",
            form=form,
            title=_title(found),
            **pages.planned(found, planned),
        )
    note = taking_back.take_back(
        found.document.id,
        parts,
        told=form.told.data,
        shop=loading.shop(),
        customer=found.customer,
        note=form.note.data or "",
        now=clock.now(),
        actor=loading.actor(),
    )
    db.session.commit()
    flash(_("Credit note %(number)s is made.", number=note.number), "success")
    ticket = request.args.get("ticket", "")
    if _TICKET.fullmatch(ticket):
        return redirect(url_for("office.tickets.show", public_id=ticket), 303)
    return redirect(url_for("office.invoices.show", public_id=note.public_id), 303)


def _issued(public_id: str) -> Found:
    found = loading.load(public_id)
    if not found.is_issued or found.is_credit_note:
        raise Conflict(_("This is only possible with an issued invoice."))
    return found


def _title(found: Found) -> str:
    return pages.title_of(found.document)


def _undo(form: PortalForm, error: DomainError) -> int:
    db.session.rollback()
    form.refuse(error if error.field in form else DomainError(error.message))
    return 409 if isinstance(error, Conflict) else 422
