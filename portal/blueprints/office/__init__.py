"""The back office: what the people of the shop work with. Each area is a blueprint nested in this one."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.blueprints.office import auth, customers, home, invoices, notifications, tickets
from portal.core.access import Audience
from portal.core.sections import Section

bp = Blueprint("office", __name__)
bp.register_blueprint(auth.bp)
bp.register_blueprint(home.bp)
bp.register_blueprint(tickets.bp, url_prefix="/tickets")
bp.register_blueprint(customers.bp, url_prefix="/customers")
bp.register_blueprint(invoices.bp, url_prefix="/invoices")
bp.register_blueprint(notifications.bp, url_prefix="/notifications")

section = Section(
    key="office",
    title=_l("Back office"),
    audience=Audience.STAFF,
    blueprint=bp,
    url_prefix="/office",
    nav=(home.nav, tickets.nav, customers.nav, invoices.nav, notifications.nav),
)
