"""What surrounds every page of the office: its sidebar with badges; one statement."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g, request, url_for

from portal.core import clock
from portal.core.brand import initials
from portal.core.contributions import gathered
from portal.core.counting import Together, count, together
from portal.core.frame import MenuEntry
from portal.core.principals import StaffPrincipal, current_staff
from portal.core.sections import ANY_PAGE, FrameScope, NavItem, Sections
from portal.core.shops import current_shop


@dataclass(frozen=True)
class OfficeFrame:
    """The frame of one page of the office."""

    menu: list[MenuEntry]
    person_name: str
    initials: str


@dataclass(frozen=True)
class Plan:
    """The entries that a role has, and the statement that counts for their badges."""

    items: list[NavItem]
    counts: Together


def scope() -> FrameScope:
    """The scope of the running request: nobody's account, so what asks for one finds nothing."""
    shop = current_shop()
    return FrameScope(
        shop_id=shop.id,
        customer_id=0,
        person_id=0,
        mode=shop.mode,
        today=clock.today(shop.time_zone),
        now=clock.now(),
    )


def frame() -> OfficeFrame | None:
    """The frame of this page, built once; none for a visitor and outside the office."""
    if "office_frame" not in g:
        staff = current_staff()
        g.office_frame = _build(staff) if staff is not None else None
    built: OfficeFrame | None = g.office_frame
    return built


def _build(staff: StaffPrincipal) -> OfficeFrame:
    sections: Sections = current_app.extensions["sections"]
    return gathered(sections, lambda but: _build_without(sections, staff, but))


def _build_without(sections: Sections, staff: StaffPrincipal, but: frozenset[str]) -> OfficeFrame:
    plan = sections.once(("office", staff.permissions, but), lambda: _plan(sections, staff, but))
    counts = count(plan.counts, scope().values)
    return OfficeFrame(
        menu=[
            MenuEntry(
                label=item.title,
                url=url_for(item.endpoint),
                icon=item.icon,
                active=_is_active(item),
                badge=int(counts.get(f"badge_{index}") or 0),
            )
            for index, item in enumerate(plan.items)
            if counts.get(f"shown_{index}", 1)
        ],
        person_name=staff.name,
        initials=initials(staff.name),
    )


def _plan(sections: Sections, staff: StaffPrincipal, but: frozenset[str]) -> Plan:
    items = [item for item in sections.office_nav(but=but) if staff.can(item.permission)]
    numbers = {f"badge_{n}": item.badge(ANY_PAGE) for n, item in enumerate(items) if item.badge is not None}
    numbers |= {f"shown_{n}": item.shown(ANY_PAGE) for n, item in enumerate(items) if item.shown is not None}
    return Plan(items, together(numbers))


def _is_active(item: NavItem) -> bool:
    """The blueprints of the office are nested, so the last part alone is the view."""
    return (request.endpoint or "").rpartition(".")[0] == item.endpoint.rpartition(".")[0]
