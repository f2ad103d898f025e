"""Announcements of the shop: the bell, the banners on top of every page, the list of all, and putting one away."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.frame import alert_columns
from portal.core.sections import Alert, NavItem, Section
from portal.domain.notices import queries
from portal.domain.notices.models import Notice
from portal.domain.people.permissions import Permission

bp = Blueprint("notifications", __name__)

from portal.blueprints.notifications import shown, views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="notifications",
    title=_l("Notifications"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        NavItem(
            "notifications.index",
            _l("Notifications"),
            icon="bell",
            weight=80,
            permission=Permission.NOTICES,
            badge=lambda here: queries.count_unread(here.shop_id, here.customer_id, here.person_id, here.now),
            bell=True,
        ),
    ),
    alerts=(
        Alert(
            "notice",
            Permission.NOTICES,
            limit=20,
            rows=lambda here: queries.banners(
                here.shop_id,
                here.customer_id,
                here.person_id,
                here.now,
                alert_columns(
                    "notice",
                    public_id=Notice.public_id,
                    title=Notice.title,
                    text=Notice.body,
                    word=Notice.type,
                    at=Notice.starts_at,
                    flag=Notice.is_permanent,
                    colour=Notice.colour,
                ),
            ),
            present=shown.banner,
        ),
    ),
)
