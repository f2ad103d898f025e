"""The one page of an installation without a shop. After that its link says what to do next."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints.setup import bp
from portal.blueprints.setup.forms import SetupForm
from portal.core import clock, links, mailer, tenancy
from portal.core.errors import DomainError, NotFound
from portal.core.forms import checked_by_form
from portal.core.shops import is_loopback
from portal.domain.people.actions import create_staff
from portal.domain.people.models import StaffRole
from portal.domain.shops import actions
from portal.domain.shops.models import Shop
from portal.extensions import db, limiter


@bp.before_request
def refuse_large_bodies() -> None:
    """413 for a body that no person types."""
    request.max_content_length = 64 * 1024


@bp.route("/<token>", methods=["GET", "POST"])
@checked_by_form
@limiter.limit("30 per hour", methods=["POST"])
def create(token: str) -> ResponseReturnValue:
    """Makes the shop and its owner, then says at the same address what they can do."""
    mail_held = not mailer.can_send(current_app)
    made = actions.find_shop_made_with(token, now=clock.now())
    if made is not None and request.method != "POST":
        return render_template("setup/done.html", shop_name=made.name, mail_held=mail_held)
    try:
        public_id = actions.check_setup_token(token, now=clock.now())
    except NotFound:
        return render_template("setup/gone.html"), 404
    form = SetupForm()
    if form.validate_on_submit():
        try:
            _set_up(form, public_id)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
        else:
            db.session.commit()
            current_app.extensions["shops"].forget()
            return redirect(url_for("setup.create", token=token), 303)
    page = render_template("setup/create.html", form=form, mail_held=mail_held, **_address())
    return page, 422 if form.is_submitted() else 200


def _domain() -> actions.Domain:
    """The address that this page was opened under, which becomes the shop's; ``DomainError`` when it cannot."""
    address = urlsplit(f"{request.scheme}://{request.host}")
    try:
        host, port = address.hostname or "", address.port
    except ValueError:
        host, port = "", None
    return actions.checked_domain(host, port, request.scheme)


def _address() -> dict[str, Any]:
    """What the page says of the address before there is a shop at it."""
    try:
        domain = _domain()
    except DomainError as error:
        return {"address": "", "refusal": str(error)}
    return {"address": f"{links.origin(domain)}/", "only_here": is_loopback(domain.host)}


def _set_up(form: SetupForm, public_id: str) -> Shop:
    now = clock.now()
    shop = actions.create_shop(
        name=form.shop_name.data,
        domain=_domain(),
        email=form.email.data,
        language=form.language.data,
        now=now,
        public_id=public_id,
    )
    with tenancy.shop_scope(shop.id):
        create_staff(
            email=form.email.data,
            name=form.owner_name.data,
            role=StaffRole.OWNER,
            password=form.password.data,
            language=form.language.data,
            now=now,
        )
        db.session.flush()
    return shop
