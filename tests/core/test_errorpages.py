"""Errors as pages: a code, a title, what to do; in the frame, in the reader's language, and without secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, abort
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from portal.core.errorpages import PAGES
from portal.core.errors import Conflict, DomainError, Forbidden, NotFound
from portal.extensions import db
from tests.cast import Ids
from tests.page_client import PageClient, find_all, parse

RAISED: dict[str, tuple[Any, int]] = {
    "400": (lambda: abort(400), 400),
    "401 has no page of its own": (lambda: abort(401), 400),
    "403": (lambda: abort(403), 403),
    "404": (lambda: abort(404), 404),
    "409": (lambda: abort(409), 409),
    "413": (lambda: abort(413), 413),
    "418": (lambda: abort(418), 400),
    "429": (lambda: abort(429), 429),
    "500": (lambda: abort(500), 500),
    "503": (lambda: abort(503), 500),
    "not found": (lambda: _raise(NotFound("invoice 12")), 404),
    "forbidden": (lambda: _raise(Forbidden("no")), 403),
    "conflict": (lambda: _raise(Conflict("Somebody was quicker.")), 409),
    "refused": (lambda: _raise(DomainError("Not like this.")), 400),
    "stale": (lambda: _raise(StaleDataError()), 409),
    "a mistake of ours": (lambda: _raise(ZeroDivisionError("secret detail")), 500),
}


def _raise(error: Exception) -> None:
    raise error


@pytest.fixture
def failing(app: Flask) -> Iterator[Callable[[Any], None]]:
    """``failing(f)`` makes the front page do ``f``."""
    before = app.view_functions["shop.index"]

    def put(view: Any) -> None:
        app.view_functions["shop.index"] = view

    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield put
    app.view_functions["shop.index"] = before


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize(("view", "code"), RAISED.values(), ids=RAISED)
def test_every_error_is_a_page(
    client: PageClient, login: Any, failing: Any, view: Any, code: int, signed_in: bool
) -> None:
    failing(view)
    answer = (login("emma") if signed_in else client).get("/")
    assert answer.status_code == code
    assert str(PAGES[code][0]) in answer.text and str(code) in answer.text
    assert ('id="sidebar"' in answer.text) is signed_in
    assert (
        "secret detail" not in answer.text
        and "Traceback" not in answer.text
        and "invoice 12" not in answer.text
    )


def test_a_refusal_says_its_reason(client: PageClient, failing: Any) -> None:
    failing(RAISED["conflict"][0])
    assert "Somebody was quicker." in client.get("/").text
    failing(RAISED["refused"][0])
    assert "Not like this." in client.get("/").text


def test_only_a_mistake_of_ours_is_logged_and_without_what_was_typed(
    client: PageClient, failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for name, (view, code) in RAISED.items():
        failing(view)
        caplog.clear()
        client.get("/?q=very-private")
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == (1 if name == "a mistake of ours" else 0), (name, code)
        assert not any("very-private" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("name", "why"), [("403", "403"), ("forbidden", "403"), ("413", "413"), ("429", "429"), ("404", None)]
)
def test_a_refusal_is_written_down_with_who_and_what(
    login: Any,
    client: PageClient,
    failing: Any,
    ids: Ids,
    caplog: pytest.LogCaptureFixture,
    name: str,
    why: str | None,
) -> None:
    failing(RAISED[name][0])
    login("emma").get("/?q=very-private")
    client.get("/")
    said = [record.getMessage() for record in caplog.records if record.name == "loket.refused"]
    assert said == (
        []
        if why is None
        else [f"GET / refused for person:{ids.emma}: {why}", f"GET / refused for a visitor: {why}"]
    )


def test_a_post_from_elsewhere_is_written_down(
    login: Any, ids: Ids, caplog: pytest.LogCaptureFixture
) -> None:
    login("emma").post("/logout")
    said = [record.getMessage() for record in caplog.records if record.name == "loket.refused"]
    assert said == [f"POST /logout refused for person:{ids.emma}: no token of this session"]


def test_with_the_database_away_there_is_still_an_answer(
    app: Flask, login: Any, failing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = login("emma")
    client.get("/customer")

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    def view() -> None:
        monkeypatch.setattr(db.session, "execute", away)
        away()

    failing(view)
    answer = client.get("/")
    assert answer.status_code == 500 and answer.mimetype == "text/plain"
    assert "gone" not in answer.text and "went wrong" in answer.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_that_cannot_be_read_is_an_error_page_and_the_visitor_keeps_their_cookies(
    app: Flask, login: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    client = login("emma")
    client.get("/customer")
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def locked(*_: Any) -> None:
        raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(app.session_interface, "_load_principal", {"person": locked})
        answer = client.open("/customer/invoices", method=method)
    assert answer.status_code == 500
    assert str(PAGES[500][0]) in answer.text and "</html>" in answer.text and "locked" not in answer.text
    assert "person" not in str(answer.headers.getlist("Set-Cookie"))
    assert client.get("/customer").status_code == 200


def test_with_the_database_away_before_the_shop_is_known_too(
    app: Flask, login: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a host means is remembered for seconds; after them this is how an absent database shows."""
    client = login("emma")

    def away(*args: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(app.extensions["shops"], "_find", away)
    app.extensions["shops"].forget()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for path in ("/", "/customer", "/login", "/nothing"):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (500, "text/plain"), path
        assert "went wrong" in answer.text and "gone" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
    assert "Er ging bij ons iets mis" in client.get("/", headers={"Accept-Language": "nl"}).text


def test_without_a_shop_it_is_a_line_of_text(client: PageClient) -> None:
    answer = client.get("/", headers={"Host": "unknown.example.test"})
    assert (answer.status_code, answer.text, answer.mimetype) == (404, "Page not found\n", "text/plain")


def test_an_error_page_leads_on(client: PageClient, login: Any) -> None:
    def button(page: Any) -> str:
        found = [a for a in find_all(parse(page.text), "a") if "btn-primary" in a.attrib.get("class", "")]
        return str(found[0].attrib["href"])

    assert button(client.get("/nothing")) == "/" and button(login("emma").get("/nothing")) == "/customer"
