"""The signed addresses of bought files: whoever has one may fetch the file by it, again and again for an hour."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.blueprints.download.views import bp
from portal.core.access import Audience
from portal.core.sections import Section

section = Section(key="download", title=_l("Download"), audience=Audience.PUBLIC, blueprint=bp)
