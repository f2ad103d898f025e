"""The public payment link of an invoice, and the way back from the bank for everybody."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.pay import pages
from portal.blueprints.pay.forms import LinkForm
from portal.core import clock, database
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, ProviderError
from portal.core.forms import checked_by_form
from portal.core.money import decimal_string, parse_money
from portal.core.principals import current_person
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.invoices.links import find_by_payment_token, link_is_over, payment_token
from portal.domain.invoices.models import Document
from portal.domain.payments import asking, choices, queries, starting
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.shops.models import Mode, Shop
from portal.domain.shops.queries import get_shop
from portal.extensions import db, limiter

bp = Blueprint("pay", __name__)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{44}")
#: How long the way back from the bank is open: longer than any bank keeps a customer, late successes
#: included.
RETURN_FOR = timedelta(days=30)
#: What is settled for good needs no question; the others may have turned into money after all.
ASKED_ON_RETURN = (
    PaymentStatus.CREATED,
    PaymentStatus.OPEN,
    PaymentStatus.PENDING,
    PaymentStatus.CANCELLED,
    PaymentStatus.EXPIRED,
)


@bp.get("/<token>")
@limiter.limit("120/minute")
def link(token: str) -> ResponseReturnValue:
    """Lines and amount, and a form while something is due; after the payment what was bought."""
    document = _document(token)
    if request.args.get("piece"):
        page = pages.link_page(_shop(), document, token)
        if page["pending"] is None:
            return "", {"HX-Refresh": "true"}
        return render_template("invoices/_pay.html", **page, pay_all=None)
    if document.open_minor <= 0:
        return render_template(
            "pay/paid.html", **pages.document_page(document), paid_on=pages.paid_on(document)
        )
    return render_template("pay/link.html", **pages.link_page(_shop(), document, token))


@bp.post("/<token>")
@limiter.limit("30/minute")
@checked_by_form
def pay(token: str) -> ResponseReturnValue:
    """Starts a payment, or continues the one that the same click started a moment ago."""
    document = _document(token)
    if document.open_minor <= 0:
        return redirect(url_for("pay.link", token=token), 303)
    form = LinkForm()
    if not form.validate_on_submit():
        errors: list[tuple[str, str | None]] = [(text, None) for text in form.method.errors]
        errors += [(text, "amount") for text in form.amount.errors]
        errors += [(text, None) for text in form.under_way.errors]
        errors = errors or [(_("This page was open for too long. Please press the button once more."), None)]
        return _again(token, errors, form.amount.data or "", 422)
    try:
        part = None
        if form.amount.data:
            part = parse_money(form.amount.data, language(), document.currency, field="amount")
        if form.method.data == choices.TRANSFER:
            if part is not None:
                choices.check_part(_shop(), document, part)
            amount = None if part is None else decimal_string(part, document.currency)
            return redirect(url_for("pay.transfer", token=token, amount=amount), 303)
        wish = choices.wish_for(
            document,
            form.method.data,
            locale=language(),
            via_link=True,
            amount_minor=part,
            under_way_minor=form.under_way_minor,
        )
        outcome = starting.start_payment(
            current_shop().id, wish, actor=Actor.visitor(), now=clock.now(), transaction=_transaction
        )
    except DomainError as error:
        db.session.rollback()
        status = 409 if isinstance(error, Conflict) else 422
        target = "amount" if error.field == "amount" else None
        return _again(token, [(str(error), target)], form.amount.data or "", status)
    if outcome.checkout_url is not None:
        return redirect(outcome.checkout_url, 303)
    return redirect(url_for("pay.back", public_id=outcome.public_id), 303)


@bp.post("/<token>/restart")
@limiter.limit("30/minute")
def restart(token: str) -> ResponseReturnValue:
    """ "Start again": gives up the attempt that was merely started and shows the form anew."""
    attempt = queries.find_started_attempt(_document(token).id)
    if attempt is not None:
        status = starting.cancel_attempt(
            attempt.id, actor=Actor.visitor(), now=clock.now(), transaction=_transaction
        )
        if status in (PaymentStatus.PAID, PaymentStatus.PENDING):
            flash(_("Your earlier payment came through, so there is nothing to start again."), "success")
    return redirect(url_for("pay.link", token=token), 303)


@bp.get("/<token>/transfer")
@limiter.limit("120/minute")
def transfer(token: str) -> ResponseReturnValue:
    """The details of a bank transfer; showing them starts nothing."""
    document = _document(token)
    details = choices.transfer_details(_shop(), document, request.args.get("amount", ""))
    if details is None:
        return redirect(url_for("pay.link", token=token), 303)
    return render_template(
        "pay/transfer.html", **pages.transfer_page(document, details, url_for("pay.link", token=token))
    )


@bp.get("/return/<public_id>")
@limiter.limit("120/minute")
def back(public_id: str) -> ResponseReturnValue:
    """Back from the bank: asks how it went and books it. Only this and the return of a saved method write on a GET.

    Public, as a payment link is paid without log-in and a session may have ended at the bank. The id is
    unguessable and only the bank and the payer know it; the page shows how the payment went, its amount and
    its id at the bank, and nothing of who pays or for what. A signed-in customer goes on to the invoice,
    which looks at their rights.
    """
    payment = queries.get_payment(public_id)
    if payment.created_at < clock.now() - RETURN_FOR:
        abort(404)
    if payment.status in ASKED_ON_RETURN and payment.provider_ref is not None:
        _ask(payment.id, payment.provider)
        payment = queries.get_payment(public_id)
    onward, retry = _where_to(payment)
    page = pages.outcome_page(payment, onward, retry)
    if request.args.get("piece"):
        return render_template("pay/_outcome.html", **page)
    if page["outcome"] != "waiting" and not payment.via_link and current_person() is not None:
        flash(str(page["text"]), "success" if page["outcome"] in ("paid", "pending") else "warning")
        return redirect(page["retry_url"] or onward[1], 303)
    return render_template("pay/return.html", **page)


def _ask(payment_id: int, provider: str) -> None:
    """A provider that is away leaves the payment as it is; the scheduled run asks again."""
    try:
        asking.refresh(
            payment_id,
            source="return",
            actor=Actor.provider(provider),
            now=clock.now(),
            transaction=_transaction,
        )
    except ProviderError:
        db.session.rollback()


def _where_to(payment: Payment) -> tuple[tuple[str, str], str | None]:
    """Where the payer goes on (label and address, no number in it), and where they can try again.

    On a link that the shop replaced meanwhile there is no way back to it: the new one is not theirs to know.
    """
    documents = queries.documents_of(payment.id)
    if payment.via_link:
        if payment.details.get("link_version") != documents[0].link_version:
            return (_("To the shop"), url_for("shop.index")), None
        url = url_for("pay.link", token=payment_token(documents[0]))
    elif len(documents) == 1:
        url = url_for("invoices.show", public_id=documents[0].public_id)
    else:
        ids = [document.public_id for document in documents]
        again = url_for("invoices.pay_several", invoice=ids)
        return (_("To your invoices"), url_for("invoices.index")), again
    return (_("To the invoice"), url), url


def _document(token: str) -> Document:
    """What the link is for: 404 for what never was one, and the way to log-in for one that is over.

    So no rule of a link that is over shows or does anything.
    """
    mode = Mode(current_shop().mode)
    document = find_by_payment_token(token, mode=mode) if _TOKEN.fullmatch(token) else None
    if document is None:
        abort(404)
    if link_is_over(document, now=clock.now()):
        page = url_for("invoices.show", public_id=document.public_id)
        abort(redirect(page if current_person() else url_for("auth.login", next=page), 303))
    return document


def _again(token: str, errors: list[tuple[str, str | None]], typed: str, status: int) -> ResponseReturnValue:
    document = _document(token)
    if document.open_minor <= 0:
        return redirect(url_for("pay.link", token=token), 303)
    page = pages.link_page(_shop(), document, token, errors=errors, typed=typed)
    return render_template("pay/link.html", **page), status


def _shop() -> Shop:
    return get_shop(current_shop().id)


def _transaction() -> AbstractContextManager[None]:
    return database.writing(db.session)
