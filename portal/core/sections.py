"""A section of the portal: what it contributes to sidebar, home and frame, and how sections are loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import entry_points
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from flask import Blueprint, Flask

from portal.core import tenancy
from portal.core.access import Audience
from portal.core.principals import nobody
from portal.core.tables import BigId, UTCDateTime

ENTRY_POINTS = "portal.sections"


Built = TypeVar("Built")


@dataclass(frozen=True)
class FrameScope:
    """What a section's contribution may ask about: this shop, account and person, now.

    Counts and rows are statements that are built once for all pages of a role, so there the fields are bound
    parameters: compare them in SQL. Where rows are presented the fields are this page's values.
    """

    shop_id: Any
    customer_id: Any
    person_id: Any
    mode: Any
    today: Any
    now: Any

    @property
    def values(self) -> dict[str, Any]:
        """The values of this page, to run the statements with."""
        return asdict(self)


#: The scope as bound parameters.
ANY_PAGE = FrameScope(
    shop_id=sa.bindparam("shop_id", type_=BigId),
    customer_id=sa.bindparam("customer_id", type_=BigId),
    person_id=sa.bindparam("person_id", type_=BigId),
    mode=sa.bindparam("mode"),
    today=sa.bindparam("today", type_=sa.Date()),
    now=sa.bindparam("now", type_=UTCDateTime()),
)


Count = Callable[[FrameScope], sa.ScalarSelect[Any]]
Rows = Callable[[FrameScope], sa.Select[Any]]


@dataclass(frozen=True)
class NavItem:
    """An entry of the sidebar. ``badge`` counts what waits; ``shown`` hides the entry while it counts none.

    That of ``bell`` counts what is unread, and stands in the header as well.
    """

    endpoint: str
    title: Any
    icon: str
    weight: int
    permission: str
    badge: Count | None = None
    shown: Count | None = None
    bell: bool = False


@dataclass(frozen=True)
class Card:
    """A clickable number on the home page."""

    endpoint: str
    title: Any
    icon: str
    weight: int
    permission: str
    count: Count


@dataclass(frozen=True)
class Alert:
    """Rows of the frame (sidebar on desktop, cards on the phone's home).

    ``rows`` selects ``core.frame.alert_columns``; ``present`` turns each into what the templates show.
    """

    kind: str
    permission: str
    rows: Rows
    present: Callable[[Any, FrameScope], Any]
    limit: int = 5


@dataclass(frozen=True)
class Section:
    """One part of the portal. ``key`` names blueprint, template folder and tests; the address has hyphens."""

    key: str
    title: Any
    audience: Audience
    blueprint: Blueprint
    nav: tuple[NavItem, ...] = ()
    cards: tuple[Card, ...] = ()
    alerts: tuple[Alert, ...] = ()
    url_prefix: str | None = None
    test_mode_only: bool = False

    @property
    def address(self) -> str:
        """Where the section lives: ``/customer/<key>`` for customers unless it says otherwise."""
        if self.url_prefix is not None:
            return self.url_prefix
        path = "/" + self.key.replace("_", "-")
        return {Audience.CUSTOMER: "/customer" + path, Audience.STAFF: "/office" + path}.get(
            self.audience, path
        )


class BadSection(RuntimeError):
    """A section that cannot be loaded; the message says in one line what is wrong."""


@dataclass
class Sections:
    """The sections of an application, in the order in which they were loaded."""

    all: list[Section] = field(default_factory=list)
    _built: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, build: Callable[[], Built]) -> Built:
        """What is the same on every page of a role, such as its statements, built at the first of them.

        Every shop and person shares it, so nothing that is built may ask whose page this is: there is no shop, which
        raises ``NoShop``, no account and nobody who is signed in.
        """
        if key not in self._built:
            with tenancy.no_shop(), nobody():
                self._built[key] = build()
        return cast(Built, self._built[key])

    def nav(self) -> list[NavItem]:
        """Every entry of the customer's sidebar, by weight; the shop's own page is one of them."""
        items = [item for s in self.all if s.audience is not Audience.STAFF for item in s.nav]
        return sorted(items, key=lambda item: item.weight)

    def office_nav(self) -> list[NavItem]:
        """Every entry of the office's sidebar, by weight."""
        items = [item for s in self.all if s.audience is Audience.STAFF for item in s.nav]
        return sorted(items, key=lambda item: item.weight)

    def cards(self) -> list[Card]:
        """Every card of the home page, by weight."""
        return sorted((card for s in self.all for card in s.cards), key=lambda card: card.weight)

    def alerts(self) -> list[Alert]:
        """Every contribution of rows to the frame."""
        return [alert for s in self.all for alert in s.alerts]


def load_sections(app: Flask, core: Iterable[Section]) -> Sections:
    """Registers the core sections and the installed third-party ones through one and the same door."""
    sections = Sections()
    for section in core:
        _register(app, sections, section)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: p.name):
        loaded = point.load()
        if not isinstance(loaded, Section):
            raise BadSection(f"{point.name}: the entry point {point.value} is not a portal.api.Section")
        _register(app, sections, loaded)
    app.extensions["sections"] = sections
    return sections


def _register(app: Flask, sections: Sections, section: Section) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", section.key):
        raise BadSection(f"{section.key!r}: a section's key is snake_case")
    if section.blueprint.name != section.key:
        raise BadSection(f"{section.key}: its blueprint is named {section.blueprint.name!r}, not as its key")
    if any(known.key == section.key for known in sections.all):
        raise BadSection(f"{section.key}: there is a section of this key already")
    app.register_blueprint(section.blueprint, url_prefix=section.address or None)
    for endpoint in [item.endpoint for item in section.nav] + [card.endpoint for card in section.cards]:
        if endpoint not in app.view_functions:
            raise BadSection(f"{section.key}: it names the page {endpoint}, which does not exist")
    sections.all.append(section)
