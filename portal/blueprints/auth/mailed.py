"""The pages of mailed links. Opening one changes nothing, as mail scanners do that too; its button does."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.auth import bp, limits
from portal.blueprints.auth.forms import FirstPasswordForm, GrantForm, NameForm, NewPasswordForm
from portal.core import clock, device, sessions, shops
from portal.core.errors import DomainError, NotFound
from portal.core.forms import PortalForm, checked_by_form
from portal.core.templating import language
from portal.domain.people import actions, claims, emails, invitations, logins, queries, tokens
from portal.domain.people.models import OneTimeToken, Person, Role, TokenPurpose
from portal.domain.people.naming import OwnName, has_name, suggest_name
from portal.extensions import db


@bp.after_request
def keep_out_of_indexes(response: Response) -> Response:
    """No search engine may keep the address of a mailed link."""
    if request.view_args and "token" in request.view_args:
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@bp.route("/confirm/<token>", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_LINK")
def confirm(token: str) -> ResponseReturnValue:
    """Confirms an address, sets its person's first password and signs them in."""
    now = clock.now()
    link = tokens.find(token, TokenPurpose.CONFIRM, now=now)
    if link is None:
        return _no_such_link()
    form = _confirm_form(_person_of(link))
    if form.validate_on_submit():
        try:
            done = actions.confirm(
                link, form.password.data, page_language=language(), now=now, name=_name_in(form)
            )
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
        except NotFound:
            db.session.rollback()
            return _no_such_link()
        else:
            if not done.may_enter or not shops.may_log_in():
                db.session.commit()
                flash(_asked_people() if done.is_waiting else _("Your address is confirmed."), "success")
                return redirect(url_for("auth.login"), 303)
            used = device.describe(request.user_agent.string)
            logins.welcome(done.person, means="confirmation", device=used, language=language(), now=now)
            sessions.begin(done.person.id, device=used, now=now)
            db.session.commit()
            flash(_("Your address is confirmed and you are logged in."), "success")
            return redirect(url_for("home.index"), 303)
    return _confirm_page(link, form), 422 if form.is_submitted() else 200


def _confirm_form(person: Person) -> NewPasswordForm:
    """The first password; who never said what they are called is asked that too."""
    if has_name(person):
        return NewPasswordForm()
    form = FirstPasswordForm()
    _suggest(form, suggest_name(person, claims.list_claimable(person)))
    return form


def _suggest(form: NameForm, name: OwnName) -> None:
    """Fills in what is known of a name; what was sent stays as it is, be it nothing."""
    if not form.is_submitted():
        form.process(data=asdict(name))


def _name_in(form: PortalForm) -> OwnName | None:
    return form.own_name() if isinstance(form, NameForm) else None


def _confirm_page(link: OneTimeToken, form: NewPasswordForm) -> str:
    person = _person_of(link)
    unclaimed = claims.list_claimable(person)
    known = suggest_name(person, unclaimed)
    name = f"{known.given_name} {known.family_name}".strip() or None
    if unclaimed and unclaimed[0].name != name:
        return render_template("auth/claim.html", form=form, email=person.email, account=unclaimed[0].name)
    return render_template("auth/confirm.html", form=form, email=person.email, name=name)


def _asked_people() -> str:
    return str(
        _(
            "Your address is confirmed. This account has people already, so we asked them whether you may use "
            "it too. As soon as one of them agrees, we send you a mail."
        )
    )


