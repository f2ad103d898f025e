"""The shop of a request: what pages need of it, found by host and kept for a few seconds."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, g, request


@dataclass(frozen=True)
class ShopInfo:
    """A shop as pages see it: plain values, so that it can be shared by threads."""

    id: int
    public_id: str
    name: str
    mode: str
    is_demo: bool
    language: str
    time_zone: str
    currency: str
    colour: str
    email: str
    phone: str
    logo_url: str | None
    brand_hash: str
    host: str
    port: int | None
    scheme: str

    @property
    def in_test_mode(self) -> bool:
        """Whether no real money moves."""
        return self.mode == "test"


#: How long a process may go on with what it knew of a shop after somebody changed it.
CACHE_SECONDS = 5.0

ShopByHost = Callable[[str], ShopInfo | None]


class ShopDirectory:
    """Finds the shop of a host. Unknown hosts are remembered too, so that a scan costs no statements."""

    def __init__(self, find: ShopByHost) -> None:
        self._find = find
        self._known: dict[str, tuple[float, ShopInfo | None]] = {}

    def shop_of(self, host: str) -> ShopInfo | None:
        """The shop that answers on ``host`` (as sent, with or without a port)."""
        name = host_without_port(host)
        known = self._known.get(name)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        shop = self._find(name)
        if len(self._known) > 1000:
            self._known.clear()
        self._known[name] = (time.monotonic() + CACHE_SECONDS, shop)
        return shop

    def forget(self) -> None:
        """Drops what is known, after a change of a shop or a domain in this process."""
        self._known.clear()


def host_without_port(host: str) -> str:
    """``host`` in lower case, without port and without the final dot; an IPv6 address without brackets."""
    if host.startswith("["):
        return host[1:].split("]", 1)[0].lower()
    return host.rsplit(":", 1)[0].rstrip(".").lower() if ":" in host else host.rstrip(".").lower()


def is_loopback(name: str) -> bool:
    """Whether ``name`` (a host without port) can only mean this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_local(name: str) -> bool:
    """Whether ``name`` means this machine or one on the same network."""
    if is_loopback(name) or name.endswith(".local") or (name and "." not in name and ":" not in name):
        return True
    try:
        return ipaddress.ip_address(name).is_private
    except ValueError:
        return False


#: What a proxy or a tunnel adds. With any of them the visitor may be somewhere else.
FORWARDING = ("Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip")


def from_this_machine() -> bool:
    """Whether the visitor can only be at this very machine: bind address, peer and Host are loopback, no proxy.

    What everybody knows or may read works there and nowhere else: demo log-ins, the caught mails, the bank's book.
    """
    bound = current_app.config["LOKET"].host
    hosts = (bound, request.remote_addr or "", host_without_port(request.host))
    return all(is_loopback(host) for host in hosts) and not any(
        name.startswith("X-Forwarded") or name in FORWARDING for name, _value in request.headers
    )


def may_log_in() -> bool:
    """Whether a log-in is possible here: always in a real shop, in the demo only from this very machine.

    Everybody knows the demo's log-ins, so they work on the machine it runs on and nowhere else.
    """
    return not current_shop().is_demo or from_this_machine()


def current_shop() -> ShopInfo:
    """The shop of the running request; ``RuntimeError`` on the few pages that have none."""
    shop: ShopInfo | None = g.get("shop")
    if shop is None:
        raise RuntimeError("this page has no shop")
    return shop
