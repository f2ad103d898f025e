"""Paying money back about an invoice: the page asks how much, by which way, and with which words."""

from __future__ import annotations

import re
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.blueprints.office.invoices import bp, loading, pages
from portal.blueprints.office.invoices.forms import BY_OWN_BANK, RefundForm
from portal.core import clock, locale, money
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.principals import current_staff
from portal.core.templating import language
from portal.domain.invoices.models import Document
from portal.domain.payments import refunding
from portal.domain.payments.refunded import way_back
from portal.domain.payments.refunding import ByHand, Order, Returnable, ThroughProvider
from portal.domain.people.models import Customer
from portal.domain.people.recipients import account_language
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.tickets import paying_out, refunds
from portal.extensions import db

#: What the customer reads, in their language; whoever pays may change it.
SAYS = _l("Your money is on its way back to you. It can take a few days before you see it on your account.")
_TICKET = re.compile(r"[A-Za-z0-9_-]{22}")


@bp.route("/<public_id>/refund", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def refund(public_id: str) -> ResponseReturnValue:
    """Pays back through the provider of a payment, or writes down what was sent from the shop's own bank.

    The request for it (``ticket`` in the address, or the one that runs for this invoice) gets the words, and is
    resolved once the money is on its way.
    """
    found = loading.load(public_id)
    if not found.is_issued or found.is_credit_note:
        abort(404)
    document, shop = found.document, loading.shop()
    ticket = _request_of(document)
    here = (
        url_for("office.tickets.show", public_id=ticket.public_id)
        if ticket is not None
        else url_for("office.invoices.show", public_id=public_id)
    )
    if request.method == "GET" and ticket is not None:
        if not ticket.is_running:
            return redirect(here, 303)
        if "ticket" not in request.args:
            # The address says which request the form answers, whatever runs by the time it is sent.
            return redirect(
                url_for("office.invoices.refund", public_id=public_id, ticket=ticket.public_id), 303
            )
    ways, status = refunding.list_returnable(document, shop, found.credit_minor), 200
    form = RefundForm([(each.payment.public_id, _way(each)) for each in ways])
    credit = paying_out.credit_about(document.id)
    if not form.is_submitted():
        _fill(form, document, found.customer, ways, credit)
    elif not form.validate():
        # Sent once more, its way may not be among the choices any longer.
        if refunding.find_by_key(document.id, form.key.data or "") is not None:
            return redirect(here, 303)
        status = 422
    else:
        try:
            _pay(document, form, ways, ticket.id if ticket is not None else None)
            return redirect(here, 303)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error if error.field in form else DomainError(error.message))
            status = 409 if isinstance(error, Conflict) else 422
            document = loading.load(public_id).document
    page = render_template(
        "office/invoices/refund.html",
        form=form,
        document=document,
        customer=found.customer,
        title=pages.title_of(document),
        ticket=ticket,
        back=here,
        has_ways=bool(ways),
        credit_minor=max(0, credit.minor),
        here_minor=credit.here_minor,
        is_used_up=credit.used_minor > 0 and not credit.here_minor,
        needs_note=credit.needs_note_minor > 0,
    )
    return page, status


def _request_of(document: Document) -> refunds.RequestOf | None:
    """The request that somebody came from, or else the one that runs; ``NotFound`` for one that is not of it.

    A form without one was shown while none ran, and answers none.
    """
    wanted = request.args.get("ticket", "")
    if not wanted:
        return refunds.find_running_request(document.id) if request.method == "GET" else None
    if not _TICKET.fullmatch(wanted):
        abort(404)
    return refunds.get_request(document.id, wanted)


def _way(each: Returnable) -> str:
    return str(
        _(
            "%(account)s, at most %(amount)s",
            account=way_back(each.payment),
            amount=locale.money(each.most_minor, each.payment.currency, language()),
        )
    )


def _fill(
    form: RefundForm,
    document: Document,
    customer: Customer,
    ways: list[Returnable],
    credit: paying_out.Credit,
) -> None:
    shop, wanted = loading.shop(), credit.here_minor
    if wanted > 0:
        form.amount.data = locale.amount(wanted, document.currency, language())
    enough = [each for each in ways if each.most_minor >= wanted]
    form.way.data = enough[0].payment.public_id if enough else BY_OWN_BANK
    form.paid_on.data = clock.today(shop.time_zone)
    with force_locale(account_language(customer, shop)):
        form.body.data = str(SAYS)


def _pay(document: Document, form: RefundForm, ways: list[Returnable], ticket_id: int | None) -> None:
    author: Any = current_staff()
    by_hand = form.way.data == BY_OWN_BANK
    order = Order(
        amount_minor=money.parse_amount(
            form.amount.data or "", language(), document.currency, field="amount"
        ),
        way=ByHand(sent_on=form.paid_on.data, reference=form.reference.data or "")
        if by_hand
        else ThroughProvider(
            payment_id=next(each.payment.id for each in ways if each.payment.public_id == form.way.data)
        ),
        says=form.body.data or "",
        key=form.key.data or "",
        ticket_id=ticket_id,
    )
    paying_out.pay_out(document.id, order, shop=loading.shop(), author=author, now=clock.now())
    db.session.commit()
    if by_hand:
        flash(_("The refund is written down. The customer was told."), "success")
    else:
        flash(
            _("The payment provider gets the order now. The customer is told once the money is on its way."),
            "success",
        )
