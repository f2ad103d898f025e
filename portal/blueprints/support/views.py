"""The list of tickets, a new one, and the page of one with its conversation and files."""

from __future__ import annotations

import io
import logging
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.support import asking, bp, conversation, limits
from portal.blueprints.support.forms import NewTicketForm, ReplyForm
from portal.core import access, clock, markdown, storage, touch
from portal.core.access import needs, of_objects
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.message_forms import LONGEST, MessageForm
from portal.core.principals import MembershipInfo, PersonPrincipal, current_membership, current_person
from portal.core.shops import current_shop
from portal.domain.people.permissions import Permission
from portal.domain.shops.models import Mode
from portal.domain.tickets import actions, queries
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import TicketStatus
from portal.domain.tickets.related import Related
from portal.extensions import db

log = logging.getLogger(__name__)


@bp.get("")
@needs(Permission.TICKETS)
def index() -> ResponseReturnValue:
    """The tickets of the account, the latest message first, of one status or all."""
    status = _status()
    page = queries.list_tickets(
        current_membership().customer_id,
        status=status,
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    return render_template(
        "support/index.html",
        rows=page.rows,
        filters=[
            (_("All"), url_for("support.index"), status is None),
            *((s.label, url_for("support.index", status=s.value), status is s) for s in TicketStatus),
        ],
        status=status or "",
        previous_url=page.prev_cursor and url_for("support.index", status=status, before=page.prev_cursor),
        next_url=page.next_cursor and url_for("support.index", status=status, after=page.next_cursor),
    )


@bp.route("/new", methods=["GET", "POST"])
@of_objects
@needs(Permission.TICKETS_WRITE)
@checked_by_form
def create() -> ResponseReturnValue:
    """A new ticket; the address may say of which type (``type``) and about what (``about``) it is to be."""
    about = asking.asked_about()
    account = asking.account_for(about)
    form = asking.form_for(account, about)
    if not form.is_submitted():
        return _new(form, about, account)
    if not form.validate():
        return _new(form, about, account), 422
    try:
        wanted, said = asking.wanted(form, account), Said(*form.sent())
        limits.count("SUPPORT_LIMIT_NEW")
        ticket = actions.open_ticket(
            wanted, said, customer_id=account.customer_id, author=_person(), now=clock.now()
        )
        db.session.commit()
    except DomainError as error:
        status = _refused(error, form)
        return _new(form, about, account), status
    flash(
        _(
            "We have your question, as number %(number)s. We mail you when there is an answer.",
            number=ticket.number,
        )
    )
    return redirect(url_for("support.show", public_id=ticket.public_id), 303)


@bp.post("/new/preview")
@needs(Permission.TICKETS_WRITE)
@limits.by_person("SUPPORT_LIMIT_PREVIEW")
def preview() -> ResponseReturnValue:
    """A message as it will be shown: a piece of a page, for the script beside the field."""
    return str(markdown.to_html(request.form.get("body", "")[:LONGEST])) or _("Nothing written yet.")


@bp.get("/<public_id>")
@needs(Permission.TICKETS)
def show(public_id: str) -> ResponseReturnValue:
    """One ticket of any account of this person, with the conversation; that it was looked at is noted."""
    ticket, account = _load(public_id)
    person = _person()
    touch.later(lambda now: actions.record_view(ticket.id, person.id, now=now))
    return _page(ticket, account)


@bp.post("/<public_id>/reply")
@needs(Permission.TICKETS_WRITE)
@checked_by_form
def reply(public_id: str) -> ResponseReturnValue:
    """A reply; one to a ticket that ended opens it again. A refusal shows the ticket with what was typed."""
    ticket, account = _load(public_id)
    form = ReplyForm()
    if not form.validate_on_submit():
        return _page(ticket, account, form), 422
    try:
        said = Said(*form.sent())
        limits.count("SUPPORT_LIMIT_REPLY")
        actions.reply(ticket.id, said, author=_person(), now=clock.now())
        db.session.commit()
    except DomainError as error:
        status = _refused(error, form)
        return _page(ticket, account, form), status
    flash(_("Your reply was sent."))
    return redirect(url_for("support.show", public_id=public_id), 303)


@bp.get("/<public_id>/reply")
@needs(Permission.TICKETS_WRITE)
def unsent(public_id: str) -> ResponseReturnValue:
    """The address that a refused reply leaves behind, opened anew: the ticket."""
    ticket, _account = _load(public_id)
    return redirect(url_for("support.show", public_id=ticket.public_id), 303)


@bp.get("/<public_id>/files/<file_id>")
@needs(Permission.TICKETS)
def download(public_id: str, file_id: str) -> ResponseReturnValue:
    """A file of the conversation, to be saved and never shown: whatever it is, nothing of it runs here."""
    file = queries.get_file(file_id, ticket=public_id, customer_ids=access.customer_ids())
    access.open_for(file.customer_id)
    try:
        data = storage.get(file.storage_key)
    except FileNotFoundError:
        log.exception("a file of a ticket is not there")
        abort(404)
    response = send_file(
        io.BytesIO(data), mimetype=file.media_type, as_attachment=True, download_name=file.name
    )
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _new(form: NewTicketForm, about: Related | None, account: MembershipInfo) -> str:
    elsewhere = asking.begins_elsewhere(about, account)
    return render_template("support/create.html", form=form, elsewhere=elsewhere)


def _load(public_id: str) -> tuple[Any, MembershipInfo]:
    """The ticket among this person's accounts, or 404, and the account, whose page this is from here on."""
    ticket = queries.get_ticket(public_id, customer_ids=access.customer_ids(), mode=Mode(current_shop().mode))
    return ticket, access.open_for(ticket.customer_id)


def _page(ticket: Any, account: MembershipInfo, form: MessageForm | None = None) -> str:
    page = queries.list_messages(
        ticket.id, after=request.args.get("after"), before=request.args.get("before")
    )
    files = queries.list_files([row.id for row in page.rows])
    may_write = account.can(Permission.TICKETS_WRITE)
    here = partial(url_for, "support.show", public_id=ticket.public_id)
    return render_template(
        "support/show.html",
        ticket=ticket,
        messages=[conversation.message(row, files, ticket.public_id) for row in page.rows],
        related=conversation.related(ticket, account),
        form=(form or ReplyForm(formdata=None)) if may_write else None,
        previous_url=page.prev_cursor and here(before=page.prev_cursor),
        next_url=page.next_cursor and here(after=page.next_cursor),
    )


def _refused(error: DomainError, form: MessageForm) -> int:
    """Undoes what was begun and shows the refusal in the form; the status to answer with."""
    db.session.rollback()
    form.refuse(error)
    return 429 if isinstance(error, limits.TooOften) else 409 if isinstance(error, Conflict) else 422


def _person() -> PersonPrincipal:
    person = current_person()
    assert person is not None
    return person


def _status() -> TicketStatus | None:
    try:
        return TicketStatus(request.args.get("status", ""))
    except ValueError:
        return None
