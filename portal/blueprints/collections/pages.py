"""The parts of the pages about a case, in the words their templates use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.core import locale
from portal.core.principals import MembershipInfo
from portal.core.templating import language
from portal.domain.collections.instalments import Instalment, amounts, possible_counts, progress
from portal.domain.collections.models import CaseStatus, PlanStatus
from portal.domain.collections.queries import CaseFacts, CasePlan
from portal.domain.collections.stages import path_to, stage_of
from portal.domain.collections.states import PLAN_AGREED
from portal.domain.invoices.disputing import is_disputed
from portal.domain.invoices.models import DocumentKind
from portal.domain.methods.models import MethodKind, PaymentMethod
from portal.domain.people.permissions import Permission


@dataclass(frozen=True)
class Notice:
    """What is said in colour: why, and maybe one thing to do about it (label, address)."""

    title: str
    text: str | None
    tone: str
    icon: str
    action: tuple[str, str] | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened, as the timeline shows it."""

    icon: str
    title: str
    at: datetime
    tone: str | None = None
    detail: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    state: Any = None


def banner(case: CaseFacts, plan: SimpleNamespace | None, today: date) -> Notice:
    """How it stands with a case, on top of its page; ``plan`` is its ``plan_card``."""
    amount = locale.money(case.remaining_minor, case.currency, language())
    match case.status:
        case CaseStatus.ACTIVE if is_disputed(case.invoice):
            text = _("Until we have answered no letters are sent and no costs are added.")
            return Notice(_("You object to this invoice"), text, "azure", "message-question")
        case CaseStatus.ACTIVE:
            title = _("%(stage)s: please pay %(amount)s", stage=case.stage.label, amount=amount)
            return Notice(title, _meaning(case, today), case.stage.tone, "alert-triangle")
        case CaseStatus.ON_HOLD:
            text = _("No letters are sent and no costs are added meanwhile. You can still pay.")
            return Notice(_("This case is on hold"), text, "azure", "player-pause")
        case CaseStatus.WITH_PLAN if plan is not None and plan.is_late:
            text = _(
                "%(amount)s was due on %(date)s.",
                amount=locale.money(plan.next_minor, case.currency, language()),
                date=locale.date(plan.next.due_on, language(), "long"),
            )
            return Notice(_("An instalment of your payment plan is late"), text, "orange", "alert-triangle")
        case CaseStatus.WITH_PLAN:
            text = _("As long as you keep to the plan, no more letters and no more costs follow.")
            return Notice(_("You pay this in instalments"), text, "azure", "calendar")
        case CaseStatus.PAID if case.remaining_minor:
            text = _("A payment was taken back. Please pay again, or ask us about it.")
            return Notice(_("%(amount)s is open again", amount=amount), text, "red", "alert-triangle")
        case CaseStatus.PAID:
            title = _("Everything is paid. Thank you!") if case.paid_minor else _("Nothing is left to pay")
            return Notice(title, None, "green", "circle-check")
        case CaseStatus.WAIVED:
            return Notice(_("You need not pay the rest"), _("The shop waived it."), "grey", "circle-check")
        case CaseStatus.CLOSED:
            return Notice(_("This case is closed"), None, "grey", "info-circle")
        case _:
            text = _("You need not do anything about it.")
            return Notice(_("This case was cancelled"), text, "grey", "info-circle")


def _meaning(case: CaseFacts, today: date) -> str:
    """What the stage of a case means, with the day of its letter, and until when a formal notice gives."""
    if case.stage_since is None:
        return str(case.stage.meaning)
    sent = locale.date(case.stage_since, language(), "long")
    ends_on = case.notice_ends_on
    if ends_on is None:
        return str(case.stage.since) % {"date": sent}
    last = locale.date(ends_on, language(), "long")
    if ends_on < today:
        said = _(
            "You got a formal notice on %(date)s. You could pay without extra costs up to and including %(last)s. The"
            " shop may add collection fees from now on; as long as it has not, what you see here is all there is to"
            " pay.",
            date=sent,
            last=last,
        )
    else:
        said = _(
            "You got a formal notice on %(date)s. Pay by %(last)s at the latest and it costs nothing extra.",
            date=sent,
            last=last,
        )
    return str(said)


def plan_notice(case: CaseFacts, account: MembershipInfo) -> Notice | None:
    """What there is to know of a plan that is not being paid: asked for, refused, without a method, broken off."""
    plan = case.plan
    if plan is None or not case.is_running:
        return None
    talk = _conversation(plan, account)
    match plan.status:
        case PlanStatus.REQUESTED:
            title = _("You asked for a payment plan in %(count)s instalments", count=plan.count)
            text = _("Nothing starts before the shop agrees. Until then this case goes on as it is.")
            return Notice(title, text, "azure", "hourglass", talk)
        case PlanStatus.REFUSED:
            text = _("Its answer says why. You can pay now, or ask for another plan.")
            return Notice(_("The shop did not agree to the payment plan"), text, "grey", "circle-x", talk)
        case PlanStatus.PENDING_MANDATE:
            may = account.can(Permission.COLLECTIONS_PLAN)
            return Notice(
                _("Choose what pays the instalments"),
                _("The shop agreed. The plan begins once you say what the instalments are collected from."),
                "yellow",
                "credit-card",
                (_("Choose"), url_for("collections.method", public_id=case.public_id)) if may else None,
            )
        case PlanStatus.BROKEN:
            text = _("Please pay what is left, or ask for a new plan.")
            return Notice(_("The payment plan was broken off"), text, "red", "alert-triangle")
        case _:
            return None


