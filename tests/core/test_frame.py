"""What surrounds every page: menu with badges, open invoices and tickets, banners; two statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.core import clock
from portal.domain.invoices.models import ListState
from portal.domain.people.models import Membership, Role
from portal.extensions import db
from tests import rows
from tests.cast import START, Ids, make_invoice
from tests.page_client import PageClient, find_all, parse
from tests.pages import words
from tests.statements import counted

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

Stage = Callable[..., Any]
Login = Callable[..., PageClient]


@pytest.fixture(autouse=True)
def today() -> Any:
    with clock.frozen(START):
        yield


def sidebar(client: PageClient, path: str = "/customer") -> Any:
    return next(e for e in find_all(parse(client.get(path).text), "aside") if e.attrib.get("id") == "sidebar")


def menu(client: PageClient, path: str = "/customer") -> list[str]:
    return [words(item) for item in find_all(find_all(sidebar(client, path), "nav")[0], "li")]


def test_the_menu_in_its_order_with_what_waits(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        make_invoice(ids.emma_account)
    assert menu(login("emma"))[:3] == ["Shop", "Home", "Invoices 2"]
    assert menu(login("jan"))[:3] == ["Shop", "Home", "Invoices"]


def test_the_present_page_is_marked_alone(login: Login) -> None:
    marked = [
        a for a in find_all(sidebar(login("emma"), "/customer/orders"), "a") if "aria-current" in a.attrib
    ]
    assert [words(a) for a in marked] == ["Orders"]


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        (Role.OWNER, set()),
        (Role.READ_ONLY, set()),
        (Role.ORDERS, {"Invoices"}),
        (Role.SUPPORT, {"Invoices", "Orders", "Subscriptions"}),
    ],
)
def test_what_a_role_may_not_see_is_not_there(
    login: Login, on_stage: Stage, ids: Ids, role: Role, hidden: set[str]
) -> None:
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.emma).one().role = role
        make_invoice(ids.emma_account)
    client = login("emma")
    names = {entry.rstrip(" 0123456789") for entry in menu(client)}
    assert names >= {"Home", "Shop"} and not names & hidden
    for name, path in (("Invoices", "invoices"), ("Orders", "orders"), ("Subscriptions", "subscriptions")):
        assert client.get(f"/customer/{path}").status_code == (403 if name in hidden else 200)
        assert (name in names) is (name not in hidden)
    assert ("2026-0001" in words(sidebar(client))) is ("Invoices" not in hidden)


def test_open_invoices_the_first_due_first_and_few(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        for day in range(8):
            make_invoice(ids.emma_account).due_date = START.date() - timedelta(days=day)
        make_invoice(ids.emma_account, amount_minor=0)
        make_invoice(ids.jan_account)
    frame = sidebar(login("emma"))
    text = words(frame)
    assert "Invoices 8" in text and "All unpaid invoices" in text
    assert "/customer/invoices?status=unpaid" in [a.attrib["href"] for a in find_all(frame, "a")]
    shown = [number for number in (f"2026-{n:04d}" for n in range(1, 20)) if number in text]
    assert shown == ["2026-0004", "2026-0005", "2026-0006", "2026-0007", "2026-0008"]
    assert text.index("2026-0008") < text.index("2026-0004")


def test_what_is_under_way_is_not_listed_and_five_are_all_there_are(
    login: Login, on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        for _ in range(5):
            make_invoice(ids.emma_account)
            rows.make_ticket(ids.emma_account)
        make_invoice(ids.emma_account).list_state = ListState.PENDING
    text = words(sidebar(login("emma")))
    assert "Invoices 5" in text and "2026-0005" in text and "2026-0006" not in text
    assert "All unpaid" not in text and "All conversations" not in text
    with on_stage():
        rows.make_ticket(ids.emma_account)
    assert "All conversations" in words(sidebar(login("emma")))


@pytest.mark.parametrize(("count", "shown"), [(99, "99"), (100, "99+"), (130, "99+")])
def test_a_badge_counts_to_ninety_nine(
    login: Login, on_stage: Stage, ids: Ids, count: int, shown: str
) -> None:
    with on_stage():
        # Every seventh of them is paid.
        rows.write_invoices(
            ids.shop, ids.emma_account, next(n for n in range(200) if n - -(-n // 7) == count)
        )
    assert f"Invoices {shown}" in menu(login("emma"))


@pytest.mark.parametrize("count", [0, 1, 25])
def test_the_frame_is_two_statements(app: Flask, login: Login, on_stage: Stage, ids: Ids, count: int) -> None:
    with on_stage():
        for _ in range(count):
            make_invoice(ids.emma_account)
            rows.make_ticket(ids.emma_account)
            rows.make_notice()
    client = login("emma")
    client.get("/nothing-here")
    with counted(app) as statements:
        # An error page in the frame has nothing of its own to ask: the session, and the frame.
        assert client.get("/nothing-here").status_code == 404
    assert len(statements) == 3, "\n\n".join(statements)


def test_a_visitor_has_no_frame(app: Flask, client: PageClient) -> None:
    client.get("/nothing-here")
    with counted(app) as statements:
        page = client.get("/nothing-here")
    assert page.status_code == 404 and statements == [] and 'id="sidebar"' not in page.text
