"""The shop's own page, its logo and its colours."""

from __future__ import annotations

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from portal.core.access import Audience
from portal.core.sections import NavItem, Section

bp = Blueprint("shop", __name__)

from portal.blueprints.shop import views  # noqa: E402, F401  (the views hang themselves on the blueprint)

section = Section(
    key="shop",
    title=_l("Shop"),
    audience=Audience.PUBLIC,
    blueprint=bp,
    url_prefix="",
    nav=(NavItem("shop.index", _l("Shop"), icon="shopping-bag", weight=0, permission=""),),
)
