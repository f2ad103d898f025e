"""What an account pays with: mandates and cards, saved at the payment provider and taken back there."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import NavItem, Section
from portal.domain.people.permissions import Permission

bp = Blueprint("payment_methods", __name__)

from portal.blueprints.payment_methods import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="payment_methods",
    title=_l("Payment methods"),
    audience=Audience.CUSTOMER,
    blueprint=bp,
    nav=(
        NavItem(
            "payment_methods.index",
            _l("Payment methods"),
            icon="credit-card",
            weight=50,
            permission=Permission.METHODS,
        ),
    ),
)
