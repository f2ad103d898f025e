"""The test bank's API, reached over HTTP like a real provider's: a bearer key per shop, JSON in and out."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, jsonify, request, url_for
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.models import BankStatus, MandateStatus, SandboxMethod, SandboxPayment
from portal.blueprints.sandbox.settings import bank_key, paid_later, test_shop
from portal.blueprints.sandbox.views import bp
from portal.core import clock
from portal.core.errors import DomainError, NotFound
from portal.core.money import MAX_MINOR, exponent
from portal.extensions import csrf, db

#: Ways to pay that the bank knows.
METHODS = ("ideal", "card", "sepa")
SAVED = ("sepa", "card")
MAX_BODY = 16 * 1024
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


Answer = Response | tuple[Response, int]


class BadCall(Exception):
    """A call the bank does not understand; the text names the field."""


def bank_call(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """A call of the API: of a shop in test mode, with its key, answered in JSON whatever happens.

    The key comes first, so that nothing can be learnt without one. A call is no form: there is no cookie to
    abuse.
    """

    @wraps(view)
    def checked(**values: str) -> Answer:
        test_shop()
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {bank_key()}".encode()):
            return jsonify(error="unknown key"), 401
        try:
            return _repeated(view, values)
        except NotFound:
            db.session.rollback()
            return jsonify(error="unknown id"), 404
        except (BadCall, DomainError) as error:
            db.session.rollback()
            return jsonify(error=str(error)), 422

    exempt: Callable[..., Answer] = csrf.exempt(checked)
    return exempt


def _repeated(view: Callable[..., Answer], values: dict[str, str]) -> Answer:
    """Calls a view, and once more when another call was quicker: then it finds what that one wrote."""
    try:
        return view(**values)
    except (IntegrityError, StaleDataError):
        db.session.rollback()
        return view(**values)


@bp.post("/api/payments")
@bank_call
def create_payment() -> tuple[Response, int]:
    data = _body()
    amount, currency = _amount(data)
    order = book.Order(
        idempotency_key=_key(),
        amount_minor=amount,
        currency=currency,
        description=_text(data, "description", 200),
        reference=_text(data, "reference", 64),
        return_url=_address(data, "return_url"),
        webhook_url=_address(data, "webhook_url"),
        method=_one_of(data, "method", METHODS),
        locale=_text(data, "locale", 5),
        mandate=None if data.get("mandate") is None else _text(data, "mandate", 32),
    )
    payment = book.take_order(order, now=clock.now(), later=paid_later())
    db.session.commit()
    return jsonify(_payment(payment, clock.now())), 201


@bp.get("/api/payments/<bank_id>")
@bank_call
def show_payment(bank_id: str) -> Response:
    return jsonify(_payment(book.get_payment(bank_id), clock.now()))


@bp.post("/api/payments/<bank_id>/cancel")
@bank_call
def cancel_payment(bank_id: str) -> Response:
    payment = book.get_payment(bank_id)
    book.cancel(payment, now=clock.now())
    db.session.commit()
    return jsonify(_payment(payment, clock.now()))


@bp.post("/api/payments/<bank_id>/refunds")
@bank_call
def create_refund(bank_id: str) -> tuple[Response, int]:
    data = _body()
    amount, currency = _amount(data)
    payment = book.get_payment(bank_id)
    refund = book.refund(
        payment,
        key=_key(),
        amount_minor=amount,
        currency=currency,
        reference=_text(data, "reference", 64),
        now=clock.now(),
        later=paid_later(),
    )
    db.session.commit()
    return jsonify(_refund(payment, refund)), 201


@bp.post("/api/methods")
@bank_call
def create_method() -> tuple[Response, int]:
    data = _body()
    method = book.begin_method(
        idempotency_key=_key(),
        kind=_one_of(data, "kind", SAVED),
        customer=_text(data, "customer", 64),
        holder=_text(data, "holder", 200, empty=True),
        reference=_text(data, "reference", 64),
        return_url=_address(data, "return_url"),
        webhook_url=_address(data, "webhook_url"),
        locale=_text(data, "locale", 5),
        now=clock.now(),
    )
    db.session.commit()
    return jsonify(_method(method)), 201


@bp.get("/api/methods/<bank_id>")
@bank_call
def show_method(bank_id: str) -> Response:
    return jsonify(_method(book.get_method(bank_id)))


@bp.post("/api/methods/<bank_id>/revoke")
@bank_call
def revoke_method(bank_id: str) -> Response:
    method = book.get_method(bank_id)
    book.revoke_method(method)
    db.session.commit()
    return jsonify(_method(method))


@bp.post("/api/methods/<bank_id>/cancel")
@bank_call
def cancel_method(bank_id: str) -> Response:
    method = book.get_method(bank_id)
    book.cancel_method(method, now=clock.now())
    db.session.commit()
    return jsonify(_method(method))


def _account(payment: SandboxPayment) -> str:
    """Where the money came from, as a bank shows it; everybody at the test bank has the same account and card."""
    if payment.mandate:
        return book.get_method(payment.mandate).masked
    return "Visa •••• 4242" if payment.method == "card" else "NL20 •••• 4567"


def _payment(payment: SandboxPayment, now: datetime) -> dict[str, Any]:
    status = book.status_at(payment, now=now)
    return {
        "id": payment.bank_id,
        "status": status.value,
        "amount": {"minor": payment.amount_minor, "currency": payment.currency},
        "reference": payment.reference,
        "method": payment.method,
        "details": {"account": _account(payment)} if status is BankStatus.PAID else {},
        "checkout_url": None if payment.mandate else _page(payment.bank_id, payment.return_url),
        "expires_at": _moment(payment.expires_at),
        "paid_at": _moment(payment.paid_at),
        "charged_back_at": _moment(payment.charged_back_at),
        "chargeback_won_at": _moment(payment.chargeback_won_at),
        "failure_reason": payment.failure_reason,
        "refunds": [_refund(payment, each) for each in payment.refunds],
    }


def _refund(payment: SandboxPayment, refund: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": refund["id"],
        "amount": {"minor": refund["minor"], "currency": payment.currency},
        "status": refund["status"],
        "reference": refund["reference"],
        "failure_reason": "AC04" if refund["status"] == "failed" else None,
    }


def _method(method: SandboxMethod) -> dict[str, Any]:
    pending = method.status is MandateStatus.PENDING
    return {
        "id": method.bank_id,
        "status": method.status.value,
        "kind": method.kind,
        "customer": method.customer,
        "holder": method.holder,
        "masked": method.masked,
        "reference": method.reference,
        "signed_at": _moment(method.signed_at),
        "fingerprint": method.fingerprint,
        "expires_on": None if method.expires_on is None else method.expires_on.isoformat(),
        "checkout_url": _page(method.bank_id, method.return_url) if pending else None,
    }


def _page(bank_id: str, return_url: str) -> str:
    """The bank's page for the customer: at its own origin where one is set, else where the shop lives."""
    parts = urlsplit(return_url)
    origin = current_app.config.get("SANDBOX_ORIGIN") or f"{parts.scheme}://{parts.netloc}"
    return f"{origin}{url_for('sandbox.show', bank_id=bank_id)}"


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _body() -> dict[str, Any]:
    if (request.content_length or 0) > MAX_BODY:
        raise BadCall("too long")
    try:
        data = request.get_json(force=True, silent=True)
    except RecursionError:
        # Thousands of brackets within brackets.
        data = None
    if not isinstance(data, dict):
        raise BadCall("not a JSON object")
    return data


def _key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise BadCall("Idempotency-Key")
    return key


def _text(data: Mapping[str, Any], name: str, longest: int, *, empty: bool = False) -> str:
    value = data.get(name)
    if not isinstance(value, str) or len(value) > longest or "\0" in value or not (value or empty):
        raise BadCall(name)
    return value


def _one_of(data: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = _text(data, name, 32)
    if value not in choices:
        raise BadCall(name)
    return value


def _address(data: Mapping[str, Any], name: str) -> str:
    value = _text(data, name, 500)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadCall(name)
    return value


def _amount(data: Mapping[str, Any]) -> tuple[int, str]:
    amount = data.get("amount")
    minor = amount.get("minor") if isinstance(amount, dict) else None
    if not isinstance(amount, dict) or type(minor) is not int or not 0 < minor <= MAX_MINOR:
        raise BadCall("amount")
    currency = _text(amount, "currency", 3)
    exponent(currency)
    return minor, currency
