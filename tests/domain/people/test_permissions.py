"""What each role may do, right by right, as domain.md says it ("People and accounts")."""

import pytest

from portal.domain.people.models import Role
from portal.domain.people.permissions import PERMISSIONS, Permission, permissions_of

#: "Sees all but team, data and audit".
SEES = {
    "home.view",
    "invoices.view",
    "orders.view",
    "subscriptions.view",
    "tickets.view",
    "methods.view",
    "details.view",
    "contacts.view",
    "notices.view",
    "collections.view",
}
ALL = SEES | {
    "invoices.view_linked",
    "invoices.pay",
    "invoices.refund",
    "invoices.dispute",
    "orders.download",
    "subscriptions.change",
    "tickets.write",
    "methods.change",
    "details.change",
    "contacts.change",
    "collections.plan",
    "mail_switches.change",
    "team.manage",
    "data.manage",
}
MAY = {
    Role.OWNER: ALL,
    Role.BILLING: ALL
    - {"invoices.view_linked", "orders.download", "subscriptions.change", "team.manage", "data.manage"},
    Role.ORDERS: {
        "home.view",
        "invoices.view_linked",
        "orders.view",
        "orders.download",
        "subscriptions.view",
        "subscriptions.change",
        "tickets.view",
        "tickets.write",
        "notices.view",
    },
    Role.SUPPORT: {"home.view", "tickets.view", "tickets.write", "notices.view"},
    Role.READ_ONLY: SEES,
}


@pytest.mark.parametrize("role", Role)
def test_what_a_role_may_do(role: Role) -> None:
    assert permissions_of(role) == MAY[role]
    assert PERMISSIONS[role] == {Permission(right) for right in MAY[role]}


def test_there_is_no_other_right() -> None:
    assert {permission.value for permission in Permission} == ALL
