"""The front page of a shop, its colours and logo, and the health page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal.core import storage
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import OTHER_HOST, Ids
from tests.page_client import PageClient, find_all, parse
from tests.pages import links, text

Stage = Callable[..., Any]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def change(app: Flask, on_stage: Stage, ids: Ids, **values: Any) -> None:
    with on_stage():
        for name, value in values.items():
            setattr(db.session.get_one(Shop, ids.shop), name, value)
    app.extensions["shops"].forget()


def test_the_front_page_names_the_shop_and_the_way_in(client: PageClient, ids: Ids) -> None:
    page = client.get("/")
    assert "De Halve Maan" in page.text and 'href="/login"' in page.text
    assert "hello@shop.example.test" in text(page)
    client.host = OTHER_HOST
    assert "De Halve Maan" not in client.get("/").text


def test_its_cards_lead_on_for_whoever_is_signed_in(client: PageClient, login: Any) -> None:
    inner = {"/customer/invoices", "/customer/subscriptions", "/customer/support"}
    assert not inner & set(links(client.get("/")))
    assert inner <= set(links(login("emma").get("/")))


def test_an_empty_page_offers_to_write_and_no_way_in_a_circle(login: Any) -> None:
    jan = login("jan")
    for path in ("", "/invoices", "/orders", "/subscriptions", "/support"):
        (main,) = find_all(parse(jan.get(f"/customer{path}").text), "main")
        offered = [a.attrib["href"] for a in find_all(main, "a")]
        # On home, and where there are none, a conversation is begun; elsewhere the shop is mailed.
        way = "/customer/support/new" if path in ("", "/support") else "mailto:hello@shop.example.test"
        assert way in offered and "/" not in offered, path


def test_a_browser_finds_an_icon_without_a_page(client: PageClient) -> None:
    """It asks for this one beside PDFs and other files, and would log a 404."""
    icon = client.get("/favicon.ico")
    assert (
        icon.status_code == 200 and icon.mimetype == "image/svg+xml" and icon.get_data().startswith(b"<svg")
    )
    assert "max-age" in icon.headers["Cache-Control"]


def test_test_mode_is_said_on_every_page_and_live_is_not(
    app: Flask, client: PageClient, login: Any, on_stage: Stage, ids: Ids
) -> None:
    signed_in = login("emma")
    for live in (False, True):
        change(app, on_stage, ids, mode=Mode.LIVE if live else Mode.TEST)
        for page in (
            client.get("/"),
            client.get("/login"),
            signed_in.get("/customer"),
            client.get("/nothing"),
        ):
            assert ("No real money moves" in page.text) is not live


def test_the_colours_have_an_address_of_their_own(
    app: Flask, client: PageClient, on_stage: Stage, ids: Ids
) -> None:
    before = _brand(client)
    sheet = client.get(before)
    assert sheet.mimetype == "text/css" and "#7a3b12" in sheet.text
    assert sheet.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    change(app, on_stage, ids, colour="#005500")
    assert _brand(client) != before
    old = client.get(before)
    assert "#005500" in old.text and old.headers["Cache-Control"] == "public, max-age=60"


def _brand(client: PageClient) -> str:
    return client.get("/").text.split('href="/brand-')[1].split('"')[0].join(["/brand-", ""])


@pytest.mark.parametrize(("name", "kind"), [("png", "image/png"), ("svg", "image/svg+xml")])
def test_a_logo_runs_nothing(
    app: Flask, client: PageClient, on_stage: Stage, ids: Ids, name: str, kind: str
) -> None:
    with app.app_context():
        key = storage.put(storage.content_key("brand", SVG, name), SVG)
    change(app, on_stage, ids, logo_key=key)
    address = f"/logo-{key.rpartition('/')[2]}"
    assert address in client.get("/").text
    logo = client.get(address)
    assert logo.mimetype == kind and logo.get_data() == SVG
    assert (
        "sandbox" in logo.headers["Content-Security-Policy"]
        and "script" not in logo.headers["Content-Security-Policy"]
        and "unsafe" not in logo.headers["Content-Security-Policy"]
    )
    assert logo.headers["X-Content-Type-Options"] == "nosniff"
    assert logo.headers["Cross-Origin-Resource-Policy"] == "cross-origin", (
        "webmail shows it from another origin"
    )
    client.host = OTHER_HOST
    assert client.get(address).status_code == 404


def test_a_logo_whose_file_is_gone_is_404(app: Flask, client: PageClient, on_stage: Stage, ids: Ids) -> None:
    change(app, on_stage, ids, logo_key="brand/gone.png")
    assert client.get("/logo-gone.png").status_code == 404
    assert client.get("/").status_code == 200


def test_health_says_how_each_part_is(client: PageClient) -> None:
    answer = client.get("/health", headers={"Host": "anything.example.test"})
    parts = answer.get_json()
    assert answer.status_code == 200 and parts["status"] == parts["database"] == "ok"
    assert set(parts) == {"status", "database", "redis", "mail", "queues", "held_mails"}
    assert set(parts["queues"]) == {"mail", "billing", "documents"}


def test_health_is_503_when_the_database_is_away(client: PageClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(db.session, "execute", away)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.get_json()["database"] == "away" and answer.get_json()["status"] == "down"
    assert "gone" not in answer.text
