"""A customer's subscriptions: what they cost, when they are billed next, and what their customer changes."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import Card, NavItem, Section
from portal.domain.people.permissions import Permission
from portal.domain.subscriptions.queries import active_count

bp = Blueprint("subscriptions", __name__)

from portal.blueprints.subscriptions import cancelling, pausing, switching, views  # noqa: E402, F401  (they hang themselves on the blueprint)

section = Section(
    key="subscriptions",
    title=_l("Subscriptions"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        NavItem(
            "subscriptions.index",
            _l("Subscriptions"),
            icon="refresh",
            weight=40,
            permission=Permission.SUBSCRIPTIONS,
        ),
    ),
    cards=(
        Card(
            "subscriptions.index",
            _l("Active subscriptions"),
            icon="refresh",
            weight=30,
            permission=Permission.SUBSCRIPTIONS,
            count=lambda here: active_count(here.customer_id, here.mode),
        ),
    ),
)
