"""What waits for the shop, counted in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for
from flask_babel import ngettext

from portal.core import locale, office_frame
from portal.core.counting import BADGE, Together, count, shown, together
from portal.core.principals import StaffPrincipal
from portal.core.sections import ANY_PAGE, Sections
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.collections.planned import plans_of_shop
from portal.domain.invoices import staff_queries as documents
from portal.domain.people.staff_permissions import StaffPermission
from portal.domain.tickets.staff_queries import waiting_count


@dataclass(frozen=True)
class Card:
    """A number that leads somewhere, and whether it needs anybody."""

    number: str
    label: str
    icon: str
    url: str
    needs_us: bool


def cards(staff: StaffPrincipal) -> list[Card]:
    """The numbers that this role may see."""
    sections: Sections = current_app.extensions["sections"]
    plan = sections.once(("office.home", staff.permissions), lambda: _plan(staff))
    numbers = count(plan, office_frame.scope().values)
    found = []
    if "waiting" in numbers:
        found.append(_waiting(numbers["waiting"]))
    if "drafts" in numbers:
        found += [_overdue(numbers), _drafts(numbers["drafts"])]
    return found


def _plan(staff: StaffPrincipal) -> Together:
    numbers: dict[str, Any] = {}
    if staff.can(StaffPermission.TICKETS):
        numbers["waiting"] = waiting_count(ANY_PAGE.shop_id)
    if staff.can(StaffPermission.INVOICES):
        here = ANY_PAGE
        planned = plans_of_shop(here.mode)
        numbers["overdue"] = documents.overdue_count(here.shop_id, here.mode, here.today, planned)
        numbers["overdue_minor"] = documents.overdue_sum(here.shop_id, here.mode, here.today, planned)
        numbers["drafts"] = documents.draft_count(here.shop_id, here.mode)
    return together(numbers)


def _waiting(number: int) -> Card:
    return Card(
        shown(number, BADGE),
        ngettext("ticket waits for us", "tickets wait for us", number),
        "headset",
        url_for("office.tickets.index", status="waiting"),
        number > 0,
    )


def _overdue(numbers: dict[str, Any]) -> Card:
    number = numbers["overdue"]
    return Card(
        locale.money(int(numbers["overdue_minor"]), current_shop().currency, language()),
        ngettext(
            "overdue in one invoice", "overdue in %(count)s invoices", number, count=shown(number, BADGE)
        ),
        "alert-triangle",
        url_for("office.invoices.index", status="overdue"),
        number > 0,
    )


def _drafts(number: int) -> Card:
    return Card(
        shown(number, BADGE),
        ngettext("draft to finish", "drafts to finish", number),
        "file-text",
        url_for("office.invoices.index", status="draft"),
        number > 0,
    )
