"""The decisions on what a ticket asks for. What needs words has a page that asks for them; a stale one answers 409."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.blueprints.office.tickets import bp, views
from portal.blueprints.office.tickets.forms import DecisionForm, GrantForm
from portal.blueprints.office.tickets.matters import matter_of
from portal.core import clock
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.shops import current_shop
from portal.domain.collections.models import PlanStatus
from portal.domain.collections.plans import find_plan
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import account_language
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.shops.queries import get_shop
from portal.domain.subscriptions.cancelling import right_to_cancel
from portal.domain.tickets import cancelling, disputes, granting, plans, refunds, staff_queries, undecided
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import DisputeStatus, TicketType
from portal.domain.tickets.states import RUNNING, DisputeMove
from portal.extensions import db

NO_REASON = _l("The customer gets this by mail and reads it in the conversation. Say why.")


@dataclass(frozen=True)
class Page:
    """The page of a decision. ``says`` is what the message begins with, in the customer's language."""

    title: Any
    lead: Any
    confirm: Any
    done: Any
    says: Any = ""
    is_no: bool = False


PLAN = {
    "agree": Page(
        _l("Agree to the payment plan"),
        _l(
            "Letters and fees stop. The customer gets the plan by mail and chooses how to pay the instalments."
        ),
        _l("Agree"),
        _l("You agreed to the plan. The customer was told."),
        _l("We agree to this payment plan."),
    ),
    "refuse": Page(
        _l("Refuse the payment plan"),
        NO_REASON,
        _l("Refuse it"),
        _l("You refused the plan. The customer was told."),
        _l("We do not agree to this payment plan."),
        is_no=True,
    ),
}
DISPUTE = {
    DisputeMove.CREDIT.value: Page(
        _l("Accept the objection: invoice credited"),
        _l("You made a credit note. Collecting what is left goes on."),
        _l("Answer"),
        _l("The dispute is answered. The customer was told."),
        _l("You are right: we credited this."),
    ),
    DisputeMove.CORRECT.value: Page(
        _l("Accept the objection: invoice corrected"),
        _l("Say what you corrected. Collecting what is open goes on."),
        _l("Answer"),
        _l("The dispute is answered. The customer was told."),
    ),
    DisputeMove.REJECT.value: Page(
        _l("Reject the objection"),
        _l("Say why the invoice is right. Reminders and collection go on."),
        _l("Answer"),
        _l("The dispute is answered. The customer was told."),
        is_no=True,
    ),
}
CANCELLATION = {
    "approve": Page(
        _l("Approve and cancel"),
        _l("The subscription ends on its day, not earlier. The ticket is resolved."),
        _l("Approve and cancel"),
        _l("You approved the cancellation. The customer was told."),
        _l("We approve your cancellation."),
    ),
    "keep": Page(
        _l("Reject and keep"),
        _l("The subscription goes on and is billed as before."),
        _l("Reject and keep"),
        _l("The subscription goes on. The customer was told."),
        _l("We cannot cancel your subscription."),
        is_no=True,
    ),
}
REFUND = Page(
    _l("Refuse the refund"),
    NO_REASON,
    _l("Refuse it"),
    _l("You refused the refund. The customer was told."),
    _l("We pay nothing back for this."),
    is_no=True,
)


@bp.post("/<public_id>/files/<file_id>/grant")
@needs(StaffPermission.DOWNLOADS_GRANT)
def grant(public_id: str, file_id: str) -> ResponseReturnValue:
    """More downloads of a file, in one click."""
    ticket, form = views.load(public_id), GrantForm()
    if not form.validate_on_submit():
        abort(400)
    version = int(form.version.data or 0)
    file = granting.grant_more(ticket.id, file_id, version=version, author=views.staff(), now=clock.now())
    said = _("More downloads of ‘%(name)s’ are granted. The customer was told.", name=file.name)
    db.session.commit()
    flash(said, "success")
    return redirect(url_for("office.tickets.show", public_id=public_id), 303)


@bp.route("/<public_id>/plan/<any(agree, refuse):answer>", methods=["GET", "POST"])
@needs(StaffPermission.CASES_CHANGE)
@checked_by_form
def answer_plan(public_id: str, answer: str) -> ResponseReturnValue:
    """Agrees to a payment plan that a ticket asks for, or refuses it."""
    ticket = views.load(public_id)
    plan = find_plan(ticket.public_id)
    if plan is None:
        abort(404)
    plan_id, now, author = plan.id, clock.now(), views.staff()

    def act(message: str) -> None:
        if answer == "refuse":
            plans.refuse_plan(plan_id, message, author=author, now=now)
        else:
            today = clock.today(current_shop().time_zone, now)
            plans.agree_plan(plan_id, message, today=today, author=author, now=now)

    return _decide(ticket, PLAN[answer], act, is_open=plan.status is PlanStatus.REQUESTED)


