"""What templates know: formatting filters in the reader's language, hashed addresses of files, the frame."""

from __future__ import annotations

import hashlib
import re
from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, current_app, g, has_request_context, request, session, url_for
from flask.templating import Environment
from flask_babel import lazy_gettext as _l
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from portal.core import (
    access,
    brand,
    clock,
    frame,
    links,
    locale,
    office_frame,
    sessions,
    shops,
    speech,
    theme,
)
from portal.core.principals import current_person, current_principal
from portal.core.sections import BadSection, Card, NavItem, Sections


def language() -> str:
    """The language of this page: ``en`` or ``nl``."""
    return speech.spoken().language


def select_language() -> str:
    """For Flask-Babel: what who is signed in chose, else the visitor's cookie, else what the browser asks for.

    Commands have no request and speak English; background work sets the language of whom it is for.
    """
    if not has_request_context():
        return "en"
    shop = g.get("shop")
    header = request.headers.get("Accept-Language", "")
    return locale.resolve_locale(language_choice(), header, shop.language if shop else "en")


def language_choice() -> str:
    """What was chosen: ``auto``, ``en`` or ``nl``."""
    who = current_principal()
    return who.language if who is not None else str(session.get("locale", "auto"))


def chosen_theme() -> theme.Theme:
    """The theme of this page; the context processor gives it to every template."""
    who = current_principal()
    return theme.resolve_theme(who.theme if who is not None else session.get("theme"))


def time_zone() -> str:
    """The shop's time zone, for showing moments; mails are written outside a request and name theirs."""
    shop = g.get("shop")
    return shop.time_zone if shop else str(g.get("time_zone", "UTC"))


_SYMBOL = re.compile(r'<symbol id="([^"]+)"')


# A date in figures, an amount of something, a masked number: what must not be torn apart at the end of a line.
_WHOLE = re.compile(
    r"[0-9]{1,4}-[0-9]{1,2}-[0-9]{2,4}|\b[0-9]+(?:[.,][0-9]+)? (?:kg|g|l|ml|cm|mm|m)\b|\w+ •+ \w+", re.ASCII
)
# The same, what a bank calls a payment, and numbers of documents, orders and conversations.
_WHOLE_ON_PAGES = re.compile(
    rf"{_WHOLE.pattern}|\b[a-z]{{2,6}}_[A-Za-z0-9_-]{{8,40}}|\b[A-Z]{{0,3}}[0-9]*-[0-9]{{3,6}}\b", re.ASCII
)


