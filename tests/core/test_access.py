"""Who may open what: audiences, permissions, and the account that a page is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal.core.access import OWN, Audience, Rule, UndeclaredView, declare, needs, public, rule_of
from portal.domain.people.models import Membership, Role, StaffRole
from portal.domain.people.permissions import PERMISSIONS, Permission
from portal.domain.people.staff_permissions import STAFF_PERMISSIONS, StaffPermission
from portal.extensions import db
from tests.cast import HOST, Ids, make_invoice
from tests.page_client import PageClient


def bare(**views: Any) -> Flask:
    app = Flask("bare", static_folder=None)
    app.view_functions = {name.replace("__", "."): view for name, view in views.items()}
    return app


def view() -> str:
    return ""


def test_every_view_says_whom_it_is_for() -> None:
    app = bare(
        a__index=needs("x")(lambda: ""),
        b__index=view,
        c__out=public(lambda: ""),
        d__own=needs(OWN)(lambda: ""),
    )
    declare(app, {"a": Audience.CUSTOMER, "b": Audience.PUBLIC, "c": Audience.CUSTOMER, "d": Audience.STAFF})
    assert rule_of(app, "a.index") == Rule(Audience.CUSTOMER, "x")
    assert rule_of(app, "b.index") == rule_of(app, "c.out") == Rule(Audience.PUBLIC, None)
    assert rule_of(app, "d.own") == Rule(Audience.STAFF, OWN)


@pytest.mark.parametrize("audience", [None, Audience.CUSTOMER, Audience.STAFF])
def test_the_portal_does_not_start_with_a_view_that_does_not(audience: Audience | None) -> None:
    with pytest.raises(UndeclaredView, match=r"a\.index"):
        declare(bare(a__index=view), {} if audience is None else {"a": audience})


def test_every_permission_of_a_rule_is_one(app: Flask) -> None:
    asked = {rule.permission for rule in app.extensions["access_rules"].values()} - {None, OWN}
    assert asked <= {*Permission, *StaffPermission}


def test_roles_of_the_shop_grow() -> None:
    assert STAFF_PERMISSIONS[StaffRole.OWNER] == set(StaffPermission)
    for role, allowed in STAFF_PERMISSIONS.items():
        assert STAFF_PERMISSIONS[StaffRole.READ_ONLY] <= allowed <= STAFF_PERMISSIONS[StaffRole.OWNER], role
    assert all(each.endswith(".view") for each in STAFF_PERMISSIONS[StaffRole.READ_ONLY])
    assert not set(StaffPermission) & set(Permission), "a right of the one face is none of the other"
    changes = {each for each in STAFF_PERMISSIONS[StaffRole.SUPPORT] if not each.endswith(".view")}
    assert changes == {
        StaffPermission.TICKETS_WRITE,
        StaffPermission.DOWNLOADS_GRANT,
        StaffPermission.NOTICES_CHANGE,
    }


def test_roles_grow(app: Flask) -> None:
    assert PERMISSIONS[Role.OWNER] == set(Permission)
    for role, allowed in PERMISSIONS.items():
        assert Permission.HOME in allowed and allowed <= PERMISSIONS[Role.OWNER], role
    changing = {permission for permission in Permission if not permission.endswith(".view")}
    assert not PERMISSIONS[Role.READ_ONLY] & changing
    assert not {Permission.TEAM, Permission.DATA} & (PERMISSIONS[Role.BILLING] | PERMISSIONS[Role.ORDERS])


def test_a_visitor_is_led_to_log_in_and_back(client: PageClient) -> None:
    answer = client.get("/customer/invoices?status=paid&q=1")
    assert answer.status_code == 303
    assert answer.location == "/login?next=/customer/invoices?status%3Dpaid%26q%3D1"
    answer = client.send(
        "/login",
        {"email": "emma@example.com", "password": "correct horse battery", "next": "/customer/invoices"},
    )
    assert answer.location == "/customer/invoices"


def test_access_is_asked_before_the_token(client: PageClient, login: Any, on_stage: Any, ids: Ids) -> None:
    with on_stage():
        path = f"/customer/invoices/{make_invoice(ids.emma_account).public_id}/pay"
    assert client.post(path).status_code == 303
    assert login("emma").post(path, headers={"Referer": f"https://{HOST}/"}).status_code == 422


def test_the_role_is_that_of_the_objects_account(
    login: Callable[..., PageClient], on_stage: Any, ids: Ids
) -> None:
    """Emma owns her own account and only reads Jan's, whichever of the two she has chosen."""
    with on_stage():
        db.session.add(Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.SUPPORT))
        mine, theirs = make_invoice(ids.emma_account).public_id, make_invoice(ids.jan_account).public_id
    client = login("emma")
    assert client.get(f"/customer/invoices/{mine}").status_code == 200
    assert client.get(f"/customer/invoices/{theirs}").status_code == 403


def test_a_role_that_changes_counts_at_once(
    login: Callable[..., PageClient], on_stage: Any, ids: Ids
) -> None:
    client = login("emma")
    assert client.get("/customer/invoices").status_code == 200
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.emma).one().role = Role.SUPPORT
    assert client.get("/customer/invoices").status_code == 403
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.emma).delete()
    assert client.get("/customer/invoices").status_code == 303


@pytest.mark.parametrize("path", ["/%00", "/customer/invoices/a%00b", "/login%0a", "/customer%7f"])
def test_no_address_holds_control_characters(client: PageClient, path: str) -> None:
    assert client.get(path).status_code == 404
