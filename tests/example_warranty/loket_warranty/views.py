"""The customer's pages."""

from __future__ import annotations

import sqlalchemy as sa
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from loket_warranty import actions, bp
from loket_warranty.forms import RegisterForm
from loket_warranty.models import Registration

from portal import api

REGISTER = "warranty.register"


@bp.get("")
@api.needs(api.Permission.ORDERS)
def index() -> ResponseReturnValue:
    """The registrations of this account: the guard keeps to the shop, the query itself to the account."""
    columns = (Registration.public_id, Registration.product, Registration.ends_on, Registration.status)
    page = api.keyset(
        api.db.session,
        sa.select(*columns).where(Registration.customer_id == api.current_membership().customer_id),
        key_columns=[Registration.id.desc()],
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    return render_template(
        "warranty/index.html",
        rows=page.rows,
        previous_url=page.prev_cursor and url_for("warranty.index", before=page.prev_cursor),
        next_url=page.next_cursor and url_for("warranty.index", after=page.next_cursor),
    )


@bp.route("/new", methods=["GET", "POST"])
@api.needs(REGISTER)
@api.checked_by_form
@api.limited("60 per hour")
def create() -> ResponseReturnValue:
    """The form, and what it registers: one transaction that this view alone commits."""
    form = RegisterForm()
    if not form.is_submitted():
        form.account.data = api.current_membership().customer_public_id
        return render_template("warranty/create.html", form=form)
    if not form.validate():
        return render_template("warranty/create.html", form=form), 422
    now, today = api.now(), api.today(api.current_shop().time_zone)
    try:
        row = actions.register(
            api.same_account(form.account.data).customer_id,
            product=form.product.data,
            serial=form.serial.data,
            bought_on=form.bought_on.data,
            today=today,
            actor=api.Actor.person(api.current_person()),
            now=now,
        )
        api.db.session.commit()
    except api.DomainError as error:
        api.db.session.rollback()
        form.refuse(error)
        return render_template("warranty/create.html", form=form), 422
    flash(_("%(product)s is registered.", product=row.product), "success")
    return redirect(url_for("warranty.show", public_id=row.public_id), 303)


def load(public_id: str) -> Registration:
    """The row among all accounts of the person, else 404; then the page is that account's: 403 without the right."""
    row = api.db.session.scalar(
        sa.select(Registration).where(
            Registration.public_id == public_id, Registration.customer_id.in_(api.customer_ids())
        )
    )
    if row is None:
        raise api.NotFound
    api.open_for(row.customer_id)
    return row


@bp.get("/<public_id>")
@api.needs(api.Permission.ORDERS)
def show(public_id: str) -> ResponseReturnValue:
    """One registration."""
    return render_template("warranty/show.html", row=load(public_id))


@bp.get("/<public_id>/withdraw")
@api.needs(REGISTER)
def ask(public_id: str) -> ResponseReturnValue:
    """The question, for who has no scripts."""
    return render_template("warranty/withdraw.html", row=load(public_id))


@bp.post("/<public_id>/withdraw")
@api.needs(REGISTER)
def withdraw(public_id: str) -> ResponseReturnValue:
    """Ends it."""
    row = load(public_id)
    actions.withdraw(row, actor=api.Actor.person(api.current_person()), now=api.now())
    api.db.session.commit()
    flash(_("%(product)s is no longer registered.", product=row.product), "success")
    return redirect(url_for("warranty.show", public_id=public_id), 303)
