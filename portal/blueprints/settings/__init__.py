"""How a person likes the portal, and what an account gets by mail."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import NavItem, Section

bp = Blueprint("settings", __name__)

from portal.blueprints.settings import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="settings",
    title=_l("Settings"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(NavItem("settings.index", _l("Settings"), icon="settings", weight=100, permission=""),),
)
