"""The first page after log-in: what needs the customer, and what they have."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import NavItem, Section
from portal.domain.people.permissions import Permission

bp = Blueprint("home", __name__)

from portal.blueprints.home import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="home",
    title=_l("Home"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    url_prefix="/customer",
    nav=(NavItem("home.index", _l("Home"), icon="home", weight=10, permission=Permission.HOME),),
)
