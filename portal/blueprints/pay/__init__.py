"""Paying without log-in, and coming back from the bank."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.blueprints.pay.views import bp
from portal.core.access import Audience
from portal.core.sections import Section

section = Section(key="pay", title=_l("Pay"), audience=Audience.PUBLIC, blueprint=bp)
