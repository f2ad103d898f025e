"""Where this installation's own web server is reached from this very machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any


def own_server_url(config: Mapping[str, Any]) -> str:
    """``http://127.0.0.1:<port>``, or the one address the server listens on; ``SANDBOX_URL`` overrides it.

    The test bank and its shop call each other there, with the shop's host in the ``Host`` header: the name may
    lead to a proxy elsewhere, and in tests to nowhere.
    """
    if config.get("SANDBOX_URL"):
        return str(config["SANDBOX_URL"]).rstrip("/")
    host = str(getattr(config.get("LOKET"), "host", "127.0.0.1"))
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{config.get('PORT', 8000)}"
    if address.is_unspecified:
        host = "127.0.0.1"
    elif address.version == 6:
        host = f"[{host}]"
    return f"http://{host}:{config.get('PORT', 8000)}"
