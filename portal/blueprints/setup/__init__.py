"""Setting up the first shop, at the link that ``make serve`` prints."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import Section

bp = Blueprint("setup", __name__)

from portal.blueprints.setup import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(key="setup", title=_l("Set up"), audience=Audience.PUBLIC, blueprint=bp)
