"""The front page of a shop, and the files that carry its name: logo, colours, health."""

from __future__ import annotations

import io
import mimetypes
import re

from flask import Response, abort, current_app, jsonify, render_template, send_file
from flask.typing import ResponseReturnValue

from portal.blueprints.shop import bp
from portal.core import brand, health, storage
from portal.core.shops import current_shop
from portal.domain.shops import logos, queries

#: Addresses that hold a hash of what they answer may be kept for good.
FOR_GOOD = "public, max-age=31536000, immutable"


@bp.get("/")
def index() -> ResponseReturnValue:
    """The shop's name, a way to log in and how to reach it."""
    return render_template("shop/index.html", contact=queries.get_shop(current_shop().id))


@bp.get("/brand-<digest>.css")
def brand_sheet(digest: str) -> ResponseReturnValue:
    """The shop's colours as custom properties. An old address gets today's sheet, kept for a short time."""
    shop = current_shop()
    response = Response(brand.brand_css(shop.colour), mimetype="text/css")
    response.headers["Cache-Control"] = FOR_GOOD if digest == shop.brand_hash else "public, max-age=60"
    return response


@bp.get("/tone-<colour>.css")
def tone_sheet(colour: str) -> ResponseReturnValue:
    """A colour that the shop gave to a notice, made readable; the address says all there is to it."""
    if not re.fullmatch("[0-9a-f]{6}", colour):
        abort(404)
    response = Response(brand.tone_css(colour), mimetype="text/css")
    response.headers["Cache-Control"] = FOR_GOOD
    return response


@bp.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    """The icon where no page names one: browsers ask for it beside a PDF, a mail or a line of JSON."""
    response = current_app.send_static_file("favicon.svg")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@bp.get("/logo-<name>")
def logo(name: str) -> ResponseReturnValue:
    """The shop's logo, no larger than it is shown."""
    shop = queries.get_shop(current_shop().id)
    if shop.logo_key is None or shop.logo_key.rpartition("/")[2] != name or not storage.exists(shop.logo_key):
        abort(404)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response = send_file(io.BytesIO(logos.shown(storage.get(shop.logo_key))), mimetype=kind)
    response.headers["Cache-Control"] = FOR_GOOD
    # Mail programs in a browser show it from another origin.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # Opened by itself it must not run anything, whatever it is.
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    return response


@bp.get("/health")
def check() -> ResponseReturnValue:
    """200 when the portal can do its work, 503 when the database is away; with the state of each part."""
    report = health.report(current_app)
    return jsonify(report.parts), 200 if report.is_up else 503
