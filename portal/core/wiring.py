"""What the core needs from the business, as functions: the domain fills it in, ``create_app`` hands it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portal.core.links import Place
from portal.core.mailer import MailEnvelope
from portal.core.principals import LoadPrincipal
from portal.core.schedule import ShopIds
from portal.core.sections import Grant
from portal.core.shops import ShopByHost


@dataclass(frozen=True)
class Wiring:
    """The functions, kept in ``app.extensions["loket"]``."""

    shop_by_host: ShopByHost
    shop_ids: ShopIds
    shop_links: Callable[[int], Place]
    load_principal: Mapping[str, LoadPrincipal]
    mail_envelope: MailEnvelope
    #: Adds a section's own permissions to roles, and answers every word that its pages may ask for.
    grant: Grant
