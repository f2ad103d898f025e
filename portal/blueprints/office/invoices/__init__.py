"""The shop's invoices: drafts, finalising, sending, payments that came in elsewhere, and credit notes."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.sections import NavItem
from portal.domain.invoices.staff_queries import draft_count
from portal.domain.people.staff_permissions import StaffPermission

bp = Blueprint("invoices", __name__)

from portal.blueprints.office.invoices import drafting, issued, refunding, undoing, views  # noqa: E402, F401  (they hang themselves on the blueprint)

nav = NavItem(
    "office.invoices.index",
    _l("Invoices"),
    icon="file-invoice",
    weight=40,
    permission=StaffPermission.INVOICES,
    badge=lambda here: draft_count(here.shop_id, here.mode),
)
