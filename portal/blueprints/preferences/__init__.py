"""Theme, language and the chosen account: what the footer and the header of every page set."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import Section

bp = Blueprint("preferences", __name__)

from portal.blueprints.preferences import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(key="preferences", title=_l("Preferences"), audience=Audience.PUBLIC, blueprint=bp)
