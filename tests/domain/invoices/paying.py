"""Payments as the tests of booking need them: rows without a provider."""

from __future__ import annotations

from itertools import count

from portal.core.audit import Actor
from portal.domain.invoices import booking, spending
from portal.domain.invoices.booking import Share, Source
from portal.domain.invoices.ledger import Account
from portal.domain.invoices.models import Document
from portal.domain.payments.models import Payment, PaymentMethodKind
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START

ACTOR = Actor.system("test")
_keys = count(1)


def attempt(customer_id: int, *shares: tuple[Document, int]) -> Source:
    """An attempt to pay these parts of these documents."""
    payment = Payment(
        mode=Mode.TEST,
        customer_id=customer_id,
        provider="test",
        method=PaymentMethodKind.IDEAL,
        currency="EUR",
        amount_minor=sum(amount for _, amount in shares),
        idempotency_key=f"key-{next(_keys)}",
        created_at=START,
    )
    db.session.add(payment)
    db.session.flush()
    booking.plan(payment.id, [Share(document.id, amount) for document, amount in shares])
    db.session.flush()
    return Source(payment.id, customer_id, Mode.TEST, "EUR")


def book(source: Source, received: int) -> list[int]:
    """Books what arrived; the ids of the documents that got something."""
    return [document.id for document in booking.book_payment(source, received, now=START, actor=ACTOR)]


def reverse(source: Source, *, is_mistake: bool = False) -> list[int]:
    """Takes a payment back; the ids of the documents that reopened."""
    reopened = booking.reverse_payment(source, now=START, actor=ACTOR, is_mistake=is_mistake)
    return [document.id for document in reopened]


def credit(customer_id: int) -> int:
    """The customer's credit."""
    return booking.credit_balance(customer_id, mode=Mode.TEST, currency="EUR")


def spend_credit(document: Document, amount: int) -> None:
    """Uses credit for a document."""
    spending.spend_credit(
        Account(document.customer_id, Mode.TEST, "EUR"), [Share(document.id, amount)], now=START, actor=ACTOR
    )
