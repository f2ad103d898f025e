"""Finding shops: by host for a request, by id for links and mails."""

from __future__ import annotations

import sqlalchemy as sa

from portal.core.brand import brand_hash
from portal.core.shops import ShopInfo, is_local, is_loopback
from portal.domain.shops.models import Shop, ShopDomain
from portal.extensions import db


def find_shop_by_host(name: str) -> ShopInfo | None:
    """The shop that answers on a host (without port).

    A domain row names it. With a single shop any host of this machine or its network means that shop; a demo
    answers on this machine alone.
    """
    shop = db.session.scalar(sa.select(Shop).join(ShopDomain).where(ShopDomain.host == name))
    if shop is None:
        shop = _only_shop(name)
    return shop_info(shop) if shop is not None else None


def _only_shop(name: str) -> Shop | None:
    if not is_local(name):
        return None
    shops = db.session.scalars(sa.select(Shop).order_by(Shop.id).limit(2)).all()
    if not shops:
        return None
    if shops[0].is_demo:
        return shops[0] if is_loopback(name) else None
    return shops[0] if len(shops) == 1 else None


def get_shop(shop_id: int) -> Shop:
    """The shop itself, for actions and documents."""
    return db.session.get_one(Shop, shop_id)


def find_shop_by_id(shop_id: int) -> Shop | None:
    """The shop with a primary key that came from outside, where there is such a one."""
    return db.session.get(Shop, shop_id)


def find_default_shop() -> Shop | None:
    """The shop that commands mean when none is named: the only one, or the demo."""
    shops = db.session.scalars(sa.select(Shop).order_by(Shop.id).limit(2)).all()
    if len(shops) == 1 or (shops and shops[0].is_demo):
        return shops[0]
    return None


def find_shop(name_or_host: str) -> Shop | None:
    """A shop by one of its hosts or its public id; for commands."""
    return db.session.scalar(
        sa.select(Shop)
        .outerjoin(ShopDomain)
        .where(sa.or_(Shop.public_id == name_or_host, ShopDomain.host == name_or_host))
        .limit(1)
    )


def count_shops() -> int:
    """How many shops there are."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Shop)) or 0


def primary_domain(shop: Shop) -> ShopDomain:
    """Where links of a shop lead: its primary domain, else its first."""
    return next((domain for domain in shop.domains if domain.is_primary), shop.domains[0])


def shop_place(shop_id: int) -> ShopDomain:
    """The domain that ``core.links`` builds addresses on."""
    return primary_domain(get_shop(shop_id))


def shop_info(shop: Shop) -> ShopInfo:
    """The values of a shop that pages need."""
    place = primary_domain(shop)
    digest = brand_hash(shop.colour)
    return ShopInfo(
        id=shop.id,
        public_id=shop.public_id,
        name=shop.name,
        mode=shop.mode.value,
        is_demo=shop.is_demo,
        language=shop.language,
        time_zone=shop.time_zone,
        currency=shop.currency,
        colour=shop.colour,
        email=shop.email,
        phone=shop.phone,
        logo_url=f"/logo-{shop.logo_key.rpartition('/')[2]}" if shop.logo_key else None,
        brand_hash=digest,
        host=place.host,
        port=place.port,
        scheme=place.scheme,
    )


def list_shop_ids() -> list[int]:
    """Every shop, for runs that visit each in turn."""
    return list(db.session.scalars(sa.select(Shop.id).order_by(Shop.id)))
