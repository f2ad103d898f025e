"""What the list of tickets is narrowed to, from its address."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request, url_for
from flask_babel import gettext as _

from portal.core.forms import searched
from portal.core.tables import LabelEnum
from portal.domain.tickets.models import Priority, TicketStatus, TicketType
from portal.domain.tickets.staff_queries import Wanted

WAITING = "waiting"
#: Longer than any name or subject.
LONGEST_SEARCH = 200

Word = TypeVar("Word", bound=LabelEnum)


def wanted() -> Wanted:
    """The filters in force; what is none of them counts for nothing."""
    status = request.args.get("status", "")
    return Wanted(
        status=_one_of(TicketStatus, status),
        is_waiting=status == WAITING,
        type=_one_of(TicketType, request.args.get("type", "")),
        priority=_one_of(Priority, request.args.get("priority", "")),
        search=searched(LONGEST_SEARCH),
    )


def _one_of(words: type[Word], value: str) -> Word | None:
    return words(value) if value in set(words) else None


def in_address(filters: Wanted) -> dict[str, Any]:
    """The same as the query of an address."""
    return {
        "status": WAITING if filters.is_waiting else filters.status,
        "type": filters.type,
        "priority": filters.priority,
        "q": filters.search or None,
    }


def pills(filters: Wanted) -> list[tuple[Any, str, bool]]:
    """Label, address and whether it is in force, of every status."""
    rest = {**in_address(filters), "status": None}

    def pill(label: Any, value: str | None, active: bool) -> tuple[Any, str, bool]:
        return label, url_for("office.tickets.index", **{**rest, "status": value}), active

    return [
        pill(_("All"), None, filters.status is None and not filters.is_waiting),
        pill(_("Waits for us"), WAITING, filters.is_waiting),
        *(pill(status.label, status.value, filters.status is status) for status in TicketStatus),
    ]


def choices(words: type[LabelEnum], every: Any, chosen: LabelEnum | None) -> list[tuple[str, Any, bool]]:
    """The options of a filter, and the one in force."""
    return [("", every, chosen is None), *((word.value, word.label, word is chosen) for word in words)]
