"""What surrounds every page of a customer: sidebar with badges, open invoices and tickets, banners; two statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask import current_app, g, request, url_for

from portal.core import clock, tenancy
from portal.core.brand import initials
from portal.core.contributions import gathered
from portal.core.counting import Together, count, together
from portal.core.principals import MembershipInfo, PersonPrincipal, current_membership, current_person
from portal.core.sections import ANY_PAGE, Alert, FrameScope, NavItem, Sections
from portal.core.shops import current_shop
from portal.core.tables import UTCDateTime
from portal.extensions import db


@dataclass(frozen=True)
class MenuEntry:
    """An entry of the sidebar, ready to show."""

    label: Any
    url: str
    icon: str
    active: bool
    badge: int


@dataclass(frozen=True)
class Bell:
    """The bell of the header. Where somebody is reading already, it counts nothing."""

    url: str
    unread: int
    active: bool


@dataclass(frozen=True)
class AlertRow:
    """An open invoice, an open ticket, a banner: what the frame shows of it."""

    kind: str
    public_id: str
    title: str
    text: str
    word: str
    amount_minor: int
    currency: str
    on: date | None
    at: datetime | None
    flag: bool
    colour: str | None


@dataclass(frozen=True)
class AlertLink:
    """A row of a list of a section's own in the frame: where it leads, what it is, and a word about it below."""

    url: str
    title: str
    note: str = ""


@dataclass(frozen=True)
class AlertList:
    """Such a list, under its title."""

    title: Any
    rows: list[AlertLink]


@dataclass(frozen=True)
class AccountEntry:
    """An account in the header's switch."""

    public_id: str
    name: str
    current: bool


@dataclass(frozen=True)
class Frame:
    """The frame of one page."""

    menu: list[MenuEntry]
    bell: Bell | None
    rows: dict[str, list[Any]]
    more: frozenset[str]
    lists: list[AlertList]
    person_name: str
    initials: str
    accounts: list[AccountEntry]
    switch_url: str | None

    @property
    def open_invoices(self) -> list[Any]:
        """Invoices to be paid, the oldest due day first, as many as the sidebar's badge counts or the first of them."""
        return self.rows.get("invoice", [])

    @property
    def more_invoices(self) -> bool:
        """Whether there are more of them than are listed."""
        return "invoice" in self.more

    @property
    def open_tickets(self) -> list[Any]:
        """Tickets without an end, the latest message first."""
        return self.rows.get("ticket", [])

    @property
    def more_tickets(self) -> bool:
        """Whether there are more of them than are listed."""
        return "ticket" in self.more

    @property
    def banners(self) -> list[Any]:
        """Notices that are shown now and were not put away."""
        return self.rows.get("notice", [])


def alert_columns(
    kind: str,
    *,
    public_id: Any,
    title: Any,
    text: Any = None,
    word: Any = None,
    amount_minor: Any = None,
    currency: Any = None,
    on: Any = None,
    at: Any = None,
    flag: Any = None,
    colour: Any = None,
) -> list[Any]:
    """The columns of a contribution of rows to the frame: the same for every kind, so that they can be united."""

    def column(value: Any, type_: Any, name: str) -> Any:
        return sa.type_coerce(sa.cast(sa.null(), type_) if value is None else value, type_).label(name)

    return [
        sa.literal(kind, sa.String(32)).label("kind"),
        column(public_id, sa.String(22), "public_id"),
        column(title, sa.String(200), "title"),
        column(text, sa.Text(), "text"),
        column(word, sa.String(32), "word"),
        column(amount_minor, sa.BigInteger(), "amount_minor"),
        column(currency, sa.String(3), "currency"),
        column(on, sa.Date(), "on"),
        column(at, UTCDateTime(), "at"),
        column(flag, sa.Boolean(), "flag"),
        column(colour, sa.String(7), "colour"),
    ]


