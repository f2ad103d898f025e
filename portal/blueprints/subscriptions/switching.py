"""Another plan or quantity, and which saved method pays."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.subscriptions import bp, loading, previews, show_subscription
from portal.blueprints.subscriptions.forms import BY_HAND, MethodForm, SwitchForm
from portal.blueprints.subscriptions.loading import Opened
from portal.core import clock, locale
from portal.core.access import needs
from portal.core.errors import DomainError
from portal.core.forms import checked_by_form
from portal.core.templating import language
from portal.domain.methods.queries import list_chargeable
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions import paying_with, switching
from portal.domain.subscriptions.self_service import Act
from portal.domain.subscriptions.standing import read_whole
from portal.domain.subscriptions.states import RUNNING
from portal.domain.subscriptions.switching import Difference
from portal.extensions import db


@bp.route("/<public_id>/switch", methods=["GET", "POST"])
@needs(Permission.SUBSCRIPTIONS_CHANGE)
@loading.seldom
@checked_by_form
def switch(public_id: str) -> ResponseReturnValue:
    """What can be chosen; the difference, once the address says what was; and the change itself."""
    opened = loading.load(public_id)
    kept = loading.kept_from(opened, Act.SWITCH)
    if kept is not None:
        return kept
    if request.method == "GET":
        # Only looked at, so no token is asked for, nor what was told.
        form = SwitchForm(request.args, meta={"csrf": False})
        del form.told
        if request.args:
            form.validate()
        return _switch_page(opened, form, shown=bool(request.args))
    form = SwitchForm()
    if not form.validate():
        return _switch_page(opened, form, shown=True), 422
    try:
        found = switching.switch(
            opened.facts.id,
            form.plan.data,
            int(form.quantity.data),
            told=form.told.data,
            actor=loading.actor(),
            now=clock.now(),
        )
    except DomainError as error:
        status = loading.refused(error, form)
        return _switch_page(loading.load(public_id), form, shown=True), status
    db.session.commit()
    if found is not None:
        day = locale.date(found.from_day, language(), "long")
        flash(_("Your subscription changes on %(date)s.", date=day), "success")
    return loading.back(opened.facts)


@bp.post("/<public_id>/keep")
@needs(Permission.SUBSCRIPTIONS_CHANGE)
def keep(public_id: str) -> ResponseReturnValue:
    """Takes a planned change of plan back."""
    opened = loading.load(public_id)
    done = switching.keep(opened.facts.id, actor=loading.actor(), now=clock.now())
    db.session.commit()
    if done:
        flash(_("Your subscription stays as it is."), "success")
    return loading.back(opened.facts)


@bp.route("/<public_id>/method", methods=["GET", "POST"])
@needs(Permission.METHODS_CHANGE)
@checked_by_form
def choose_method(public_id: str) -> ResponseReturnValue:
    """Which saved method pays it from the next bill on, or that its customer pays each invoice."""
    opened = loading.load(public_id)
    if opened.facts.status not in RUNNING:
        flash(_("This subscription has ended, so nothing pays it any more."), "info")
        return loading.back(opened.facts)
    form = MethodForm()
    if not form.is_submitted():
        return _method_page(opened, form)
    if not form.validate():
        return _method_page(opened, form), 422
    try:
        said = _pay_with(opened, form.method.data)
    except DomainError as error:
        status = loading.refused(error, form)
        return _method_page(loading.load(public_id), form), status
    db.session.commit()
    if said is not None:
        flash(said, "success")
    return loading.back(opened.facts)


def _pay_with(opened: Opened, chosen: str) -> str | None:
    """Does what was chosen; what to say of it, None where it was so before."""
    facts, actor, now = opened.facts, loading.actor(), clock.now()
    if chosen == BY_HAND:
        if not paying_with.pay_by_hand(facts.id, actor=actor, now=now):
            return None
        return str(_("You pay the invoices of %(name)s yourself from now on.", name=facts.name))
    method = paying_with.choose_method(facts.id, chosen, actor=actor, now=now)
    if method is None:
        return None
    name = show_subscription.method_name(method.kind, method.masked)
    return str(_("%(name)s is paid with %(method)s from now on.", name=facts.name, method=name))


def _switch_page(opened: Opened, form: SwitchForm, *, shown: bool) -> str:
    # The rules find what this holds without asking for it again.
    whole = read_whole(opened.facts.id)
    subscription = whole.subscription
    plans = switching.list_plans(subscription)
    found: Difference | None = None
    if shown and not (form.plan.errors or form.quantity.errors):
        try:
            found = switching.preview(subscription, form.plan.data, int(form.quantity.data))
        except DomainError as error:
            form.refuse(error)
    chosen = form.plan.data or plans[0].public_id
    return render_template(
        "subscriptions/switch.html",
        subscription=opened.facts,
        form=form,
        confirm=_confirmation(form, found),
        plans=[
            {
                "value": plan.public_id,
                "title": plan.name if plan is not plans[0] else subscription.name,
                "detail": previews.plan_price(amount, plan, opened.facts),
                "icon": None,
            }
            for plan, amount in switching.plan_choices(plans, subscription)
        ],
        chosen=chosen,
        quantity=form.quantity.data or locale.quantity(subscription.quantity, "en"),
        most=max(switching.most_of(subscription, plan) for plan in plans),
        difference=None if found is None else previews.difference(found, opened.facts),
    )


def _confirmation(form: SwitchForm, found: Difference | None) -> SwitchForm | None:
    if found is None:
        return None
    values: dict[str, Any] = {
        "plan": form.plan.data, "quantity": form.quantity.data, "told": found.token,
    }  # fmt: skip
    return SwitchForm(formdata=None, **values)


def _method_page(opened: Opened, form: MethodForm) -> str:
    facts = opened.facts
    methods = list_chargeable(facts.customer_id)
    options = [
        {
            "value": method.public_id,
            "title": method.masked or method.kind.label,
            "detail": method.kind.label,
            "icon": "building-bank" if method.kind.value == "sepa" else "credit-card",
        }
        for method in methods
    ]
    selected = next((each.public_id for each in methods if each.id == facts.payment_method_id), None)
    # Offered where it is a choice: something else could pay, or pays now.
    is_choice = bool(methods) or facts.payment_method_id is not None
    if is_choice and paying_with.may_pay_by_hand(facts.id, facts.status):
        options.append(
            {
                "value": BY_HAND,
                "title": _("I pay each invoice myself"),
                "detail": _("You get each invoice by mail and pay it by its due date."),
                "icon": "file-invoice",
            }
        )
        selected = BY_HAND if facts.payment_method_id is None else selected
    return render_template(
        "subscriptions/method.html",
        subscription=facts,
        form=form,
        options=options,
        selected=selected,
    )
