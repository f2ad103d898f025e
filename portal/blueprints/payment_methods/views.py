"""The list of payment methods, one of them, saving another, and taking one back."""

from __future__ import annotations

import io
import logging
from contextlib import AbstractContextManager

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.payment_methods import bp, pages
from portal.blueprints.payment_methods.forms import NOBODY, AddForm, RevokeForm
from portal.core import access, clock, database, pdf, security
from portal.core.access import needs
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound, ProviderError
from portal.core.forms import checked_by_form
from portal.core.principals import current_membership, current_person
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.collections import revoking
from portal.domain.collections.planned import list_plan_debits
from portal.domain.methods import actions, queries
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments import mandates, registry, saving
from portal.domain.payments.queries import list_charges_under_way
from portal.domain.payments.saving import Begun, Ending
from portal.domain.people.permissions import Permission
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop
from portal.domain.subscriptions import paid_with
from portal.extensions import db, limiter

log = logging.getLogger(__name__)


@bp.get("")
@needs(Permission.METHODS)
def index() -> ResponseReturnValue:
    """What the account can pay with, the newest first; what is over stands apart."""
    earlier = request.args.get("status") == "earlier"
    account, mode = current_membership().customer_id, Mode(current_shop().mode)
    page = paid_with.list_methods(
        account,
        mode=mode,
        earlier=earlier,
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    status = "earlier" if earlier else None
    # What is over pays nothing.
    plans = list_plan_debits(account, mode=mode) if page.rows and not earlier else []
    return render_template(
        "payment_methods/index.html",
        rows=[(row, pages.list_row(row, plans)) for row in page.rows],
        filters=[
            (_("Current"), url_for("payment_methods.index"), not earlier),
            (_("Earlier"), url_for("payment_methods.index", status="earlier"), earlier),
        ],
        earlier=earlier,
        previous_url=page.prev_cursor
        and url_for("payment_methods.index", status=status, before=page.prev_cursor),
        next_url=page.next_cursor and url_for("payment_methods.index", status=status, after=page.next_cursor),
    )


@bp.get("/new")
@needs(Permission.METHODS_CHANGE)
def create() -> ResponseReturnValue:
    """What can be saved, and what one agrees to with it."""
    return _new_page(AddForm(formdata=None, account=current_membership().customer_public_id))


@bp.post("/new")
@needs(Permission.METHODS_CHANGE)
@checked_by_form
def add() -> ResponseReturnValue:
    """Begins to save something and leads to the provider; a second click lands on the same page there."""
    form = AddForm()
    if not form.validate_on_submit():
        return _new_page(form), 422
    try:
        begun = saving.begin(
            current_shop().id,
            access.same_account(form.account.data).customer_id,
            form.chosen(),
            read_in=language(),
            actor=_actor(),
            now=clock.now(),
            transaction=_transaction,
        )
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
        return _new_page(form), 409 if isinstance(error, Conflict) else 422
    return _onward(begun)


@bp.get("/<public_id>")
@needs(Permission.METHODS)
def show(public_id: str) -> ResponseReturnValue:
    """One method, what it pays, and what will be debited."""
    method = _load(public_id)
    today = clock.today(current_shop().time_zone)
    paid = paid_with.list_paid_with(method.id, today=today)
    under_way = list_charges_under_way(method.id)
    plans = list_plan_debits(method.customer_id, mode=method.mode)
    if method.status is MethodStatus.PENDING:
        security.allow_form_action(*registry.checkout_origins(get_shop(method.shop_id)))
    return render_template(
        "payment_methods/show.html",
        method=method,
        name=pages.name_of(method),
        subscriptions=[each.row for each in paid],
        debits=pages.debits(method, paid, under_way, plans),
        has_mandate=mandates.has_mandate(method),
    )


@bp.post("/<public_id>/default")
@needs(Permission.METHODS_CHANGE)
def make_default(public_id: str) -> ResponseReturnValue:
    """What the account pays with from now on."""
    method = _load(public_id)
    try:
        actions.make_default(method, actor=_actor(), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "warning")
    else:
        db.session.commit()
        flash(_("%(name)s is your default payment method now.", name=pages.name_of(method)), "success")
    return redirect(url_for("payment_methods.show", public_id=public_id), 303)


@bp.post("/<public_id>/continue")
@needs(Permission.METHODS_CHANGE)
def resume(public_id: str) -> ResponseReturnValue:
    """Back to the provider's page of something that was begun."""
    method = _load(public_id)
    try:
        begun = saving.resume(method, actor=_actor(), now=clock.now(), transaction=_transaction)
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "warning")
        return redirect(url_for("payment_methods.show", public_id=public_id), 303)
    return _onward(begun)


@bp.post("/<public_id>/stop")
@needs(Permission.METHODS_CHANGE)
def stop(public_id: str) -> ResponseReturnValue:
    """Gives up what was begun; nothing happens to what was confirmed meanwhile."""
    method = _load(public_id)
    saving.give_up(method, reason="stopped", actor=_actor(), now=clock.now())
    db.session.commit()
    if method.status is MethodStatus.VALID:
        flash(_("The bank had confirmed it meanwhile, so it was saved. You can remove it here."), "info")
        return redirect(url_for("payment_methods.show", public_id=public_id), 303)
    flash(_("You stopped. Nothing was saved."), "info")
    return redirect(url_for("payment_methods.index"), 303)


