"""Addresses outside a request, and secrets in addresses: made from the shop's domain row and our keys alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from flask import current_app, g, has_request_context, request


class Place(Protocol):
    """Where a shop is reached: its primary domain."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def scheme(self) -> str: ...


def place_of(shop_id: int) -> Place:
    """The primary domain of a shop; inside a request of that shop it is known already."""
    here: Place | None = g.get("shop") if has_request_context() else None
    if here is not None and getattr(here, "id", None) == shop_id:
        return here
    place: Place = current_app.extensions["loket"].shop_links(shop_id)
    return place


def origin(place: Place) -> str:
    """``scheme://host[:port]`` of a shop, without the port that goes without saying."""
    usual = {"http": 80, "https": 443}.get(place.scheme)
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{place.scheme}://{host}" + (f":{place.port}" if place.port and place.port != usual else "")


def external(shop_id: int, endpoint: str, **values: Any) -> str:
    """The full address of a page of a shop, for mails, PDFs and providers; never from a request's headers."""
    place = place_of(shop_id)
    adapter = current_app.url_map.bind(urlsplit(origin(place)).netloc, url_scheme=place.scheme)
    return adapter.build(endpoint, values, force_external=True)


def mac(purpose: str, value: str) -> str:
    """A short proof that we made ``value`` for ``purpose``: 128 bits in 22 characters, by the first key."""
    return _mac(current_app.config["SECRET_KEYS"][-1], purpose, value)


def mac_fits(purpose: str, value: str, proof: str) -> bool:
    """Whether ``proof`` was made by any of our keys; compares in constant time."""
    fits = False
    for key in current_app.config["SECRET_KEYS"]:
        fits |= hmac.compare_digest(_mac(key, purpose, value).encode(), proof.encode())
    return fits


def _mac(key: str, purpose: str, value: str) -> str:
    digest = hmac.new(key.encode(), f"{purpose}\n{value}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def page_address(fallback: str) -> str:
    """Where a GET shows what is on the screen: this page, or for a refused POST the page that its form was on."""
    if request.method in ("GET", "HEAD"):
        query = request.query_string.decode("ascii", "ignore")
        return safe_next(quote(request.path) + (f"?{query}" if query else ""), fallback)
    if request.url_rule is not None and "GET" in (request.url_rule.methods or ()):
        return safe_next(quote(request.path), fallback)
    try:
        before = urlsplit(request.referrer or "")
    except ValueError:
        # Anybody can send a referrer that is no address at all.
        return fallback
    if before.netloc != request.host:
        return fallback
    return safe_next(before.path + (f"?{before.query}" if before.query else ""), fallback)


def safe_next(target: str | None, fallback: str) -> str:
    """``target`` when it is a path of this site, else ``fallback``: a redirect never leaves the shop's domain."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return fallback
    if not target.isprintable() or "\\" in target or len(target) > 500:
        return fallback
    parts = urlsplit(target)
    return fallback if parts.scheme or parts.netloc else target