@dataclass(frozen=True)
class Plan:
    """What the frame holds for a role, and the two statements that ask for it."""

    items: list[NavItem]
    alerts: list[Alert]
    counts: Together
    rows: sa.CompoundSelect[Any] | None


def scope() -> FrameScope:
    """The scope of the running request."""
    person, shop = current_person(), current_shop()
    assert person is not None
    return FrameScope(
        shop_id=shop.id,
        customer_id=current_membership().customer_id,
        person_id=person.id,
        mode=shop.mode,
        today=clock.today(shop.time_zone),
        now=clock.now(),
    )


def frame() -> Frame | None:
    """The frame of this page, built once; none for a visitor and on pages without an account."""
    if "frame" not in g:
        person = current_person()
        g.frame = _build(person) if person is not None and person.selected is not None else None
    built: Frame | None = g.frame
    return built


def _build(person: PersonPrincipal) -> Frame:
    sections: Sections = current_app.extensions["sections"]
    return gathered(sections, lambda but: _build_without(sections, person, but))


def _build_without(sections: Sections, person: PersonPrincipal, but: frozenset[str]) -> Frame:
    account, here = current_membership(), scope()
    plan = sections.once(("frame", account.permissions, but), lambda: _plan(sections, account, but))
    counts = count(plan.counts, here.values)
    shown = [
        (item, _is_active(item), int(counts.get(f"badge_{index}") or 0))
        for index, item in enumerate(plan.items)
        if counts.get(f"shown_{index}", 1)
    ]
    rows = _rows(plan, here)
    limits = {alert.kind: alert.limit for alert in plan.alerts}
    return Frame(
        menu=[
            MenuEntry(
                label=item.title,
                url=url_for(item.endpoint),
                icon=item.icon,
                active=active,
                badge=0 if item.bell and active else badge,
            )
            for item, active, badge in shown
        ],
        bell=next(
            (Bell(url_for(item.endpoint), badge, active) for item, active, badge in shown if item.bell), None
        ),
        rows={kind: found[: limits[kind]] for kind, found in rows.items()},
        more=frozenset(kind for kind, found in rows.items() if len(found) > limits[kind]),
        lists=[
            AlertList(alert.title, rows[alert.kind][: alert.limit])
            for alert in plan.alerts
            if alert.title is not None and rows.get(alert.kind)
        ],
        person_name=person.name,
        initials=initials(person.name),
        accounts=[
            AccountEntry(m.customer_public_id, m.customer_name, m.customer_id == account.customer_id)
            for m in person.memberships
        ],
        switch_url=url_for("preferences.account") if len(person.memberships) > 1 else None,
    )


def _plan(sections: Sections, account: MembershipInfo, but: frozenset[str]) -> Plan:
    def may(what: NavItem | Alert) -> bool:
        return what.permission == "" or account.can(what.permission)

    items = [item for item in sections.nav(but=but) if may(item)]
    alerts = [alert for alert in sections.alerts(but=but) if may(alert)]
    numbers = {f"badge_{n}": item.badge(ANY_PAGE) for n, item in enumerate(items) if item.badge is not None}
    numbers |= {f"shown_{n}": item.shown(ANY_PAGE) for n, item in enumerate(items) if item.shown is not None}
    # One more than is shown, to know whether that is all.
    parts = [sa.select(*alert.rows(ANY_PAGE).limit(alert.limit + 1).subquery().c) for alert in alerts]
    return Plan(items, alerts, together(numbers), tenancy.scoped(sa.union_all(*parts)) if parts else None)


def _rows(plan: Plan, here: FrameScope) -> dict[str, list[Any]]:
    if plan.rows is None:
        return {}
    present = {alert.kind: alert.present for alert in plan.alerts}
    found: dict[str, list[Any]] = {}
    for row in db.session.execute(plan.rows, here.values):
        found.setdefault(row.kind, []).append(present[row.kind](AlertRow(*row), here))
    return found


def _is_active(item: NavItem) -> bool:
    return (request.endpoint or "").partition(".")[0] == item.endpoint.partition(".")[0]
