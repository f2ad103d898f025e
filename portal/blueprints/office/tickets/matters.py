"""What a ticket asks the shop to decide, by its type: the facts, and the ways to decide (product.md, P-OFF-SUP)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext as _

from portal.core import clock, locale
from portal.core.principals import StaffPrincipal
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.collections.instalments import amounts
from portal.domain.collections.models import PlanStatus
from portal.domain.collections.plans import find_plan
from portal.domain.invoices import ledger, spending
from portal.domain.payments import refunded, refunding, words
from portal.domain.payments.models import RefundStatus
from portal.domain.payments.refunded import Refunded
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.subscriptions.cancelling import right_to_cancel
from portal.domain.subscriptions.models import ChangeKind
from portal.domain.subscriptions.notice import last_day_before
from portal.domain.subscriptions.standing import find_waiting, read_whole
from portal.domain.subscriptions.states import RUNNING as RUNNING_SUBSCRIPTIONS
from portal.domain.tickets import granting, refunds, staff_queries, undecided
from portal.domain.tickets.models import DisputeStatus, TicketType
from portal.domain.tickets.states import ENDING, RUNNING, Move
from portal.extensions import db


@dataclass(frozen=True)
class Way:
    """A link to a page on which something is decided."""

    label: str
    url: str
    icon: str


@dataclass(frozen=True)
class File:
    """A file that can be granted again; ``url`` is where its button posts ``version`` to, None without the right.

    ``note``: why the customer cannot fetch it any more, None while they can.
    """

    name: str
    detail: str
    note: str | None
    url: str | None
    version: int


@dataclass(frozen=True)
class Matter:
    """What is asked for. ``takes_over``: the general moves in whose place the ``ways`` stand.

    ``links`` are facts that lead somewhere: what they are about, words and address.
    """

    title: str
    facts: tuple[tuple[str, str | None], ...] = ()
    hint: str | None = None
    ways: tuple[Way, ...] = ()
    files: tuple[File, ...] = ()
    takes_over: Collection[Move] = ()
    links: tuple[tuple[str, str, str], ...] = ()


def matter_of(ticket: Any, staff: StaffPrincipal) -> Matter | None:
    """What a ticket asks for, with the ways that this person may take; None for one that only wants an answer."""
    match ticket.type:
        case TicketType.DISPUTE:
            return _dispute(ticket, staff)
        case TicketType.REFUND_REQUEST:
            return _refund(ticket, staff)
        case TicketType.CANCEL_SUBSCRIPTION:
            return _cancellation(ticket, staff)
        case TicketType.BILLING if ticket.document_id is not None:
            return _plan(ticket, staff)
    return _downloads(ticket, staff) if ticket.order_id is not None else None


def _plan(ticket: Any, staff: StaffPrincipal) -> Matter | None:
    plan = find_plan(ticket.public_id)
    if plan is None:
        return None
    each = amounts(plan.total_minor, plan.instalment_count)
    is_open = plan.status is PlanStatus.REQUESTED
    return Matter(
        _("Payment plan"),
        (
            (_("In total"), _money(plan.total_minor, plan.currency)),
            (_("Monthly instalments"), str(plan.instalment_count)),
            (_("Each"), _money(each[0], plan.currency)),
            (_("The last"), _money(each[-1], plan.currency) if each[-1] != each[0] else None),
            (_("Status"), str(plan.status.label)),
        ),
        _("Free of interest and charges. Letters and fees stop once you agree.") if is_open else None,
        (
            Way(_("Agree…"), _to(ticket, "answer_plan", answer="agree"), "circle-check"),
            Way(_("Refuse…"), _to(ticket, "answer_plan", answer="refuse"), "circle-x"),
        )
        if is_open and staff.can(StaffPermission.CASES_CHANGE)
        else (),
        takes_over=ENDING if is_open else (),
    )


def _dispute(ticket: Any, staff: StaffPrincipal) -> Matter | None:
    dispute = staff_queries.find_dispute(ticket.id)
    if dispute is None:
        return None
    is_open = dispute.status is DisputeStatus.OPEN
    facts = ((_("Line"), dispute.line), (_("Status"), str(dispute.status.label)))
    if not is_open:
        return Matter(_("Dispute"), facts)
    ways = []
    if staff.can(StaffPermission.INVOICES_CHANGE) and ticket.document_public_id is not None:
        # Once there is a note, what more is to be taken back is for whoever makes the next one to say.
        ways.append(_credit_way(ticket, line=None if dispute.is_credited else dispute.line_position))
    if staff.can(StaffPermission.TICKETS_WRITE):
        if dispute.is_credited:
            ways.append(
                Way(
                    _("Accept: invoice credited…"),
                    _to(ticket, "answer_dispute", answer="credit"),
                    "circle-check",
                )
            )
        ways += [
            Way(
                _("Accept: invoice corrected…"),
                _to(ticket, "answer_dispute", answer="correct"),
                "circle-check",
            ),
            Way(_("Reject the objection…"), _to(ticket, "answer_dispute", answer="reject"), "circle-x"),
        ]
    hint = _("Reminders and collection of this invoice stand still until you answer.")
    if not dispute.is_credited:
        hint += " " + _("To answer by a credit note, make that first.")
    return Matter(_("Dispute"), facts, hint, tuple(ways), takes_over=ENDING)


def _cancellation(ticket: Any, staff: StaffPrincipal) -> Matter | None:
    change = undecided.find_waiting_of(ticket)
    if ticket.status not in RUNNING:
        return None
    if change is None:
        return _by_message(ticket)
    facts = [(_("Last day"), locale.date(last_day_before(change.effective_on), language(), "long"))]
    approved_on = undecided.approved_on(change)
    if approved_on is not None:
        facts.append((_("Approved on"), locale.date(approved_on, language(), "long")))
        hint = _("You approved this, so it is not decided again. Only the customer can still take it back.")
        return Matter(_("Cancellation"), tuple(facts), hint, takes_over=(Move.REJECT,))
    approve = Way(
        _("Approve and cancel…"), _to(ticket, "decide_cancellation", answer="approve"), "circle-check"
    )
    keep = Way(_("Reject and keep…"), _to(ticket, "decide_cancellation", answer="keep"), "circle-x")
    has_come = change.effective_on <= clock.today(current_shop().time_zone)
    right = None if has_come else right_to_cancel(change.subscription_id)
    if has_come:
        hint = _("Its last day is over: it ends by itself, and can no longer be kept.")
    elif right is not None:
        hint = _("It ends after this day by itself.") + f" {right.label}"
    else:
        hint = _("It ends after this day by itself, unless you keep it.")
    ways = (approve,) if has_come or right is not None else (approve, keep)
    return Matter(
        _("Cancellation"),
        tuple(facts),
        hint,
        ways if staff.can(StaffPermission.SUBSCRIPTIONS_CHANGE) else (),
        takes_over=(Move.REJECT,) if has_come else ENDING,
    )


def _by_message(ticket: Any) -> Matter:
    """A wish to cancel without a cancellation: what somebody wrote instead of pressing the button, if there is one."""
    whole = read_whole(ticket.subscription_id) if ticket.subscription_id is not None else None
    if (
        whole is not None
        and whole.subscription.status in RUNNING_SUBSCRIPTIONS
        and not (whole.product.allow_self_management and whole.product.allow_cancel)
        and find_waiting(whole.subscription.id, ChangeKind.CANCEL) is None
        and right_to_cancel(whole.subscription.id) is not None
    ):
        sent = clock.today(current_shop().time_zone, ticket.created_at)
        return Matter(
            _("Cancellation"),
            ((_("Counts from"), locale.date(sent, language(), "long")),),
            _(
                "Its product shows no button, so this message is the cancellation, and the customer has a right to it. "
                "Nothing ends by itself: see to it that nothing is billed beyond the notice."
            ),
            takes_over=(Move.REJECT,),
        )
    return Matter(
        _("Cancellation"),
        hint=_(
            "No cancellation is noted with this ticket, so nothing ends by it. "
            "The customer cancels on the page of the subscription."
        ),
    )


def _refund(ticket: Any, staff: StaffPrincipal) -> Matter | None:
    if ticket.document_public_id is None:
        return None
    about = ticket.document_id
    if ticket.status not in RUNNING:
        paid_out = _paid_out(ticket)
        facts = ((_("Invoice"), ticket.document_number), *paid_out)
        return Matter(_("Refund"), facts) if paid_out else None
    refundable, credit, here, given, count = db.session.execute(
        sa.select(
            refunds.refundable_minor(about),
            ledger.credit_about(about),
            refunds.credit_left_minor(about),
            refunds.credit_given_minor(about),
            refunded.refunds_count(about),
        )
    ).one()
    # What a credit note gave and is gone was used: to pay it back would be to pay it twice.
    used = max(0, given - here)
    needs_note = max(0, refundable - here)
    # What is in credit and no note of this invoice gave can be paid back as it is: perhaps this was paid twice.
    now = here or (credit if not used else 0)
    # A request that was answered by money and opened again by a reply.
    paid_out = _paid_out(ticket) if count else []
    under_way = refunding.find_under_way(ticket.id) if count else None
    ways = []
    if staff.can(StaffPermission.INVOICES_CHANGE):
        if credit > 0 and under_way is None:
            ways.append(_refund_way(ticket))
        ways.append(_credit_way(ticket))
    if staff.can(StaffPermission.TICKETS_WRITE) and under_way is None:
        ways.append(Way(_("Refuse…"), _to(ticket, "refuse_refund"), "circle-x"))
    return Matter(
        _("Refund"),
        (
            (_("Invoice"), ticket.document_number),
            *paid_out,
            (_("Can be paid back now"), _money(max(0, now), ticket.document_currency)),
            (
                _("Only after a credit note"),
                _money(needs_note, ticket.document_currency) if needs_note else None,
            ),
            # Of which no more came from this invoice than what can be paid back.
            (_("Credit in all"), _money(credit, ticket.document_currency) if credit > now else None),
        ),
        _("The payment provider has the order. This ticket is resolved once the money is on its way.")
        if under_way is not None and under_way.provider_ref is not None
        else _("The order waits for the payment provider, which is asked every quarter of an hour.")
        if under_way is not None
        else _(
            "“Pay money back…” has the payment provider send it, or writes down what you sent from your own bank. "
            "It takes the customer’s credit, so that the same money does not go twice."
        )
        if here > 0
        else _(
            "This credit came from no credit note on this invoice, perhaps from a payment too many. You can pay it "
            "back as it is; only what was rightly paid needs a credit note first."
        )
        if now > 0
        else _(
            "The credit of this invoice was used meanwhile, so there is nothing of it to pay back any more."
        )
        if used and not needs_note
        else _(
            "The credit of this invoice was used meanwhile, so there is nothing of it to pay back any more. What was "
            "not credited yet you can give back, with a credit note first."
        )
        if used
        else _(
            "Make the credit note first: it turns what was paid into credit of the customer. "
            "Then you can pay that back."
        )
        if needs_note
        else _("There is nothing of this invoice to pay back."),
        tuple(ways),
        # Nobody is refused without a reason; a request of which the money went out is resolved by that.
        takes_over=(Move.REJECT,) if under_way is None else ENDING,
        links=_used_for(about, used, ticket.document_currency),
    )


def _used_for(document_id: int, minor: int, currency: str) -> tuple[tuple[str, str, str], ...]:
    """What so much of the credit of an invoice was used for meanwhile."""
    if minor <= 0:
        return ()
    return tuple(
        (
            _("Used meanwhile"),
            _(
                "%(amount)s for invoice %(number)s",
                amount=_money(each.amount_minor, currency),
                number=each.number,
            ),
            url_for("office.invoices.show", public_id=each.public_id),
        )
        for each in spending.list_spent_since_noted(document_id, minor)
    )


def _paid_out(ticket: Any) -> list[tuple[str, str | None]]:
    """What was paid out on a request, when and with which reference."""
    facts: list[tuple[str, str | None]] = []
    for each in refunded.of_ticket(refunded.list_refunded(ticket.document_id), ticket.id):
        refund = each.refund
        facts += [
            (
                _("Paid back") if refund.status is RefundStatus.DONE else _("Refund"),
                _money(refund.amount_minor, ticket.document_currency),
            ),
            _when(each),
            (_("To"), refunded.way_back(each.payment) if each.payment is not None else None),
            (_("Reference"), refund.reference or None),
            (
                _("Status"),
                str(refund.status.label) if each.payment is not None else None,
            ),
            (_("Reason"), words.why(refund.failure_reason) if refund.failure_reason else None),
        ]
    return facts


def _when(each: Refunded) -> tuple[str, str | None]:
    """The day on which money went out, or came to nothing: that it went out then is no news any more."""
    if each.returned_on is not None:
        is_failed = each.refund.status is RefundStatus.FAILED
        day = locale.date(each.returned_on, language(), "long")
        return (_("Failed on") if is_failed else _("Cancelled on"), day)
    return (
        _("Sent on"),
        locale.date(each.day, language(), "long") if each.refund.sent_on is not None else None,
    )


def _downloads(ticket: Any, staff: StaffPrincipal) -> Matter | None:
    zone, now = current_shop().time_zone, clock.now()
    may_grant = ticket.status in granting.MAY_GRANT
    files = granting.list_order_files(ticket.order_id, time_zone=zone, now=now) if may_grant else ()
    if not files:
        return None
    may = staff.can(StaffPermission.DOWNLOADS_GRANT)
    numbers = {"count": granting.GRANTED_DOWNLOADS, "days": granting.GRANTED_DAYS}
    if not may:
        hint = None
    elif ticket.status in RUNNING:
        hint = _(
            "One click grants %(count)s more downloads for %(days)s days, tells the customer and resolves the ticket.",
            **numbers,
        )
    else:
        hint = _(
            "One click grants %(count)s more downloads for %(days)s days and tells the customer.", **numbers
        )
    return Matter(
        _("Downloads"),
        hint=hint,
        files=tuple(
            File(
                each.name,
                _(
                    "%(used)s of %(limit)s used, up to and including %(date)s",
                    used=each.downloads_used,
                    limit=each.download_limit,
                    date=locale.date(clock.today(zone, each.expires_at), language(), "medium"),
                ),
                _("Expired")
                if granting.is_over(each.expires_at, zone, now=now)
                else _("Used up")
                if each.downloads_used >= each.download_limit
                else None,
                _to(ticket, "grant", file_id=each.public_id) if may else None,
                each.version,
            )
            for each in files
        ),
    )


def _credit_way(ticket: Any, line: int | None = None) -> Way:
    """``line``: the one that is ticked on that page."""
    url = url_for(
        "office.invoices.credit", public_id=ticket.document_public_id, ticket=ticket.public_id, line=line
    )
    return Way(_("Make a credit note…"), url, "receipt-refund")


def _refund_way(ticket: Any) -> Way:
    url = url_for("office.invoices.refund", public_id=ticket.document_public_id, ticket=ticket.public_id)
    return Way(_("Pay money back…"), url, "arrow-back-up")


def _to(ticket: Any, view: str, **values: Any) -> str:
    return url_for(f"office.tickets.{view}", public_id=ticket.public_id, **values)


def _money(minor: int, currency: str) -> str:
    return locale.money(minor, currency, language())
