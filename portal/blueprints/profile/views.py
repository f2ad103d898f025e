"""The page of the details, and saving them."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.profile import bp
from portal.blueprints.profile.forms import NameForm, account_form, name_form
from portal.core import access, clock
from portal.core.access import OWN, needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.principals import current_membership, current_person
from portal.domain.people import details, emails, queries
from portal.domain.people.models import Customer, Person
from portal.domain.people.permissions import Permission
from portal.extensions import db


@bp.route("", methods=["GET", "POST"])
@needs(OWN)
@checked_by_form
def index() -> ResponseReturnValue:
    """The details of the chosen account as far as the role goes; takes a person's own name, for every role."""
    person, membership = _myself(), current_membership()
    customer = queries.get_customer(membership.customer_id)
    form = name_form(person)
    if form.validate_on_submit():
        details.rename(person.id, **form.names(), now=clock.now())
        db.session.commit()
        return _saved()
    if not form.is_submitted() and membership.can(Permission.DETAILS_CHANGE):
        form = account_form(customer, person, is_namesake=details.find_namesake(person) is not None)
    return _page(customer, person, form), 422 if form.is_submitted() else 200


@bp.route("/<public_id>", methods=["GET", "POST"])
@needs(Permission.DETAILS_CHANGE)
@checked_by_form
def account(public_id: str) -> ResponseReturnValue:
    """The same for one of several accounts; takes its details together with the name of who changes them."""
    customer = queries.get_account(public_id, customer_ids=access.customer_ids())
    access.open_for(customer.id)
    person = _myself()
    form = account_form(customer, person, is_namesake=details.find_namesake(person) is not None)
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            details.change_with_name(
                customer,
                form.details(customer),
                person.id,
                **form.names(),
                version=int(form.version.data or 0),
                now=clock.now(),
            )
            db.session.commit()
            return _saved()
        except Conflict as error:
            db.session.rollback()
            form.refuse(error)
            status = 409
        except DomainError as error:
            db.session.rollback()
            form.refuse(error)
        # What was typed stays, and saving it once more means it.
        form.version.data = str(customer.version)
    return _page(customer, person, form), status


def _saved() -> ResponseReturnValue:
    flash(_("Your details are saved."), "success")
    return redirect(url_for("profile.index"), 303)


def _page(customer: Customer, person: Person, form: NameForm) -> str:
    return render_template(
        "profile/index.html",
        form=form,
        customer=customer,
        person=person,
        is_one=emails.find_one_with(person) is not None,
    )


def _myself() -> Person:
    principal = current_person()
    assert principal is not None
    return db.session.get_one(Person, principal.id)