def whole(text: str) -> Markup:
    """A text in which such things stay on one line, and can still be copied as they were written."""
    parts, end = [], 0
    for found in _WHOLE_ON_PAGES.finditer(text):
        parts += [escape(text[end : found.start()]), Markup('<span class="num">{}</span>').format(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def whole_text(text: str) -> str:
    """The same where there is no markup, as in the cells of a PDF."""
    return _WHOLE.sub(lambda found: found[0].replace("-", "\u2011").replace(" ", "\u00a0"), text)


class Assets:
    """Addresses of static files that change with their content, so that browsers may keep them for good."""

    def __init__(
        self, folder: Path, address: str, more: Mapping[str, tuple[Path, str]] | None = None
    ) -> None:
        """``more`` are the folders of packages, by the keys of their sections: ``calendar:page.css`` is in one."""
        self._folder = folder
        self._address = address
        self._more = more or {}
        self.digest = lru_cache(maxsize=None)(self._digest)
        # A page asks for two dozen of them.
        self.url = lru_cache(maxsize=None)(self._url)

    def _digest(self, name: str) -> str:
        return hashlib.sha256(self._place(name)[0].read_bytes()).hexdigest()[:12]

    def _place(self, name: str) -> tuple[Path, str]:
        key, colon, inside = name.partition(":")
        folder, address = self._more[key] if colon else (self._folder, self._address)
        return folder / (inside or name), f"{address}/{quote(inside or name)}"

    def _url(self, name: str) -> str:
        """The address of a static file, with a part of its hash."""
        return f"{self._place(name)[1]}?v={self.digest(name)}"

    def icon_url(self, name: str, otherwise: str | None = None) -> str:
        """The address of an icon in the sprite, or of another where the name is data and may be none of ours.

        That of a package (``calendar:bell``) is a symbol in ``icons.svg`` of its own folder. A test that shows a name
        of our own that is not there fails.
        """
        key, colon, symbol = name.partition(":")
        if colon and key in self._more:
            return f"{self.url(f'{key}:icons.svg')}#{symbol}"
        if name not in self.icons:
            if otherwise is not None:
                name = otherwise
            elif current_app.testing:
                raise LookupError(f"{name!r} is not in portal/static/vendor/icons.txt")
        return f"{self.url('vendor/icons.svg')}#{name}"

    def has_icon(self, name: str) -> bool:
        """Whether there is an icon of that name, ours or a package's."""
        key, colon, symbol = name.partition(":")
        if not colon:
            return name in self.icons
        sprite = self._more[key][0] / "icons.svg" if key in self._more else None
        return sprite is not None and sprite.is_file() and symbol in _SYMBOL.findall(sprite.read_text())

    @cached_property
    def icons(self) -> frozenset[str]:
        """The names in the sprite."""
        return frozenset(_SYMBOL.findall((self._folder / "vendor" / "icons.svg").read_text()))


class Globals(ChainMap[str, Any]):
    """A template's globals over those of all; every import in a template compares its names with the page's."""

    def keys(self) -> Any:
        """The names as a plain set: the view of a chain compares them one by one in Python."""
        return set().union(*self.maps)


class PageEnvironment(Environment):
    """Flask's environment of templates, quicker."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The globals of one template."""
        return Globals({} if d is None else d, self.globals)


def install(app: Flask) -> None:
    """Filters, globals and context processors; called once by ``create_app``."""
    env = app.jinja_env
    env.undefined = StrictUndefined if app.config.get("TESTING") else env.undefined
    env.trim_blocks = env.lstrip_blocks = True
    # An owner's own come first: they survive a newer Loket, which brings its folder of templates along.
    own = FileSystemLoader(app.config["LOKET"].instance_dir / "templates")
    app.jinja_loader = ChoiceLoader([own, app.jinja_loader]) if app.jinja_loader is not None else own
    speech.install(env)
    assets = Assets(Path(app.static_folder or ""), app.static_url_path or "", _folders_of_packages(app))
    _check_icons(app, assets)
    env.globals.update(
        asset=assets.url, icon_url=assets.icon_url, can=access.can, has_page=app.view_functions.__contains__
    )
    env.filters.update(
        money=_money,
        country=_country,
        date=_date,
        datetime=_datetime,
        percent=_percent,
        quantity=_quantity,
        ago=_ago,
        decimal=_decimal,
        unit_price=_unit_price,
        symbol=_symbol,
        whole=whole,
        whole_text=whole_text,
    )

    @app.context_processor
    def page() -> dict[str, Any]:
        shop = g.get("shop")
        return {
            "shop": ShopView(shop) if shop is not None else None,
            "test_mode": shop is not None and shop.in_test_mode,
            "test_tools": _test_tools(),
            "locale": language(),
            "locale_choice": language_choice() if shop is not None else "auto",
            "theme": str(chosen_theme()) if shop is not None else "system",
            "frame": frame.frame() if shop is not None else None,
            "office": office_frame.frame() if shop is not None else None,
            "preferences_url": _preferences_url() if shop is not None else None,
            "page_address": links.page_address("/") if shop is not None else "/",
        }


def _check_icons(app: Flask, assets: Assets) -> None:
    """A file that is not there would be an error on every page."""
    sections: Sections = app.extensions["sections"]
    for section in sections.all:
        shown: list[NavItem | Card] = [*section.nav, *section.cards]
        for each in shown:
            if not assets.has_icon(each.icon):
                package = sections.packages.get(section.key)
                whose = f"{package.name}: " if package is not None else ""
                raise BadSection(f"{whose}{section.key}: there is no icon {each.icon!r}")


def _folders_of_packages(app: Flask) -> dict[str, tuple[Path, str]]:
    sections: Sections = app.extensions["sections"]
    return {
        section.key: (
            Path(section.blueprint.static_folder),
            section.address + section.blueprint.static_url_path,
        )
        for section in sections.all
        if section.blueprint.static_folder is not None and section.blueprint.static_url_path is not None
    }


def _preferences_url() -> str | None:
    """Where the choice of theme and language at the foot goes; a customer's person has a page of settings instead."""
    if sessions.cookie_face(request.path) == "staff":
        return url_for("office.auth.preferences")
    return url_for("preferences.save") if current_person() is None else None


def _test_tools() -> list[tuple[Any, str]]:
    """Where somebody at this very machine sees what the test mode kept: the caught mails, the bank's book."""
    shop = g.get("shop")
    if shop is None or not shop.in_test_mode or not shops.from_this_machine():
        return []
    tools = [(_l("Test bank"), url_for("sandbox.index"))]
    if current_app.config.get("MAIL_FOLDER"):
        tools.insert(0, (_l("Mailbox"), url_for("sandbox.mailbox")))
    return tools


def _contact(shop: shops.ShopInfo) -> tuple[Any, str] | None:
    """How to ask the shop something, as label and address."""
    if shop.email:
        return _l("Mail us"), f"mailto:{shop.email}"
    if shop.phone:
        return _l("Call us"), f"tel:{shop.phone.replace(' ', '')}"
    return None


class ShopView:
    """The shop as templates show it."""

    def __init__(self, shop: shops.ShopInfo) -> None:
        self.name = shop.name
        self.email = shop.email
        self.phone = shop.phone
        self.mode = shop.mode
        self.contact = _contact(shop)
        self.initials = brand.initials(shop.name)
        self.logo_url = shop.logo_url
        self.brand_url = url_for("shop.brand_sheet", digest=shop.brand_hash)


def _money(minor: int, currency: str) -> str:
    return locale.money(minor, currency, language())


def _country(code: str) -> str:
    return locale.country(code, language())


def _date(day: date, fmt: str = "long") -> str:
    return locale.date(day, language(), fmt)


def _datetime(moment: datetime) -> str:
    return locale.datetime_(moment, language(), time_zone())


def _percent(rate: Decimal) -> str:
    return locale.percent(rate, language())


def _quantity(number: Decimal) -> str:
    return locale.quantity(number, language())


def _decimal(minor: int, currency: str) -> str:
    return locale.amount(minor, currency, language())


def _symbol(currency: str) -> str:
    return locale.symbol(currency, language())


def _unit_price(price: Decimal, currency: str) -> str:
    return locale.unit_price(price, currency, language())


def _ago(moment: datetime) -> str:
    return locale.ago(moment, clock.now(), language())
