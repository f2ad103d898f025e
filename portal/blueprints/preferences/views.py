"""Storing a choice of theme, language or account."""

from __future__ import annotations

from typing import cast

from flask import abort, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints.preferences import bp
from portal.core.links import safe_next
from portal.core.locale import LANGUAGES
from portal.core.principals import current_person
from portal.core.theme import Theme
from portal.domain.people.appearance import choose_appearance
from portal.extensions import db


@bp.post("")
def save() -> ResponseReturnValue:
    """Takes ``theme``, ``locale`` or both: into the person's row, or the visitor's cookie before log-in."""
    theme, locale = request.form.get("theme"), request.form.get("locale")
    if (theme is not None and theme not in set(Theme)) or (
        locale is not None and locale not in {"auto", *LANGUAGES}
    ):
        abort(400)
    if theme is not None:
        session["theme"] = theme
    if locale is not None:
        session["locale"] = locale
    person = current_person()
    if person is not None:
        choose_appearance(person.id, theme=theme, language=locale)
        db.session.commit()
    return redirect(safe_next(request.form.get("next"), url_for("shop.index")), 303)


@bp.post("/account")
def account() -> ResponseReturnValue:
    """Chooses the account that lists and forms are about; somebody else's account is 404."""
    person = current_person()
    chosen = request.form.get("account", "")
    membership = (
        next((m for m in person.memberships if m.customer_public_id == chosen), None) if person else None
    )
    if membership is None:
        abort(404)
    from portal.core.sessions import PortalSession, SessionRow

    signed_in = cast(PortalSession, session._get_current_object()).signed_in  # type: ignore[attr-defined]
    row = db.session.get(SessionRow, signed_in.session_id) if signed_in else None
    if row is not None:
        row.membership_id = membership.id
        db.session.commit()
    return redirect(url_for("home.index"), 303)
