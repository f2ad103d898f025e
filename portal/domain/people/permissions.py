"""What each role of an account may do (domain.md, "People and accounts")."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from portal.domain.people.models import Role


class Permission(StrEnum):
    """A right of a membership, as ``area.verb``; views demand it by ``@needs``."""

    HOME = "home.view"
    INVOICES = "invoices.view"
    #: Only those of orders and subscriptions, one by one and not as a list; whoever sees all needs it not.
    INVOICES_LINKED = "invoices.view_linked"
    INVOICES_PAY = "invoices.pay"
    INVOICES_REFUND = "invoices.refund"
    INVOICES_DISPUTE = "invoices.dispute"
    ORDERS = "orders.view"
    ORDERS_DOWNLOAD = "orders.download"
    SUBSCRIPTIONS = "subscriptions.view"
    SUBSCRIPTIONS_CHANGE = "subscriptions.change"
    TICKETS = "tickets.view"
    TICKETS_WRITE = "tickets.write"
    METHODS = "methods.view"
    METHODS_CHANGE = "methods.change"
    DETAILS = "details.view"
    DETAILS_CHANGE = "details.change"
    CONTACTS = "contacts.view"
    CONTACTS_CHANGE = "contacts.change"
    NOTICES = "notices.view"
    COLLECTIONS = "collections.view"
    COLLECTIONS_PLAN = "collections.plan"
    MAIL_SWITCHES = "mail_switches.change"
    TEAM = "team.manage"
    DATA = "data.manage"


_SEES = frozenset(
    {
        Permission.HOME,
        Permission.INVOICES,
        Permission.ORDERS,
        Permission.SUBSCRIPTIONS,
        Permission.TICKETS,
        Permission.METHODS,
        Permission.DETAILS,
        Permission.CONTACTS,
        Permission.NOTICES,
        Permission.COLLECTIONS,
    }
)

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.BILLING: _SEES
    | {
        Permission.INVOICES_PAY,
        Permission.INVOICES_REFUND,
        Permission.INVOICES_DISPUTE,
        Permission.METHODS_CHANGE,
        Permission.DETAILS_CHANGE,
        Permission.CONTACTS_CHANGE,
        Permission.COLLECTIONS_PLAN,
        Permission.MAIL_SWITCHES,
        Permission.TICKETS_WRITE,
    },
    Role.ORDERS: frozenset(
        {
            Permission.HOME,
            Permission.INVOICES_LINKED,
            Permission.ORDERS,
            Permission.ORDERS_DOWNLOAD,
            Permission.SUBSCRIPTIONS,
            Permission.SUBSCRIPTIONS_CHANGE,
            Permission.TICKETS,
            Permission.TICKETS_WRITE,
            Permission.NOTICES,
        }
    ),
    Role.SUPPORT: frozenset(
        {Permission.HOME, Permission.TICKETS, Permission.TICKETS_WRITE, Permission.NOTICES}
    ),
    Role.READ_ONLY: _SEES,
}


#: The words of sections of one's own, by role: ``grant`` adds them as such a section is loaded.
_granted: dict[Role, frozenset[str]] = {}


def permissions_of(role: Role) -> frozenset[str]:
    """The rights of a role."""
    own = frozenset(permission.value for permission in PERMISSIONS[role])
    return own | _granted.get(role, frozenset())


def grant(words: Mapping[str, tuple[str, ...]]) -> None:
    """Gives rights of a section's own to roles, and to the owner, who has all. ``ValueError`` for no role of ours."""
    for word, roles in words.items():
        for role in {Role.OWNER, *map(Role, roles)}:
            _granted[role] = _granted.get(role, frozenset()) | {word}


def known() -> frozenset[str]:
    """Every word that a page of a customer may ask for."""
    return permissions_of(Role.OWNER)
