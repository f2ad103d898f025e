"""Whatever is sent to these forms: a status, a sentence in the reader's language, no row, and nothing in the log."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal.domain.people import tokens
from portal.domain.people.models import TokenPurpose
from tests.blueprints.auth.conftest import Count
from tests.cast import HOST, Ids
from tests.page_client import PageClient, find_all, parse, text_of

GOOD = {
    "email": "noor@example.com",
    "password": "four quiet green boats",
    "given_name": "Noor",
    "family_name": "Smit",
    "role": "billing",
}
FIELDS = {
    "/login": ("email", "password"),
    "/register": ("given_name", "family_name", "email"),
    "/forgot-password": ("email",),
    "/confirm/": ("password",),
    "/reset-password/": ("password",),
    "/claim/": ("role",),
}
HUGE = "x" * 20_000
BAD = {
    "email": [
        "",
        "   ",
        "no address",
        "a@b",
        "a" * 250 + "@example.com",
        HUGE,
        "a\x00@example.com",
        "a@exa\nmple.com",
        "a@example.com,b@example.com",
        "<b@example.com>",
        "é@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "-1",
    ],
    "password": ["", "x" * 129, HUGE, "a\x00bcdefghijkl"],
    "given_name": ["", "   ", "x" * 101, HUGE, "No\x00or", "Noor\nSmit", "Noor\x1b[0m"],
    "family_name": ["", "\t", "x" * 101, "Sm\x00it"],
    "role": ["", "king", "OWNER", "\x00", HUGE, "-1"],
}
NEW_PASSWORD = ["short", "password123!", "1234567890", "qwertyuiop", "aaaaaaaaaaaa", "Wachtwoord2026!"]


@pytest.fixture
def page_of(on_stage: Callable[..., Any], ids: Ids, app: Flask) -> Callable[[str], str]:
    """The address of a form; pages of links get a link that works."""

    def address(page: str) -> str:
        from portal.core import clock

        app.config.update({name: "1000 per minute" for name in app.config if name.startswith("AUTH_LIMIT")})
        purposes = {
            "/confirm/": TokenPurpose.CONFIRM,
            "/reset-password/": TokenPurpose.RESET,
            "/claim/": TokenPurpose.CLAIM,
        }
        if page not in purposes:
            return page
        with on_stage():
            about = (
                {"customer_id": ids.emma_account, "data": {"owner_id": ids.emma}} if page == "/claim/" else {}
            )
            return page + tokens.issue(purposes[page], ids.jan, now=clock.now(), **about)

    return address


def cases() -> list[tuple[str, str, str]]:
    found = []
    for page, fields in FIELDS.items():
        for field in fields:
            values = BAD[field] + (NEW_PASSWORD if field == "password" and page != "/login" else [])
            found += [(page, field, value) for value in values]
    return found


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize(
    ("page", "field", "value"), cases(), ids=[f"{p}{f}-{n}" for n, (p, f, _value) in enumerate(cases())]
)
def test_it_is_refused_in_the_readers_language(
    client: PageClient,
    page_of: Callable[[str], str],
    row_counts: Count,
    caplog: pytest.LogCaptureFixture,
    language: str,
    page: str,
    field: str,
    value: str,
) -> None:
    path = page_of(page)
    before = row_counts()
    data = {name: GOOD[name] for name in FIELDS[page]} | {field: value}
    response = client.send(path, data, headers={"Accept-Language": language})
    assert response.status_code == 422
    shown = response.get_data(as_text=True)
    tree = parse(shown)
    assert tree.attrib["lang"] == language
    summary = next(e for e in find_all(tree, "div") if "error-summary" in e.attrib.get("class", ""))
    english = any(
        word in text_of(summary).split() for word in ("Please", "This", "Fill", "Use", "Take", "Choose")
    )
    assert english == (language == "en")
    if field == "password" and value:
        assert value not in shown
    assert row_counts() == before
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("page", FIELDS)
def test_other_kinds_of_bodies(
    client: PageClient,
    page_of: Callable[[str], str],
    row_counts: Count,
    caplog: pytest.LogCaptureFixture,
    page: str,
) -> None:
    path = page_of(page)
    before = row_counts()
    token, headers = client.token(), {"Referer": f"https://{HOST}{path}"}
    fields = FIELDS[page]

    def files() -> dict[str, Any]:
        return {name: (io.BytesIO(b"\xff\x00text"), "name.txt") for name in fields} | {"csrf_token": token}

    answers = {
        "files instead of texts": client.post(path, data=files(), headers=headers),
        "JSON": client.post(path, json=dict.fromkeys(fields, 1), headers=headers),
        "JSON list": client.post(path, json=[1, 2], headers=headers),
        "broken JSON": client.post(path, data=b"{", content_type="application/json", headers=headers),
        "bytes": client.post(
            path, data=b"\xff\xfe\x00", content_type="application/octet-stream", headers=headers
        ),
        "not UTF-8": client.post(
            path,
            data=b"email=%ff%fe&password=%ff",
            content_type="application/x-www-form-urlencoded",
            headers=headers,
        ),
        "no token": client.post(path, data={name: GOOD[name] for name in fields}, headers=headers),
        "another token": client.post(
            path, data={name: GOOD[name] for name in fields} | {"csrf_token": "x" * 5000}, headers=headers
        ),
    }
    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 422)
    big = dict.fromkeys(fields[:1], "x" * (10 * 1024 * 1024)) | {"csrf_token": token}
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        too_large = client.post(path, data=big, content_type=kind, headers=headers)
        assert too_large.status_code == 413 and "Too large" in too_large.get_data(as_text=True)
    many = client.post(path, data={f"f{n}": "x" for n in range(5000)}, headers=headers)
    assert many.status_code == 422
    assert row_counts() == before
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("page", [*FIELDS, "/logout", "/register/sent", "/forgot-password/sent"])
def test_other_methods(client: PageClient, page_of: Callable[[str], str], page: str) -> None:
    for method in ("put", "patch", "delete"):
        assert client.open(page_of(page), method=method.upper()).status_code in (400, 405)
