"""The parts of the pages about payment methods, in the words their templates use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.core import clock
from portal.core.shops import current_shop
from portal.domain.collections.planned import PlanDebit
from portal.domain.collections.revoking import Consequences
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments.models import Payment
from portal.domain.payments.saving import Ending
from portal.domain.subscriptions.paid_with import MethodRow, PaidWith

ICONS = {MethodKind.SEPA: "building-bank", MethodKind.CARD: "credit-card"}


@dataclass(frozen=True)
class Debit:
    """Money that will be taken, or is being taken. ``late``: its day is past."""

    title: str
    on: date
    amount_minor: int
    currency: str
    under_way: bool
    late: bool = False


def name_of(method: PaymentMethod | MethodRow) -> str:
    """What people know it by: its masked number, and its kind while there is none."""
    return method.masked or str(method.kind.label)


def list_row(row: MethodRow, plans: list[PlanDebit]) -> dict[str, Any]:
    """What ``payment_methods/index.html`` reads of a method beside its own fields; ``plans`` are the account's."""
    own = [plan for plan in plans if plan.method_id == row.id]
    days = [row.next_debit_on, *(plan.on for plan in own)]
    return {
        "name": name_of(row),
        "pays": [text for text in (used_for(row), *(_plan(plan) for plan in own)) if text],
        "next_on": min((day for day in days if day is not None), default=None),
    }


def used_for(row: MethodRow) -> str:
    """The subscriptions that it pays, in a few words; empty for none."""
    if row.subscription is None:
        return ""
    if row.subscriptions == 1:
        return row.subscription
    text = ngettext(
        "%(name)s and one more",
        "%(name)s and %(num)s more",
        row.subscriptions - 1,
        name=row.subscription,
    )
    return str(text)


def debits(
    method: PaymentMethod,
    paid: list[PaidWith],
    under_way: list[Payment],
    plans: Sequence[PlanDebit] = (),
) -> list[Debit]:
    """What is being taken now, then what will be for subscriptions and payment plans, the next first.

    Only a valid method is charged; ``plans`` are those of the account.
    """
    zone = current_shop().time_zone
    found = [
        Debit(each.description, clock.today(zone, each.created_at), each.amount_minor, each.currency, True)
        for each in under_way
    ]
    if method.status is not MethodStatus.VALID:
        return found
    today = clock.today(zone)
    planned = [
        Debit(each.next_bill.name, each.next_bill.on, each.next_bill.amount_minor, each.row.currency, False)
        for each in paid
        if each.next_bill is not None
    ]
    planned += [
        Debit(_plan(each), each.on, each.amount_minor, each.currency, False, late=each.on < today)
        for each in plans
        if each.method_id == method.id and each.on is not None and each.amount_minor is not None
    ]
    return found + sorted(planned, key=lambda debit: debit.on)


def _plan(plan: PlanDebit) -> str:
    return str(_("Payment plan %(case)s", case=plan.case_number))


def told(ending: Ending) -> tuple[str, str]:
    """What to say to whoever comes back from the provider's page, and in which tone."""
    match ending:
        case Ending.SAVED:
            return _("It is saved. You can pay with it from now on."), "success"
        case Ending.KNOWN:
            return _("This was saved before already, so nothing changed."), "info"
        case Ending.WAITING:
            return _("The bank has not confirmed this yet. You can go on there where you stopped."), "info"
        case Ending.NOT_SAVED:
            return _("Nothing was saved. You can try again."), "warning"


def was_removed(name: str, done: Consequences | None) -> str:
    """What to say of one that is taken back, and what pays now what it paid."""
    other = name_of(done.successor) if done is not None and done.successor is not None else None
    if done is None or other is None or not (done.moving or done.plans):
        return str(_("%(name)s was removed.", name=name))
    if done.plans:
        return str(
            _("%(name)s was removed. What it paid is paid with %(other)s now.", name=name, other=other)
        )
    return str(
        _("%(name)s was removed. Your subscriptions are paid with %(other)s now.", name=name, other=other)
    )


def revoke_page(method: PaymentMethod, found: Consequences, under_way: list[Payment]) -> dict[str, Any]:
    """What ``payment_methods/revoke.html`` reads."""
    successor = found.successor
    return {
        "method": method,
        "name": name_of(method),
        "allowed": found.is_allowed,
        "depending": found.depending,
        "moving": found.moving,
        "plans": ", ".join(found.plans),
        "successor": None if successor is None else f"{successor.kind.label} {successor.masked}".strip(),
        "under_way": debits(method, [], under_way),
    }
