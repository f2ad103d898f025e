"""Warranty registrations: what a customer bought, registered with the shop so that the warranty is known."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from loket_warranty.models import Registration, RegistrationStatus

from portal import api

bp = Blueprint("warranty", __name__, template_folder="templates", static_folder="static")

from loket_warranty import jobs, views  # noqa: E402, F401  (they hang their functions on what is above)


def running(here: api.FrameScope) -> api.ScalarSelect:
    """How many registrations of an account run, as the frame asks for it: everything of the scope compared in SQL."""
    return (
        sa.select(sa.func.count(Registration.id))
        .where(
            Registration.shop_id == here.shop_id,
            Registration.customer_id == here.customer_id,
            Registration.status == RegistrationStatus.ACTIVE,
        )
        .scalar_subquery()
    )


def ending(here: api.FrameScope) -> sa.Select:
    """Those whose warranty ends next."""
    return (
        sa.select(
            *api.alert_columns(
                "warranty",
                public_id=Registration.public_id,
                title=Registration.product,
                on=Registration.ends_on,
            )
        )
        .where(Registration.customer_id == here.customer_id, Registration.status == RegistrationStatus.ACTIVE)
        .order_by(Registration.ends_on, Registration.id)
    )


def link(row: api.AlertRow, here: api.FrameScope) -> api.AlertLink:
    """A row of the list in the frame. ``here`` holds this page's values."""
    days = (row.on - here.today).days
    return api.AlertLink(
        url_for("warranty.show", public_id=row.public_id), row.title, _("%(days)d days left", days=days)
    )


section = api.Section(
    key="warranty",
    title=_l("Warranty"),
    audience=api.Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        api.NavItem(
            "warranty.index",
            _l("Warranty"),
            icon="warranty:seal",  # of static/icons.svg
            weight=45,
            permission=api.Permission.ORDERS,
            badge=running,
        ),
    ),
    cards=(
        api.Card(
            "warranty.index",
            _l("Registered products"),
            icon="warranty:seal",
            weight=60,
            permission=api.Permission.ORDERS,
            count=running,
        ),
    ),
    alerts=(
        api.Alert(
            "warranty",
            api.Permission.ORDERS,
            rows=ending,
            present=link,
            limit=3,
            title=_l("Warranty ends first"),
        ),
    ),
    permissions={views.REGISTER: ("billing", "orders")},
    migrations="migrations",
)
