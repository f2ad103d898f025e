"""Collection cases: what an account still has to pay late, how far that is, and paying it in instalments."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import NavItem, Section
from portal.domain.collections.queries import running_count
from portal.domain.people.permissions import Permission

bp = Blueprint("collections", __name__)

from portal.blueprints.collections import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="collections",
    title=_l("Collections"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        NavItem(
            "collections.index",
            _l("Collections"),
            icon="gavel",
            weight=25,
            permission=Permission.COLLECTIONS,
            shown=lambda here: running_count(here.customer_id, here.mode),
        ),
    ),
)
