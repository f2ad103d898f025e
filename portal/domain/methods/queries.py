"""Finding saved ways to pay."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from portal.core.errors import NotFound
from portal.core.statements import Statement, bound
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode
from portal.extensions import db


def lock_account(customer_id: int) -> None:
    """Holds the account's methods for this transaction: whoever changes them takes turns here.

    Payments, which merely name the account, need not wait.
    """
    db.session.execute(
        sa.select(Customer.id).where(Customer.id == customer_id).with_for_update(key_share=True)
    )


def lock_method(method_id: int) -> PaymentMethod:
    """A method as it is now, its account held by this transaction."""
    method = db.session.get_one(PaymentMethod, method_id)
    lock_account(method.customer_id)
    db.session.refresh(method)
    return method


def list_chargeable(customer_id: int) -> list[PaymentMethod]:
    """The customer's valid methods, the default first. For people of that customer."""
    return list(_chargeable(customer_id=customer_id).scalars())


@bound
def _chargeable(customer_id: int) -> Statement:
    return (
        sa.select(PaymentMethod)
        .where(
            PaymentMethod.customer_id == customer_id,
            PaymentMethod.status == MethodStatus.VALID,
            PaymentMethod.provider_ref.is_not(None),
        )
        .order_by(PaymentMethod.is_default.desc(), PaymentMethod.id)
    )


def get_method(customer_id: int, public_id: str) -> PaymentMethod:
    """A method of this customer by its public id; ``NotFound`` for anybody else's."""
    method = db.session.scalar(
        sa.select(PaymentMethod).where(
            PaymentMethod.customer_id == customer_id, PaymentMethod.public_id == public_id
        )
    )
    if method is None:
        raise NotFound(public_id)
    return method


def get_method_of(public_id: str, *, customer_ids: Collection[int], mode: Mode) -> PaymentMethod:
    """A method of one of these accounts; ``NotFound`` for any other, whoever owns it."""
    method = db.session.scalar(
        sa.select(PaymentMethod).where(
            PaymentMethod.public_id == public_id,
            PaymentMethod.customer_id.in_(customer_ids),
            PaymentMethod.mode == mode,
        )
    )
    if method is None:
        raise NotFound(public_id)
    return method


def find_default(customer_id: int) -> PaymentMethod | None:
    """What the account pays with when nothing says otherwise."""
    return db.session.scalar(
        sa.select(PaymentMethod).where(PaymentMethod.customer_id == customer_id, PaymentMethod.is_default)
    )


def find_pending(customer_id: int, kind: MethodKind, provider: str) -> PaymentMethod | None:
    """What the account is saving at this moment: one that was begun and not yet agreed to, the newest."""
    return db.session.scalar(
        sa.select(PaymentMethod)
        .where(
            PaymentMethod.customer_id == customer_id,
            PaymentMethod.kind == kind,
            PaymentMethod.provider == provider,
            PaymentMethod.status == MethodStatus.PENDING,
        )
        .order_by(PaymentMethod.id.desc())
        .limit(1)
    )


def count_begun(customer_id: int, *, since: datetime) -> int:
    """How many the account began to save since a moment, whatever became of them."""
    found = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(PaymentMethod)
        .where(PaymentMethod.customer_id == customer_id, PaymentMethod.created_at > since)
    )
    return found or 0


def find_by_provider(provider: str, provider_ref: str) -> PaymentMethod | None:
    """The method of this shop that a provider knows by this id."""
    return db.session.scalar(
        sa.select(PaymentMethod).where(
            PaymentMethod.provider == provider, PaymentMethod.provider_ref == provider_ref
        )
    )


def find_twin(method: PaymentMethod, fingerprint: str | None) -> PaymentMethod | None:
    """Another valid method of the same account at the same provider for the same number."""
    if fingerprint is None:
        return None
    return db.session.scalar(
        sa.select(PaymentMethod).where(
            PaymentMethod.customer_id == method.customer_id,
            PaymentMethod.provider == method.provider,
            PaymentMethod.fingerprint == fingerprint,
            PaymentMethod.status == MethodStatus.VALID,
            PaymentMethod.id != method.id,
        )
    )


def list_to_ask(*, before: datetime, limit: int = 500) -> list[int]:
    """Methods that were begun before a moment and are not decided: their ids, oldest first."""
    return list(
        db.session.scalars(
            sa.select(PaymentMethod.id)
            .where(PaymentMethod.status == MethodStatus.PENDING, PaymentMethod.created_at < before)
            .order_by(PaymentMethod.created_at)
            .limit(limit)
        )
    )