@bp.route("/reset-password/<token>", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_LINK")
def reset(token: str) -> ResponseReturnValue:
    """Sets a new password and ends every session of the person, who then logs in with it."""
    now = clock.now()
    link = tokens.find(token, TokenPurpose.RESET, now=now)
    if link is None:
        return _no_such_link()
    form = NewPasswordForm()
    if form.validate_on_submit():
        try:
            actions.reset_password(link, form.password.data, now=now)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
        except NotFound:
            db.session.rollback()
            return _no_such_link()
        else:
            db.session.commit()
            flash(_("Your new password is set. Log in with it."), "success")
            return redirect(url_for("auth.login"), 303)
    page = render_template("auth/reset.html", form=form, email=_person_of(link).email)
    return page, 422 if form.is_submitted() else 200


@bp.route("/claim/<token>", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_LINK")
def claim(token: str) -> ResponseReturnValue:
    """Lets an owner of an account give somebody who asked for it a role."""
    now = clock.now()
    link = tokens.find(token, TokenPurpose.CLAIM, now=now)
    if link is None:
        return _no_such_link(is_claim=True)
    form = GrantForm()
    try:
        asked = claims.get_claim(link)
        if form.validate_on_submit():
            claims.grant_claim(link, Role(form.role.data), now=now)
            db.session.commit()
            flash(_("%(email)s now has access.", email=asked.asker.email), "success")
            return redirect(url_for("auth.login"), 303)
    except NotFound:
        db.session.rollback()
        return _no_such_link(is_claim=True)
    page = render_template("auth/grant.html", form=form, asker=asked.asker, account=asked.customer.name)
    return page, 422 if form.is_submitted() else 200


@bp.route("/invitation/<token>", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_LINK")
def accept(token: str) -> ResponseReturnValue:
    """Accepts an invitation to an account, with a name and a first password for who has none, and signs them in."""
    now = clock.now()
    link = tokens.find(token, TokenPurpose.INVITATION, now=now)
    if link is None:
        return _no_such_link(is_claim=True)
    try:
        invited = invitations.get_invited(link)
    except NotFound:
        return _no_such_link(is_claim=True)
    form = _accept_form(invited)
    if form.validate_on_submit():
        try:
            password = form.password.data if isinstance(form, NewPasswordForm) else None
            done = invitations.accept(link, password, _name_in(form), now=now)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
        except NotFound:
            db.session.rollback()
            return _no_such_link(is_claim=True)
        else:
            return _accepted(done, now=now)
    page = render_template(
        "auth/invitation.html",
        form=form,
        email=invited.person.email,
        account=invited.customer.name,
        needs_password=invited.needs_password,
        needs_name=invited.needs_name,
    )
    return page, 422 if form.is_submitted() else 200


def _accept_form(invited: invitations.Invited) -> PortalForm:
    """Only the button for who has both a password and a name."""
    if not invited.needs_name:
        return PortalForm()
    form = FirstPasswordForm() if invited.needs_password else NameForm()
    _suggest(form, invited.suggested)
    return form


def _accepted(done: invitations.Invited, *, now: datetime) -> ResponseReturnValue:
    """Who had a password logs in with it; who chose one just now is in."""
    if done.needs_password and shops.may_log_in():
        used = device.describe(request.user_agent.string)
        logins.welcome(done.person, means="invitation", device=used, language=language(), now=now)
        sessions.begin(done.person.id, device=used, now=now)
    db.session.commit()
    flash(_("You now have access to %(account)s.", account=done.customer.name), "success")
    return redirect(url_for("home.index"), 303)


@bp.route("/change-email/<token>", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_LINK")
def change_email(token: str) -> ResponseReturnValue:
    """Changes an address to the one that the link was mailed to."""
    now = clock.now()
    link = tokens.find(token, TokenPurpose.EMAIL_CHANGE, now=now)
    if link is None:
        return _no_such_link(is_own=True)
    form = PortalForm()
    try:
        wanted = emails.get_change(link)
        if form.validate_on_submit():
            own = sessions.current_id()
            emails.change(link, session_ids=[] if own is None else [own], now=now)
            db.session.commit()
            flash(_("The new address is yours from now on."), "success")
            # Who is not signed in here finds the log-in on the way.
            return redirect(url_for("profile.index"), 303)
    except NotFound:
        db.session.rollback()
        return _no_such_link(is_own=True)
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
    use = "account" if not wanted.is_login else "login" if wanted.account is None else "both"
    page = render_template("auth/change_email.html", form=form, email=wanted.email, use=use)
    return page, 422 if form.is_submitted() else 200


def _person_of(link: OneTimeToken) -> Person:
    person = queries.find_person(link.person_id)
    if person is None:
        raise NotFound
    return person


def _no_such_link(*, is_claim: bool = False, is_own: bool = False) -> ResponseReturnValue:
    """One answer to a link that was used, replaced, has run out, was never made, or is another shop's."""
    again = (_("Send me a new link"), url_for("profile.login_email" if is_own else "auth.forgot"))
    page = render_template(
        "auth/expired.html",
        title=_("This link no longer works"),
        text=_("It was already used, replaced by a newer one, or it has expired."),
        link=(_("Log in"), url_for("auth.login")) if is_claim else again,
    )
    return page, 404
