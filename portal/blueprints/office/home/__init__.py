"""The first page of the office: what needs attention first."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.sections import NavItem
from portal.domain.people.staff_permissions import StaffPermission

bp = Blueprint("home", __name__)

from portal.blueprints.office.home import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

nav = NavItem("office.home.index", _l("Home"), icon="home", weight=10, permission=StaffPermission.HOME)
