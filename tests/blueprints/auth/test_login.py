"""Logging in and out: who gets in, what the others hear, and what is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock
from portal.core.sessions import SessionRow
from portal.domain.people.models import Customer, LoginEvent, Membership, Person
from portal.extensions import db
from tests.cast import HOST, OTHER_HOST, PASSWORD, START, Ids
from tests.page_client import PageClient

REFUSAL = "do not belong together"
COOKIE = "__Host-loket_person"


def log_in(client: PageClient, email: str = "emma@example.com", password: str = PASSWORD, **more: Any) -> Any:
    return client.send("/login", {"email": email, "password": password, **more.pop("data", {})}, **more)


def test_the_page(client: PageClient) -> None:
    page = client.get("/login").get_data(as_text=True)
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page


def test_it_signs_in(client: PageClient, on_stage: Callable[..., Any], ids: Ids) -> None:
    response = log_in(client, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    assert (response.status_code, response.headers["Location"]) == (303, "/customer")
    cookie = client.get_cookie(COOKIE, domain=HOST)
    assert cookie is not None and cookie.secure and cookie.http_only and cookie.same_site == "Lax"
    assert cookie.path == "/" and cookie.decoded_value
    with on_stage():
        event = db.session.scalars(sa.select(LoginEvent)).one()
        assert (event.person_id, event.succeeded, event.means) == (ids.emma, True, "password")
        assert event.device == "Firefox, Linux"
        assert db.session.get_one(Person, ids.emma).last_login_at == event.created_at
        assert db.session.scalars(sa.select(SessionRow)).one().person_id == ids.emma
    assert client.get("/login").headers["Location"] == "/customer"


def test_address_in_any_case(client: PageClient) -> None:
    assert log_in(client, "  Emma@Example.COM ").status_code == 303


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/customer/invoices?status=unpaid", "/customer/invoices?status=unpaid"),
        ("https://evil.example/", "/customer"),
        ("//evil.example/", "/customer"),
        ("/\\evil.example", "/customer"),
        ("javascript:alert(1)", "/customer"),
        ("/a\x00b", "/ab"),
        ("", "/customer"),
    ],
)
def test_where_it_leads(client: PageClient, target: str, leads_to: str) -> None:
    response = log_in(client, data={"next": target})
    assert response.headers["Location"] == leads_to


def test_the_way_back_goes_through_the_page(client: PageClient) -> None:
    away = client.get("/customer/invoices?status=unpaid")
    assert away.status_code == 303
    page = client.get(away.headers["Location"]).get_data(as_text=True)
    assert 'value="/customer/invoices?status=unpaid"' in page


def test_a_new_session_at_every_log_in(client: PageClient, on_stage: Callable[..., Any]) -> None:
    """A session that was planted or left open ends, and its CSRF secret with it."""
    log_in(client)
    first = client.get_cookie(COOKIE, domain=HOST)
    client.send("/logout")
    log_in(client)
    second = client.get_cookie(COOKIE, domain=HOST)
    assert first is not None and second is not None and first.value != second.value
    client.set_cookie(COOKIE, first.decoded_value, domain=HOST, secure=True, path="/")
    assert client.get("/customer").status_code == 303
    with on_stage():
        rows = db.session.scalars(sa.select(SessionRow).order_by(SessionRow.id)).all()
        assert [row.ended_at is None for row in rows] == [False, True]
        assert rows[0].csrf_secret != rows[1].csrf_secret


def test_every_refusal_reads_alike(client: PageClient, on_stage: Callable[..., Any], ids: Ids) -> None:
    """Unknown, wrong, unconfirmed, without password, archived: nobody learns which."""
    with on_stage():
        db.session.add_all(
            [
                Person(email="unconfirmed@example.com", password_hash=_hash_of_emma(ids), created_at=START),
                Person(email="nothing@example.com", confirmed_at=START, created_at=START),
            ]
        )
        db.session.get_one(Customer, ids.jan_account).archived_at = START
    pages = []
    for email, password in [
        ("nobody@example.com", PASSWORD),
        ("emma@example.com", "something else"),
        ("unconfirmed@example.com", PASSWORD),
        ("nothing@example.com", PASSWORD),
        ("jan@example.com", PASSWORD),
        ("dora@example.com", PASSWORD),
    ]:
        response = log_in(client, email, password)
        assert response.status_code == 422
        assert client.get_cookie(COOKIE, domain=HOST) is None
        page = response.get_data(as_text=True)
        assert REFUSAL in page and password not in page
        pages.append(page.replace(email, ""))
    assert len({_without_token(page) for page in pages}) == 1


def _hash_of_emma(ids: Ids) -> str | None:
    return db.session.get_one(Person, ids.emma).password_hash


def _without_token(page: str) -> str:
    import re

    return re.sub(r'(name="csrf_token"[^>]*value=|value=)"[^"]*"', "", page)


def test_nobody_waits_for_a_password_to_be_checked(
    client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer at a time: no transaction is open while argon2 works."""
    from portal.domain.people import passwords

    open_meanwhile: list[bool] = []
    real = passwords.fits

    def fits(password_hash: str | None, password: str) -> bool:
        open_meanwhile.append(db.session().in_transaction())
        return real(password_hash, password)

    monkeypatch.setattr(passwords, "fits", fits)
    assert log_in(client).status_code == 303
    assert open_meanwhile == [False]


