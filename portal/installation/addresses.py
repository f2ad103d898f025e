"""What a start says of the shops' addresses: where customers come in, and what stands between that and this server."""

from __future__ import annotations

from config import Config
from portal.core import links
from portal.core.links import Place
from portal.core.shops import is_loopback
from portal.domain.shops.actions import Domain
from portal.installation.web import address

_EDIT = ".venv/bin/flask shop edit --url"


def setup_lines(config: Config, token: str) -> list[str]:
    """Where the first shop is made. The name in the browser's bar becomes its address, so it is said beforehand."""
    hint = (
        f"open https://YOUR.DOMAIN/setup/{token} instead."
        if config.trusted_proxies
        else "for a domain of your own set up the proxy first (docs/server.md)."
    )
    return [
        f"There is no shop yet. Make it here, once: {address(config)}setup/{token}",
        f"The name that you open it under becomes the shop's address: {hint}",
    ]


def shop_lines(config: Config, name: str, place: Place) -> list[str]:
    """The shop's own address, with a warning where what is served here is something else than its links say."""
    where = links.origin(place)
    line = f"{name} is at {where}/"
    if is_loopback(place.host):
        lines = [line, f"Only this machine can open that. For customers: {_EDIT} https://YOUR.DOMAIN"]
        if (place.port or 80) != config.port:
            lines.append(
                f"Warning: its links lead to port {place.port or 80}, and Loket serves {config.port}. Set PORT, or"
                f" {_EDIT} {links.origin(Domain(place.host, config.port, place.scheme))}"
            )
        return lines
    if not config.trusted_proxies:
        return [
            line,
            f"Warning: what is served here is {address(config)}, without TLS. Let a proxy hand {where} to it and set"
            " TRUSTED_PROXIES=1: docs/server.md.",
        ]
    return [line, f"Your proxy hands that to {address(config)}"]
