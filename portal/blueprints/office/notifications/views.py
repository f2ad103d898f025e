"""The list of notifications, writing one, changing it and taking it down."""

from __future__ import annotations

from functools import partial
from zoneinfo import ZoneInfo

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.blueprints.office.notifications import bp, preview
from portal.blueprints.office.notifications.forms import LONGEST, EditNoticeForm, NewNoticeForm, NoticeForm
from portal.core import clock, links, markdown
from portal.core.access import needs
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.forms import checked_by_form
from portal.core.principals import current_staff
from portal.core.shops import current_shop
from portal.domain.notices import publishing, staff_queries
from portal.domain.notices.models import Notice, NoticeType
from portal.domain.notices.staff_queries import Shown
from portal.domain.people.staff_permissions import StaffPermission
from portal.extensions import db


@bp.get("")
@needs(StaffPermission.NOTICES)
def index() -> ResponseReturnValue:
    """Everything the shop has to say, or had, the latest start first."""
    status, now = request.args.get("status", ""), clock.now()
    wanted = Shown(status) if status in set(Shown) else None
    page = staff_queries.list_for_staff(
        now=now, wanted=wanted, after=request.args.get("after"), before=request.args.get("before")
    )
    here = partial(url_for, "office.notifications.index")
    return render_template(
        "office/notifications/index.html",
        rows=[(row, staff_queries.shown(row, now)) for row in page.rows],
        filters=[
            (_("All"), here(), wanted is None),
            *((each.label, here(status=each.value), each is wanted) for each in Shown),
        ],
        status=wanted or "",
        previous_url=page.prev_cursor and here(status=wanted, before=page.prev_cursor),
        next_url=page.next_cursor and here(status=wanted, after=page.next_cursor),
    )


@bp.route("/new", methods=["GET", "POST"])
@needs(StaffPermission.NOTICES_CHANGE)
@checked_by_form
def create() -> ResponseReturnValue:
    """A new notification."""
    form = NewNoticeForm()
    if not form.is_submitted():
        form.starts_at.data = (
            clock.now().astimezone(ZoneInfo(_zone())).replace(tzinfo=None, second=0, microsecond=0)
        )
        return _page(form)
    if "preview" in request.form:
        return _page(form, shows_preview=True)
    if not form.validate():
        return _page(form), 422
    try:
        # Not the form's name itself: it could be that of something else.
        public_id = links.mac(f"notice:{_actor().id}", form.key.data or "")
        publishing.publish(public_id, form.wanted(_zone()), actor=_actor(), now=clock.now())
        db.session.commit()
    except DomainError as error:
        status = _refused(form, error)
        return _page(form), status
    flash(_("The notification is saved."), "success")
    return redirect(url_for("office.notifications.index"), 303)


@bp.post("/preview")
@needs(StaffPermission.NOTICES_CHANGE)
def look() -> ResponseReturnValue:
    """How what is typed will look: a piece of a page, for the script of the form; with ``text`` the text alone."""
    if "text" in request.args:
        return markdown.to_html((NoticeForm().body.data or "")[:LONGEST])
    return render_template("office/notifications/_preview.html", notice=preview.of(NoticeForm()))


@bp.route("/<public_id>", methods=["GET", "POST"])
@needs(StaffPermission.NOTICES_CHANGE)
@checked_by_form
def edit(public_id: str) -> ResponseReturnValue:
    """Changes a notification; 409 when somebody else did so meanwhile."""
    notice, tags = staff_queries.get_for_staff(public_id)
    form = EditNoticeForm(notice)
    if not form.is_submitted():
        form.show(notice, tags, _zone())
        return _page(form, notice)
    if "preview" in request.form:
        return _page(form, notice, shows_preview=True)
    if not form.validate():
        return _page(form, notice), 422
    try:
        publishing.change(
            public_id,
            form.wanted(_zone()),
            version=int(form.version.data or 0),
            actor=_actor(),
            now=clock.now(),
        )
        db.session.commit()
    except DomainError as error:
        status = _refused(form, error)
        # What was typed stays, and saving it once more means it.
        notice, _tags = staff_queries.get_for_staff(public_id)
        form.version.data = str(notice.version)
        return _page(form, notice), status
    flash(_("The notification is saved."), "success")
    return redirect(url_for("office.notifications.index"), 303)


@bp.post("/<public_id>/deactivate")
@needs(StaffPermission.NOTICES_CHANGE)
def deactivate(public_id: str) -> ResponseReturnValue:
    """Takes a notification down."""
    publishing.deactivate(public_id, actor=_actor(), now=clock.now())
    db.session.commit()
    flash(_("Customers do not see it any more."), "success")
    return redirect(url_for("office.notifications.index"), 303)


def _page(form: NoticeForm, notice: Notice | None = None, *, shows_preview: bool = False) -> str:
    return render_template(
        "office/notifications/form.html",
        form=form,
        notice=notice,
        preview=preview.of(form) if shows_preview or form.title.data else None,
        zone=_zone(),
        types=list(NoticeType),
    )


def _refused(form: NoticeForm, error: DomainError) -> int:
    db.session.rollback()
    form.refuse(error)
    return 409 if isinstance(error, Conflict) else 422


def _zone() -> str:
    return current_shop().time_zone


def _actor() -> Actor:
    staff = current_staff()
    assert staff is not None
    return Actor.staff(staff)
