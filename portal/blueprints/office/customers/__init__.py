"""The shop's customers: finding, making and inviting them."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.sections import NavItem
from portal.domain.people.staff_permissions import StaffPermission

bp = Blueprint("customers", __name__)

from portal.blueprints.office.customers import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

nav = NavItem(
    "office.customers.index",
    _l("Customers"),
    icon="users",
    weight=30,
    permission=StaffPermission.CUSTOMERS,
)
