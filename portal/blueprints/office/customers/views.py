"""The list of customers, a new one, the page of one, changing it, and those who are invited to it."""

from __future__ import annotations

from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.office.customers import bp, pages
from portal.blueprints.office.customers.forms import CustomerForm, InviteForm, edit_form
from portal.core import clock
from portal.core.access import needs
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form, searched
from portal.core.principals import current_staff
from portal.core.shops import current_shop
from portal.domain.collections.planned import plans_of_account
from portal.domain.invoices import staff_queries as documents
from portal.domain.people import accounts, editing, invitations, staff_queries
from portal.domain.people.mail_settings import get_mail_settings
from portal.domain.people.models import Customer, Role
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop
from portal.domain.tickets import staff_queries as tickets
from portal.extensions import db

#: Longer than any name or address.
LONGEST_SEARCH = 254


@bp.get("")
@needs(StaffPermission.CUSTOMERS)
def index() -> ResponseReturnValue:
    """The shop's customers by name, or those that a search finds; the number of an invoice finds whose it is."""
    search = searched(LONGEST_SEARCH)
    page = staff_queries.list_customers(
        search=search,
        also=documents.select_customer_by_number(search, mode=_mode()) if search else None,
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    here = partial(url_for, "office.customers.index", q=search or None)
    return render_template(
        "office/customers/index.html",
        rows=page.rows,
        q=search,
        previous_url=page.prev_cursor and here(before=page.prev_cursor),
        next_url=page.next_cursor and here(after=page.next_cursor),
    )


@bp.route("/new", methods=["GET", "POST"])
@needs(StaffPermission.CUSTOMERS_CHANGE)
@checked_by_form
def create() -> ResponseReturnValue:
    """A new customer, with an invitation where it is asked for."""
    form = CustomerForm(get_shop(current_shop().id).country)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        now = clock.now()
        try:
            customer = accounts.create_customer(form.wanted(), now=now, actor=_actor())
            db.session.flush()
            if form.invites.data and not customer_has_people(customer):
                invitations.invite(customer.id, customer.email, Role.OWNER, actor=_actor(), now=now)
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
            status = 409 if isinstance(error, Conflict) else 422
        else:
            flash(_("%(name)s is a customer now.", name=customer.name), "success")
            return redirect(url_for("office.customers.show", public_id=customer.public_id), 303)
    return render_template("office/customers/create.html", form=form), status


def customer_has_people(customer: Customer) -> bool:
    """Somebody who logs in with the address of a new account owns it at once, and needs no invitation."""
    return any(row.kind == "person" for row in staff_queries.list_around(customer.id))


@bp.get("/<public_id>")
@needs(StaffPermission.CUSTOMERS)
def show(public_id: str) -> ResponseReturnValue:
    """One customer: details, people, invitations, contacts, and their latest invoices and tickets."""
    return _page(staff_queries.get_customer_for_staff(public_id))


@bp.route("/<public_id>/edit", methods=["GET", "POST"])
@needs(StaffPermission.CUSTOMERS_CHANGE)
@checked_by_form
def edit(public_id: str) -> ResponseReturnValue:
    """Changes what is known of a customer; 409 when somebody else did so meanwhile."""
    customer = staff_queries.get_customer_for_staff(public_id)
    follows_person = get_mail_settings(customer.id).follows_person
    form = edit_form(customer, follows_person=follows_person)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            editing.edit_customer(
                customer,
                form.edited(),
                version=int(form.version.data or 0),
                actor=_actor(),
                now=clock.now(),
            )
            db.session.commit()
            flash(_("The details are saved."), "success")
            return redirect(url_for("office.customers.show", public_id=public_id), 303)
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
            status = 409 if isinstance(error, Conflict) else 422
        # What was typed stays, and saving it once more means it.
        form.version.data = str(customer.version)
    page = render_template(
        "office/customers/edit.html", form=form, customer=customer, follows_person=follows_person
    )
    return page, status


@bp.route("/<public_id>/invite", methods=["GET", "POST"])
@needs(StaffPermission.CUSTOMERS_CHANGE)
@checked_by_form
def invite(public_id: str) -> ResponseReturnValue:
    """Mails somebody a link to come to this account; one that was sent to them before stops working."""
    customer = staff_queries.get_customer_for_staff(public_id)
    form = InviteForm()
    status = 422 if form.is_submitted() else 200
    if not form.is_submitted():
        form.email.data = customer.email
    if form.validate_on_submit():
        try:
            invitations.invite(
                customer.id, form.email.data, Role(form.role.data), actor=_actor(), now=clock.now()
            )
            db.session.commit()
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
            status = 409 if isinstance(error, Conflict) else 422
        else:
            flash(_("The invitation to %(email)s is on its way.", email=form.email.data), "success")
            return redirect(url_for("office.customers.show", public_id=public_id), 303)
    return render_template("office/customers/invite.html", form=form, customer=customer), status


@bp.post("/<public_id>/invitations/<invitation_id>/revoke")
@needs(StaffPermission.CUSTOMERS_CHANGE)
def revoke(public_id: str, invitation_id: str) -> ResponseReturnValue:
    """Makes an invitation worthless. ``Conflict`` (409) when it was accepted meanwhile."""
    customer = staff_queries.get_customer_for_staff(public_id)
    invitations.revoke(invitation_id, customer.id, actor=_actor(), now=clock.now())
    db.session.commit()
    flash(_("The invitation is revoked: its link works no more."), "success")
    return redirect(url_for("office.customers.show", public_id=public_id), 303)


def _page(customer: Customer) -> str:
    around = staff_queries.list_around(customer.id)
    today = clock.today(current_shop().time_zone)
    return render_template(
        "office/customers/show.html",
        customer=customer,
        people=pages.people(around, now=clock.now()),
        contacts=pages.contacts(around),
        invoices=[
            pages.invoice(row)
            for row in documents.list_of_customer(
                customer.id, mode=_mode(), today=today, planned=plans_of_account(customer.id, _mode())
            )
        ],
        credit=documents.credit_of_customer(customer.id, mode=_mode()),
        tickets=tickets.list_of_customer(customer.id),
    )


def _mode() -> Mode:
    return Mode(current_shop().mode)


def _actor() -> Actor:
    staff = current_staff()
    assert staff is not None
    return Actor.staff(staff)
