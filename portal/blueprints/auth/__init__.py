"""Accounts: registering, confirming an address, logging in and out, and resetting a password."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import Section

bp = Blueprint("auth", __name__)

from portal.blueprints.auth import limits, mailed, views  # noqa: E402, F401  (they hang themselves on the blueprint)

section = Section(key="auth", title=_l("Log in"), audience=Audience.PUBLIC, blueprint=bp, url_prefix="")
