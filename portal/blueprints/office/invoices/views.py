"""The list of the shop's invoices, and the page of one."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

from flask import abort, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints.office.invoices import bp, loading, pages
from portal.core import clock, storage
from portal.core.access import needs
from portal.core.forms import searched
from portal.core.principals import current_staff
from portal.core.shops import current_shop
from portal.domain.collections.planned import plans_of_shop
from portal.domain.invoices import rendering
from portal.domain.invoices.staff_list import Filter
from portal.domain.invoices.staff_search import list_for_staff
from portal.domain.people.staff_permissions import StaffPermission

LONGEST_SEARCH = 200


@bp.get("")
@needs(StaffPermission.INVOICES)
def index() -> ResponseReturnValue:
    """The shop's documents, the newest first; filter, search and place in the address."""
    status = request.args.get("status", "")
    chosen = Filter(status) if status in set(Filter) else Filter.ALL
    search = searched(LONGEST_SEARCH)
    today = clock.today(current_shop().time_zone)
    page = list_for_staff(
        mode=loading.mode(),
        today=today,
        status=chosen,
        search=search,
        after=request.args.get("after"),
        before=request.args.get("before"),
        planned=plans_of_shop(loading.mode()),
    )
    kept: dict[str, Any] = {"status": None if chosen is Filter.ALL else chosen.value, "q": search or None}
    here = partial(url_for, "office.invoices.index", **kept)
    return render_template(
        "office/invoices/index.html",
        rows=[pages.listed(row) for row in page.rows],
        filters=pages.filters(chosen, search),
        status=kept["status"] or "",
        q=search,
        drafts=chosen is Filter.DRAFT,
        previous_url=page.prev_cursor and here(before=page.prev_cursor),
        next_url=page.next_cursor and here(after=page.next_cursor),
    )


@bp.get("/<public_id>")
@needs(StaffPermission.INVOICES)
def show(public_id: str) -> ResponseReturnValue:
    """One document: a draft with what comes next, or an issued one with its money."""
    found = loading.load(public_id)
    staff = current_staff()
    may = staff is not None and staff.can(StaffPermission.INVOICES_CHANGE)
    return render_template("office/invoices/show.html", **pages.show(found, may=may))


@bp.get("/<public_id>/pdf")
@needs(StaffPermission.INVOICES)
def download(public_id: str) -> ResponseReturnValue:
    """The PDF as it was issued; 404 while it is being built."""
    found = loading.load(public_id)
    if found.file is None or not storage.exists(found.file.storage_key):
        abort(404)
    return send_file(
        io.BytesIO(storage.get(found.file.storage_key)),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=rendering.file_name(found.document, found.document.language),
    )
