"""A section of the portal: what it contributes to sidebar, home and frame, and how sections are loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from flask import Blueprint, Flask

from portal.core import tenancy
from portal.core.access import OWN, Audience, UndeclaredView
from portal.core.packages import BadSection as BadSection
from portal.core.packages import Package, package_of
from portal.core.principals import nobody
from portal.core.sessions import cookie_face
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

    ``rows`` selects ``core.frame.alert_columns``; ``present`` turns each into what the templates show. With a
    ``title`` they are a list of their own under it, and ``present`` makes a ``core.frame.AlertLink``.
    """

    kind: str
    permission: str
    rows: Rows
    present: Callable[[Any, FrameScope], Any]
    limit: int = 5
    title: Any = None


@dataclass(frozen=True)
class Section:
    """One part of the portal. ``key`` names blueprint, template folder and tests; the address has hyphens.

    ``permissions`` are rights of its own, each with the roles that have it beside the owner. ``migrations`` names the
    folder with the revisions of its package's tables, beside the module of its blueprint.
    """

    key: str
    title: Any
    audience: Audience
    blueprint: Blueprint
    nav: tuple[NavItem, ...] = ()
    cards: tuple[Card, ...] = ()
    alerts: tuple[Alert, ...] = ()
    url_prefix: str | None = None
    test_mode_only: bool = False
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    migrations: str | None = None

    @property
    def address(self) -> str:
        """Where the section lives: ``/customer/<key>`` for customers unless it says otherwise."""
        if self.url_prefix is not None:
            return self.url_prefix
        path = "/" + self.key.replace("_", "-")
        return {Audience.CUSTOMER: "/customer" + path, Audience.STAFF: "/office" + path}.get(
            self.audience, path
        )


@dataclass
class Sections:
    """The sections of an application, in the order in which they were loaded."""

    all: list[Section] = field(default_factory=list)
    #: Of the sections that came with packages, by their keys.
    packages: dict[str, Package] = field(default_factory=dict)
    #: Sections of packages whose contributions raised, until when (``time.monotonic``) they are not asked.
    resting: dict[str, float] = field(default_factory=dict)
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

    def nav(self, *, but: Collection[str] = ()) -> list[NavItem]:
        """Every entry of the customer's sidebar, by weight; the shop's own page is one of them."""
        return self._entries(lambda section: section.audience is not Audience.STAFF, but)

    def office_nav(self, *, but: Collection[str] = ()) -> list[NavItem]:
        """Every entry of the office's sidebar, by weight."""
        return self._entries(lambda section: section.audience is Audience.STAFF, but)

    def cards(self, *, but: Collection[str] = ()) -> list[Card]:
        """Every card of the home page, by weight."""
        return sorted((card for s in self._all(but) for card in s.cards), key=lambda card: card.weight)

    def alerts(self, *, but: Collection[str] = ()) -> list[Alert]:
        """Every contribution of rows to the frame."""
        return [alert for s in self._all(but) for alert in s.alerts]

    def _entries(self, fits: Callable[[Section], bool], but: Collection[str]) -> list[NavItem]:
        items = [item for s in self._all(but) if fits(s) for item in s.nav]
        return sorted(items, key=lambda item: item.weight)

    def _all(self, but: Collection[str]) -> list[Section]:
        return [section for section in self.all if section.key not in but]


#: Says which words are permissions of a face, once a section's own ones are among them.
Grant = Callable[[Section], Collection[str]]


def load_sections(
    app: Flask,
    core: Iterable[Section],
    grant: Grant | None = None,
    linked: Mapping[str, Collection[str]] | None = None,
) -> Sections:
    """Registers the core sections and the installed third-party ones through one and the same door.

    ``grant`` adds a section's own permissions and answers every word that may be asked for on its pages. ``linked``
    holds the pages of each core section to which others lead.
    """
    sections = Sections()
    left_out: set[str] = set()

    def is_wanted(section: Section) -> bool:
        if section.key in app.config.get("LEAVE_OUT", ()) and section.key not in left_out:
            left_out.add(section.key)
            return False
        return True

    for section in filter(is_wanted, core):
        _register(app, sections, section, grant)
    for point in sorted(_points(app), key=lambda p: p.name):
        package = package_of(point)
        try:
            loaded = point.load()
            if not isinstance(loaded, Section):
                raise BadSection(f"the entry point {point.name} = {point.value} is not a portal.api.Section")
            if not is_wanted(loaded):
                continue
            sections.packages[loaded.key] = package
            _register(app, sections, loaded, grant)
            package.check_tables()
        except (BadSection, UndeclaredView) as error:
            raise BadSection(f"{package.name}: {error}") from error
        except Exception as error:
            lines = f"{type(error).__name__}: {error}".splitlines()
            raise BadSection(f"{package.name}: {point.value} cannot be loaded: {lines[0]}") from error
    _check_left_out(app, left_out, linked or {})
    app.extensions["sections"] = sections
    return sections