@bp.get("/<public_id>/return")
@needs(Permission.METHODS_CHANGE)
@limiter.limit("120/minute")
def back(public_id: str) -> ResponseReturnValue:
    """Back from the provider: asks how it went and stores it, as ``pay.back`` does for a payment.

    A GET that writes, because the provider leads here and its webhook may come late or never.
    """
    method = _load(public_id)
    method_id, provider = method.id, method.provider
    if method.status is MethodStatus.PENDING:
        try:
            saving.refresh(
                method_id, actor=Actor.provider(provider), now=clock.now(), transaction=_transaction
            )
        except (ProviderError, NotFound):
            # Away for now: the scheduled run asks again.
            db.session.rollback()
    method = db.session.get_one(PaymentMethod, method_id, populate_existing=True)
    ending = saving.how_it_ended(method)
    text, tone = pages.told(ending)
    flash(text, tone)
    if ending in (Ending.SAVED, Ending.WAITING):
        return redirect(url_for("payment_methods.show", public_id=public_id), 303)
    return redirect(url_for("payment_methods.index"), 303)


@bp.get("/<public_id>/revoke")
@needs(Permission.METHODS_CHANGE)
def confirm(public_id: str) -> ResponseReturnValue:
    """Says what would happen and asks, or says why it cannot be."""
    method = _load(public_id)
    if method.status is not MethodStatus.VALID:
        return redirect(url_for("payment_methods.show", public_id=public_id), 303)
    return _revoke_page(method)


@bp.post("/<public_id>/revoke")
@needs(Permission.METHODS_CHANGE)
@checked_by_form
def revoke(public_id: str) -> ResponseReturnValue:
    """Takes a method back."""
    method, form = _load(public_id), RevokeForm()
    if not form.validate_on_submit():
        return _revoke_page(method, form), 422
    name = pages.name_of(method)
    try:
        done = revoking.revoke_method(method, successor=form.told(), actor=_actor(), now=clock.now())
    except Conflict as error:
        db.session.rollback()
        form.refuse(error)
        return _revoke_page(_load(public_id), form), 409
    db.session.commit()
    flash(pages.was_removed(name, done), "success")
    return redirect(url_for("payment_methods.index"), 303)


@bp.get("/<public_id>/mandate")
@needs(Permission.METHODS)
@limiter.limit("30/minute")
def mandate(public_id: str) -> ResponseReturnValue:
    """The mandate as it was agreed to, in the account's language."""
    method = _load(public_id)
    if not mandates.has_mandate(method):
        abort(404)
    shop, customer = get_shop(method.shop_id), get_customer(method.customer_id)
    wanted = account_language(customer, shop)
    context, name = (
        mandates.mandate_context(method, customer, shop, wanted),
        mandates.file_name(method, wanted),
    )
    db.session.rollback()
    try:
        data = pdf.render("pdf/mandate.html", context, locale=wanted)
    except pdf.PdfError:
        log.exception("the mandate of method %s could not be made", public_id)
        flash(_("The PDF could not be made. Please try again later, or ask the shop for it."), "error")
        return redirect(url_for("payment_methods.show", public_id=public_id), 303)
    return send_file(io.BytesIO(data), mimetype="application/pdf", download_name=name, as_attachment=True)


def _load(public_id: str) -> PaymentMethod:
    method = queries.get_method_of(
        public_id, customer_ids=access.customer_ids(), mode=Mode(current_shop().mode)
    )
    access.open_for(method.customer_id)
    return method


def _new_page(form: AddForm) -> str:
    shop = get_shop(current_shop().id)
    kinds = saving.kinds(shop)
    security.allow_form_action(*registry.checkout_origins(shop))
    details = {
        MethodKind.SEPA: _("We collect what you owe from your bank account. You are told beforehand."),
        MethodKind.CARD: _("We charge what you owe to your card."),
    }
    return render_template(
        "payment_methods/create.html",
        form=form,
        options=[
            {
                "value": kind.value,
                "title": kind.label,
                "detail": details[kind],
                "icon": pages.ICONS[kind],
            }
            for kind in kinds
        ],
        mandate_text=saving.mandate_text(shop, language()) if MethodKind.SEPA in kinds else None,
    )


def _revoke_page(method: PaymentMethod, form: RevokeForm | None = None) -> str:
    found = revoking.consequences(method)
    form = form or RevokeForm(formdata=None)
    form.successor.data = found.successor.public_id if found.successor else NOBODY
    values = pages.revoke_page(method, found, list_charges_under_way(method.id))
    return render_template("payment_methods/revoke.html", form=form, **values)


def _onward(begun: Begun) -> ResponseReturnValue:
    """To the provider's page; what was decided there meanwhile is told on the way back."""
    if begun.checkout_url is not None:
        return redirect(begun.checkout_url, 303)
    return redirect(url_for("payment_methods.back", public_id=begun.public_id), 303)


def _transaction() -> AbstractContextManager[None]:
    return database.writing(db.session)


def _actor() -> Actor:
    person = current_person()
    assert person is not None
    return Actor.person(person)
