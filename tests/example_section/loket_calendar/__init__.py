"""What is to be paid when: the unpaid invoices of an account, the first due first."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from portal import api

bp = Blueprint("calendar", __name__, template_folder="templates")


def waiting(here: api.FrameScope) -> api.ScalarSelect:
    """How many invoices wait to be paid, as the frame asks for it."""
    return api.count_unpaid(here.customer_id, here.mode)


@bp.get("")
@api.needs(api.Permission.INVOICES)
def index() -> ResponseReturnValue:
    """The unpaid invoices of this account by due day."""
    shop = api.current_shop()
    page = api.list_invoices(
        api.current_membership().customer_id,
        mode=api.Mode(shop.mode),
        today=api.today(shop.time_zone),
        status=api.InvoiceFilter.UNPAID,
    )
    return render_template("calendar/index.html", rows=sorted(page.rows, key=lambda row: row.due_date))


section = api.Section(
    key="calendar",
    title=_l("Payment calendar"),
    audience=api.Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        api.NavItem(
            "calendar.index",
            _l("Payment calendar"),
            icon="calendar",
            weight=25,
            permission=api.Permission.INVOICES,
            badge=waiting,
        ),
    ),
    cards=(
        api.Card(
            "calendar.index",
            _l("Payment calendar"),
            icon="calendar",
            weight=90,
            permission=api.Permission.INVOICES,
            count=waiting,
        ),
    ),
)
