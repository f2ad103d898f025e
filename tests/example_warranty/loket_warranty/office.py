"""The office's page: the shop's registrations, of all its customers."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from loket_warranty.models import Registration

from portal import api

bp = Blueprint("warranty_office", __name__, template_folder="templates")


@bp.get("")
@api.needs(api.StaffPermission.CUSTOMERS)
def index() -> ResponseReturnValue:
    """Every registration of the shop, by what is stored: the guard leaves out other shops."""
    page = api.keyset(
        api.db.session,
        sa.select(Registration),
        key_columns=[Registration.id.desc()],
        after=request.args.get("after"),
        before=request.args.get("before"),
    )
    names = api.account_names({row.customer_id for row in page.rows})
    return render_template(
        "warranty_office/index.html",
        rows=[(row, names[row.customer_id]) for row in page.rows],
        previous_url=page.prev_cursor and url_for("warranty_office.index", before=page.prev_cursor),
        next_url=page.next_cursor and url_for("warranty_office.index", after=page.next_cursor),
    )


section = api.Section(
    key="warranty_office",
    title=_l("Warranty"),
    audience=api.Audience.STAFF,
    blueprint=bp,
    url_prefix="/office/warranty",
    nav=(
        api.NavItem(
            "warranty_office.index",
            _l("Warranty"),
            icon="warranty:seal",
            weight=45,
            permission=api.StaffPermission.CUSTOMERS,
        ),
    ),
)
