"""Making a shop: by a command, the demo, or the link that ``make serve`` prints while there is none; changing it.

The set-up link is signed and not stored: it works while there is no shop, so its use ends it, and with it
every other one. It can be made by who has the installation's keys alone, and runs out by itself.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError

from portal.core import audit, links, storage, tenancy
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.shops import is_loopback
from portal.domain.shops import logos, queries
from portal.domain.shops.models import Mode, Shop, ShopDomain
from portal.extensions import db

#: How long a set-up link works; the next start prints another one.
SETUP_LASTS = timedelta(hours=24)

#: The languages of a shop's own mails and documents.
LANGUAGES = ("en", "nl")
#: The longest payment term in days.
LONGEST_TERM = 365

_PURPOSE = "setup"
_TAKEN = _l("There is a shop at this address already.")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_ADDRESS = re.compile(r"[0-9a-f:.]{2,45}")


@dataclass(frozen=True)
class Domain:
    """Where a shop answers. ``host`` without port and, for IPv6, without brackets."""

    host: str
    port: int | None
    scheme: str


def checked_domain(host: str, port: int | None, scheme: str) -> Domain:
    """The domain as links will use it; ``DomainError`` when it cannot be one.

    Plain http is for this machine only: cookies and passwords would travel readable otherwise.
    """
    host = host.lower().rstrip(".")
    named = _HOST_NAME.fullmatch(host) or (":" in host and _ADDRESS.fullmatch(host))
    reachable = scheme in ("http", "https") and (port is None or 1 <= port <= 65535)
    if len(host) > 253 or not named or not reachable:
        raise DomainError(_l("A shop has an address such as https://shop.example.com; this is none."))
    if scheme == "http" and not is_loopback(host):
        raise DomainError(
            _l(
                "A shop's address begins with https://: plain http can be read by others. Only on this machine it may."
            )
        )
    return Domain(host, None if port == {"http": 80, "https": 443}[scheme] else port, scheme)


def create_shop(
    *,
    name: str,
    domain: Domain,
    email: str,
    language: str,
    now: datetime,
    is_demo: bool = False,
    public_id: str | None = None,
) -> Shop:
    """Makes a shop in test mode with its primary domain. For set-up, commands and the demo.

    Raises ``Conflict`` when a shop answers at this host already. Staff are made by
    ``people.actions.create_staff``, inside the new shop's scope.
    """
    db.session.flush()  # so that what fails below can only be these rows
    shop = Shop(name=name, email=email, language=language, mode=Mode.TEST, is_demo=is_demo, created_at=now)
    if public_id is not None:
        shop.public_id = public_id
    shop.domains.append(
        ShopDomain(host=domain.host, port=domain.port, scheme=domain.scheme, is_primary=True, verified_at=now)
    )
    try:
        with db.session.begin_nested():
            db.session.add(shop)
    except IntegrityError:
        raise Conflict(_TAKEN) from None
    with tenancy.shop_scope(shop.id):
        audit.record("shop.created", shop, actor=Actor.system("set-up"), now=now)
        db.session.flush()
    return shop


@dataclass(frozen=True, kw_only=True)
class ShopChanges:
    """What is to change of a shop; None leaves a thing as it is, and an empty text takes it away.

    The texts are stripped and fit their columns; the account number is a valid one without blanks.
    """

    name: str | None = None
    legal_name: str | None = None
    email: str | None = None
    phone: str | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    vat_number: str | None = None
    chamber_number: str | None = None
    iban: str | None = None
    bic: str | None = None
    language: str | None = None
    payment_term_days: int | None = None
    allow_part_payment: bool | None = None
    prices_include_vat: bool | None = None
    small_business: bool | None = None
    colour: str | None = None


def edit_shop(
    shop: Shop, wanted: ShopChanges, *, now: datetime, actor: Actor, logo: bytes | None = None
) -> list[str]:
    """Changes a shop and answers the names of what became different. For staff and commands, in its scope.

    Documents keep what was printed on them. Raises ``DomainError`` for no name or address, a language, term or
    colour that cannot be, and a logo that is no picture; nothing is changed or stored then.
    """
    values = {each.name: getattr(wanted, each.name) for each in fields(wanted)}
    values = {name: value for name, value in values.items() if value is not None}
    for needed in ("name", "email"):
        if values.get(needed) == "":
            raise DomainError(_l("A shop has a name and an e-mail address."), needed)
    if values.get("language", "nl") not in LANGUAGES:
        raise DomainError(_l("The language of a shop is en or nl."), "language")
    if not 0 <= values.get("payment_term_days", 0) <= LONGEST_TERM:
        raise DomainError(
            _l("The payment term is 0 to %(count)s days.", count=LONGEST_TERM), "payment_term_days"
        )
    if "colour" in values:
        values["colour"] = values["colour"].lower()
        if not _COLOUR.fullmatch(values["colour"]):
            raise DomainError(_l("A colour is written as # and six digits, such as #1f5fae."), "colour")
    if logo is not None:
        values["logo_key"] = logos.logo_key(shop, logo)
    changed = [name for name, value in values.items() if getattr(shop, name) != value]
    for name in changed:
        setattr(shop, name, values[name])
    if logo is not None:
        storage.put(values["logo_key"], logo)
    if changed:
        audit.record("shop.edited", shop, actor=actor, now=now, fields=changed)
    return changed


def move_shop(shop: Shop, domain: Domain, *, now: datetime, actor: Actor) -> bool:
    """Lets a shop answer at another address; whether that was new. For staff and commands, in its scope.

    Links are made from the domain row, so mails and documents made from now on carry the new address; those
    that exist keep the old one. Processes that serve pages know it after ``core.shops.CACHE_SECONDS``. Raises
    ``Conflict`` when another shop answers there, and ``DomainError`` for the demo, which follows its start.
    """
    if shop.is_demo:
        raise DomainError(_l("The demo shop stays on this machine."))
    place = queries.primary_domain(shop)
    before = Domain(place.host, place.port, place.scheme)
    if before == domain:
        return False
    try:
        with db.session.begin_nested():
            place.host, place.port, place.scheme = domain.host, domain.port, domain.scheme
            place.verified_at = now
            db.session.flush()
    except IntegrityError:
        raise Conflict(_TAKEN) from None
    audit.record(
        "shop.moved", shop, actor=actor, now=now, before=links.origin(before), after=links.origin(domain)
    )
    return True


def setup_token(*, now: datetime) -> str:
    """The secret of a set-up link; the caller prints it, once."""
    ends = int((now + SETUP_LASTS).timestamp())
    value = f"{ends:x}.{secrets.token_urlsafe(16)}"
    return f"{value}.{links.mac(_PURPOSE, value)}"


def check_setup_token(token: str, *, now: datetime) -> str:
    """What a set-up link allows: the public id of the one shop to be made with it.

    Raises ``NotFound`` when it was not made by us, has run out, or there is a shop. Two that use one link at
    once make shops of the same id, of which the database takes one.
    """
    public_id = _shop_of_token(token, now=now)
    if queries.count_shops():
        raise NotFound
    return public_id


def find_shop_made_with(token: str, *, now: datetime) -> Shop | None:
    """The shop that was made with a set-up link, until that link runs out. For who holds the link."""
    try:
        return queries.find_shop(_shop_of_token(token, now=now))
    except NotFound:
        return None


def _shop_of_token(token: str, *, now: datetime) -> str:
    value, _, proof = token.rpartition(".")
    if len(token) > 100 or not token.isascii() or not links.mac_fits(_PURPOSE, value, proof):
        raise NotFound
    if int(value.partition(".")[0], 16) <= now.timestamp():
        raise NotFound
    return links.mac("setup-shop", value)