def test_known_and_unknown_cost_the_same(
    client: PageClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both run argon2 once and the same statements, the write included."""
    from portal.domain.people import passwords
    from tests.statements import counted

    checked: list[str | None] = []
    real = passwords.fits
    monkeypatch.setattr(passwords, "fits", lambda h, p: checked.append(h) or real(h, p))
    token = client.token()
    ran = []
    for email in ("emma@example.com", "nobody@example.com"):
        form = {"csrf_token": token, "email": email, "password": "not this one"}
        with counted(app) as statements:
            client.post("/login", data=form, headers={"Referer": f"https://{HOST}/login"})
        ran.append([statement.split()[0:3] for statement in statements])
    assert ran[0] == ran[1]
    assert [bool(each) for each in checked] == [True, False]


def test_failures_are_counted_for_a_quarter_of_an_hour(
    client: PageClient, app: Flask, on_stage: Callable[..., Any], ids: Ids
) -> None:
    app.config["AUTH_LIMIT_LOGIN"] = "1000 per minute"
    begin = clock.now()
    with clock.frozen(begin):
        for _try in range(5):
            log_in(client, password="wrong again")
        assert log_in(client).status_code == 422
        assert log_in(client, "jan@example.com").status_code == 303
        client.send("/logout")
    with clock.frozen(begin + timedelta(minutes=14)):
        assert REFUSAL in log_in(client).get_data(as_text=True)
    with clock.frozen(begin + timedelta(minutes=15, seconds=1)):
        # What was refused without being looked at did not make it longer.
        assert log_in(client).status_code == 303
    with on_stage():
        means = [
            e.means for e in db.session.scalars(sa.select(LoginEvent).where(LoginEvent.person_id == ids.emma))
        ]
        assert means == ["password"] * 5 + ["refused"] * 2 + ["password"]


def test_too_many_from_one_machine(client: PageClient, app: Flask) -> None:
    app.config["AUTH_LIMIT_LOGIN"] = "3 per minute"
    answers = [log_in(client, f"{n}@example.com", "wrong again").status_code for n in range(4)]
    assert answers == [422, 422, 422, 429]
    page = log_in(client).get_data(as_text=True)
    assert "A little slower, please" in page
    assert client.get("/login").status_code == 200


def _from(client: PageClient, peer: str, **headers: str) -> int:
    answer = log_in(
        client, "x@example.com", "wrong again", environ_overrides={"REMOTE_ADDR": peer}, headers=headers
    )
    return int(answer.status_code)


def test_one_ipv6_connection_is_one_machine(client: PageClient, app: Flask) -> None:
    """A household gets a /64 or more; each of its addresses counting alone would be no limit at all."""
    app.config["AUTH_LIMIT_LOGIN"] = "2 per minute"
    assert [_from(client, f"2001:db8:1:2::{n}") for n in (1, 2, 3)] == [422, 422, 429]
    assert _from(client, "2001:db8:1:3::1") == 422
    assert [_from(client, peer) for peer in ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1")] == [422, 422, 429]
    assert _from(client, "192.0.2.2") == 422


def test_a_forwarded_address_is_believed_of_nobody(client: PageClient, app: Flask) -> None:
    app.config["AUTH_LIMIT_LOGIN"] = "2 per minute"
    said = [_from(client, "192.0.2.9", **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in (1, 2, 3)]
    assert said == [422, 422, 429]


def test_of_a_counted_proxy_only_its_own_word_counts(
    client: PageClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a visitor writes into the header stands left of what the proxy adds."""
    from werkzeug.middleware.proxy_fix import ProxyFix

    from portal import configure

    bare = Flask("bare")
    configure(bare, app.config["LOKET"], {"TRUSTED_PROXIES": 1})
    fixed = bare.wsgi_app
    assert isinstance(fixed, ProxyFix)
    monkeypatch.setattr(app, "wsgi_app", fixed)
    monkeypatch.setattr(fixed, "app", type(app).wsgi_app.__get__(app))
    app.config["AUTH_LIMIT_LOGIN"] = "2 per minute"
    said = [_from(client, "10.0.0.2", **{"X-Forwarded-For": f"198.51.100.{n}, 192.0.2.9"}) for n in (1, 2, 3)]
    assert said == [422, 422, 429]
    assert _from(client, "10.0.0.2", **{"X-Forwarded-For": "192.0.2.9, 192.0.2.10"}) == 422


def test_language_of_the_page_is_kept_for_mails(
    client: PageClient, on_stage: Callable[..., Any], ids: Ids
) -> None:
    with on_stage():
        version = db.session.get_one(Customer, ids.emma_account).version
    log_in(client, headers={"Accept-Language": "nl"})
    with on_stage():
        customer = db.session.get_one(Customer, ids.emma_account)
        assert customer.last_language == "nl"
        assert customer.version == version
        assert db.session.get_one(Customer, ids.jan_account).last_language is None


def test_an_old_hash_is_renewed(client: PageClient, on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        before = _hash_of_emma(ids)
    log_in(client)
    with on_stage():
        after = _hash_of_emma(ids)
        assert after != before and "m=19456,t=2,p=1" in str(after)
    client.send("/logout")
    assert log_in(client).status_code == 303


def test_somebody_without_account(client: PageClient, on_stage: Callable[..., Any], ids: Ids) -> None:
    """Who waits for an owner's answer is told so, after the right password only."""
    with on_stage():
        db.session.delete(
            db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.bram)).one()
        )
    assert REFUSAL in log_in(client, "bram@example.com", "wrong again").get_data(as_text=True)
    response = log_in(client, "bram@example.com")
    assert response.status_code == 422
    assert "no access to an account yet" in response.get_data(as_text=True)


