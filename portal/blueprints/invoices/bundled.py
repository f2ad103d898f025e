"""Files made of an account's documents: the PDFs of a year as a ZIP, and statements of account."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.invoices import bp
from portal.blueprints.invoices.forms import StatementForm
from portal.core import access, clock, locale, message_limits, serving
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.polling import next_look
from portal.core.principals import MembershipInfo, current_membership, current_person
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.invoices import bundles
from portal.domain.invoices.bundles import Wanted
from portal.domain.invoices.models import Bundle, BundleKind, BundleStatus
from portal.domain.invoices.states import MAKING
from portal.domain.payments import statements
from portal.domain.people.permissions import Permission
from portal.domain.people.queries import get_customer
from portal.domain.people.recipients import account_language
from portal.domain.shops.models import Mode
from portal.domain.shops.queries import get_shop
from portal.extensions import db

log = logging.getLogger(__name__)


@bp.route("/files", methods=["GET", "POST"])
@needs(Permission.INVOICES)
@message_limits.by_person("BUNDLE_LIMIT")
@checked_by_form
def bundled() -> ResponseReturnValue:
    """The years with their files, and the statements; its form has a statement made."""
    today = clock.today(current_shop().time_zone)
    form = StatementForm(data={"first_day": today.replace(month=1, day=1), "last_day": today})
    account = current_membership()
    if not form.is_submitted():
        return _page(account, form)
    if not form.validate():
        return _page(account, form), 422
    first_day, last_day = form.first_day.data, form.last_day.data
    if first_day is None or last_day is None:
        abort(400)
    try:
        account = access.same_account(form.account.data)
        bundle = statements.request_statement(
            _wanted(account, BundleKind.STATEMENT, first_day, last_day),
            get_shop(current_shop().id),
            today=today,
            person_id=_person_id(),
            now=clock.now(),
        )
        db.session.commit()
    except DomainError as error:
        db.session.rollback()
        form.refuse(error)
        return _page(account, form), 409 if isinstance(error, Conflict) else 422
    return redirect(url_for("invoices.bundled", _anchor=_id(bundle)), 303)


@bp.post("/files/year")
@needs(Permission.INVOICES)
@message_limits.by_person("BUNDLE_LIMIT")
def make_year() -> ResponseReturnValue:
    """Has the PDFs of a year put into a ZIP."""
    text = request.form.get("year", "")
    if len(text) != 4 or not text.isascii() or not text.isdecimal() or text < "1000":
        abort(404)
    account = access.same_account(request.form.get("account"))
    wanted = bundles.year_of(int(text), account.customer_id, Mode(current_shop().mode), _language(account))
    try:
        bundle = bundles.request_year(wanted, person_id=_person_id(), now=clock.now())
        db.session.commit()
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "error")
        return redirect(url_for("invoices.bundled"), 303)
    return redirect(url_for("invoices.bundled", _anchor=_id(bundle)), 303)


@bp.get("/files/<public_id>/progress")
@needs(Permission.INVOICES)
def bundle_progress(public_id: str) -> ResponseReturnValue:
    """The piece of the page about one file, for polling."""
    return render_template("invoices/_bundle.html", bundle=_shown(_load(public_id)))


@bp.get("/files/<public_id>/download")
@needs(Permission.INVOICES)
def fetch_bundle(public_id: str) -> ResponseReturnValue:
    """The file, to be saved; 404 once its time is over."""
    bundle = _load(public_id)
    if not bundles.is_ready(bundle, now=clock.now()) or bundle.storage_key is None:
        abort(404)
    is_zip = bundle.kind is BundleKind.YEAR
    try:
        return serving.attachment(
            bundle.storage_key,
            name=_file_name(bundle),
            media_type="application/zip" if is_zip else "application/pdf",
        )
    except FileNotFoundError:
        log.exception("the file of bundle %s is not there", bundle.id)
        abort(404)


def _load(public_id: str) -> Bundle:
    """The bundle among this person's accounts, or 404; without the right 403."""
    found = bundles.get_bundle(public_id, customer_ids=access.customer_ids(), mode=Mode(current_shop().mode))
    access.open_for(found.customer_id)
    return found


def _page(account: MembershipInfo, form: StatementForm) -> str:
    form.account.data = account.customer_public_id
    mode = Mode(current_shop().mode)
    made = bundles.list_bundles(account.customer_id, mode=mode, now=clock.now())
    by_year: dict[int, Bundle] = {}
    for bundle in made:
        if bundle.kind is BundleKind.YEAR:
            by_year.setdefault(bundle.first_day.year, bundle)
    return render_template(
        "invoices/files.html",
        years=[
            SimpleNamespace(
                year=row.year,
                count=row.count,
                bundle=_shown(by_year[row.year]) if row.year in by_year else None,
            )
            for row in bundles.list_years(account.customer_id, mode=mode)
        ],
        statements=[_shown(bundle) for bundle in made if bundle.kind is BundleKind.STATEMENT],
        account=account.customer_public_id,
        form=form,
    )


def _shown(bundle: Bundle) -> SimpleNamespace:
    """What ``invoices/_bundle.html`` shows of one."""
    making = bundle.status in MAKING
    ready = bundles.is_ready(bundle, now=clock.now())
    return SimpleNamespace(
        id=_id(bundle),
        is_year=bundle.kind is BundleKind.YEAR,
        year=bundle.first_day.year,
        first_day=bundle.first_day,
        last_day=bundle.last_day,
        size=locale.file_size(bundle.size_bytes, language()) if ready else None,
        until=clock.today(current_shop().time_zone, bundle.expires_at)
        if ready and bundle.expires_at
        else None,
        url=url_for("invoices.fetch_bundle", public_id=bundle.public_id) if ready else None,
        making=making,
        # The last step is to put everything into one file.
        done=bundle.done,
        steps=bundle.total + 1,
        poll=next_look("invoices.bundle_progress", public_id=bundle.public_id) if making else None,
        failed=bundle.status is BundleStatus.FAILED,
        account=current_membership().customer_public_id,
    )


def _id(bundle: Bundle) -> str:
    return f"file-{bundle.public_id}"


def _file_name(bundle: Bundle) -> str:
    if bundle.kind is BundleKind.YEAR:
        return str(_("Invoices %(year)s.zip", year=bundle.first_day.year))
    period = f"{bundle.first_day.isoformat()} {bundle.last_day.isoformat()}"
    return str(_("Statement of account %(period)s.pdf", period=period))


def _wanted(account: MembershipInfo, kind: BundleKind, first_day: Any, last_day: Any) -> Wanted:
    mode = Mode(current_shop().mode)
    return Wanted(kind, account.customer_id, mode, first_day, last_day, _language(account))


def _language(account: MembershipInfo) -> str:
    return account_language(get_customer(account.customer_id), get_shop(current_shop().id))


def _person_id() -> int | None:
    person = current_person()
    return person.id if person is not None else None