def _check_left_out(app: Flask, left_out: set[str], linked: Mapping[str, Collection[str]]) -> None:
    for key in sorted(app.config.get("LEAVE_OUT", ())):
        if key not in left_out:
            raise BadSection(f"LEAVE_OUT names {key}, and there is no section of that key")
        gone = [page for page in linked.get(key, ()) if f"{key}.{page}" not in app.view_functions]
        if gone:
            raise BadSection(
                f"LEAVE_OUT names {key}, but other pages lead to its pages {', '.join(gone)}: "
                "a package's section of that key must have them"
            )


def _points(app: Flask) -> Iterable[EntryPoint]:
    """Those that are installed; the core's own tests leave them out, whatever else is in their environment."""
    return entry_points(group=ENTRY_POINTS) if app.config.get("PACKAGES", True) else ()


def _register(app: Flask, sections: Sections, section: Section, grant: Grant | None) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", section.key):
        raise BadSection(f"{section.key!r}: a section's key is snake_case")
    if section.blueprint.name != section.key:
        raise BadSection(f"{section.key}: its blueprint is named {section.blueprint.name!r}, not as its key")
    if any(known.key == section.key for known in sections.all):
        raise BadSection(f"{section.key}: there is a section of this key already")
    if (cookie_face(section.address) == "staff") is not (section.audience is Audience.STAFF):
        raise BadSection(
            f"{section.key}: its address {section.address} is the wrong face: the office's pages, and only they, are "
            "under /office"
        )
    _check_alerts(sections, section)
    _check_migrations(sections, section)
    app.register_blueprint(section.blueprint, url_prefix=section.address or None)
    for endpoint in [item.endpoint for item in section.nav] + [card.endpoint for card in section.cards]:
        if endpoint not in app.view_functions:
            raise BadSection(f"{section.key}: it names the page {endpoint}, which does not exist")
        if all(rule.arguments - set(rule.defaults or ()) for rule in app.url_map.iter_rules(endpoint)):
            raise BadSection(
                f"{section.key}: it names the page {endpoint}, whose address needs more than that"
            )
    if grant is not None:
        _check_words(app, section, grant(section))
    sections.all.append(section)


def _check_alerts(sections: Sections, section: Section) -> None:
    kinds = {alert.kind for alert in sections.alerts()}
    for alert in section.alerts:
        if alert.kind in kinds:
            raise BadSection(f"{section.key}: there are alerts of the kind {alert.kind!r} already")
        if section.key in sections.packages and alert.title is None:
            raise BadSection(f"{section.key}: its alerts {alert.kind!r} have no title to stand under")
        kinds.add(alert.kind)


def _check_migrations(sections: Sections, section: Section) -> None:
    if section.migrations is None:
        return
    package = sections.packages.get(section.key)
    if any(known.migrations and sections.packages.get(known.key) == package for known in sections.all):
        raise BadSection(f"{section.key}: another section of its package has the migrations of both")
    if package is None or not (Path(section.blueprint.root_path) / section.migrations).is_dir():
        raise BadSection(f"{section.key}: there is no folder {section.migrations} beside its blueprint")


def _check_words(app: Flask, section: Section, words: Collection[str]) -> None:
    """Whether every permission that the section asks for is one: nobody has a word with a slip of the pen in it."""
    contributed: list[NavItem | Card | Alert] = [*section.nav, *section.cards, *section.alerts]
    asked = [each.permission for each in contributed if each.permission]
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(f"{section.key}."):
            asked.append(getattr(view, "__needs__", OWN))
    for word in asked:
        if word not in words and word != OWN:
            raise BadSection(f"{section.key}: it asks for the permission {str(word)!r}, which nobody has")
