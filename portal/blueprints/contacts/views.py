"""The list of contact persons, adding one, changing one, and taking one off it."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.contacts import bp
from portal.blueprints.contacts.forms import ContactForm, KnownContactForm, NewContactForm
from portal.core import access, clock
from portal.core.access import needs
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.principals import current_membership, current_person
from portal.domain.people import contacts
from portal.domain.people.models import ContactPerson
from portal.domain.people.permissions import Permission
from portal.extensions import db


@bp.get("")
@needs(Permission.CONTACTS)
def index() -> ResponseReturnValue:
    """Everybody on the list of the account."""
    rows = contacts.list_contacts(current_membership().customer_id)
    return render_template("contacts/index.html", rows=rows, most=contacts.MOST)


@bp.get("/new")
@needs(Permission.CONTACTS_CHANGE)
def create() -> ResponseReturnValue:
    """The form for another one; back to the list where there is no place for one."""
    if len(contacts.list_contacts(current_membership().customer_id)) >= contacts.MOST:
        return redirect(url_for("contacts.index"), 303)
    return _new_page(NewContactForm(formdata=None, account=current_membership().customer_public_id))


@bp.post("/new")
@needs(Permission.CONTACTS_CHANGE)
@checked_by_form
def add() -> ResponseReturnValue:
    """Puts somebody on the list."""
    form = NewContactForm()
    if not form.validate_on_submit():
        return _new_page(form), 422
    try:
        account = access.same_account(form.account.data)
        contact = contacts.add_contact(account.customer_id, form.details(), actor=_actor(), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
        return _new_page(form), _status(error)
    db.session.commit()
    flash(_("%(name)s was added.", name=contact.name), "success")
    return redirect(url_for("contacts.index"), 303)


@bp.get("/<public_id>")
@needs(Permission.CONTACTS_CHANGE)
def edit(public_id: str) -> ResponseReturnValue:
    """The form of one."""
    contact = _load(public_id)
    return _edit_page(contact, KnownContactForm(formdata=None, obj=contact))


@bp.post("/<public_id>")
@needs(Permission.CONTACTS_CHANGE)
@checked_by_form
def change(public_id: str) -> ResponseReturnValue:
    """Stores what is known of one now."""
    contact, form = _load(public_id), KnownContactForm()
    if not form.validate_on_submit():
        return _edit_page(contact, form), 422
    try:
        contacts.change_contact(
            contact, form.details(), version=form.seen_version(), actor=_actor(), now=clock.now()
        )
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
        if isinstance(error, Conflict):
            # Whoever read the warning may replace what somebody else wrote.
            form.version.data = str(contact.version)
        return _edit_page(contact, form), _status(error)
    db.session.commit()
    flash(_("%(name)s was saved.", name=contact.name), "success")
    return redirect(url_for("contacts.index"), 303)


@bp.get("/<public_id>/remove")
@needs(Permission.CONTACTS_CHANGE)
def confirm(public_id: str) -> ResponseReturnValue:
    """Asks whether somebody is to be taken off the list."""
    return render_template("contacts/remove.html", contact=_load(public_id))


@bp.post("/<public_id>/remove")
@needs(Permission.CONTACTS_CHANGE)
def remove(public_id: str) -> ResponseReturnValue:
    """Takes somebody off the list."""
    contact = _load(public_id)
    name = contact.name
    contacts.remove_contact(contact, actor=_actor(), now=clock.now())
    db.session.commit()
    flash(_("%(name)s was removed and gets no more copies.", name=name), "success")
    return redirect(url_for("contacts.index"), 303)


def _load(public_id: str) -> ContactPerson:
    contact = contacts.get_contact(public_id, customer_ids=access.customer_ids())
    access.open_for(contact.customer_id)
    return contact


def _new_page(form: ContactForm) -> str:
    return render_template("contacts/create.html", form=form)


def _edit_page(contact: ContactPerson, form: ContactForm) -> str:
    return render_template("contacts/edit.html", contact=contact, form=form)


def _status(error: DomainError) -> int:
    return 409 if isinstance(error, Conflict) else 422


def _actor() -> Actor:
    person = current_person()
    assert person is not None
    return Actor.person(person)
