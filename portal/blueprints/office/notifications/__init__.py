"""What the shop has to say to its customers: writing, looking at it first, and taking it down."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.sections import NavItem
from portal.domain.people.staff_permissions import StaffPermission

bp = Blueprint("notifications", __name__)

from portal.blueprints.office.notifications import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

nav = NavItem(
    "office.notifications.index",
    _l("Notifications"),
    icon="speakerphone",
    weight=50,
    permission=StaffPermission.NOTICES,
)
