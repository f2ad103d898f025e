"""The page of settings, and storing what is changed on it: one thing at once, or all by the Save button."""

from __future__ import annotations

from dataclasses import replace

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _

from portal.blueprints.settings import bp
from portal.blueprints.settings.choices import LANGUAGE_CHOICES, SWITCHES, THEMES, Unreadable, Wanted
from portal.core import access, clock, locale
from portal.core.access import OWN, needs
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.core.principals import PersonPrincipal, current_membership, current_person
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.people.appearance import choose_appearance
from portal.domain.people.mail_settings import MailSettings, change_mail_settings, get_mail_settings
from portal.domain.people.permissions import Permission
from portal.extensions import db


@bp.get("")
@needs(OWN)
def index() -> ResponseReturnValue:
    """What the person chose, and what the account gets by mail for whoever may see its details."""
    return _page()


@bp.post("")
@needs(OWN)
def save() -> ResponseReturnValue:
    """Stores what was changed. A script that names one thing gets no page; the Save button leads back to it."""
    try:
        wanted = Wanted.read(request.form)
    except Unreadable:
        abort(400)
    try:
        _store(wanted)
    except Conflict as error:
        if "changed" in request.form:
            raise
        db.session.rollback()
        return _page(wanted, problem=str(error)), 409
    db.session.commit()
    if "changed" in request.form:
        return "", 204
    with force_locale(_language_from_now(wanted)):
        flash(_("Your settings were saved."), "success")
    return redirect(url_for("settings.index"), 303)


def _store(wanted: Wanted) -> None:
    person = _person()
    # The person before the account: logging in holds them in this order, too.
    if wanted.theme is not None or wanted.language is not None:
        choose_appearance(person.id, theme=wanted.theme, language=wanted.language)
    if wanted.is_about_account:
        if not current_membership().can(Permission.MAIL_SWITCHES):
            abort(403)
        account = access.same_account(request.form.get("account"))
        change_mail_settings(
            account.customer_id,
            switches=wanted.switches,
            language=wanted.documents_language,
            version=wanted.version,
            actor=Actor.person(person),
            now=clock.now(),
        )


def _language_from_now(wanted: Wanted) -> str:
    """The language of the next page."""
    if wanted.language is None:
        return language()
    header = request.headers.get("Accept-Language", "")
    return locale.resolve_locale(wanted.language, header, current_shop().language)


def _page(wanted: Wanted | None = None, *, problem: str | None = None) -> str:
    """The page with what is stored, or with what was chosen on it while that could not be stored."""
    person, membership = _person(), current_membership()
    mails = get_mail_settings(membership.customer_id) if membership.can(Permission.DETAILS) else None
    theme, chosen = person.theme, person.language
    if wanted is not None:
        theme, chosen = wanted.theme or theme, wanted.language or chosen
        mails = _with(mails, wanted) if mails is not None else None
    return render_template(
        "settings/index.html",
        problems=[(problem, None)] if problem else [],
        themes=THEMES,
        chosen_theme=theme,
        languages=LANGUAGE_CHOICES,
        chosen_language=chosen,
        mails=mails,
        switches=SWITCHES,
        may_change=membership.can(Permission.MAIL_SWITCHES),
        account=membership.customer_public_id,
        account_name=membership.customer_name if len(person.memberships) > 1 else None,
    )


def _with(stored: MailSettings, wanted: Wanted) -> MailSettings:
    return replace(
        stored,
        switches={**stored.switches, **wanted.switches},
        language=wanted.documents_language or stored.language,
    )


def _person() -> PersonPrincipal:
    person = current_person()
    assert person is not None
    return person
