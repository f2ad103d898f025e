"""Edit details: a person's name and log-in, and what is known of their account."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import NavItem, Section

bp = Blueprint("profile", __name__)

from portal.blueprints.profile import emails, views  # noqa: E402, F401  (they hang themselves on the blueprint)

section = Section(
    key="profile",
    title=_l("Edit details"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    # Everybody has a name and a log-in of their own; what else is on the page depends on the role.
    nav=(NavItem("profile.index", _l("Edit details"), icon="user-edit", weight=90, permission=""),),
)