@bp.route("/<public_id>/dispute/<any(credit, correct, reject):answer>", methods=["GET", "POST"])
@needs(StaffPermission.TICKETS_WRITE)
@checked_by_form
def answer_dispute(public_id: str, answer: str) -> ResponseReturnValue:
    """The shop's answer to a dispute: a credit note that was made, a correction, or a reasoned no."""
    ticket = views.load(public_id)
    dispute = staff_queries.find_dispute(ticket.id)
    if dispute is None:
        abort(404)
    move, now, author = DisputeMove(answer), clock.now(), views.staff()

    def act(message: str) -> None:
        disputes.answer_dispute(dispute.document_id, move, Said(message), author=author, now=now)

    is_open = dispute.status is DisputeStatus.OPEN and (move is not DisputeMove.CREDIT or dispute.is_credited)
    return _decide(ticket, DISPUTE[answer], act, is_open=is_open)


@bp.route("/<public_id>/cancellation/<any(approve, keep):answer>", methods=["GET", "POST"])
@needs(StaffPermission.SUBSCRIPTIONS_CHANGE)
@checked_by_form
def decide_cancellation(public_id: str, answer: str) -> ResponseReturnValue:
    """The shop's decision on a cancellation that waits for its day."""
    ticket = views.load(public_id)
    if ticket.type is not TicketType.CANCEL_SUBSCRIPTION:
        abort(404)
    now, author = clock.now(), views.staff()

    def act(message: str) -> None:
        cancelling.decide_cancellation(
            ticket.id, approves=answer == "approve", message=message, author=author, now=now
        )

    change = undecided.find_waiting_of(ticket) if ticket.status in RUNNING else None
    is_open = change is not None and undecided.approved_on(change) is None
    if change is not None and is_open and answer == "keep" and request.method == "GET":
        # Nobody is asked for words that cannot be used: the ticket's page says why, and so does a POST.
        is_open = right_to_cancel(change.subscription_id) is None
    return _decide(ticket, CANCELLATION[answer], act, is_open=is_open)


@bp.route("/<public_id>/refund/refuse", methods=["GET", "POST"])
@needs(StaffPermission.TICKETS_WRITE)
@checked_by_form
def refuse_refund(public_id: str) -> ResponseReturnValue:
    """Refuses a request for money back, with the reason."""
    ticket = views.load(public_id)
    if ticket.type is not TicketType.REFUND_REQUEST:
        abort(404)
    now, author = clock.now(), views.staff()

    def act(message: str) -> None:
        refunds.refuse_refund(ticket.id, message, author=author, now=now)

    return _decide(ticket, REFUND, act, is_open=ticket.status in RUNNING)


def _decide(ticket: Any, page: Page, act: Callable[[str], None], *, is_open: bool) -> ResponseReturnValue:
    """Asks for the words of a decision and takes it; what is not open any more leads back, or is refused with 409."""
    form, status = DecisionForm(), 200
    here = url_for("office.tickets.show", public_id=ticket.public_id)
    if not form.is_submitted():
        if not is_open:
            return redirect(here, 303)
        form.body.data = in_their_language(ticket, page.says)
    elif not form.validate():
        status = 422
    else:
        try:
            if page.is_no and page.says and not _has_reason(ticket, page, form.body.data or ""):
                raise DomainError(NO_REASON, "body")
            if not is_open:
                raise Conflict(_("This was decided already, or changed meanwhile. Please look again."))
            act(form.body.data or "")
            db.session.commit()
            flash(str(page.done), "success")
            return redirect(here, 303)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error if error.field in form else DomainError(error.message))
            status = 409 if isinstance(error, Conflict) else 422
    matter = matter_of(ticket, views.staff())
    answer = render_template("office/tickets/decide.html", ticket=ticket, page=page, form=form, matter=matter)
    return answer, status


def _has_reason(ticket: Any, page: Page, message: str) -> bool:
    """Whether a no says more than that it is one."""
    return message.strip().removeprefix(in_their_language(ticket, page.says)).strip() != ""


def in_their_language(ticket: Any, words: Any) -> str:
    """What a message begins with, in the language of the account."""
    customer = get_customer(ticket.customer_id)
    with force_locale(account_language(customer, get_shop(customer.shop_id))):
        return str(words)
