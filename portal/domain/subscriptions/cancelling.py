"""Ending a subscription: what that means, at once or on a date, and taking it back (product.md, P-SUB-CANCEL).

Asking for it makes a ticket, so ``domain.tickets.cancelling`` is what a customer's page calls; the run that works off
what is due calls ``end`` on the date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import audit, locale, signals
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.core.tables import LabelEnum
from portal.domain.catalog.models import CancelMode
from portal.domain.invoices.crediting import creditable
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer
from portal.domain.people.queries import get_customer
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop
from portal.domain.subscriptions import forecast, mails, notice, prepaid
from portal.domain.subscriptions.forecast import DAY, Bill
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.domain.subscriptions.standing import (
    BILL_DUE,
    Whole,
    find_waiting,
    list_waiting,
    lock_subscription,
    read_whole,
    standing_of,
    today_of,
)
from portal.domain.subscriptions.states import BILLED, LIFE, Move
from portal.extensions import db

#: Sent inside the transaction, with ``subscription``, ``actor`` and ``now``, when one was cancelled.
subscription_cancelled = signals.signal("subscription_cancelled")


#: Under which name a waiting cancellation holds the day of the bill that would come after it.
HELD = "held_bill_on"


class Reason(LabelEnum):
    """Why somebody cancels."""

    TOO_EXPENSIVE = "too_expensive", _l("Too expensive")
    SWITCHING = "switching", _l("I am switching to another provider")
    NOT_NEEDED = "not_needed", _l("I no longer need it")
    OTHER = "other", _l("Another reason")


@dataclass(frozen=True)
class Billed:
    """The period that was billed last: its days, and what its invoice came to in minor units.

    ``is_credited``: nothing is given back of its unused days, as credit notes took them back before.
    """

    first_day: date
    last_day: date
    total_minor: int
    is_credited: bool


@dataclass(frozen=True)
class Ending:
    """What a cancellation of today means.

    ``effective_on`` is the first day on which it is cancelled, ``last_day`` the last that is paid for. ``bills`` come
    until then, ``credit`` is what is given back of the last one.
    """

    at_once: bool
    effective_on: date
    last_day: date
    bills: tuple[Bill, ...]
    credit: prepaid.Rest | None
    #: Whether a planned change of plan is off then.
    loses_switch: bool = False
    #: Whether it cannot end at once, as the days since a bill that is due were not billed yet.
    waits_for_bill: bool = False
    #: What was billed last, for the page that asks.
    billed: Billed | None = None
    #: How many days after the last one were billed.
    unused_days: int = 0

    @property
    def token(self) -> str:
        """What a page showed, so that nobody confirms something else."""
        last = self.bills[-1].amount_minor if self.bills else 0
        credit = self.credit.total_minor if self.credit else 0
        return f"{self.effective_on.isoformat()}.{len(self.bills)}.{last}.{credit}"


def preview(subscription_id: int, *, today: date) -> Ending:
    """What cancelling means today. For the page that asks; nothing is held."""
    whole = read_whole(subscription_id)
    ending = _ending(whole, list_waiting(subscription_id), today=today)
    period = whole.period
    invoice = db.session.get(Document, period.document_id) if period and period.document_id else None
    if period is None or invoice is None:
        return ending
    # Asked only where nothing is given back of days that were billed.
    is_nothing = ending.unused_days > 0 and ending.credit is None
    is_credited = is_nothing and creditable(invoice) < invoice.total_minor
    return replace(ending, billed=Billed(period.starts_on, period.ends_on, invoice.total_minor, is_credited))


def ends_at_once(whole: Whole) -> bool:
    """Whether a cancellation needs no notice: its product says so, or nothing began yet."""
    never_began = whole.subscription.status is SubscriptionStatus.PENDING_MANDATE
    return never_began or whole.product.cancel_mode is CancelMode.IMMEDIATE


def right_to_cancel(subscription_id: int) -> notice.Right | None:
    """Why the shop has to take a cancellation of it, as it stands; None where it may refuse. For the office."""
    whole = read_whole(subscription_id)
    return notice.right_to_cancel(standing_of(whole, ()), whole.customer.kind)


def _ending(
    whole: Whole, changes: Sequence[SubscriptionChange], *, today: date, locked: bool = False
) -> Ending:
    # A planned change of plan is off with the cancellation, so nothing is billed by it.
    kept = [each for each in changes if each.kind is not ChangeKind.SWITCH]
    standing = standing_of(whole, kept)
    at_once = ends_at_once(whole)
    if at_once:
        # The day has begun, so it counts as used.
        effective, last_day = today, today
        bills: tuple[Bill, ...] = ()
    else:
        effective = notice.effective_on(
            standing, today=today, notice_days=whole.product.notice_days, kind=whole.customer.kind
        )
        last_day = notice.last_day_before(effective)
        bills = tuple(forecast.bills(standing, until=effective))
    # A bill of before the end is for no day after it, so only what is paid already can be too much.
    days = 0 if bills else forecast.prepaid_days(standing, last_day + DAY)
    rest = prepaid.rest_of(whole, days, locked=locked)
    waits = at_once and forecast.is_bill_due(standing, today)
    return Ending(
        at_once,
        effective,
        last_day,
        bills,
        rest,
        len(kept) < len(changes),
        waits,
        unused_days=days,
    )


def cancel_now(subscription_id: int, *, told: str | None, actor: Actor, now: datetime) -> Ending | None:
    """Cancels at once, with a credit for the prepaid rest. None when it was cancelled before.

    For members who may change subscriptions, where ``ends_at_once``. ``told`` is the token of the ending that they
    confirmed; ``Conflict`` when it means something else by now, and while a bill is due.
    """
    subscription = lock_subscription(subscription_id)
    if LIFE.next(subscription.status, Move.CANCEL) is None:
        return None
    whole = read_whole(subscription_id)
    if not ends_at_once(whole):
        raise _changed()
    today = today_of(subscription, now)
    ending = _ending(whole, list_waiting(subscription_id), today=today, locked=True)
    if ending.waits_for_bill:
        raise Conflict(BILL_DUE)
    if told is not None and told != ending.token:
        raise _changed()
    end(subscription, ending, actor=actor, now=now)
    return ending


def end(subscription: Subscription, ending: Ending, *, actor: Actor, now: datetime) -> Document | None:
    """Cancels a subscription that is locked: whatever was planned is off, the rest is credited, the account is told.

    Done before it does nothing. Returns the credit note, if there is one.
    """
    after = LIFE.next(subscription.status, Move.CANCEL)
    if after is None:
        return None
    shop, customer = get_shop(subscription.shop_id), get_customer(subscription.customer_id)
    before, subscription.status = subscription.status, after
    subscription.ended_on = ending.last_day
    subscription.next_billing_on = subscription.resume_on = None
    subscription.unused_days = 0
    for change in list_waiting(subscription.id):
        done = change.kind is ChangeKind.CANCEL
        change.status = ChangeStatus.DONE if done else ChangeStatus.WITHDRAWN
        change.done_at = now
    audit.record(
        "subscription.cancelled",
        subscription,
        actor=actor,
        now=now,
        before=before.value,
        effective_on=ending.effective_on.isoformat(),
        credit_minor=ending.credit.total_minor if ending.credit else 0,
    )
    credit_note = _credit(subscription, ending, shop=shop, customer=customer, actor=actor, now=now)
    subscription_cancelled.send(subscription=subscription, actor=actor, now=now)
    mails.cancelled(subscription, ending, credit_note, now=now)
    credit = ending.credit.total_minor if ending.credit else 0
    mails.cancelled_for_staff(subscription, last_day=ending.last_day, credit_minor=credit, now=now)
    return credit_note


def _credit(
    subscription: Subscription, ending: Ending, *, shop: Shop, customer: Customer, actor: Actor, now: datetime
) -> Document | None:
    if ending.credit is None:
        return None
    language = ending.credit.document.language
    with force_locale(language):
        day = locale.date(ending.last_day, language, "long")
        note = _("%(name)s ended on %(date)s: the days after that.", name=subscription.name, date=day)
    return prepaid.credit_rest(ending.credit, shop=shop, customer=customer, note=note, actor=actor, now=now)


def request(
    subscription_id: int,
    *,
    reason: Reason | None,
    told: str | None,
    actor: Actor,
    now: datetime,
) -> tuple[SubscriptionChange, Ending | None]:
    """Notes that it is to end on its date, and tells the account; a planned change of plan is off.

    For ``tickets.cancelling``. Asked for twice, the change is the first one, and no ending is returned. Raises
    ``Conflict`` as ``cancel_now`` does, and for what has ended.
    """
    subscription = lock_subscription(subscription_id)
    known = find_waiting(subscription_id, ChangeKind.CANCEL)
    if known is not None:
        return known, None
    whole, waiting = read_whole(subscription_id), list_waiting(subscription_id)
    if LIFE.next(subscription.status, Move.CANCEL) is None or ends_at_once(whole):
        raise _changed()
    today = today_of(subscription, now)
    ending = _ending(whole, waiting, today=today)
    if told is not None and told != ending.token:
        raise _changed()
    for other in waiting:
        if other.kind is ChangeKind.SWITCH:
            other.status, other.done_at = ChangeStatus.WITHDRAWN, now
    change = SubscriptionChange(
        subscription_id=subscription_id,
        kind=ChangeKind.CANCEL,
        effective_on=ending.effective_on,
        data={"asked_on": today.isoformat(), "reason": reason.value if reason else None},
        created_at=now,
    )
    db.session.add(change)
    hold_bill(subscription, change)
    audit.record(
        "subscription.cancellation_requested",
        subscription,
        actor=actor,
        now=now,
        effective_on=ending.effective_on.isoformat(),
        reason=reason.value if reason else None,
    )
    db.session.flush()
    mails.cancellation_received(subscription, ending, asked_on=today, now=now)
    return change, ending


def hold_bill(subscription: Subscription, change: SubscriptionChange) -> None:
    """Of a bill that comes on or after the day of a cancellation nobody is told, and it is not made.

    The change holds its day, so that taking the cancellation back brings it back. For whoever writes that day while a
    cancellation waits, too.
    """
    on = subscription.next_billing_on
    if on is not None and on >= change.effective_on:
        change.data = {**change.data, HELD: on.isoformat()}
        subscription.next_billing_on = None


def withdraw(subscription_id: int, *, actor: Actor, now: datetime) -> SubscriptionChange | None:
    """Takes a cancellation back before its date: the subscription goes on. None when there is none.

    For ``tickets.cancelling``. Raises ``Conflict`` once the date has come.
    """
    subscription = lock_subscription(subscription_id)
    change = _take_back(subscription, "subscription.cancellation_withdrawn", actor=actor, now=now)
    if change is not None:
        mails.cancellation_withdrawn(subscription, now=now)
    return change


def reject(subscription_id: int, *, actor: Actor, now: datetime) -> SubscriptionChange | None:
    """The shop keeps the subscription in place of a cancellation that waits. None when there is none.

    For ``tickets.cancelling``, which tells the account. Raises ``Conflict`` once the date has come, and where the
    customer has a right to it.
    """
    subscription = lock_subscription(subscription_id)
    right = right_to_cancel(subscription_id)
    if right is not None:
        raise Conflict(right.label)
    return _take_back(subscription, "subscription.cancellation_rejected", actor=actor, now=now)


def _take_back(
    subscription: Subscription, event: str, *, actor: Actor, now: datetime
) -> SubscriptionChange | None:
    """A locked subscription goes on: the cancellation that waits is off, and the bill it held comes back."""
    change = find_waiting(subscription.id, ChangeKind.CANCEL)
    if change is None:
        return None
    if change.effective_on <= today_of(subscription, now):
        raise Conflict(_l("The date of the cancellation has come, so it cannot be taken back any more."))
    change.status, change.done_at = ChangeStatus.WITHDRAWN, now
    if HELD in change.data and subscription.status in BILLED:
        subscription.next_billing_on = date.fromisoformat(change.data[HELD])
    audit.record(event, subscription, actor=actor, now=now, effective_on=change.effective_on.isoformat())
    db.session.flush()
    return change


def _changed() -> Conflict:
    return Conflict(_l("This changed meanwhile. Please look again at what happens, and confirm it."))
