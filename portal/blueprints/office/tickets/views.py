"""The list of tickets, and the page of one: answering, noting, deciding."""

from __future__ import annotations

import io
import logging
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.office.tickets import bp, conversation, decisions, listing
from portal.blueprints.office.tickets.forms import AnswerForm, MoveForm, NoteForm, PriorityForm
from portal.blueprints.office.tickets.matters import matter_of
from portal.core import clock, markdown, storage
from portal.core.access import needs
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.message_forms import LONGEST, MessageForm
from portal.core.principals import StaffPrincipal, current_staff
from portal.core.shops import current_shop
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.shops.models import Mode
from portal.domain.tickets import actions, queries, staff_queries
from portal.domain.tickets.actions import Said
from portal.domain.tickets.models import Priority, TicketType
from portal.domain.tickets.states import RUNNING, Move
from portal.extensions import db

log = logging.getLogger(__name__)


@bp.get("")
@needs(StaffPermission.TICKETS)
def index() -> ResponseReturnValue:
    """The shop's tickets, the latest message first."""
    wanted = listing.wanted()
    page = staff_queries.list_for_staff(
        wanted, after=request.args.get("after"), before=request.args.get("before")
    )
    here = partial(url_for, "office.tickets.index", **listing.in_address(wanted))
    return render_template(
        "office/tickets/index.html",
        rows=page.rows,
        filters=listing.pills(wanted),
        types=listing.choices(TicketType, _("Every type"), wanted.type),
        priorities=listing.choices(Priority, _("Every priority"), wanted.priority),
        status=listing.in_address(wanted)["status"] or "",
        q=wanted.search,
        is_narrowed=any(listing.in_address(wanted).values()),
        previous_url=page.prev_cursor and here(before=page.prev_cursor),
        next_url=page.next_cursor and here(after=page.next_cursor),
    )


@bp.post("/preview")
@needs(StaffPermission.TICKETS_WRITE)
def preview() -> ResponseReturnValue:
    """A message as it will be shown: a piece of a page, for the script beside the field."""
    return str(markdown.to_html(request.form.get("body", "")[:LONGEST])) or _("Nothing written yet.")


@bp.get("/<public_id>")
@needs(StaffPermission.TICKETS)
def show(public_id: str) -> ResponseReturnValue:
    """One ticket with its conversation and notes, and whose it is."""
    return _page(load(public_id))


@bp.post("/<public_id>/answer")
@needs(StaffPermission.TICKETS_WRITE)
@checked_by_form
def answer(public_id: str) -> ResponseReturnValue:
    """An answer, with or without a mail. A refusal shows the ticket with what was typed."""
    ticket, form = load(public_id), AnswerForm()
    if not form.validate_on_submit():
        return _page(ticket, answer_form=form), 422
    say = actions.answer if form.by_mail.data else actions.answer_silently
    try:
        say(ticket.id, Said(*form.sent()), author=staff(), now=clock.now())
        db.session.commit()
    except DomainError as error:
        status = _refused(error, form)
        return _page(ticket, answer_form=form), status
    flash(_("Your answer was sent.") if form.by_mail.data else _("Your answer is in the portal."))
    return redirect(url_for("office.tickets.show", public_id=public_id), 303)


@bp.post("/<public_id>/note")
@needs(StaffPermission.TICKETS_WRITE)
@checked_by_form
def note(public_id: str) -> ResponseReturnValue:
    """An internal note, which no customer sees."""
    ticket, form = load(public_id), NoteForm()
    if not form.validate_on_submit():
        return _page(ticket, note_form=form), 422
    try:
        actions.add_note(ticket.id, Said(*form.sent()), author=staff(), now=clock.now())
        db.session.commit()
    except DomainError as error:
        status = _refused(error, form)
        return _page(ticket, note_form=form), status
    flash(_("Your note was kept. The customer does not see it."))
    return redirect(url_for("office.tickets.show", public_id=public_id), 303)


@bp.get("/<public_id>/answer")
@needs(StaffPermission.TICKETS_WRITE)
def unsent(public_id: str) -> ResponseReturnValue:
    """The address that a refused answer leaves behind, opened anew: the ticket."""
    return redirect(url_for("office.tickets.show", public_id=load(public_id).public_id), 303)


@bp.get("/<public_id>/note")
@needs(StaffPermission.TICKETS_WRITE)
def unsent_note(public_id: str) -> ResponseReturnValue:
    """The same of a refused note."""
    return redirect(url_for("office.tickets.show", public_id=load(public_id).public_id), 303)


@bp.post("/<public_id>/move")
@needs(StaffPermission.TICKETS_WRITE)
def move(public_id: str) -> ResponseReturnValue:
    """Takes a ticket into review, or ends it. ``IllegalMove`` (409) where it was decided otherwise meanwhile."""
    ticket, form = load(public_id), MoveForm()
    if not form.validate_on_submit():
        abort(400)
    actions.change_status(ticket.id, Move(form.move.data), author=staff(), now=clock.now())
    db.session.commit()
    return redirect(url_for("office.tickets.show", public_id=public_id), 303)


@bp.post("/<public_id>/priority")
@needs(StaffPermission.TICKETS_WRITE)
def prioritise(public_id: str) -> ResponseReturnValue:
    """Says how soon the shop means to answer."""
    ticket, form = load(public_id), PriorityForm()
    if not form.validate_on_submit():
        abort(400)
    actions.change_priority(ticket.id, Priority(form.priority.data), author=staff(), now=clock.now())
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for("office.tickets.show", public_id=public_id), 303)


@bp.get("/<public_id>/files/<file_id>")
@needs(StaffPermission.TICKETS)
def download(public_id: str, file_id: str) -> ResponseReturnValue:
    """A file of the conversation, to be saved and never shown: whatever it is, nothing of it runs here."""
    file = staff_queries.get_file_for_staff(file_id, ticket=public_id)
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


def load(public_id: str) -> Any:
    """A ticket of the shop; ``NotFound`` for any other."""
    return staff_queries.get_for_staff(public_id, mode=Mode(current_shop().mode))


def _page(
    ticket: Any, *, answer_form: MessageForm | None = None, note_form: MessageForm | None = None
) -> str:
    page = staff_queries.list_all_messages(
        ticket.id, after=request.args.get("after"), before=request.args.get("before")
    )
    files = queries.list_files([row.id for row in page.rows])
    may_write = staff().can(StaffPermission.TICKETS_WRITE)
    matter = matter_of(ticket, staff())
    here = partial(url_for, "office.tickets.show", public_id=ticket.public_id)
    priority = PriorityForm(formdata=None, priority=ticket.priority.value)
    return render_template(
        "office/tickets/show.html",
        ticket=ticket,
        messages=[conversation.message(row, files, ticket.public_id) for row in page.rows],
        about=conversation.about(ticket),
        matter=matter,
        decisions=decisions.decisions(ticket, matter) if may_write else [],
        answer_form=(answer_form or AnswerForm(formdata=None)) if may_write else None,
        note_form=(note_form or NoteForm(formdata=None)) if may_write else None,
        priority_form=priority if may_write else None,
        is_running=ticket.status in RUNNING,
        previous_url=page.prev_cursor and here(before=page.prev_cursor),
        next_url=page.next_cursor and here(after=page.next_cursor),
    )


def _refused(error: DomainError, form: MessageForm) -> int:
    """Undoes what was begun and shows the refusal in the form; the status to answer with."""
    db.session.rollback()
    form.refuse(error)
    return 409 if isinstance(error, Conflict) else 422


def staff() -> StaffPrincipal:
    """Whoever is logged in to the office."""
    found = current_staff()
    assert found is not None
    return found
