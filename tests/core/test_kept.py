"""What is typed into a form whose session ended is there after the log-in, and sent when its writer says so."""

from __future__ import annotations

import io
import secrets
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock, kept
from portal.domain.tickets.models import Ticket
from portal.extensions import db
from tests import cast
from tests.cast import START
from tests.page_client import PageClient, find_all, parse
from tests.pages import text

NEW = "/customer/support/new"
KEY = "k" * 22
OWN = {"Referer": f"https://{cast.HOST}/"}
QUESTION = {
    "type": "general",
    "subject": "Two beans",
    "body": "Where are\nthey?",
    "priority": "medium",
    "key": KEY,
}


@pytest.fixture(autouse=True)
def _still() -> Any:
    with clock.frozen(START):
        yield


@pytest.fixture
def visitor(app: Any) -> PageClient:
    """Somebody whose session is gone."""
    found: PageClient = app.test_client()
    found.host = cast.HOST
    return found


def hidden(response: Any) -> dict[str, str]:
    """The hidden fields of the page's form."""
    inputs = find_all(parse(response.get_data(as_text=True)), "input")
    return {e.attrib["name"]: e.attrib.get("value", "") for e in inputs if e.attrib.get("type") == "hidden"}


def tickets(on_stage: Any) -> list[tuple[str, str]]:
    with on_stage():
        return [(each.subject, each.type.value) for each in db.session.scalars(sa.select(Ticket))]


def log_in(client: PageClient, page: Any, *, password: str = cast.PASSWORD, at: str = "/login") -> Any:
    email = "saskia@example.com" if "office" in at else "emma@example.com"
    return client.post(at, data={**hidden(page), "email": email, "password": password}, headers=OWN)


def test_a_question_is_there_after_the_log_in_and_sent_by_its_button(
    visitor: PageClient, login: Any, on_stage: Any
) -> None:
    account = hidden(login("emma", now=START).get(NEW))["account"]
    page = visitor.send(NEW, {**QUESTION, "account": account})
    assert page.status_code == 401
    assert "You were logged out meanwhile. What you typed is kept" in text(page)
    assert hidden(page)["next"] == NEW
    wrong = log_in(visitor, page, password="not this one")
    assert wrong.status_code == 422 and hidden(wrong)["kept"] == hidden(page)["kept"], (
        "a wrong password keeps it"
    )
    asked = log_in(visitor, wrong)
    assert asked.status_code == 200 and tickets(on_stage) == [], "nothing is sent before the button"
    assert "Where are they?" in text(asked) and "Two beans" in text(asked)
    sent = visitor.post(NEW, data=hidden(asked), headers=OWN)
    assert sent.status_code == 303 and tickets(on_stage) == [("Two beans", "general")]


def test_no_secret_and_no_token_of_the_page_is_carried(visitor: PageClient) -> None:
    typed = {**QUESTION, "new_password": "correct horse battery", "secret": "two words"}
    asked = log_in(visitor, visitor.send(NEW, typed))
    assert not {"new_password", "secret"} & set(hidden(asked)) and "correct horse" not in asked.text
    assert list(hidden(asked)).count("csrf_token") == 1


def test_files_are_not_carried_and_that_is_said(visitor: PageClient) -> None:
    data = {**QUESTION, "files": (io.BytesIO(b"\x89PNG\r\n\x1a\n"), "photo.png")}
    asked = log_in(visitor, visitor.send(NEW, data, content_type="multipart/form-data"))
    assert "Files cannot be kept." in text(asked) and "photo.png" not in asked.text


def test_markup_is_shown_as_it_was_typed(visitor: PageClient) -> None:
    asked = log_in(visitor, visitor.send(NEW, {**QUESTION, "body": "<b onclick=x>two words</b>"}))
    assert "&lt;b onclick=x&gt;two words&lt;/b&gt;" in asked.text and "<b onclick" not in asked.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Referer": "https://evil.example/"},
        {"Origin": "null"},
        {"Referer": ""},
    ],
)
def test_another_site_puts_no_words_into_anybodys_mouth(visitor: PageClient, headers: dict[str, str]) -> None:
    answer = visitor.post(NEW, data=QUESTION, headers=headers)
    assert answer.status_code == 303 and answer.location.startswith("/login")


def test_a_button_that_was_pressed_too_late_is_told_so(visitor: PageClient) -> None:
    answer = visitor.send("/customer/invoices/" + "x" * 22 + "/pdf", {})
    assert answer.status_code == 303
    assert "You were logged out meanwhile, so nothing was changed." in visitor.get(answer.location).text


@pytest.mark.parametrize("change", ["cut", "other", "old", "garbage"])
def test_what_we_did_not_sign_is_nothing(
    visitor: PageClient, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    page = visitor.send(NEW, QUESTION)
    field = hidden(page)["kept"]
    made = {"cut": field[:-4], "other": "A" + field[1:], "old": field, "garbage": "x.y.z"}[change]
    if change == "old":
        monkeypatch.setattr(kept, "AGE", -1)
    data = {**hidden(page), "kept": made, "email": "emma@example.com", "password": cast.PASSWORD}
    answer = visitor.post("/login", data=data, headers=OWN)
    assert (answer.status_code, answer.location) == (303, NEW)


def test_what_is_too_long_is_not_carried(visitor: PageClient) -> None:
    body = " ".join(secrets.token_urlsafe(30) for _ in range(2000))
    assert visitor.send(NEW, {**QUESTION, "body": body}).status_code == 303


def test_in_the_office_too(visitor: PageClient) -> None:
    visitor.pages = ("/office/login",)
    typed = {"title": "We close early", "body": "At four.", "type": "announcement", "audience": "all"}
    page = visitor.send("/office/notifications/new", typed)
    assert page.status_code == 401 and hidden(page)["next"] == "/office/notifications/new"
    asked = log_in(visitor, page, at="/office/login")
    assert "We close early" in text(asked) and 'action="/office/notifications/new"' in asked.text
