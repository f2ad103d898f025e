"""What the test bank does with its book: take orders, decide, and have the shop told. Nothing of the portal
is asked.

A bank answers a repeated order with the first answer, never takes back a decision that moved money, and tells
the shop only through its webhook. Callers commit.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.blueprints.sandbox.models import BankStatus, MandateStatus, Notice, SandboxMethod, SandboxPayment
from portal.core import links, outbox
from portal.core.errors import Conflict, DomainError, NotFound
from portal.extensions import db

#: How long an order waits for its customer.
OPEN_FOR = timedelta(minutes=30)
#: How long after the customer went back the shop is told, where it is to be told after the return.
AFTER_RETURN = timedelta(seconds=5)

_ID = re.compile(r"sb[pm]_[A-Za-z0-9_-]{22}")

#: The cards that everybody may use here: number, and how it is shown.
TEST_CARDS = {
    "visa": ("4242424242424242", "Visa •••• 4242"),
    "mastercard": ("5555555555554444", "Mastercard •••• 4444"),
}

NOTIFY = "sandbox.notify"
PAY_LATER = "sandbox.pay_later"
PAY_BACK = "sandbox.pay_back"


class Decision(StrEnum):
    """A button on the bank's page."""

    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    LATER = "later"
    CHARGE_BACK = "charge_back"
    WIN_CHARGEBACK = "win_chargeback"
    FAIL_REFUND = "fail_refund"


_UNDECIDED = {
    Decision.PAID: BankStatus.PAID,
    Decision.FAILED: BankStatus.FAILED,
    Decision.CANCELED: BankStatus.CANCELED,
    Decision.EXPIRED: BankStatus.EXPIRED,
    Decision.LATER: BankStatus.PENDING,
}

