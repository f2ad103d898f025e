"""Asking for another e-mail address: the password, and a link to the new one."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.profile import bp
from portal.blueprints.profile.forms import EmailForm
from portal.core import access, clock, device, mailer, sessions
from portal.core.access import OWN, needs
from portal.core.errors import DomainError
from portal.core.forms import checked_by_form
from portal.core.principals import current_person
from portal.domain.people import emails, logins, queries
from portal.domain.people.models import Person
from portal.domain.people.permissions import Permission
from portal.extensions import db, limiter

#: Each is a mail to an address that somebody typed.
ASKED = "10 per hour"


def _asker() -> str:
    principal = current_person()
    return f"email:{principal.id}" if principal is not None else "email:visitor"


@bp.route("/email", methods=["GET", "POST"])
@needs(OWN)
@checked_by_form
@limiter.limit(ASKED, key_func=_asker, methods=["POST"])
def login_email() -> ResponseReturnValue:
    """Asks for another address to log in with; it is the account's too where the two are one."""
    principal = current_person()
    assert principal is not None
    person = db.session.get_one(Person, principal.id)
    is_one = emails.find_one_with(person) is not None
    return _ask(
        lambda email: emails.ask_login(
            principal.id, email, session_id=sessions.current_id(), now=clock.now()
        ),
        present=person.email,
        use="both" if is_one else "login",
    )


@bp.route("/<public_id>/email", methods=["GET", "POST"])
@needs(Permission.DETAILS_CHANGE)
@checked_by_form
@limiter.limit(ASKED, key_func=_asker, methods=["POST"])
def account_email(public_id: str) -> ResponseReturnValue:
    """Asks for another address for an account's mail."""
    customer = queries.get_account(public_id, customer_ids=access.customer_ids())
    access.open_for(customer.id)
    principal = current_person()
    assert principal is not None
    customer_id = customer.id
    if emails.find_one_with(db.session.get_one(Person, principal.id)) is not None:
        return redirect(url_for("profile.login_email"), 303)
    return _ask(
        lambda email: emails.ask_account(
            principal.id, queries.get_customer(customer_id), email, now=clock.now()
        ),
        present=customer.email,
        use="account",
    )


def _ask(ask: Callable[[str], None], *, present: str, use: str) -> ResponseReturnValue:
    form = EmailForm()
    if form.validate_on_submit():
        try:
            if _knows_password(form.password.data or ""):
                ask(form.email.data)
                db.session.commit()
                flash(_sent(form.email.data), "info")
                return redirect(url_for("profile.index"), 303)
            # A wrong password is written down.
            db.session.commit()
            form.refuse(DomainError(_refusal(), "password"))
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
    page = render_template("profile/email.html", form=form, present=present, use=use)
    return page, 422 if form.is_submitted() else 200


def _knows_password(password: str) -> bool:
    principal = current_person()
    assert principal is not None
    proof = logins.prove(principal.email, password)
    return logins.confirm_password(
        proof,
        tries=int(current_app.config["AUTH_TRIES"]),
        device=device.describe(request.user_agent.string),
        now=clock.now(),
    )


def _sent(email: str) -> str:
    if not mailer.can_send(current_app):
        return str(
            _("This shop cannot send mail yet. As soon as it can, a link goes to %(email)s.", email=email)
        )
    return str(
        _(
            "We sent a link to %(email)s. It works for a day; until you press the button on its page nothing changes.",
            email=email,
        )
    )


def _refusal() -> str:
    return str(_("This is not your password. After several wrong tries, wait a quarter of an hour."))
