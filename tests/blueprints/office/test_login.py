"""The office's log-in: who gets in, what the others hear, and that its session is nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock
from portal.core.sessions import SessionRow
from portal.domain.people.models import LoginEvent, Staff
from portal.extensions import db
from tests.cast import HOST, OTHER_HOST, PASSWORD, START, Ids
from tests.page_client import PageClient
from tests.statements import counted, plans

COOKIE = "__Secure-loket_staff"
REFUSAL = "do not belong together"


def log_in(
    client: PageClient, email: str = "saskia@example.com", password: str = PASSWORD, **data: Any
) -> Any:
    return client.send("/office/login", {"email": email, "password": password, **data})


def cookie_of(client: PageClient, host: str = HOST) -> Any:
    return client.get_cookie(COOKIE, domain=host, path="/office")


def test_it_signs_in(client: PageClient, on_stage: Callable[..., Any], ids: Ids) -> None:
    before = client.token()
    response = log_in(client, "  Saskia@Example.COM ")
    assert (response.status_code, response.location) == (303, "/office")
    cookie = cookie_of(client)
    assert cookie.secure and cookie.http_only and cookie.same_site == "Lax" and cookie.path == "/office"
    with on_stage():
        event = db.session.scalars(sa.select(LoginEvent)).one()
        assert (event.staff_id, event.person_id, event.succeeded) == (ids.saskia, None, True)
        row = db.session.scalars(sa.select(SessionRow)).one()
        assert (row.principal, row.staff_id, row.person_id) == (f"staff:{ids.saskia}", ids.saskia, None)
        assert row.csrf_secret not in before
    client.pages = ("/office",)
    assert client.token() != before
    assert "Saskia" in client.get("/office").text
    assert client.get("/office/login").location == "/office"


def test_logging_in_again_renews_the_id(client: PageClient, on_stage: Callable[..., Any]) -> None:
    log_in(client)
    first = cookie_of(client).value
    client.pages = ("/office",)
    assert client.send("/office/logout").location == "/office/login"
    assert cookie_of(client) is None
    client.set_cookie(COOKIE, first, domain=HOST, secure=True, path="/office")
    assert client.get("/office").location.startswith("/office/login"), "ended on the server"
    client.pages = ("/",)
    log_in(client)
    assert cookie_of(client).value != first
    with on_stage():
        rows = db.session.scalars(sa.select(SessionRow).order_by(SessionRow.id)).all()
        assert [row.ended_at is None for row in rows] == [False, True]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("saskia@example.com", "wrong password here"),
        ("nobody@example.com", PASSWORD),
        # A customer of the shop, with the right password of the other face; and somebody of the other shop.
        ("emma@example.com", PASSWORD),
        ("wim@example.com", PASSWORD),
    ],
)
def test_one_answer_to_all_who_do_not_get_in(client: PageClient, email: str, password: str) -> None:
    response = log_in(client, email, password)
    assert response.status_code == 422 and REFUSAL in response.text
    assert cookie_of(client) is None


def test_who_left_gets_in_no_more(
    client: PageClient, login: Any, on_stage: Callable[..., Any], ids: Ids
) -> None:
    kees = login("kees")
    assert kees.get("/office").status_code == 200
    with on_stage():
        db.session.get_one(Staff, ids.kees).archived_at = START
    assert kees.get("/office").location.startswith("/office/login")
    assert REFUSAL in log_in(client, "kees@example.com").text


def test_staff_are_no_customers(client: PageClient) -> None:
    assert client.send("/login", {"email": "saskia@example.com", "password": PASSWORD}).status_code == 422


def test_after_wrong_tries_the_right_one_waits(app: Flask, client: PageClient) -> None:
    app.config["OFFICE_LIMIT_LOGIN"] = "1000 per minute"
    with clock.frozen(START):
        for _ in range(5):
            log_in(client, password="wrong password here")
        assert REFUSAL in log_in(client).text
        assert log_in(client, "kees@example.com").status_code == 303, "nobody else waits"
    other = app.test_client()
    with clock.frozen(START + timedelta(minutes=16)):
        assert log_in(other).status_code == 303  # type: ignore[arg-type]


def test_it_may_be_tried_so_often_from_one_machine(app: Flask, client: PageClient) -> None:
    app.config["OFFICE_LIMIT_LOGIN"] = "2 per hour"
    answers = [
        log_in(client, f"x{number}@example.com", "wrong password here").status_code for number in range(3)
    ]
    assert answers == [422, 422, 429]


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/office/tickets?status=open", "/office/tickets?status=open"),
        ("https://evil.example/", "/office"),
        ("//evil.example/office", "/office"),
        ("/\\evil.example", "/office"),
        ("/office/../customer", "/office"),
        ("/office/%2e%2E/customer", "/office"),
        ("/customer", "/office"),
        ("/officer", "/office"),
        ("javascript:alert(1)", "/office"),
    ],
)
def test_it_leads_into_the_office_and_nowhere_else(client: PageClient, target: str, leads_to: str) -> None:
    page = client.get("/office/login", query_string={"next": target}).text
    assert (f'value="{target}"' in page) == (target == leads_to)
    assert log_in(client, next=target).location == leads_to


def test_both_faces_in_one_browser(client: PageClient) -> None:
    client.send("/login", {"email": "emma@example.com", "password": PASSWORD})
    client.pages = ("/office/login",)
    assert log_in(client).location == "/office"
    assert "Emma" in client.get("/customer").text
    assert "Saskia" in client.get("/office").text
    client.pages = ("/office",)
    client.send("/office/logout")
    assert client.get("/customer").status_code == 200, "still signed in as a customer"


def test_theme_and_language_are_ones_own(login: Any, on_stage: Callable[..., Any], ids: Ids) -> None:
    saskia = login("saskia")
    answer = saskia.send("/office/preferences", {"theme": "dark", "next": "/office/tickets"})
    assert (answer.status_code, answer.location) == (303, "/office/tickets")
    saskia.send("/office/preferences", {"locale": "nl"})
    page = saskia.get("/office").text
    assert '<html lang="nl"' in page and 'content="dark"' in page
    assert '<html lang="en"' in login("kees").get("/office").text
    with on_stage():
        staff = db.session.get_one(Staff, ids.saskia)
        assert (staff.theme, staff.language, staff.version) == ("dark", "nl", 1)


def test_what_a_visitor_chose_is_taken_along(client: PageClient, on_stage: Any, ids: Ids) -> None:
    client.send("/office/preferences", {"theme": "dark", "locale": "nl"})
    log_in(client)
    with on_stage():
        staff = db.session.get_one(Staff, ids.saskia)
        assert (staff.theme, staff.language) == ("dark", "nl")


def test_the_same_headers_as_everywhere(login: Any) -> None:
    office, portal = login("saskia").get("/office"), login("emma").get("/customer")
    for name in ("Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "Cache-Control"):
        assert office.headers[name] == portal.headers[name]
    assert "no-store" in office.headers["Cache-Control"]


def test_a_stolen_cookie_is_none_elsewhere(app: Flask, login: Any) -> None:
    thief: Any = app.test_client()
    thief.host = OTHER_HOST
    thief.set_cookie(COOKIE, cookie_of(login("saskia")).value, domain=OTHER_HOST, secure=True, path="/office")
    assert thief.get("/office").location.startswith("/office/login")


def test_home_costs_three_statements(app: Flask, login: Any) -> None:
    saskia = login("saskia")
    saskia.get("/office")
    with counted(app) as seen:
        saskia.get("/office")
    assert len(seen) == 3, "\n\n".join(seen)


def test_counting_wrong_passwords_reads_an_index(app: Flask, client: PageClient) -> None:
    with plans(app) as found:
        log_in(client, password="wrong password here")
    assert any("ix_login_events_staff_id" in plan for plan in found), found