#: What the bank lets its customer do. Money that arrives after all, and chargebacks, happen at real banks
#: too.
MOVES: dict[BankStatus, dict[Decision, BankStatus]] = {
    BankStatus.OPEN: _UNDECIDED,
    BankStatus.PENDING: _UNDECIDED,
    BankStatus.CANCELED: {Decision.PAID: BankStatus.PAID},
    BankStatus.EXPIRED: {Decision.PAID: BankStatus.PAID},
    BankStatus.PAID: {
        Decision.CHARGE_BACK: BankStatus.CHARGED_BACK,
        Decision.FAIL_REFUND: BankStatus.PAID,
    },
    BankStatus.CHARGED_BACK: {Decision.WIN_CHARGEBACK: BankStatus.PAID},
    BankStatus.FAILED: {},
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a shop orders: one payment, by a visiting customer or (with ``mandate``) by direct debit."""

    idempotency_key: str
    amount_minor: int
    currency: str
    description: str
    reference: str
    return_url: str
    webhook_url: str
    method: str
    locale: str
    mandate: str | None = None


def find_payment(bank_id: str) -> SandboxPayment | None:
    """The payment with this id in the shop's part of the book."""
    if not _ID.fullmatch(bank_id):
        return None
    return db.session.scalar(sa.select(SandboxPayment).where(SandboxPayment.bank_id == bank_id))


def get_payment(bank_id: str) -> SandboxPayment:
    """The payment with this id, or ``NotFound``."""
    payment = find_payment(bank_id)
    if payment is None:
        raise NotFound(bank_id)
    return payment


def get_method(bank_id: str) -> SandboxMethod:
    """The mandate with this id, or ``NotFound``."""
    method = None
    if _ID.fullmatch(bank_id):
        method = db.session.scalar(sa.select(SandboxMethod).where(SandboxMethod.bank_id == bank_id))
    if method is None:
        raise NotFound(bank_id)
    return method


def list_payments(limit: int = 100) -> Sequence[SandboxPayment]:
    """The newest payments of the shop's part of the book."""
    return db.session.scalars(sa.select(SandboxPayment).order_by(SandboxPayment.id.desc()).limit(limit)).all()


def take_order(order: Order, *, now: datetime, later: timedelta) -> SandboxPayment:
    """Makes the payment, or answers with the one that this key made before.

    A direct debit needs nobody at the bank's page: it is pending at once and pays ``later`` unless somebody
    decides otherwise. ``DomainError`` for a mandate that is not valid.
    """
    known = db.session.scalar(
        sa.select(SandboxPayment).where(SandboxPayment.idempotency_key == order.idempotency_key)
    )
    if known is not None:
        return known
    if order.mandate is not None and get_method(order.mandate).status is not MandateStatus.VALID:
        raise DomainError(_l("This mandate is not valid."))
    payment = SandboxPayment(
        idempotency_key=order.idempotency_key,
        amount_minor=order.amount_minor,
        currency=order.currency,
        description=order.description,
        reference=order.reference,
        return_url=order.return_url,
        webhook_url=order.webhook_url,
        method=order.method,
        locale=order.locale,
        mandate=order.mandate,
        status=BankStatus.OPEN,
        expires_at=now + OPEN_FOR,
        created_at=now,
        refunds=[],
    )
    db.session.add(payment)
    db.session.flush()
    if order.mandate is not None:
        decide(payment, Decision.LATER, Notice.AFTER, now=now, later=later)
    return payment


def decide(
    payment: SandboxPayment, decision: Decision, notice: Notice, *, now: datetime, later: timedelta
) -> None:
    """Moves the payment and has the shop told as chosen. ``Conflict`` when that is no longer possible."""
    status = moves_of(payment, payment.status).get(decision)
    if status is None:
        raise Conflict(_l("This payment was already decided."))
    payment.status = status
    payment.notice = notice
    payment.decided_at = now
    payment.told_at = None
    payment.pays_at = now + later if decision is Decision.LATER else None
    if status is BankStatus.PAID and payment.paid_at is None:
        payment.paid_at = now
    if status is BankStatus.FAILED:
        payment.failure_reason = "AM04" if payment.mandate else "refused"
    if decision is Decision.CHARGE_BACK:
        payment.charged_back_at = now
        payment.chargeback_won_at = None
    if decision is Decision.WIN_CHARGEBACK:
        payment.chargeback_won_at = now
    if decision is Decision.FAIL_REFUND:
        _move_refund(payment, _paid_back(payment)[-1]["id"], "failed")
    db.session.flush()
    if decision is Decision.LATER:
        outbox.add(
            PAY_LATER,
            {"bank_id": payment.bank_id},
            now=now,
            key=f"{payment.bank_id}:{payment.version}",
            due=payment.pays_at,
        )
    else:
        tell(payment, notice, now=now)


def pay_what_is_due(payment: SandboxPayment, *, now: datetime, later: timedelta) -> None:
    """Pays a payment that was to be paid later, unless it was decided meanwhile. Safe to run twice."""
    if payment.status is BankStatus.PENDING and payment.pays_at is not None and payment.pays_at <= now:
        decide(payment, Decision.PAID, payment.notice or Notice.AFTER, now=now, later=later)


def tell(row: SandboxPayment | SandboxMethod, notice: Notice, *, now: datetime) -> None:
    """Writes the notifications that a worker will post: none, one or three."""
    times = {Notice.NEVER: 0, Notice.THRICE: 3}.get(notice, 1)
    due = now + AFTER_RETURN if notice is Notice.AFTER else now
    for number in range(times):
        outbox.add(
            NOTIFY, {"bank_id": row.bank_id}, now=now, key=f"{row.bank_id}:{row.version}:{number}", due=due
        )


def status_at(payment: SandboxPayment, *, now: datetime) -> BankStatus:
    """The status as it stands at ``now``: an order nobody came for is expired, without anything being
    written.
    """
    if payment.status is BankStatus.OPEN and payment.expires_at <= now:
        return BankStatus.EXPIRED
    return payment.status


def cancel(payment: SandboxPayment, *, now: datetime) -> None:
    """The shop takes its order back. What is under way or decided stays as it is."""
    if payment.status is BankStatus.OPEN:
        payment.status = BankStatus.CANCELED
        payment.decided_at = now
        db.session.flush()


def moves_of(payment: SandboxPayment, status: BankStatus) -> dict[Decision, BankStatus]:
    """What can become of a payment with this status: a refund only fails where there is one."""
    moves = MOVES[status]
    return {
        decision: reached
        for decision, reached in moves.items()
        if decision is not Decision.FAIL_REFUND or _paid_back(payment)
    }


def _paid_back(payment: SandboxPayment) -> list[dict[str, Any]]:
    return [each for each in payment.refunds if each["status"] != "failed"]


def _move_refund(payment: SandboxPayment, refund_id: object, status: str) -> None:
    payment.refunds = [
        {**each, "status": status} if each["id"] == refund_id else each for each in payment.refunds
    ]


def refund(
    payment: SandboxPayment,
    *,
    key: str,
    amount_minor: int,
    currency: str,
    reference: str,
    now: datetime,
    later: timedelta,
) -> dict[str, object]:
    """Pays a part back ``later``, once per key, and then tells the shop. ``DomainError`` for more than is left."""
    for known in payment.refunds:
        if known["key"] == key:
            return dict(known)
    left = payment.amount_minor - sum(each["minor"] for each in _paid_back(payment))
    if payment.status is not BankStatus.PAID or currency != payment.currency or not 0 < amount_minor <= left:
        raise DomainError(_l("That much cannot be paid back."))
    made: dict[str, object] = {
        "id": f"sbr_{secrets.token_urlsafe(16)}",
        "key": key,
        "minor": amount_minor,
        "reference": reference,
        "status": "pending",
    }
    payment.refunds = [*payment.refunds, made]
    db.session.flush()
    work = {"bank_id": payment.bank_id, "refund": made["id"]}
    outbox.add(PAY_BACK, work, now=now, key=str(made["id"]), due=now + later)
    return made


def pay_back(payment: SandboxPayment, refund_id: str, *, now: datetime) -> None:
    """A refund arrives, unless it failed meanwhile, and the shop is told. Safe to run twice."""
    if any(each["id"] == refund_id and each["status"] == "pending" for each in payment.refunds):
        _move_refund(payment, refund_id, "done")
        db.session.flush()
        tell(payment, Notice.BEFORE, now=now)


def begin_method(
    *, idempotency_key: str, kind: str, customer: str, holder: str, reference: str, return_url: str,
    webhook_url: str, locale: str, now: datetime,
) -> SandboxMethod:  # fmt: skip
    """Starts a mandate, or answers with the one that this key made before."""
    known = db.session.scalar(
        sa.select(SandboxMethod).where(SandboxMethod.idempotency_key == idempotency_key)
    )
    if known is not None:
        return known
    method = SandboxMethod(
        idempotency_key=idempotency_key, kind=kind, customer=customer, holder=holder, reference=reference,
        return_url=return_url, webhook_url=webhook_url, locale=locale, created_at=now,
        status=MandateStatus.PENDING, masked="",
    )  # fmt: skip
    db.session.add(method)
    db.session.flush()
    return method


@dataclass(frozen=True)
class Account:
    """What a customer agrees to be charged at: of ``number`` the book keeps a keyed hash and nothing else."""

    number: str
    masked: str
    expires_on: date | None = None


def bank_account(iban: str) -> Account:
    """An account as the book shows it, by its number in one piece."""
    return Account(iban, f"{iban[:4]} •••• {iban[-4:]}")


def test_card(name: str, *, now: datetime) -> Account:
    """One of the cards that everybody may use here; it is good for three years more. ``KeyError``."""
    number, masked = TEST_CARDS[name]
    return Account(number, masked, date(now.year + 3, 12, 31))


def sign_method(
    method: SandboxMethod, account: Account, *, holder: str, now: datetime, notice: Notice = Notice.BEFORE
) -> None:
    """The customer agreed. ``Conflict`` when the mandate was decided before."""
    _decide_method(method, MandateStatus.VALID, now=now)
    method.masked, method.expires_on = account.masked, account.expires_on
    method.fingerprint = links.mac("sandbox-account", f"{method.shop_id}:{method.kind}:{account.number}")
    method.holder = holder
    method.signed_at = now
    _tell_of_method(method, notice, now=now)


def refuse_method(method: SandboxMethod, *, now: datetime, notice: Notice = Notice.BEFORE) -> None:
    """The customer did not agree. ``Conflict`` when the mandate was decided before."""
    _decide_method(method, MandateStatus.INVALID, now=now)
    _tell_of_method(method, notice, now=now)


def end_method(method: SandboxMethod, *, now: datetime, notice: Notice = Notice.BEFORE) -> None:
    """The customer ends at the bank what was valid. ``Conflict`` for anything else."""
    if method.status is not MandateStatus.VALID:
        raise Conflict(_l("This mandate was already decided."))
    method.status = MandateStatus.REVOKED
    _tell_of_method(method, notice, now=now)


def revoke_method(method: SandboxMethod) -> None:
    """The shop ends the mandate; a second time changes nothing."""
    method.status = MandateStatus.REVOKED
    db.session.flush()


def cancel_method(method: SandboxMethod, *, now: datetime) -> None:
    """The shop no longer waits for it. What is decided stays as it is."""
    if method.status is MandateStatus.PENDING:
        method.decided_at = now
        revoke_method(method)


def _decide_method(method: SandboxMethod, status: MandateStatus, *, now: datetime) -> None:
    _still_pending(method)
    method.status = status
    method.decided_at = now


def _tell_of_method(method: SandboxMethod, notice: Notice, *, now: datetime) -> None:
    method.notice, method.told_at = notice, None
    db.session.flush()
    tell(method, notice, now=now)


def _still_pending(method: SandboxMethod) -> None:
    if method.status is not MandateStatus.PENDING:
        raise Conflict(_l("This mandate was already decided."))
