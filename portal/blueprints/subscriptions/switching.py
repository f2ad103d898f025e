"""Another plan or quantity, and which saved method pays."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.subscriptions import bp, loading, previews, show_subscription
from portal.blueprints.subscriptions.forms import MethodForm, SwitchForm
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
    """Which saved method pays it from the next bill on."""
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
        method = paying_with.choose_method(
            opened.facts.id, form.method.data, actor=loading.actor(), now=clock.now()
        )
    except DomainError as error:
        status = loading.refused(error, form)
        return _method_page(loading.load(public_id), form), status
    db.session.commit()
    if method is not None:
        name = show_subscription.method_name(method.kind, method.masked)
        flash(
            _("%(name)s is paid with %(method)s from now on.", name=opened.facts.name, method=name), "success"
        )
    return loading.back(opened.facts)


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
    methods = list_chargeable(opened.facts.customer_id)
    return render_template(
        "subscriptions/method.html",
        subscription=opened.facts,
        form=form,
        options=[
            {
                "value": method.public_id,
                "title": method.masked or method.kind.label,
                "detail": method.kind.label,
                "icon": "building-bank" if method.kind.value == "sepa" else "credit-card",
            }
            for method in methods
        ],
        selected=next(
            (each.public_id for each in methods if each.id == opened.facts.payment_method_id), None
        ),
    )
