"""Contact persons: who gets copies of an account's mails."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import NavItem, Section
from portal.domain.people.permissions import Permission

bp = Blueprint("contacts", __name__)

from portal.blueprints.contacts import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="contacts",
    title=_l("Contact persons"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        NavItem(
            "contacts.index",
            _l("Contact persons"),
            icon="users",
            weight=70,
            permission=Permission.CONTACTS,
        ),
    ),
)
