"""Adapters to whoever moves the money, and the list of those that an installation has."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from portal.core.errors import CannotStart
from portal.core.own_server import own_server_url
from portal.domain.payments.provider import ProviderAccount
from portal.domain.payments.registry import Entry, derived_key
from portal.providers import manual, sandbox
from portal.providers.sandbox.client import over_http, taking_turns

ENTRY_POINTS = "portal.payment_providers"


class BadProvider(CannotStart):
    """A provider that cannot be loaded."""


def load_providers(config: Mapping[str, Any]) -> Mapping[str, Entry]:
    """The providers of the core and those of installed packages, by name, for ``registry.install``.

    ``config`` is the application's; it is read at each use. ``SANDBOX_ORIGIN`` puts the test bank's pages at
    an origin of their own, ``SANDBOX_TRANSPORT`` replaces the sockets to it, both for tests.
    """
    threads = int(getattr(config.get("LOKET"), "web_threads", 4))
    over_sockets = taking_turns(over_http, at_once=max(1, threads // 2))

    def build_sandbox(account: ProviderAccount) -> sandbox.Sandbox:
        return sandbox.build(
            account,
            base_url=own_server_url(config),
            checkout_origin=config.get("SANDBOX_ORIGIN"),
            transport=config.get("SANDBOX_TRANSPORT", over_sockets),
        )

    found = {
        "sandbox": Entry(
            factory=build_sandbox, key_for=lambda shop: derived_key("sandbox", shop.id), test_only=True
        ),
        "manual": Entry(factory=manual.build, key_for=lambda shop: shop.iban or None),
    }
    installed = entry_points(group=ENTRY_POINTS) if config.get("PACKAGES", True) else ()
    for point in sorted(installed, key=lambda p: p.name):
        try:
            entry = point.load()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise BadProvider(f"{point.name}: {point.value} cannot be loaded: {reason}") from error
        if not isinstance(entry, Entry):
            raise BadProvider(f"{point.name}: the entry point {point.value} is not a portal.api.Entry")
        if point.name in found:
            raise BadProvider(f"{point.name}: there is a provider of this name already")
        found[point.name] = entry
    return found
