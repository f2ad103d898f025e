"""Sessions on the server and the three cookies: when they begin and end, what they hold, and how they are set."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError

from portal.core import clock, database, sessions
from portal.core.sessions import IDLE, LONGEST, SessionRow, cookie_face, cookie_path, needs_no_shop
from portal.domain.people.models import Customer, Membership
from portal.domain.shops.models import ShopDomain
from portal.extensions import db
from tests.cast import HOST, PASSWORD, START, Ids
from tests.page_client import PageClient
from tests.statements import counted

Stage = Callable[..., Any]
Login = Callable[..., PageClient]
PERSON, VISITOR, FLASH = "__Host-loket_person", "__Host-loket_visitor", "__Host-loket_flash"


def cookie(client: PageClient, name: str) -> str | None:
    found = client.get_cookie(name, domain=client.host)
    return found.value if found is not None else None


def log_in(client: PageClient) -> Any:
    return client.send("/login", {"email": "emma@example.com", "password": PASSWORD})


def session_rows(on_stage: Stage) -> list[tuple[int, bool]]:
    with on_stage():
        return [
            (row.id, row.ended_at is not None) for row in db.session.query(SessionRow).order_by(SessionRow.id)
        ]


def test_a_visitor_leaves_no_row(client: PageClient, on_stage: Stage) -> None:
    for path in ("/", "/login", "/register", "/customer", "/nothing"):
        client.get(path)
    client.send("/preferences", {"theme": "dark"})
    assert session_rows(on_stage) == [] and cookie(client, VISITOR) and cookie(client, PERSON) is None


def test_each_log_in_is_a_new_row_token_and_secret(client: PageClient, on_stage: Stage) -> None:
    before = client.token()
    tokens, secrets = [], []
    for _ in range(2):
        assert log_in(client).status_code == 303
        tokens.append(cookie(client, PERSON))
        secrets.append(client.token())
        client.send("/logout")
        assert cookie(client, PERSON) is None
    assert len({*tokens}) == 2 and len({*secrets, before}) == 3
    assert [ended for _, ended in session_rows(on_stage)] == [True, True]


def test_what_is_stored_opens_nothing(client: PageClient, on_stage: Stage) -> None:
    log_in(client)
    token = cookie(client, PERSON)
    with on_stage():
        stored = db.session.query(SessionRow).one()
        assert token not in (stored.token_hash, stored.csrf_secret)
        thief = stored.token_hash
    client.set_cookie(PERSON, thief, domain=HOST, secure=True, path="/")
    assert client.get("/customer").status_code == 303


def test_a_token_of_before_the_log_in_is_worth_nothing_after_it(client: PageClient) -> None:
    old = client.token()
    log_in(client)
    answer = client.post("/logout", data={"csrf_token": old}, headers={"Referer": f"https://{HOST}/"})
    assert answer.status_code == 400 and client.get("/customer").status_code == 200


def test_a_planted_session_is_not_taken_over_by_the_log_in(client: PageClient, on_stage: Stage) -> None:
    """Session fixation: whoever set the cookie before does not know the one after."""
    client.set_cookie(PERSON, "planted", domain=HOST, secure=True, path="/")
    log_in(client)
    assert cookie(client, PERSON) != "planted"


def test_logging_out_ends_the_session_for_every_copy_of_the_cookie(client: PageClient, app: Flask) -> None:
    log_in(client)
    copy: PageClient = app.test_client()  # type: ignore[assignment]
    copy.set_cookie(PERSON, cookie(client, PERSON) or "", domain=HOST, secure=True, path="/")
    assert copy.get("/customer").status_code == 200
    client.send("/logout")
    assert copy.get("/customer").status_code == 303


def test_a_session_ends_when_nobody_uses_it(client: PageClient) -> None:
    with clock.frozen(START):
        log_in(client)
    with clock.frozen(START + IDLE - timedelta(seconds=1)):
        assert client.get("/customer").status_code == 200
    with clock.frozen(START + IDLE):
        assert client.get("/customer").status_code == 303


def test_a_session_in_use_lives_on_but_not_for_ever(client: PageClient, on_stage: Stage) -> None:
    with clock.frozen(START):
        log_in(client)
    now = START
    while now + timedelta(hours=20) < START + LONGEST:
        now += timedelta(hours=20)
        with clock.frozen(now):
            answer = client.get("/customer")
            assert answer.status_code == 200, now
            answer.close()
    with on_stage():
        row = db.session.query(SessionRow).one()
        assert row.last_seen_at == now and row.expires_at == START + LONGEST
    with clock.frozen(START + LONGEST):
        assert client.get("/customer").status_code == 303


def test_being_seen_is_not_written_on_every_page(client: PageClient, on_stage: Stage) -> None:
    with clock.frozen(START):
        log_in(client)
    for after, seen in ((sessions.SEEN_EVERY, START), (sessions.SEEN_EVERY + timedelta(seconds=1), None)):
        with clock.frozen(START + after):
            client.get("/customer").close()
        with on_stage():
            assert db.session.query(SessionRow).one().last_seen_at == (seen or START + after)


def test_being_seen_does_not_bring_a_session_back(client: PageClient, on_stage: Stage) -> None:
    with clock.frozen(START):
        log_in(client)
    with clock.frozen(START + timedelta(hours=1)):
        client.send("/logout").close()
        client.get("/customer").close()
    with on_stage():
        row = db.session.query(SessionRow).one()
        assert (
            row.ended_at == START + timedelta(hours=1) and row.expires_at <= START + timedelta(hours=1) + IDLE
        )


def test_every_session_of_a_person_can_be_ended_but_one(login: Login, on_stage: Stage, ids: Ids) -> None:
    mine, other, brams = login("emma"), login("emma"), login("bram")
    with on_stage():
        kept = db.session.query(SessionRow).filter_by(person_id=ids.emma).order_by(SessionRow.id).first()
        sessions.end_all(ids.emma, now=clock.now(), but=[kept.id])
    assert [client.get("/customer").status_code for client in (mine, other, brams)] == [200, 303, 200]
    with on_stage():
        sessions.end_all(ids.emma, now=clock.now())
    assert mine.get("/customer").status_code == 303


def test_without_an_account_nobody_is_signed_in(login: Login, on_stage: Stage, ids: Ids) -> None:
    client = login("emma")
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).archived_at = START
    answer = client.get("/customer")
    assert answer.status_code == 303
    assert client.get(answer.location).status_code == 200, "and no redirect without an end"
    jan = login("jan")
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.jan).delete()
    assert jan.get("/customer").status_code == 303


# Cookies.


def set_cookies(answer: Any) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}


def test_cookies_over_https_are_secure_and_bound_to_the_host(client: PageClient) -> None:
    visitor = set_cookies(client.get("/login"))
    person = set_cookies(log_in(client))
    flash = set_cookies(client.send("/logout"))
    assert set(visitor) == {VISITOR} and PERSON in person and FLASH in flash
    for line in (*visitor.values(), *person.values(), *flash.values()):
        for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert part in line.split("; "), line
        assert "Domain" not in line
    assert "Max-Age" not in person[PERSON], "it ends with the browser, and on the server"


def test_cookies_over_plain_http_have_plain_names(app: Flask, client: PageClient, on_stage: Stage) -> None:
    """On loopback there is no https, and a browser refuses the prefix without it."""
    with on_stage():
        db.session.query(ShopDomain).filter_by(host=HOST).one().host = "localhost"
    app.extensions["shops"].forget()
    client.checks = False
    answer = client.get("/login", base_url="http://localhost")
    (line,) = answer.headers.getlist("Set-Cookie")
    assert line.startswith("loket_visitor=") and "HttpOnly" in line and "SameSite=Lax" in line
    assert "Secure" not in line.split("; ")
    assert "Strict-Transport-Security" not in answer.headers


def test_a_cookie_under_the_other_protocols_name_is_not_read(login: Login) -> None:
    client = login("emma")
    token = cookie(client, PERSON)
    client.delete_cookie(PERSON, domain=HOST, path="/")
    client.set_cookie("loket_person", token or "", domain=HOST, path="/")
    assert client.get("/customer").status_code == 303


def test_a_message_is_shown_once(client: PageClient) -> None:
    log_in(client)
    client.send("/logout")
    assert cookie(client, FLASH)
    assert "You are logged out." in client.get("/login").text
    assert cookie(client, FLASH) is None
    assert "You are logged out." not in client.get("/login").text


def test_a_waiting_message_travels_with_nothing_that_caches_keep(login: Login) -> None:
    client = login("emma")
    assert client.send("/logout").status_code == 303
    sheet = client.get("/brand-x.css")
    assert "public" in sheet.headers["Cache-Control"] and "Set-Cookie" not in sheet.headers
    assert "You are logged out." in client.get("/login").text


def test_cookies_of_two_shops_and_of_two_purposes_do_not_pass_for_each_other(client: PageClient) -> None:
    client.send("/preferences", {"theme": "dark"})
    client.set_cookie(FLASH, cookie(client, VISITOR) or "", domain=HOST, secure=True, path="/")
    assert client.get("/login").status_code == 200
    client.set_cookie(VISITOR, cookie(client, VISITOR)[:-2] + "xx", domain=HOST, secure=True, path="/")  # type: ignore[index]
    assert 'content="dark"' not in client.get("/login").text


def test_cookies_are_signed_with_sha_256(client: PageClient) -> None:
    client.get("/login")
    value = cookie(client, VISITOR)
    assert value is not None
    assert len(value.rpartition(".")[2]) == 43, "32 bytes in base64; SHA-1 would be 27 characters"
    client.set_cookie(
        VISITOR, value[:-1] + ("A" if value[-1] != "A" else "E"), domain=HOST, secure=True, path="/"
    )
    client.get("/login")
    assert cookie(client, VISITOR) != value, "a signature that does not fit counts as no cookie"


def test_the_secret_of_a_session_is_in_no_cookie(client: PageClient, on_stage: Stage) -> None:
    log_in(client)
    with on_stage():
        secret = db.session.query(SessionRow).one().csrf_secret
    client.send("/preferences", {"theme": "dark"})
    assert secret not in str([found.value for found in client._cookies.values()])  # type: ignore[union-attr]


def test_old_keys_open_and_new_ones_sign(app: Flask, client: PageClient) -> None:
    client.send("/preferences", {"theme": "dark"})
    keys = app.config["SECRET_KEYS"]
    app.config["SECRET_KEYS"] = [*keys, "a-new-key-of-more-than-thirty-two-characters"]
    assert 'content="dark"' in client.get("/login").text
    app.config["SECRET_KEYS"] = ["a-new-key-of-more-than-thirty-two-characters"]
    assert 'content="dark"' not in client.get("/login").text


@pytest.mark.parametrize(
    ("path", "face"),
    [
        ("/", "person"),
        ("/customer", "person"),
        ("/office", "staff"),
        ("/office/x", "staff"),
        ("/officer", "person"),
    ],
)
def test_the_office_has_a_cookie_of_its_own(path: str, face: str) -> None:
    assert cookie_face(path) == face
    assert cookie_path(face) == ("/office" if face == "staff" else "/")


def test_a_customers_session_is_none_of_the_office(login: Login) -> None:
    answer = login("emma").get("/office")
    assert (answer.status_code, answer.location) == (303, "/office/login?next=/office")
    assert login("saskia").get("/customer").location == "/login?next=/customer"


@pytest.mark.parametrize(
    ("who", "cookie", "path", "page"),
    [
        ("emma", "__Secure-loket_staff", "/office", "/office"),
        ("saskia", "__Host-loket_person", "/", "/customer"),
    ],
)
def test_a_token_of_one_face_opens_nothing_in_the_others_cookie(
    login: Login, who: str, cookie: str, path: str, page: str
) -> None:
    client = login(who)
    mine = "__Secure-loket_staff" if who == "saskia" else "__Host-loket_person"
    token = client.get_cookie(mine, domain=HOST, path="/office" if who == "saskia" else "/")
    assert token is not None
    client.set_cookie(cookie, token.value, domain=HOST, secure=True, path=path)
    assert "/login" in client.get(page).location


@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("/health", True),
        ("/static/x", True),
        ("/setup/x", True),
        ("/", False),
        ("/healthy", False),
        ("/staticx", False),
    ],
)
def test_few_addresses_need_no_shop(path: str, answers: bool) -> None:
    assert needs_no_shop(path) is answers


# What it costs.


def test_session_person_and_accounts_are_one_statement(app: Flask, login: Login) -> None:
    client = login("emma")
    client.get("/customer")
    with counted(app) as statements:
        client.get("/preferences")
    assert len([s for s in statements if "sessions" in s]) == 1
    with counted(app) as statements:
        client.get("/static/portal.css")
    assert statements == [], "a file costs nothing"


def test_a_visitors_page_asks_no_session(app: Flask, client: PageClient) -> None:
    client.get("/login")
    with counted(app) as statements:
        client.get("/login")
    assert statements == []


def test_a_get_runs_in_a_transaction_that_cannot_write(app: Flask, login: Login) -> None:
    client = login("emma")
    seen: list[str] = []

    def look(response: Any) -> Any:
        with db.engine.connect() as connection, pytest.raises(DBAPIError) as refused:
            connection.exec_driver_sql("UPDATE sessions SET ended_at = NULL")
        seen.append(str(refused.value.orig))
        return response

    app.after_request_funcs.setdefault(None, []).append(look)
    try:
        client.get("/customer")
    finally:
        app.after_request_funcs[None].remove(look)
    assert len(seen) == 1 and re.search("readonly|read-only", seen[0]), seen
    database.set_reading(False)
