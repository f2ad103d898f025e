"""Pausing a subscription and going on with it."""

from __future__ import annotations

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.subscriptions import bp, loading, previews
from portal.blueprints.subscriptions.forms import ConfirmForm, PauseForm
from portal.blueprints.subscriptions.loading import Opened
from portal.core import clock, locale
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.templating import language
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions import pausing
from portal.domain.subscriptions.self_service import Act
from portal.domain.subscriptions.standing import BILL_DUE
from portal.extensions import db


@bp.route("/<public_id>/pause", methods=["GET", "POST"])
@needs(Permission.SUBSCRIPTIONS_CHANGE)
@loading.seldom
@checked_by_form
def pause(public_id: str) -> ResponseReturnValue:
    """Says what a pause keeps, until the day in the address if there is one, and pauses."""
    opened = loading.load(public_id)
    kept = loading.kept_from(opened, Act.PAUSE)
    if kept is not None:
        return kept
    if request.method == "GET":
        # Only looked at, so no token is asked for.
        form = PauseForm(request.args, meta={"csrf": False})
        del form.told
        form.validate()
        return _pause_page(opened, form)
    form = PauseForm()
    if not form.validate():
        return _pause_page(opened, form), 422
    until = form.day()
    try:
        pausing.pause(
            opened.facts.id, until=until, told=form.told.data, actor=loading.actor(), now=clock.now()
        )
    except DomainError as error:
        status = loading.refused(error, form)
        return _pause_page(loading.load(public_id), form), status
    db.session.commit()
    if until is None:
        flash(_("%(name)s is paused.", name=opened.facts.name), "success")
    else:
        day = locale.date(until, language(), "long")
        flash(_("%(name)s is paused until %(date)s.", name=opened.facts.name, date=day), "success")
    return loading.back(opened.facts)


@bp.route("/<public_id>/resume", methods=["GET", "POST"])
@needs(Permission.SUBSCRIPTIONS_CHANGE)
@loading.seldom
@checked_by_form
def resume(public_id: str) -> ResponseReturnValue:
    """Says what is billed when, and goes on."""
    opened = loading.load(public_id)
    kept = loading.kept_from(opened, Act.RESUME)
    if kept is not None:
        return kept
    form = ConfirmForm()
    if not form.is_submitted():
        return _resume_page(opened, form)
    if not form.validate():
        return _resume_page(opened, form), 422
    try:
        pausing.resume(opened.facts.id, told=form.told.data, actor=loading.actor(), now=clock.now())
    except DomainError as error:
        status = loading.refused(error, form)
        return _resume_page(loading.load(public_id), form), status
    db.session.commit()
    flash(_("%(name)s goes on.", name=opened.facts.name), "success")
    return loading.back(opened.facts)


def _pause_page(opened: Opened, form: PauseForm) -> str:
    found = None
    if not form.errors:
        try:
            found = pausing.preview_pause(opened.facts.id, until=form.day(), today=opened.today)
        except DomainError as error:
            form.refuse(error)
    until = form.day() if found is not None else None
    if found is None:
        # The day cannot be, so what is shown is the pause without one.
        found = pausing.preview_pause(opened.facts.id, until=None, today=opened.today)
    if found.waits_for_bill and not form.errors:
        form.refuse(Conflict(BILL_DUE))
    return render_template(
        "subscriptions/pause.html",
        subscription=opened.facts,
        form=form,
        facts=previews.pause(found, opened.facts, opened.today),
        until=until,
        told=found.token,
        waits=found.waits_for_bill,
        first_day=opened.today.isoformat(),
    )


def _resume_page(opened: Opened, form: ConfirmForm) -> str:
    found = pausing.preview_resume(opened.facts.id, today=opened.today)
    form.told.data = found.token
    return render_template(
        "subscriptions/resume.html",
        subscription=opened.facts,
        form=form,
        facts=previews.resumption(found, opened.facts, opened.today),
    )
