"""Taking back a saved method: what hangs on it goes to another one first, or it stays (P-PM-REVOKE).

Subscriptions and payment plans hang on a method, so this stands in the area that knows both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.domain.collections.models import CollectionCase, PaymentPlan
from portal.domain.collections.states import PLAN_AGREED
from portal.domain.methods import actions, mails
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

    ``moving`` subscriptions go to ``successor``, or to none, and so do the payment plans of the cases with these
    numbers. Without one ``depending`` says how many active subscriptions keep the method from being taken back; every
    plan that was agreed to does.
    """

    successor: PaymentMethod | None
    moving: int
    depending: int
    plans: tuple[str, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether nothing active would be left without a way to be paid."""
        return self.successor is not None or not (self.depending or self.plans)


def consequences(method: PaymentMethod) -> Consequences:
    """For the page that asks, and for the action itself, which holds the account."""
    chargeable = list_chargeable(method.customer_id)
    others = [other for other in chargeable if other.id != method.id and other.mode is method.mode]
    cases = _of_plans(method, sa.select(CollectionCase.number)).order_by(CollectionCase.id)
    return Consequences(
        successor=others[0] if others else None,
        moving=count_paid_with(method.id, RUNNING),
        depending=count_paid_with(method.id, COUNTED_ACTIVE),
        plans=tuple(db.session.scalars(cases)),
    )


def revoke_method(
    method: PaymentMethod, *, successor: str | None, actor: Actor, now: datetime
) -> Consequences | None:
    """Takes a method back, here at once and at its provider by background work. None when it was done before.

    For people who may change methods; the account is told. ``successor`` is the public id of the method that they read
    would take over, or none. ``Conflict`` when that is no longer so, when active subscriptions or payment plans depend
    on it, and for one that is not valid. Debits under way go on: what has reached the bank is not called back.
    """
    method = lock_method(method.id)
    if method.status is MethodStatus.REVOKED:
        return None
    found = consequences(method)
    if not found.is_allowed:
        raise Conflict(_why_not(found))
    if (found.successor.public_id if found.successor else None) != successor:
        raise Conflict(_l("Your payment methods changed meanwhile. Please look again."))
    actions.revoke(method, actor=actor, now=now)
    _hand_over(method, found.successor, actor=actor, now=now)
    saving.queue_end(method, now=now)
    took_over = found.successor if found.moving or found.plans else None
    mails.removed(method, ended_there=False, successor=took_over, now=now)
    return found


def _why_not(found: Consequences) -> Any:
    if found.plans:
        return _l(
            "A payment plan is paid with this (%(cases)s), and there is no other valid payment method yet.",
            cases=", ".join(found.plans),
        )
    return _l("Active subscriptions are paid with this, and there is no other valid payment method yet.")


def _hand_over(
    method: PaymentMethod, successor: PaymentMethod | None, *, actor: Actor, now: datetime
) -> None:
    subscriptions = sa.select(Subscription).where(
        Subscription.payment_method_id == method.id, Subscription.status.in_(RUNNING)
    )
    # Whoever agrees to a plan, or says what pays it, holds the account, as this does; a payment that ends one does not.
    plans = _of_plans(method, sa.select(PaymentPlan)).order_by(PaymentPlan.id).with_for_update(of=PaymentPlan)
    after = successor.id if successor is not None else None
    for event, found in (("subscription", subscriptions), ("plan", plans)):
        for each in db.session.scalars(found.execution_options(populate_existing=True)).all():
            each.payment_method_id = after
            audit.record(f"{event}.method_changed", each, actor=actor, now=now, before=method.id, after=after)
    db.session.flush()


def _of_plans(method: PaymentMethod, what: Any) -> Any:
    """Of the plans that a method pays. By the cases of its account, of which there are few."""
    return what.join_from(CollectionCase, PaymentPlan, PaymentPlan.case_id == CollectionCase.id).where(
        CollectionCase.customer_id == method.customer_id,
        CollectionCase.mode == method.mode,
        PaymentPlan.payment_method_id == method.id,
        PaymentPlan.status.in_(PLAN_AGREED),
    )
