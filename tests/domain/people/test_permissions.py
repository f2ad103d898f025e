"""What each role may do, right by right, as domain.md says it ("People and accounts")."""

from typing import Any

import pytest

from portal.domain.people import permissions, staff_permissions
from portal.domain.people.models import Role, StaffRole
from portal.domain.people.permissions import PERMISSIONS, Permission, permissions_of
from portal.domain.people.staff_permissions import StaffPermission, staff_permissions_of

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


#: What everybody of the shop sees, whatever they may change.
OFFICE_SEES = {
    "office.home.view",
    "office.tickets.view",
    "office.customers.view",
    "office.invoices.view",
    "office.notices.view",
}
OFFICE_ALL = OFFICE_SEES | {
    "office.tickets.write",
    "office.customers.change",
    "office.invoices.change",
    "office.downloads.grant",
    "office.subscriptions.change",
    "office.cases.change",
    "office.notices.change",
}
OFFICE_MAY = {
    StaffRole.OWNER: OFFICE_ALL,
    StaffRole.MANAGER: OFFICE_ALL,
    StaffRole.SUPPORT: OFFICE_SEES
    | {"office.tickets.write", "office.downloads.grant", "office.notices.change"},
    StaffRole.READ_ONLY: OFFICE_SEES,
}


@pytest.mark.parametrize("role", StaffRole)
def test_what_a_role_may_do_in_the_office(role: StaffRole) -> None:
    ours = {right for right in staff_permissions_of(role) if right in {*StaffPermission}}
    assert ours == OFFICE_MAY[role]


def test_there_is_no_other_right_in_the_office() -> None:
    assert {permission.value for permission in StaffPermission} == OFFICE_ALL


@pytest.mark.parametrize(
    ("module", "role", "owner", "rights"),
    [
        (permissions, Role.BILLING, Role.OWNER, permissions.permissions_of),
        (staff_permissions, StaffRole.SUPPORT, StaffRole.OWNER, staff_permissions.staff_permissions_of),
    ],
    ids=["customers", "staff"],
)
def test_a_section_gives_rights_of_its_own(
    monkeypatch: pytest.MonkeyPatch, module: Any, role: Any, owner: Any, rights: Any
) -> None:
    """To the roles that it names and to the owner, beside what they had."""
    monkeypatch.setattr(module, "_granted", {})
    before = {each: rights(each) for each in type(role)}
    module.grant({"warranty.view": (role.value,), "warranty.change": ()})
    module.grant({"warranty.print": (role.value,)})
    assert rights(owner) == before[owner] | {"warranty.view", "warranty.change", "warranty.print"}
    assert rights(role) == before[role] | {"warranty.view", "warranty.print"}
    for other in set(type(role)) - {owner, role}:
        assert rights(other) == before[other]
    assert module.known() == rights(owner)
    with pytest.raises(ValueError, match="nobody"):
        module.grant({"warranty.view": ("nobody",)})
