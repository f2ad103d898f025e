"""A customer's conversations with the shop."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.frame import alert_columns
from portal.core.sections import Alert, NavItem, Section
from portal.domain.people.permissions import Permission
from portal.domain.tickets.models import Ticket
from portal.domain.tickets.queries import running_count, running_tickets

bp = Blueprint("support", __name__)

from portal.blueprints.support import open_tickets, views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="support",
    title=_l("Support"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        NavItem(
            "support.index",
            _l("Support"),
            icon="headset",
            weight=60,
            permission=Permission.TICKETS,
            badge=lambda here: running_count(here.customer_id),
        ),
    ),
    alerts=(
        Alert(
            "ticket",
            Permission.TICKETS,
            rows=lambda here: running_tickets(
                here.customer_id,
                alert_columns(
                    "ticket",
                    public_id=Ticket.public_id,
                    title=Ticket.subject,
                    word=Ticket.status,
                    at=Ticket.last_staff_reply_at,
                    flag=Ticket.waits_for_customer,
                ),
            ),
            present=open_tickets.present,
        ),
    ),
)
