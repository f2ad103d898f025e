"""Which providers there are, and which of them a shop may use in the mode it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.core import links
from portal.core.errors import NotFound
from portal.domain.payments.provider import Method, PaymentProvider, ProviderAccount
from portal.domain.shops.models import Mode, Shop

#: The secret of a shop at a provider, or None when the shop has no account there.
KeyFor = Callable[[Shop], str | None]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A provider that is installed. ``test_only`` is asked before anything of it is built."""

    factory: Callable[[ProviderAccount], PaymentProvider]
    key_for: KeyFor
    test_only: bool = False


_entries: dict[str, Entry] = {}


def install(entries: Mapping[str, Entry]) -> None:
    """Sets the providers of this process, replacing those before; called once by ``create_app``."""
    _entries.clear()
    _entries.update(entries)


@contextmanager
def installed(entries: Mapping[str, Entry]) -> Iterator[None]:
    """Other providers for the length of a test."""
    before = dict(_entries)
    install(entries)
    try:
        yield
    finally:
        install(before)


def provider_for(shop: Shop, name: str) -> PaymentProvider:
    """The shop's account at a provider. ``NotFound`` when it has none, or when its mode rules the provider
    out.

    In a live shop the sandbox does not exist: not here, so not on any page, address or webhook either.
    """
    entry = _entries.get(name)
    if entry is None or (entry.test_only and shop.mode is not Mode.TEST):
        raise NotFound(name)
    key = entry.key_for(shop)
    if key is None:
        raise NotFound(name)
    return entry.factory(
        ProviderAccount(shop_id=shop.id, host=host_of(shop.id), live=shop.mode is Mode.LIVE, key=key)
    )


def offered(shop: Shop) -> dict[str, PaymentProvider]:
    """Every provider the shop may use now, by name, in the order of installation."""
    found = {}
    for name in _entries:
        try:
            found[name] = provider_for(shop, name)
        except NotFound:
            continue
    return found


def offering(shop: Shop, method: Method) -> tuple[str, PaymentProvider] | None:
    """The first provider by which the shop takes this way of paying, with its name."""
    for name, provider in offered(shop).items():
        if method in provider.capabilities.methods:
            return name, provider
    return None


def saving(shop: Shop, method: Method) -> tuple[str, PaymentProvider] | None:
    """The first provider at which the shop's customers can save this, with its name."""
    for name, provider in offered(shop).items():
        if method in provider.capabilities.saved_methods:
            return name, provider
    return None


def checkout_origins(shop: Shop) -> tuple[str, ...]:
    """The foreign origins a pay form of this shop may end at, for ``form-action``."""
    origins = (origin for p in offered(shop).values() for origin in p.capabilities.checkout_origins)
    return tuple(dict.fromkeys(origins))


def host_of(shop_id: int) -> str:
    """How the shop is called in a ``Host`` header: its primary host, with its port where that does not go
    unsaid.
    """
    return urlsplit(links.origin(links.place_of(shop_id))).netloc


def derived_key(name: str, shop_id: int) -> str:
    """A shop's secret at a provider that is part of the portal: made from the installation's own, kept
    nowhere.
    """
    return "test_" + links.mac("provider:" + name, str(shop_id))
