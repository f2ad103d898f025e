"""The list of notices, and putting one away."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints.notifications import bp, shown
from portal.core import access, clock, touch
from portal.core.access import needs
from portal.core.frame import frame
from portal.core.links import safe_next
from portal.core.principals import current_membership, current_person
from portal.domain.notices import actions, queries
from portal.domain.people.permissions import Permission
from portal.extensions import db


@bp.get("")
@needs(Permission.NOTICES)
def index() -> ResponseReturnValue:
    """What the shop has to say now, the latest first; the panel of the bell takes its list from here.

    Whoever opens it has read all of it. That is a trace after the response: when it is lost, the bell counts on.
    """
    account, person, now = current_membership(), current_person(), clock.now()
    assert person is not None
    page = queries.list_notices(
        account.customer_id,
        person.id,
        now=now,
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    around = frame()
    if around is not None and around.bell is not None and around.bell.unread:
        touch.later(lambda later: actions.mark_read(account.customer_id, person.id, seen_at=now, now=later))
    return render_template(
        "notifications/index.html",
        notices=[shown.listed(row) for row in page.rows],
        previous_url=page.prev_cursor and url_for("notifications.index", before=page.prev_cursor),
        next_url=page.next_cursor and url_for("notifications.index", after=page.next_cursor),
    )


@bp.post("/<public_id>/dismiss")
@needs(Permission.NOTICES)
def dismiss(public_id: str) -> ResponseReturnValue:
    """Hides a banner for this person for good, and goes back to the page it was on."""
    now = clock.now()
    accounts = [current_membership().customer_id, *access.customer_ids()]
    notice_id, customer_id = queries.get_notice(public_id, customer_ids=accounts, now=now)
    access.open_for(customer_id)
    person = current_person()
    if person is not None:
        actions.dismiss(notice_id, person.id, now=now)
        db.session.commit()
    return redirect(_page_before(), 303)


def _page_before() -> str:
    """The page that the button was on, if it was one of ours."""
    before = urlsplit(request.referrer or "")
    home = url_for("home.index")
    if before.netloc != request.host:
        return home
    return safe_next(before.path + (f"?{before.query}" if before.query else ""), home)
