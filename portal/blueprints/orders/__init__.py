"""A customer's orders: what was bought, invoiced, paid and delivered."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import Card, NavItem, Section
from portal.domain.orders.queries import order_count
from portal.domain.people.permissions import Permission

bp = Blueprint("orders", __name__)

from portal.blueprints.orders import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="orders",
    title=_l("Orders"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(NavItem("orders.index", _l("Orders"), icon="package", weight=30, permission=Permission.ORDERS),),
    cards=(
        Card(
            "orders.index",
            _l("Orders"),
            icon="package",
            weight=10,
            permission=Permission.ORDERS,
            count=lambda here: order_count(here.customer_id, here.mode),
        ),
    ),
)
