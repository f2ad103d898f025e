"""Making, changing, deleting and finalising drafts."""

from __future__ import annotations

import re

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.office.invoices import bp, loading, pages
from portal.blueprints.office.invoices.forms import (
    DraftForm,
    EditDraftForm,
    FinaliseForm,
    NewDraftForm,
    VersionForm,
)
from portal.blueprints.office.invoices.loading import Found
from portal.core import clock, errorpages, links
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.forms import checked_by_form, searched
from portal.core.shops import current_shop
from portal.domain.invoices import editing
from portal.domain.people import staff_queries
from portal.domain.people.models import Customer
from portal.domain.people.staff_permissions import StaffPermission
from portal.extensions import db

_PUBLIC_ID = re.compile(r"[\w-]{22}", re.ASCII)


@bp.route("/new", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def create() -> ResponseReturnValue:
    """A new draft for the customer in the address; without one, whom it is for."""
    asked = request.args.get("customer", "")
    if not asked:
        return _choose()
    if _PUBLIC_ID.fullmatch(asked) is None:
        # PostgreSQL refuses a NUL in any text.
        abort(404)
    customer = staff_queries.get_customer_for_staff(asked)
    shop = loading.shop()
    form = NewDraftForm(shop, clock.today(shop.time_zone))
    if not form.is_submitted():
        _with_a_line(form)
        return _page(form, customer, shop.prices_include_vat)
    answer = _typed(form, customer, shop.prices_include_vat)
    if answer is not None:
        return answer
    try:
        document = editing.begin(
            # Not the name itself: it could be that of something else.
            links.mac(f"draft:{loading.actor().id}:{customer.id}", form.key.data or ""),
            form.inputs(shop.currency) or [],
            shop=shop,
            customer=customer,
            note=form.note.data or "",
            now=clock.now(),
            actor=loading.actor(),
        )
        db.session.commit()
    except DomainError as error:
        return _refused(form, customer, error)
    return redirect(url_for("office.invoices.show", public_id=document.public_id), 303)


@bp.route("/<public_id>/edit", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def edit(public_id: str) -> ResponseReturnValue:
    """Changes a draft; 409 when somebody else did so meanwhile."""
    found = _draft(public_id)
    document, customer, shop = found.document, found.customer, loading.shop()
    form = EditDraftForm(shop, clock.today(shop.time_zone))
    if not form.is_submitted():
        form.show(document)
        form.version.data = str(document.version)
        return _page(form, customer, document.prices_include_vat, found)
    answer = _typed(form, customer, document.prices_include_vat, found)
    if answer is not None:
        return answer
    try:
        editing.change(
            document.id,
            form.inputs(document.currency) or [],
            version=int(form.version.data or 0),
            shop=shop,
            customer=customer,
            note=form.note.data or "",
            now=clock.now(),
            actor=loading.actor(),
        )
        db.session.commit()
    except DomainError as error:
        db.session.rollback()
        again = _again(public_id)
        return _deleted() if again is None else _refused(form, again.customer, error, again)
    flash(_("The draft is saved."), "success")
    return redirect(url_for("office.invoices.show", public_id=public_id), 303)


@bp.route("/<public_id>/delete", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def delete(public_id: str) -> ResponseReturnValue:
    """Deletes a draft, after a page that asks."""
    found = _draft(public_id)
    form, status = VersionForm(), 200
    if form.validate_on_submit():
        try:
            editing.delete(
                found.document.id,
                version=int(form.version.data or 0),
                now=clock.now(),
                actor=loading.actor(),
            )
            db.session.commit()
            flash(_("The draft is deleted."), "success")
            return redirect(url_for("office.invoices.index"), 303)
        except DomainError as error:
            status = _undo(form, error)
            again = _again(public_id)
            if again is None:
                return _deleted()
            found = again
    elif form.is_submitted():
        status = 422
    form.version.data = str(found.document.version)
    page = render_template("office/invoices/delete.html", form=form, **_of(found))
    return page, status


@bp.route("/<public_id>/finalise", methods=["GET", "POST"])
@needs(StaffPermission.INVOICES_CHANGE)
@checked_by_form
def finalise(public_id: str) -> ResponseReturnValue:
    """Gives a draft its number and, where that is ticked, mails it; after a page that asks."""
    found = loading.load(public_id)
    if not found.is_draft:
        # Another click got there first, or Back led here.
        return redirect(url_for("office.invoices.show", public_id=public_id), 303)
    form, status = FinaliseForm(), 200
    if form.validate_on_submit():
        try:
            document = editing.finalise(
                found.document.id,
                version=int(form.version.data or 0),
                shop=loading.shop(),
                customer=found.customer,
                sends=bool(form.sends.data),
                now=clock.now(),
                actor=loading.actor(),
            )
            db.session.commit()
            flash(_("Invoice %(number)s is final.", number=document.number), "success")
            return redirect(url_for("office.invoices.show", public_id=public_id), 303)
        except DomainError as error:
            status = _undo(form, error)
            again = _again(public_id)
            if again is None:
                return _deleted()
            found = again
    elif form.is_submitted():
        status = 422
    form.version.data = str(found.document.version)
    return render_template("office/invoices/finalise.html", form=form, **_of(found)), status


def _draft(public_id: str) -> Found:
    found = loading.load(public_id)
    if not found.is_draft:
        raise Conflict(_("This is no draft any more: it was finalised or cancelled meanwhile."))
    return found


def _again(public_id: str) -> Found | None:
    """What a refusal left, read anew; None for a draft that somebody else deleted between the look and the lock."""
    try:
        return loading.load(public_id)
    except NotFound:
        return None


def _deleted() -> ResponseReturnValue:
    to_the_list = (_("To the invoices"), url_for("office.invoices.index"))
    return errorpages.page(409, str(editing.DELETED), action=to_the_list)


def _choose() -> str:
    search = searched(200)
    found = staff_queries.list_customers(search=search)
    return render_template("office/invoices/choose.html", rows=found.rows, q=search)


def _typed(
    form: DraftForm, customer: Customer, includes_vat: bool, found: Found | None = None
) -> ResponseReturnValue | None:
    """The form again, where another line is wanted or something cannot be read; None to go on."""
    if "add" in request.form:
        form.add_line()
        return _page(form, customer, includes_vat, found)
    currency = found.document.currency if found is not None else current_shop().currency
    if form.validate() and form.inputs(currency) is not None:
        return None
    return _page(form, customer, includes_vat, found), 422


def _refused(
    form: DraftForm, customer: Customer, error: DomainError, found: Found | None = None
) -> ResponseReturnValue:
    db.session.rollback()
    form.form_errors.append(str(error.message))
    if found is not None and isinstance(form, EditDraftForm):
        # What was typed stays, and saving it once more means it.
        form.version.data = str(found.document.version)
        includes_vat = found.document.prices_include_vat
    else:
        includes_vat = loading.shop().prices_include_vat
    db.session.refresh(customer)
    return _page(form, customer, includes_vat, found), 409 if isinstance(error, Conflict) else 422


def _undo(form: VersionForm, error: DomainError) -> int:
    db.session.rollback()
    form.refuse(DomainError(error.message))
    return 409 if isinstance(error, Conflict) else 422


def _with_a_line(form: DraftForm) -> None:
    form.rows()[0].quantity.data = "1"


def _page(form: DraftForm, customer: Customer, includes_vat: bool, found: Found | None = None) -> str:
    return render_template(
        "office/invoices/draft.html",
        form=form,
        messages=list(form.messages()),
        customer=customer,
        includes_vat=includes_vat,
        public_id=found.document.public_id if found is not None else None,
    )


def _of(found: Found) -> dict[str, object]:
    return {
        "document": found.document,
        "customer": found.customer,
        "lines": pages.lines_of(found.document),
    }
