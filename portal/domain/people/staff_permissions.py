"""What each role of the shop may do in the office (domain.md, "People and accounts")."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from portal.domain.people.models import StaffRole


class StaffPermission(StrEnum):
    """A right in the office, as ``office.area.verb``; views demand it by ``@needs``."""

    HOME = "office.home.view"
    TICKETS = "office.tickets.view"
    TICKETS_WRITE = "office.tickets.write"
    CUSTOMERS = "office.customers.view"
    CUSTOMERS_CHANGE = "office.customers.change"
    INVOICES = "office.invoices.view"
    INVOICES_CHANGE = "office.invoices.change"
    DOWNLOADS_GRANT = "office.downloads.grant"
    SUBSCRIPTIONS_CHANGE = "office.subscriptions.change"
    CASES_CHANGE = "office.cases.change"
    NOTICES = "office.notices.view"
    NOTICES_CHANGE = "office.notices.change"


_P = StaffPermission
_READS = frozenset({_P.HOME, _P.TICKETS, _P.CUSTOMERS, _P.INVOICES, _P.NOTICES})

#: What sets an owner apart from a manager (team, providers, domains, erasure, going live) has no page yet.
STAFF_PERMISSIONS: dict[StaffRole, frozenset[StaffPermission]] = {
    StaffRole.OWNER: frozenset(StaffPermission),
    StaffRole.MANAGER: frozenset(StaffPermission),
    StaffRole.SUPPORT: _READS | {_P.TICKETS_WRITE, _P.DOWNLOADS_GRANT, _P.NOTICES_CHANGE},
    StaffRole.READ_ONLY: _READS,
}

_WORDS = {
    role: frozenset(permission.value for permission in rights) for role, rights in STAFF_PERMISSIONS.items()
}


#: The words of sections of one's own, by role: ``grant`` adds them as such a section is loaded.
_granted: dict[StaffRole, frozenset[str]] = {}


def staff_permissions_of(role: StaffRole) -> frozenset[str]:
    """The rights of a role."""
    return _WORDS[role] | _granted.get(role, frozenset())


def grant(words: Mapping[str, tuple[str, ...]]) -> None:
    """Gives rights of a section's own to roles, and to the owner, who has all. ``ValueError`` for no role of ours."""
    for word, roles in words.items():
        for role in {StaffRole.OWNER, *map(StaffRole, roles)}:
            _granted[role] = _granted.get(role, frozenset()) | {word}


def known() -> frozenset[str]:
    """Every word that a page of the office may ask for."""
    return staff_permissions_of(StaffRole.OWNER)
