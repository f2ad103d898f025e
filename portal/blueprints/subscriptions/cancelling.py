"""Cancelling a subscription, and taking that back."""

from __future__ import annotations

from flask import flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.subscriptions import bp, loading, previews
from portal.blueprints.subscriptions.forms import CancelForm, ConfirmForm
from portal.blueprints.subscriptions.loading import Opened
from portal.core import clock, locale
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.templating import language
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions import cancelling
from portal.domain.subscriptions.cancelling import Ending, Reason
from portal.domain.subscriptions.notice import last_day_before
from portal.domain.subscriptions.self_service import Act
from portal.domain.subscriptions.standing import BILL_DUE
from portal.domain.tickets.cancelling import request_cancellation, withdraw_cancellation
from portal.extensions import db


@bp.route("/<public_id>/cancel", methods=["GET", "POST"])
@needs(Permission.SUBSCRIPTIONS_CHANGE)
@loading.seldom
@checked_by_form
def cancel(public_id: str) -> ResponseReturnValue:
    """Says when it would end and what it would cost or give back, and cancels: at once, or with notice."""
    opened = loading.load(public_id)
    kept = loading.kept_from(opened, Act.CANCEL)
    if kept is not None:
        return kept
    ending = cancelling.preview(opened.facts.id, today=opened.today)
    form = ConfirmForm() if ending.at_once else CancelForm()
    if not form.is_submitted():
        return _page(opened, ending, form)
    if not form.validate():
        return _page(opened, ending, form), 422
    try:
        _cancel(opened, ending, form)
    except DomainError as error:
        status = loading.refused(error, form)
        # What it means now, which may be that there is nothing left to cancel.
        opened = loading.load(public_id)
        if not opened.makes_sense(Act.CANCEL):
            flash(loading.nothing_to_do(opened, Act.CANCEL), "info")
            return loading.back(opened.facts)
        return _page(opened, cancelling.preview(opened.facts.id, today=opened.today), form), status
    return loading.back(opened.facts)


@bp.post("/<public_id>/withdraw")
@needs(Permission.SUBSCRIPTIONS_CHANGE)
@loading.seldom
def withdraw(public_id: str) -> ResponseReturnValue:
    """Takes a cancellation back before its date."""
    opened = loading.load(public_id)
    try:
        done = withdraw_cancellation(opened.facts.id, author=loading.person(), now=clock.now())
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "warning")
        return loading.back(opened.facts)
    db.session.commit()
    if done:
        flash(_("Your cancellation was taken back. The subscription goes on."), "success")
    else:
        flash(_("There is no cancellation to take back."), "info")
    return loading.back(opened.facts)


def _cancel(opened: Opened, ending: Ending, form: ConfirmForm) -> None:
    name, told = opened.facts.name, form.told.data
    if isinstance(form, CancelForm):
        change = request_cancellation(
            opened.facts.id,
            reason=Reason(form.reason.data) if form.reason.data else None,
            message=form.message.data or "",
            told=told,
            author=loading.person(),
            now=clock.now(),
        )
        day = locale.date(last_day_before(change.effective_on), language(), "long")
        text = _("We have your cancellation of %(name)s. Its last day is %(date)s.", name=name, date=day)
    else:
        cancelling.cancel_now(opened.facts.id, told=told, actor=loading.actor(), now=clock.now())
        text = _("%(name)s is cancelled.", name=name)
    db.session.commit()
    flash(text, "success")


def _page(opened: Opened, ending: Ending, form: ConfirmForm) -> str:
    form.told.data = ending.token
    if ending.waits_for_bill and not form.errors:
        form.refuse(Conflict(BILL_DUE))
    return render_template(
        "subscriptions/cancel.html",
        subscription=opened.facts,
        form=form,
        at_once=ending.at_once,
        waits=ending.waits_for_bill,
        ask_to_cancel_url=loading.ask_url(opened.facts, Act.CANCEL),
        facts=previews.ending(ending, opened.facts),
        loses_switch=ending.loses_switch and not ending.at_once,
    )
