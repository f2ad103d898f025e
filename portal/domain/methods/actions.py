"""What happens to a saved way to pay. Callers commit.

Who changes several methods of an account, or counts on how the others stand, calls ``queries.lock_account`` first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.domain.methods import mails, queries
from portal.domain.methods.models import MethodStatus, PaymentMethod
from portal.domain.methods.states import LIFE, Move
from portal.extensions import db


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """What a provider says of a method that its customer agreed to, in values of ours."""

    provider_ref: str
    customer_ref: str
    masked: str
    holder: str
    fingerprint: str | None
    signed_on: date
    expires_on: date | None


def note_use(method: PaymentMethod, *, now: datetime) -> None:
    """A charge was begun with it: a SEPA mandate dies after 36 months without one. For ``start_payment``."""
    method.last_used_at = now


def confirm(method: PaymentMethod, agreed: Agreed, *, actor: Actor, now: datetime) -> None:
    """The provider says that it can be charged. The first valid one of an account becomes its default.

    The account is locked; it is told, once, however often the provider says so.
    """
    if LIFE.next(method.status, Move.CONFIRM) is None:
        return
    method.provider_ref, method.customer_ref = agreed.provider_ref, agreed.customer_ref
    method.masked, method.holder = agreed.masked, agreed.holder
    method.fingerprint = agreed.fingerprint
    method.signed_on, method.expires_on = agreed.signed_on, agreed.expires_on
    method.is_default = queries.find_default(method.customer_id) is None
    _move(method, Move.CONFIRM, actor=actor, now=now, kind=method.kind.value)
    mails.added(method, now=now)


def invalidate(method: PaymentMethod, *, reason: str, actor: Actor, now: datetime) -> None:
    """It can not, or no longer, be charged. Another valid one takes over as the default.

    The account is locked; of one that was valid it is told.
    """
    if LIFE.next(method.status, Move.INVALIDATE) is not None:
        was_valid = method.status is MethodStatus.VALID
        _move(method, Move.INVALIDATE, actor=actor, now=now, reason=reason)
        _hand_over_default(method, actor=actor, now=now)
        if was_valid:
            mails.removed(method, ended_there=True, successor=None, now=now)


def revoke(method: PaymentMethod, *, actor: Actor, now: datetime) -> None:
    """The customer takes it back. For ``collections.revoking``, which looks what depends on it and tells the account;
    locked too.
    """
    if LIFE.next(method.status, Move.REVOKE) is not None:
        method.revoked_at = now
        _move(method, Move.REVOKE, actor=actor, now=now)
        _hand_over_default(method, actor=actor, now=now)


def make_default(method: PaymentMethod, *, actor: Actor, now: datetime) -> None:
    """What the account pays with from now on, unless something says otherwise. For people who may change methods.

    ``Conflict`` for one that cannot be charged. Said twice it is one change; of two at once the later one holds.
    """
    queries.lock_account(method.customer_id)
    db.session.refresh(method)
    if method.status is not MethodStatus.VALID:
        raise Conflict(_l("Only a payment method that is valid can be the default."))
    if not method.is_default:
        _set_default(method, actor=actor, now=now)


def _hand_over_default(method: PaymentMethod, *, actor: Actor, now: datetime) -> None:
    if method.is_default:
        method.is_default = False
        db.session.flush()
        others = queries.list_chargeable(method.customer_id)
        if others:
            _set_default(others[0], actor=actor, now=now)


def _set_default(method: PaymentMethod, *, actor: Actor, now: datetime) -> None:
    # First the old one, in a statement of its own: the index allows no moment with two.
    db.session.execute(
        sa.update(PaymentMethod)
        .where(PaymentMethod.customer_id == method.customer_id, PaymentMethod.is_default)
        .values(is_default=False, version=PaymentMethod.version + 1)
        .execution_options(synchronize_session="fetch")
    )
    method.is_default = True
    audit.record("method.made_default", method, actor=actor, now=now)
    db.session.flush()


def _move(method: PaymentMethod, move: Move, *, actor: Actor, now: datetime, **data: Any) -> None:
    before, method.status = method.status, LIFE.next(method.status, move) or method.status
    audit.record(f"method.{method.status.value}", method, actor=actor, now=now, before=before.value, **data)
    db.session.flush()
