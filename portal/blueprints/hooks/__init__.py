"""Webhooks of payment providers."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.blueprints.hooks.views import bp
from portal.core.access import Audience
from portal.core.sections import Section

section = Section(key="hooks", title=_l("Webhooks"), audience=Audience.PUBLIC, blueprint=bp)
