"""Tickets at the shop's side of the counter."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.sections import NavItem
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.tickets.staff_queries import waiting_count

bp = Blueprint("tickets", __name__)

from portal.blueprints.office.tickets import deciding, views  # noqa: E402, F401  (the views hang themselves on the blueprint)

nav = NavItem(
    "office.tickets.index",
    _l("Tickets"),
    icon="headset",
    weight=20,
    permission=StaffPermission.TICKETS,
    badge=lambda here: waiting_count(here.shop_id),
)
