"""The test bank of shops in test mode: its API, its pages and its book."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.blueprints.sandbox import api as api
from portal.blueprints.sandbox import jobs as jobs
from portal.blueprints.sandbox import mailbox as mailbox
from portal.blueprints.sandbox.views import bp
from portal.core.access import Audience
from portal.core.sections import Section

section = Section(
    key="sandbox",
    title=_l("Test bank"),
    audience=Audience.PUBLIC,
    blueprint=bp,
    test_mode_only=True,
)
