"""Logging in and out, registering, and asking for a link to choose a new password."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.auth import bp, limits
from portal.blueprints.auth.forms import ForgotForm, LoginForm, RegisterForm
from portal.core import access, clock, device, kept, mailer, sessions, shops
from portal.core.access import Audience
from portal.core.errors import DomainError
from portal.core.forms import checked_by_form
from portal.core.links import safe_next
from portal.core.principals import current_person
from portal.core.templating import chosen_theme, language
from portal.domain.people import actions, logins
from portal.domain.people.appearance import adopt_appearance
from portal.extensions import db


@bp.route("/login", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_LOGIN")
def login() -> ResponseReturnValue:
    """Signs in by address and password, then leads to where the visitor wanted to go."""
    if current_person() is not None:
        return redirect(url_for("home.index"), 303)
    form = LoginForm()
    if not form.is_submitted():
        form.next.data = safe_next(request.args.get("next"), "")
    if form.validate_on_submit():
        if not shops.may_log_in():
            form.refuse(DomainError(_("The demo can only be used on the machine that it runs on.")))
        else:
            proof, now = logins.prove(form.email.data, form.password.data), clock.now()
            tried = logins.log_in(
                proof,
                tries=int(current_app.config["AUTH_TRIES"]),
                device=device.describe(request.user_agent.string),
                language=language(),
                now=now,
            )
            if tried.person is not None:
                adopt_appearance(tried.person.id, theme=session.get("theme"), language=session.get("locale"))
                sessions.begin(tried.person.id, device=device.describe(request.user_agent.string), now=now)
            # A failed attempt is written down too.
            db.session.commit()
            if tried.person is not None:
                home = safe_next(form.next.data, url_for("home.index"))
                typed = kept.read(form.kept.data)
                if typed is not None:
                    return render_template("auth/kept.html", typed=typed, back_url=home)
                return redirect(home, 303)
            form.refuse(DomainError(_waiting() if tried.is_waiting else _refusal()))
    return render_template("auth/login.html", form=form), 422 if form.is_submitted() else 200


@bp.record_once
def answer_who_was_logged_out(state: BlueprintSetupState) -> None:
    """A form without a session is answered by the log-in here."""
    access.log_in_by(state.app, Audience.CUSTOMER, log_in_first)


def log_in_first(address: str, typed: str) -> ResponseReturnValue:
    """The log-in instead of a form that came without a session; it carries what was typed into that (``core.kept``)."""
    form = LoginForm(formdata=None, next=address, kept=typed)
    return render_template("auth/login.html", form=form), 401


def _refusal() -> str:
    """The one answer to every log-in that fails: it must not tell whether the address is known."""
    return str(
        _(
            "This e-mail address and this password do not belong together. After several wrong tries, wait a "
            "quarter of an hour or choose a new password."
        )
    )


def _waiting() -> str:
    return str(
        _(
            "Your address is confirmed, but you have no access to an account yet. As soon as somebody of the "
            "account agrees, we send you a mail."
        )
    )


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """Ends the session on the server and drops its cookie, and the pages that the browser still holds."""
    sessions.end(now=clock.now())
    db.session.commit()
    flash(_("You are logged out."))
    response = redirect(url_for("auth.login"), 303)
    # A browser may keep a page for its Back button although it was told to store none.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.route("/register", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_REGISTER")
@limits.by_address("AUTH_LIMIT_ADDRESS")
def register() -> ResponseReturnValue:
    """Registers a person and mails them a link; the answer is the same for an address that is known."""
    if current_person() is not None:
        return redirect(url_for("home.index"), 303)
    form = RegisterForm()
    if form.validate_on_submit():
        wanted = actions.Registration(
            email=form.email.data,
            given_name=form.given_name.data,
            family_name=form.family_name.data,
            language=str(session.get("locale", "auto")),
            theme=str(chosen_theme()),
        )
        actions.register(wanted, page_language=language(), now=clock.now())
        db.session.commit()
        return redirect(url_for("auth.registered"), 303)
    page = render_template("auth/register.html", form=form, mail_held=_mail_held())
    return page, 422 if form.is_submitted() else 200


@bp.get("/register/sent")
def registered() -> ResponseReturnValue:
    """After registering: look into your mail."""
    if _mail_held():
        title = _("One more step")
        text = _(
            "You need a link that confirms your address. This shop cannot send mail yet, so ask the shop for it, or "
            "wait: the mail follows as soon as it can be sent."
        )
    else:
        title = _("Check your inbox")
        text = _("We sent you a link. Open it to confirm your address and choose a password.")
    return render_template("auth/sent.html", title=title, text=text, mail_held=_mail_held())


@bp.route("/forgot-password", methods=["GET", "POST"])
@checked_by_form
@limits.by_machine("AUTH_LIMIT_FORGOT")
@limits.by_address("AUTH_LIMIT_ADDRESS")
def forgot() -> ResponseReturnValue:
    """Mails a link to choose a new password; the answer is the same for an address that nobody has."""
    if current_person() is not None:
        return redirect(url_for("home.index"), 303)
    form = ForgotForm()
    if form.validate_on_submit():
        actions.ask_reset(form.email.data, page_language=language(), now=clock.now())
        db.session.commit()
        return redirect(url_for("auth.asked"), 303)
    page = render_template("auth/forgot.html", form=form, mail_held=_mail_held())
    return page, 422 if form.is_submitted() else 200


@bp.get("/forgot-password/sent")
def asked() -> ResponseReturnValue:
    """After asking for a link: look into your mail."""
    if _mail_held():
        title = _("Ask the shop for a link")
        text = _(
            "This shop cannot send mail yet. If somebody has an account with this address, the shop can give them a "
            "link to choose a new password."
        )
    else:
        title = _("Check your inbox")
        text = _(
            "If somebody has an account with this address, a link to choose a new password is on its way."
        )
    return render_template("auth/sent.html", title=title, text=text, mail_held=_mail_held())


def _mail_held() -> bool:
    return not mailer.can_send(current_app)