def test_log_out(client: PageClient, login: Callable[..., PageClient], on_stage: Callable[..., Any]) -> None:
    emma = login("emma")
    assert emma.get("/logout").status_code == 405
    assert emma.get("/customer").status_code == 200
    response = emma.send("/logout")
    assert (response.status_code, response.headers["Location"]) == (303, "/login")
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert emma.get_cookie(COOKIE, domain=HOST) is None
    assert "You are logged out" in emma.get("/login").get_data(as_text=True)
    with on_stage():
        assert db.session.scalars(sa.select(SessionRow)).one().ended_at is not None


def test_log_out_needs_the_token(login: Callable[..., PageClient]) -> None:
    emma = login("emma")
    assert emma.post("/logout", headers={"Referer": f"https://{HOST}/"}).status_code == 400
    assert emma.get("/customer").status_code == 200


def test_the_other_shop(client: PageClient) -> None:
    client.host = OTHER_HOST
    assert log_in(client).status_code == 422
    assert log_in(client, "dora@example.com").status_code == 303


def test_csrf_failure_keeps_what_was_typed(client: PageClient) -> None:
    form = {"email": "emma@example.com", "password": PASSWORD, "next": "/customer/orders"}
    response = client.post("/login", data=form, headers={"Referer": f"https://{HOST}/login"})
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "emma@example.com" in page and "/customer/orders" in page and PASSWORD not in page
    assert "open for too long" in page


