"""Taking back a saved method: what hangs on it goes to another one first, or it stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.domain.methods import actions
from portal.domain.methods.models import MethodStatus, PaymentMethod
from portal.domain.methods.queries import list_chargeable, lock_method
from portal.domain.payments import saving
from portal.domain.subscriptions.models import Subscription
from portal.domain.subscriptions.paid_with import count_paid_with
from portal.domain.subscriptions.states import COUNTED_ACTIVE, RUNNING
from portal.extensions import db


@dataclass(frozen=True)
class Consequences:
    """What taking back a method would mean now.

    ``moving`` subscriptions go to ``successor``, or to none. Without one ``depending`` says how many active ones
    keep the method from being taken back.
    """

    successor: PaymentMethod | None
    moving: int
    depending: int

    @property
    def is_allowed(self) -> bool:
        """Whether nothing active would be left without a way to be paid."""
        return self.successor is not None or self.depending == 0


def consequences(method: PaymentMethod) -> Consequences:
    """For the page that asks, and for the action itself, which holds the account."""
    others = [other for other in list_chargeable(method.customer_id) if other.id != method.id]
    return Consequences(
        successor=others[0] if others else None,
        moving=count_paid_with(method.id, RUNNING),
        depending=count_paid_with(method.id, COUNTED_ACTIVE),
    )


def revoke_method(
    method: PaymentMethod, *, successor: str | None, actor: Actor, now: datetime
) -> Consequences | None:
    """Takes a method back, here at once and at its provider by background work. None when it was done before.

    For people who may change methods. ``successor`` is the public id of the method that they were told would take
    over, or none. ``Conflict`` when that is no longer so, when active subscriptions depend on it, and for one that is
    not valid. Debits under way go on: what has reached the bank is not called back.
    """
    method = lock_method(method.id)
    if method.status is MethodStatus.REVOKED:
        return None
    found = consequences(method)
    if not found.is_allowed:
        raise Conflict(
            _l("Active subscriptions are paid with this, and there is no other valid payment method yet.")
        )
    if (found.successor.public_id if found.successor else None) != successor:
        raise Conflict(_l("Your payment methods changed meanwhile. Please look again."))
    actions.revoke(method, actor=actor, now=now)
    _hand_over(method, found.successor, actor=actor, now=now)
    saving.queue_end(method, now=now)
    return found


def _hand_over(
    method: PaymentMethod, successor: PaymentMethod | None, *, actor: Actor, now: datetime
) -> None:
    used_by = sa.select(Subscription).where(
        Subscription.payment_method_id == method.id, Subscription.status.in_(RUNNING)
    )
    for subscription in db.session.scalars(used_by):
        subscription.payment_method_id = successor.id if successor else None
        audit.record(
            "subscription.method_changed",
            subscription,
            actor=actor,
            now=now,
            before=method.id,
            after=subscription.payment_method_id,
        )
    db.session.flush()
