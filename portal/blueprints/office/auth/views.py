"""The office's own log-in, log-out, and the choice of theme and language."""

from __future__ import annotations

from flask import abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.office.auth import bp
from portal.blueprints.office.auth.forms import StaffLoginForm, in_office
from portal.core import access, clock, device, kept, sessions, shops
from portal.core.access import Audience, public
from portal.core.errors import DomainError
from portal.core.forms import checked_by_form
from portal.core.locale import LANGUAGES
from portal.core.principals import current_staff
from portal.core.theme import Theme
from portal.domain.people import staff as people
from portal.extensions import db, limiter

#: Settings with these names in ``app.config`` change it. Fewer people log in here than at the portal.
DEFAULTS: dict[str, str | int] = {"OFFICE_LIMIT_LOGIN": "10 per minute; 100 per hour", "OFFICE_TRIES": 5}

#: In bytes; no form here needs a tenth of it.
LARGEST_BODY = 64 * 1024


@bp.record_once
def set_defaults(state: BlueprintSetupState) -> None:
    """Puts the numbers into the configuration where it does not hold others."""
    for name, value in DEFAULTS.items():
        state.app.config.setdefault(name, value)


@bp.before_request
def refuse_large_bodies() -> None:
    """413 for a body that no person types."""
    request.max_content_length = LARGEST_BODY


@bp.route("/login", methods=["GET", "POST"])
@public
@checked_by_form
@limiter.limit(lambda: str(current_app.config["OFFICE_LIMIT_LOGIN"]), methods=["POST"])
def login() -> ResponseReturnValue:
    """Signs somebody of the shop in by address and password, then leads to where they wanted to go."""
    if current_staff() is not None:
        return redirect(url_for("office.home.index"), 303)
    form = StaffLoginForm()
    if not form.is_submitted():
        form.next.data = in_office(request.args.get("next"), "")
    if form.validate_on_submit():
        if not shops.may_log_in():
            form.refuse(DomainError(_("The demo can only be used on the machine that it runs on.")))
        elif _log_in(form):
            home = in_office(form.next.data, url_for("office.home.index"))
            typed = kept.read(form.kept.data)
            if typed is not None:
                return render_template("auth/kept.html", typed=typed, back_url=home)
            return redirect(home, 303)
        else:
            form.refuse(DomainError(_refusal()))
    return render_template("office/auth/login.html", form=form), 422 if form.is_submitted() else 200


@bp.record_once
def answer_who_was_logged_out(state: BlueprintSetupState) -> None:
    """A form without a session is answered by the log-in here."""
    access.log_in_by(state.app, Audience.STAFF, log_in_first)


def log_in_first(address: str, typed: str) -> ResponseReturnValue:
    """The log-in instead of a form that came without a session; it carries what was typed into that (``core.kept``)."""
    form = StaffLoginForm(formdata=None, next=in_office(address, ""), kept=typed)
    return render_template("office/auth/login.html", form=form), 401


def _log_in(form: StaffLoginForm) -> bool:
    used = device.describe(request.user_agent.string)
    proof, now = people.prove(form.email.data or "", form.password.data or ""), clock.now()
    staff = people.log_in(proof, tries=int(current_app.config["OFFICE_TRIES"]), device=used, now=now)
    if staff is not None:
        people.adopt_appearance(staff.id, theme=session.get("theme"), language=session.get("locale"))
        sessions.begin_staff(staff.id, device=used, now=now)
    # A failed attempt is written down too.
    db.session.commit()
    return staff is not None


def _refusal() -> str:
    """The one answer to every log-in that fails: it must not tell whether the address is known."""
    return str(
        _(
            "This e-mail address and this password do not belong together. After several wrong tries, wait a "
            "quarter of an hour."
        )
    )


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """Ends the session on the server and drops its cookie, and the pages that the browser still holds."""
    sessions.end(now=clock.now())
    db.session.commit()
    flash(_("You are logged out."))
    response = redirect(url_for("office.auth.login"), 303)
    # A browser may keep a page for its Back button although it was told to store none.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@bp.post("/preferences")
@public
def preferences() -> ResponseReturnValue:
    """Takes ``theme``, ``locale`` or both: into the row of who is signed in, or the visitor's cookie before log-in."""
    theme, locale = request.form.get("theme"), request.form.get("locale")
    if (theme is not None and theme not in set(Theme)) or (
        locale is not None and locale not in {"auto", *LANGUAGES}
    ):
        abort(400)
    staff = current_staff()
    if staff is not None:
        people.choose_appearance(staff.id, theme=theme, language=locale)
        db.session.commit()
    else:
        session.update({k: v for k, v in (("theme", theme), ("locale", locale)) if v is not None})
    return redirect(in_office(request.form.get("next"), url_for("office.home.index")), 303)
