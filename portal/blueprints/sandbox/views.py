"""The test bank's pages, where a person decides what happens to a payment and when the shop hears of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.forms import CardForm, DecisionForm, MandateForm
from portal.blueprints.sandbox.models import BankStatus, MandateStatus, Notice, SandboxMethod, SandboxPayment
from portal.blueprints.sandbox.settings import paid_later, test_shop
from portal.core import clock
from portal.core.errors import DomainError
from portal.core.shops import from_this_machine
from portal.extensions import db

bp = Blueprint("sandbox", __name__)

#: How long the bank keeps the customer while it tells the shop; a shop that does not answer must not hold
#: them up.
PATIENCE = timedelta(seconds=8)


@bp.before_request
def only_in_test_mode() -> None:
    """In a live shop there is no bank: 404 on every address of it."""
    test_shop()


@bp.get("/", strict_slashes=False)  # else a live shop would lead from one spelling to the other
def index() -> ResponseReturnValue:
    """The bank's book, for the person at this very machine: nobody comes past a direct debit's page."""
    if not from_this_machine():
        abort(404)
    now = clock.now()
    rows = [(payment, book.status_at(payment, now=now)) for payment in book.list_payments()]
    return render_template("sandbox/index.html", rows=rows)


@bp.get("/<bank_id>")
def show(bank_id: str) -> ResponseReturnValue:
    """The page a customer is sent to: of a payment, or of a mandate to sign."""
    if bank_id.startswith("sbm_"):
        method = book.get_method(bank_id)
        return _method_page(method, _method_form(method))
    return _payment_page(book.get_payment(bank_id), DecisionForm())


@bp.post("/<bank_id>")
def decide(bank_id: str) -> ResponseReturnValue:
    """A button was pressed."""
    if bank_id.startswith("sbm_"):
        return _decide_method(book.get_method(bank_id))
    payment = book.get_payment(bank_id)
    form = DecisionForm()
    if not form.validate_on_submit():
        return _payment_page(payment, form), 422
    decision = book.Decision(form.decision.data)
    try:
        book.decide(
            payment,
            decision,
            Notice(form.notice.data),
            now=clock.now(),
            later=paid_later(),
        )
    except DomainError as error:
        db.session.rollback()
        form.form_errors.append(str(error))
        return _payment_page(book.get_payment(bank_id), form), 409
    db.session.commit()
    if decision is book.Decision.FAIL_REFUND:
        # No customer is on the way from the shop then: it would thank whoever came back for paying.
        return redirect(url_for("sandbox.show", bank_id=bank_id), 303)
    return _send_back(payment)


@bp.get("/<bank_id>/returning")
def returning(bank_id: str) -> ResponseReturnValue:
    """Between bank and shop: waits, without scripts, until the shop was told, then leads on."""
    row: SandboxPayment | SandboxMethod
    row = book.get_method(bank_id) if bank_id.startswith("sbm_") else book.get_payment(bank_id)
    if row.decided_at is None:
        return redirect(url_for("sandbox.show", bank_id=bank_id), 303)
    ready = _may_go(row, clock.now())
    return render_template("sandbox/returning.html", ready=ready, return_url=row.return_url)


def _may_go(row: SandboxPayment | SandboxMethod, now: datetime) -> bool:
    if row.notice is not Notice.BEFORE:
        return True
    return row.told_at is not None or (row.decided_at is not None and row.decided_at + PATIENCE <= now)


def _send_back(payment: SandboxPayment) -> ResponseReturnValue:
    """Straight back where that needs no waiting; a direct debit has nowhere to return to and shows its page.

    Another origin is always reached through the page in between: a form whose answer leads to a foreign
    origin is blocked by the bank's own content policy.
    """
    if payment.mandate is not None:
        return redirect(url_for("sandbox.show", bank_id=payment.bank_id), 303)
    if payment.notice is Notice.BEFORE and payment.status is not BankStatus.PENDING:
        return redirect(url_for("sandbox.returning", bank_id=payment.bank_id), 303)
    parts = urlsplit(payment.return_url)
    if (parts.scheme, parts.netloc) != (request.scheme, request.host):
        return redirect(url_for("sandbox.returning", bank_id=payment.bank_id), 303)
    return redirect(payment.return_url, 303)


def _decide_method(method: SandboxMethod) -> ResponseReturnValue:
    """A button on the page of a mandate or card: agreed, refused, or ended after all."""
    form, decision = _method_form(method), request.form.get("decision")
    agrees = decision not in ("refuse", "end")
    # Whoever does not agree need not say who they are; when the shop hears of it must be one of the choices.
    if (agrees and not form.validate_on_submit()) or not form.notice.validate(form):
        return _method_page(method, form), 422
    now, notice = clock.now(), Notice(form.notice.data)
    try:
        if agrees:
            book.sign_method(method, form.account(now), holder=form.holder.data, now=now, notice=notice)
        elif decision == "end":
            book.end_method(method, now=now, notice=notice)
        else:
            book.refuse_method(method, now=now, notice=notice)
    except DomainError as error:
        db.session.rollback()
        form.form_errors.append(str(error))
        return _method_page(book.get_method(method.bank_id), form), 409
    db.session.commit()
    return redirect(url_for("sandbox.returning", bank_id=method.bank_id), 303)


def _method_form(method: SandboxMethod) -> MandateForm | CardForm:
    return CardForm() if method.kind == "card" else MandateForm()


def _payment_page(payment: SandboxPayment, form: DecisionForm) -> str:
    status = book.status_at(payment, now=clock.now())
    return render_template(
        "sandbox/payment.html",
        payment=payment,
        status=status,
        moves=book.moves_of(payment, status),
        form=form,
    )


def _method_page(method: SandboxMethod, form: MandateForm | CardForm) -> str:
    if not form.is_submitted() and not form.holder.data:
        form.holder.data = method.holder
    return render_template(
        "sandbox/method.html",
        method=method,
        form=form,
        pending=method.status is MandateStatus.PENDING,
        valid=method.status is MandateStatus.VALID,
    )