def _conversation(plan: CasePlan, account: MembershipInfo) -> tuple[str, str] | None:
    if plan.ticket_public_id is None or not account.can(Permission.TICKETS):
        return None
    return _("Read the conversation"), url_for("support.show", public_id=plan.ticket_public_id)


def plan_card(case: CaseFacts, instalments: Sequence[Instalment], today: date) -> SimpleNamespace | None:
    """A plan that was agreed to: how far it is, what comes next and when, and all of its instalments."""
    if case.plan is None or case.plan.status not in PLAN_AGREED or not instalments:
        return None
    found = progress(instalments, case.remaining_minor)
    # What comes next counts money under way: a direct debit takes days, and is not late meanwhile.
    expected = progress(instalments, case.remaining_minor - case.under_way_minor)
    days_late = (today - expected.next.due_on).days if expected.next is not None else 0
    return SimpleNamespace(
        paid_minor=found.paid_minor,
        total_minor=found.total_minor,
        paid_count=found.paid_count,
        count=found.count,
        next=expected.next,
        next_minor=expected.next_minor,
        is_late=days_late > 0,
        days_late=max(0, days_late),
        is_active=case.plan.status is PlanStatus.ACTIVE,
        rows=[
            SimpleNamespace(
                position=each.position,
                due_on=each.due_on,
                amount_minor=each.amount_minor,
                left_minor=left,
                partly_minor=each.amount_minor - left if left else 0,
                is_paid=each.position <= found.paid_count,
                is_under_way=found.paid_count < each.position <= expected.paid_count,
                is_late=each.position > expected.paid_count and each.due_on < today,
            )
            for each, left in zip(instalments, found.left_minor, strict=True)
        ],
    )


def documents(case: CaseFacts) -> list[SimpleNamespace]:
    """The documents of a case: first its invoice, then what came on top."""
    ordered = sorted(case.documents, key=lambda each: (each.id != case.invoice.id, each.id))
    return [
        SimpleNamespace(
            number=each.number,
            kind=None if each.kind is DocumentKind.INVOICE else each.kind.label,
            url=url_for("invoices.show", public_id=each.public_id),
            total_minor=each.total_minor,
            open_minor=max(0, each.open_minor),
        )
        for each in ordered
    ]


def pay_url(case: CaseFacts, account: MembershipInfo) -> str | None:
    """Where all that remains is paid in one payment; none where nothing can be, or not by this role."""
    may = account.can(Permission.INVOICES_PAY) and (case.is_running or case.status is CaseStatus.PAID)
    if not may or not case.payable:
        return None
    return url_for("invoices.pay_several", invoice=[each.public_id for each in case.payable])


def events(rows: Sequence[Any]) -> list[Event]:
    """What happened in a case, for its timeline; what is the shop's own is left out."""
    return [event for row in rows if (event := _event(row)) is not None]


def _event(row: Any) -> Event | None:
    match row.kind:
        case "letter_sent":
            stage = stage_of(row.data.get("stage", 0))
            return Event("mail", _("Letter: %(stage)s", stage=stage.label), row.created_at, stage.tone)
        case "plan_requested":
            title = _("Payment plan in %(count)s instalments asked for", count=row.data.get("count", ""))
            return Event("calendar", title, row.created_at)
        case "plan_agreed":
            return Event("circle-check", _("Payment plan agreed"), row.created_at, "green")
        case "plan_refused":
            return Event("circle-x", _("Payment plan not agreed to"), row.created_at)
        case "plan_begun":
            return Event("repeat", _("Payment plan begun"), row.created_at, "azure")
        case "paid":
            return Event("circle-check", _("Nothing left to pay"), row.created_at, "green")
        case _:
            return None


def choices(case: CaseFacts) -> list[SimpleNamespace]:
    """In how many instalments one may ask to pay what remains, each with its amount, as cards to choose from."""
    return [
        SimpleNamespace(
            value=str(count),
            title=ngettext("%(num)s instalment", "%(num)s instalments", count),
            detail=_each(amounts(case.remaining_minor, count), case.currency),
            icon=None,
        )
        for count in possible_counts(case.remaining_minor)
    ]


def _each(parts: list[int], currency: str) -> str:
    each, last = (locale.money(minor, currency, language()) for minor in (parts[0], parts[-1]))
    if each == last:
        return str(_("%(amount)s a month", amount=each))
    return str(_("%(amount)s a month, the last %(last)s", amount=each, last=last))


def methods(found: Sequence[PaymentMethod]) -> list[SimpleNamespace]:
    """Saved methods as cards to choose from."""
    return [
        SimpleNamespace(
            value=each.public_id,
            title=each.masked or each.kind.label,
            detail=each.kind.label if each.masked else "",
            icon="building-bank" if each.kind is MethodKind.SEPA else "credit-card",
        )
        for each in found
    ]


def stages(case: CaseFacts) -> SimpleNamespace:
    """The stages that a case passes, and where it stands."""
    path = path_to(case.stage.number)
    return SimpleNamespace(
        labels=[stage.label for stage in path], current=path.index(case.stage), tone=case.stage.tone
    )
