"""What a shop puts around its mails."""

from __future__ import annotations

from portal.core import links
from portal.core.mailer import Envelope
from portal.domain.shops.models import Shop
from portal.domain.shops.queries import get_shop, primary_domain


def _legal_name(shop: Shop) -> str:
    """The name in the trade register, where it says more than the name that stands over it."""
    return shop.legal_name if shop.legal_name != shop.name else ""


def mail_envelope(shop_id: int) -> Envelope:
    """The sender, the look and the small print of a shop's mails.

    A shop that has not given its address yet sends as ``noreply@`` its own domain.
    """
    shop = get_shop(shop_id)
    place = primary_domain(shop)
    domain = place.host if "." in place.host else f"{place.host}.localdomain"
    sender = shop.email or f"noreply@{domain}"
    address = ", ".join(part for part in (shop.street, f"{shop.postal_code} {shop.city}".strip()) if part)
    return Envelope(
        name=shop.name,
        from_address=sender,
        domain=sender.rpartition("@")[2],
        home_url=links.external(shop_id, "shop.index"),
        colour=shop.colour,
        reply_to=sender,
        logo_url=(
            links.external(shop_id, "shop.logo", name=shop.logo_key.rpartition("/")[2])
            if shop.logo_key
            else None
        ),
        time_zone=shop.time_zone,
        footer=tuple(line for line in (_legal_name(shop), address) if line),
    )
