"""The list of cases, the page of one, asking for a payment plan, and what pays it."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.collections import bp, pages
from portal.blueprints.collections.forms import MethodForm, PlanForm
from portal.core import access, clock
from portal.core.access import needs
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.principals import MembershipInfo, PersonPrincipal, current_membership, current_person
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.collections import plans, queries
from portal.domain.collections.instalments import possible_counts, schedule
from portal.domain.collections.models import PlanStatus
from portal.domain.collections.planned import in_instalments
from portal.domain.collections.queries import CaseFacts
from portal.domain.collections.states import PLAN_AGREED
from portal.domain.methods.queries import list_chargeable
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.tickets.plans import request_plan
from portal.extensions import db

#: A plan takes a method before it begins, and another one while it runs.
TAKES_METHOD = (PlanStatus.PENDING_MANDATE, PlanStatus.ACTIVE)


@bp.get("")
@needs(Permission.COLLECTIONS)
def index() -> ResponseReturnValue:
    """The cases of the account, the latest first, those that are over included."""
    shop = current_shop()
    page = queries.list_cases(
        current_membership().customer_id,
        mode=Mode(shop.mode),
        today=clock.today(shop.time_zone),
        planned=in_instalments(),
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    return render_template(
        "collections/index.html",
        rows=page.rows,
        previous_url=page.prev_cursor and url_for("collections.index", before=page.prev_cursor),
        next_url=page.next_cursor and url_for("collections.index", after=page.next_cursor),
    )


@bp.get("/<public_id>")
@needs(Permission.COLLECTIONS)
def show(public_id: str) -> ResponseReturnValue:
    """One case of any account of this person."""
    case, account = _load(public_id)
    today = clock.today(current_shop().time_zone)
    agreed = case.plan is not None and case.plan.status in PLAN_AGREED
    instalments = queries.list_instalments(case.plan.id) if case.plan is not None and agreed else []
    plan = pages.plan_card(case, instalments, today)
    may_ask = account.can(Permission.COLLECTIONS_PLAN) and case.may_ask_plan
    return render_template(
        "collections/show.html",
        case=case,
        days_overdue=plan.days_late if plan is not None else case.days_overdue(today),
        banner=pages.banner(case, plan, today),
        plan_notice=pages.plan_notice(case, account),
        plan=plan,
        stages=pages.stages(case) if case.is_running else None,
        documents=pages.documents(case),
        events=pages.events(queries.list_events(case.id)),
        pay_url=pages.pay_url(case, account),
        plan_url=url_for("collections.plan", public_id=public_id) if may_ask else None,
        help_url=url_for("support.create", about=f"invoice:{case.invoice.public_id}")
        if account.can(Permission.TICKETS_WRITE)
        else None,
    )


@bp.get("/<public_id>/plan")
@needs(Permission.COLLECTIONS_PLAN)
def plan(public_id: str) -> ResponseReturnValue:
    """In how many instalments to pay; with a number in the address the summary of those, to be sent."""
    case, _account = _load(public_id)
    if not case.may_ask_plan:
        return redirect(_page_of(case), 303)
    if "instalments" not in request.args:
        return _choice(case)
    form = PlanForm(formdata=None, instalments=request.args["instalments"])
    return _summary(case, form)


@bp.post("/<public_id>/plan")
@needs(Permission.COLLECTIONS_PLAN)
@checked_by_form
def ask(public_id: str) -> ResponseReturnValue:
    """Asks the shop for the plan of the summary."""
    case, _account = _load(public_id)
    form = PlanForm()
    if not form.validate_on_submit():
        return (_summary(case, form), 422) if case.may_ask_plan else redirect(_page_of(case), 303)
    try:
        request_plan(
            case,
            int(form.instalments.data or 0),
            form.message.data or "",
            total_minor=int(form.total.data or 0),
            language=language(),
            author=_person(),
            now=clock.now(),
        )
    except DomainError as error:
        db.session.rollback()
        return _refused(public_id, form, error)
    db.session.commit()
    flash(
        _("We have asked the shop. You get an answer by mail, and nothing starts before it agrees."),
        "success",
    )
    return redirect(_page_of(case), 303)


@bp.get("/<public_id>/method")
@needs(Permission.COLLECTIONS_PLAN)
def method(public_id: str) -> ResponseReturnValue:
    """What the instalments of an agreed plan can be collected from."""
    case, _account = _load(public_id)
    if case.plan is None or case.plan.status not in TAKES_METHOD:
        return redirect(_page_of(case), 303)
    return _method_page(case, MethodForm(formdata=None))


@bp.post("/<public_id>/method")
@needs(Permission.COLLECTIONS_PLAN)
@checked_by_form
def pay_with(public_id: str) -> ResponseReturnValue:
    """Has the instalments collected from a saved method, with which the plan begins."""
    case, _account = _load(public_id)
    form = MethodForm()
    if case.plan is None or case.plan.status not in TAKES_METHOD:
        return redirect(_page_of(case), 303)
    if not form.validate_on_submit():
        return _method_page(case, form), 422
    try:
        plans.pay_with(case.plan.id, form.method.data or "", actor=Actor.person(_person()), now=clock.now())
    except Conflict as error:
        # The plan ended meanwhile: its page says how.
        db.session.rollback()
        flash(str(error), "error")
        return redirect(_page_of(case), 303)
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
        return _method_page(case, form), 422
    db.session.commit()
    flash(_("The instalments are collected from this from now on."), "success")
    return redirect(_page_of(case), 303)


def _load(public_id: str) -> tuple[CaseFacts, MembershipInfo]:
    """Step one of these views: the case among this person's accounts, or 404; without the right 403."""
    case = queries.get_case(public_id, customer_ids=access.customer_ids(), mode=Mode(current_shop().mode))
    return case, access.open_for(case.customer_id)


def _refused(public_id: str, form: PlanForm, error: DomainError) -> ResponseReturnValue:
    """What the domain refused: the summary of how it stands now, or the case where nothing can be asked any more."""
    case, _account = _load(public_id)
    if not case.may_ask_plan:
        flash(str(error), "error")
        return redirect(_page_of(case), 303)
    form.refuse(error)
    return _summary(case, form), 409 if isinstance(error, Conflict) else 422


def _choice(case: CaseFacts, form: PlanForm | None = None) -> str:
    return render_template("collections/plan.html", case=case, choices=pages.choices(case), form=form)


def _summary(case: CaseFacts, form: PlanForm) -> str:
    """What is asked for, instalment by instalment; the choice again where there is no such number of them."""
    count = form.instalments.data or ""
    if count not in [str(each) for each in possible_counts(case.remaining_minor)]:
        return _choice(case, form if form.is_submitted() else None)
    today = clock.today(current_shop().time_zone)
    # What is shown is what is sent, whatever came in.
    form.total.data = str(case.remaining_minor)
    return render_template(
        "collections/summary.html",
        case=case,
        form=form,
        count=int(count),
        rows=schedule(case.remaining_minor, int(count), agreed_on=today),
    )


def _method_page(case: CaseFacts, form: MethodForm) -> str:
    found = [each for each in list_chargeable(case.customer_id) if each.mode.value == current_shop().mode]
    return render_template("collections/method.html", case=case, form=form, options=pages.methods(found))


def _page_of(case: CaseFacts) -> str:
    return url_for("collections.show", public_id=case.public_id)


def _person() -> PersonPrincipal:
    person = current_person()
    assert person is not None
    return person