class TestDemo:
    """The demo's passwords are public, so they work on its own machine only."""

    @pytest.fixture
    def demo(self, app: Flask, client: PageClient, on_stage: Callable[..., Any], ids: Ids) -> PageClient:
        from portal.domain.shops.models import Shop, ShopDomain

        with on_stage():
            db.session.get_one(Shop, ids.shop).is_demo = True
            domain = db.session.scalars(sa.select(ShopDomain).where(ShopDomain.host == HOST)).one()
            domain.host = "localhost"
        app.extensions["shops"].forget()
        client.host = "localhost"
        return client

    def test_on_this_machine(self, demo: PageClient) -> None:
        assert log_in(demo).status_code == 303

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-Forwarded-For": "127.0.0.1"},
            {"X-Forwarded-Host": "localhost"},
            {"Forwarded": "for=127.0.0.1"},
            {"X-Real-IP": "127.0.0.1"},
            {"Via": "1.1 tunnel"},
        ],
    )
    def test_through_a_proxy(self, demo: PageClient, headers: dict[str, str]) -> None:
        response = log_in(demo, headers=headers)
        assert response.status_code == 422
        assert "only be used on the machine" in response.get_data(as_text=True)

    def test_from_elsewhere(self, demo: PageClient) -> None:
        response = log_in(demo, environ_overrides={"REMOTE_ADDR": "192.168.1.20"})
        assert "only be used on the machine" in response.get_data(as_text=True)

    def test_bound_elsewhere(self, demo: PageClient, app: Flask) -> None:
        from dataclasses import replace

        app.config["LOKET"] = replace(app.config["LOKET"], host="0.0.0.0")
        assert "only be used on the machine" in log_in(demo).get_data(as_text=True)

    def test_for_another_host(self, demo: PageClient, app: Flask, on_stage: Callable[..., Any]) -> None:
        from portal.domain.shops.models import ShopDomain

        with on_stage():
            db.session.scalars(sa.select(ShopDomain).where(ShopDomain.host == "localhost")).one().host = HOST
        app.extensions["shops"].forget()
        demo.host = HOST
        assert "only be used on the machine" in log_in(demo).get_data(as_text=True)


def test_what_a_visitor_chose_goes_along_where_the_person_never_chose(
    client: PageClient, on_stage: Callable[..., Any], ids: Ids
) -> None:
    client.send("/preferences", {"theme": "dark", "locale": "nl"})
    page = {"email": "emma@example.com", "password": PASSWORD}
    assert client.send("/login", page).status_code == 303
    with on_stage():
        emma = db.session.get_one(Person, ids.emma)
        assert (emma.theme, emma.language) == ("dark", "nl")
        emma.theme = "light"
    client.send("/logout")
    client.send("/preferences", {"theme": "dark", "locale": "en"})
    assert client.send("/login", page).status_code == 303
    with on_stage():
        emma = db.session.get_one(Person, ids.emma)
        assert (emma.theme, emma.language) == ("light", "nl"), "a stored choice wins"
