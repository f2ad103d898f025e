"""Setting up the first shop: one link, one use, one shop, at an address that links can be made of."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock, database, tenancy
from portal.domain.people import passwords
from portal.domain.people.models import Staff, StaffRole
from portal.domain.shops.models import Mode, Shop, ShopDomain
from portal.extensions import db, limiter
from tests.page_client import PageClient, find_all, parse, text_of

HOST = "shop.example.test"
GOOD = {
    "shop_name": "De Koffiezaak",
    "language": "nl",
    "owner_name": "Olga",
    "email": "Olga@Example.com",
    "password": "four quiet green boats",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, Path]:
    """An application, and the file of its database with all tables and no row."""
    import flask_migrate

    from tests.conftest import make_app

    path = tmp_path_factory.mktemp("setup") / "loket.sqlite"
    app = make_app(path.parent, f"sqlite:///{path}")
    database.set_reading(False)
    with app.app_context():
        flask_migrate.upgrade()
        db.session.remove()
        db.engine.dispose()
    shutil.copyfile(path, path.with_name("empty.sqlite"))
    return app, path


@pytest.fixture
def empty(installation: tuple[Flask, Path]) -> Iterator[Flask]:
    """An installation without a shop."""
    app, path = installation
    for leftover in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        leftover.unlink(missing_ok=True)
    shutil.copyfile(path.with_name("empty.sqlite"), path)
    app.extensions["shops"].forget()
    before = dict(app.config)
    with app.app_context():
        limiter.reset()
    yield app
    app.config.clear()
    app.config.update(before)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def visitor(empty: Flask) -> PageClient:
    """A browser at the new installation. The form has no token of a session, as there is none: see SetupForm."""
    client: PageClient = empty.test_client()  # type: ignore[assignment]
    client.checks = False
    return client


def link(app: Flask) -> str:
    from portal.domain.shops import actions

    with app.app_context():
        return "/setup/" + actions.setup_token(now=clock.now())


def rows(app: Flask) -> dict[str, int]:
    with app.app_context(), db.engine.connect() as connection:
        return {
            table.name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
            for table in db.metadata.sorted_tables
        }


def test_the_whole_way(empty: Flask, visitor: PageClient) -> None:
    path = link(empty)
    assert visitor.get("/").status_code == 404
    page = visitor.get(path)
    shown = page.get_data(as_text=True)
    tree = parse(shown)
    assert page.status_code == 200 and page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert len(find_all(tree, "h1")) == 1 and "SMTP_URL" in shown
    labels = {e.attrib.get("for") for e in find_all(tree, "label")}
    fields = {e.attrib["id"] for e in find_all(tree, "input", "select")}
    assert fields == labels == set(GOOD)
    assert not find_all(tree, "style") and not any("style" in e.attrib for e in tree.iter())

    done = visitor.post(path, data=GOOD)
    assert (done.status_code, done.headers["Location"]) == (303, path)
    assert "De Koffiezaak" in visitor.get("/").get_data(as_text=True)
    with empty.app_context():
        shop = db.session.scalars(sa.select(Shop)).one()
        assert (shop.name, shop.mode, shop.is_demo, shop.language) == (
            "De Koffiezaak",
            Mode.TEST,
            False,
            "nl",
        )
        domain = db.session.scalars(sa.select(ShopDomain)).one()
        assert (domain.host, domain.port, domain.scheme, domain.is_primary) == (HOST, None, "https", True)
        with tenancy.shop_scope(shop.id):
            owner = db.session.scalars(sa.select(Staff)).one()
            assert (owner.email, owner.name, owner.role) == ("olga@example.com", "Olga", StaffRole.OWNER)
            assert passwords.fits(owner.password_hash, GOOD["password"])
    assert visitor.post(path, data=GOOD).status_code == 404
    assert visitor.get(link(empty)).status_code == 404
    assert rows(empty)["shops"] == 1


@pytest.mark.parametrize(
    ("host", "language", "said"),
    [
        ("localhost:8000", "en", "Its owner makes one by the link that was printed"),
        ("192.168.1.20", "nl", "De eigenaar maakt die met de link"),
        ("portal.example", "en", "Page not found"),
    ],
)
def test_who_comes_without_the_link(
    empty: Flask, visitor: PageClient, host: str, language: str, said: str
) -> None:
    answer = visitor.get("/", base_url=f"https://{host}", headers={"Accept-Language": language})
    assert answer.status_code == 404 and answer.mimetype == "text/plain"
    assert said in answer.get_data(as_text=True)


COMMANDS = ("flask shop edit", "flask --help")


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ("You work in the back office", "What it cannot do yet")),
        ("nl", ("Je werkt in de backoffice", "Wat die nog niet kan")),
    ],
)
def test_what_the_owner_can_do_is_said_before_and_after(
    empty: Flask, visitor: PageClient, language: str, sentences: tuple[str, ...]
) -> None:
    """A button leads the owner to their own log-in, and none to the customers'."""
    path, speaks = link(empty), {"Accept-Language": language}
    before = visitor.get(path, headers=speaks).get_data(as_text=True)
    assert visitor.post(path, data=GOOD).status_code == 303
    after = visitor.get(path, headers=speaks)
    assert after.status_code == 200 and after.headers["X-Robots-Tag"] == "noindex, nofollow"
    tree = parse(after.get_data(as_text=True))
    assert "De Koffiezaak" in text_of(tree)
    assert [e.attrib["href"] for e in find_all(tree, "a")] == ["/office/login", "/"]
    for page in (before, after.get_data(as_text=True)):
        shown = text_of(parse(page))
        assert all(words in shown for words in (*COMMANDS, *sentences)), shown
        assert 'href="/login' not in page
    with clock.frozen(clock.now() + timedelta(hours=24)):
        assert visitor.get(path).status_code == 404


def test_the_owners_address_at_the_customers_log_in(empty: Flask, visitor: PageClient) -> None:
    """Nobody learns there who works for the shop."""
    assert visitor.post(link(empty), data=GOOD).status_code == 303
    visitor.checks = True
    answers = []
    for email in (GOOD["email"], "nobody@example.com"):
        answer = visitor.send("/login", {"email": email, "password": GOOD["password"]})
        tree = parse(answer.get_data(as_text=True))
        summary = next(e for e in find_all(tree, "div") if "error-summary" in e.attrib.get("class", ""))
        answers.append((answer.status_code, text_of(summary)))
    assert answers[0] == answers[1] and answers[0][0] == 422, answers


@pytest.mark.parametrize(
    ("base_url", "kept"),
    [
        ("http://127.0.0.1:8000", ("127.0.0.1", 8000, "http")),
        ("http://localhost", ("localhost", None, "http")),
        ("http://[::1]:8000", ("::1", 8000, "http")),
        ("https://Shop.Example.com", ("shop.example.com", None, "https")),
        ("https://shop.example.com:8443", ("shop.example.com", 8443, "https")),
    ],
)
def test_the_domain_is_the_pages(
    empty: Flask, visitor: PageClient, base_url: str, kept: tuple[str, int | None, str]
) -> None:
    assert visitor.post(link(empty), data=GOOD, base_url=base_url).status_code == 303
    with empty.app_context():
        domain = db.session.scalars(sa.select(ShopDomain)).one()
        assert (domain.host, domain.port, domain.scheme) == kept


@pytest.mark.parametrize(
    ("base_url", "language", "said"),
    [
        ("https://klant.example.nl", "en", "Your shop's address will be https://klant.example.nl/"),
        (
            "https://klant.example.nl:8443",
            "nl",
            "Het adres van je winkel wordt https://klant.example.nl:8443/",
        ),
        ("http://127.0.0.1:8000", "en", "Only this machine can open that address"),
        ("http://localhost:8000", "nl", "Alleen deze computer kan dat adres openen"),
        ("https://sh_op.example.com", "en", "This address cannot be your shop's"),
    ],
)
def test_the_address_is_said_before_it_is_fixed(
    empty: Flask, visitor: PageClient, base_url: str, language: str, said: str
) -> None:
    page = visitor.get(link(empty), base_url=base_url, headers={"Accept-Language": language})
    shown = text_of(parse(page.get_data(as_text=True)))
    assert said in shown, shown
    alone = "127.0.0.1" in base_url or "localhost" in base_url
    assert ("flask shop edit --url" in shown) == alone


@pytest.mark.parametrize(
    "base_url",
    ["http://shop.example.com", "http://192.168.1.4:8000", "https://sh_op.example.com", "https://-a.com"],
)
def test_no_address_for_a_shop(empty: Flask, visitor: PageClient, base_url: str) -> None:
    before = rows(empty)
    response = visitor.post(link(empty), data=GOOD, base_url=base_url)
    assert response.status_code in (400, 403, 422)
    assert rows(empty) == before


def test_links_that_open_nothing(empty: Flask, visitor: PageClient) -> None:
    good = link(empty)
    value, proof = good.rsplit(".", 1)
    later = "/setup/" + hex(int(value.split("/")[2].split(".")[0], 16) + 999)[2:] + "." + value.split(".")[1]
    for bad in (
        "/setup/x",
        "/setup/..",
        f"{value}.{proof[::-1]}",
        f"{value}.",
        value,
        f"{later}.{proof}",
        good + "A",
    ):
        for response in (visitor.get(bad), visitor.post(bad, data=GOOD)):
            assert response.status_code == 404, bad
    assert rows(empty)["shops"] == 0
    with clock.frozen(clock.now() + timedelta(hours=23, minutes=59)):
        assert visitor.get(good).status_code == 200
    with clock.frozen(clock.now() + timedelta(hours=24)):
        assert visitor.get(good).status_code == 404
        assert visitor.post(good, data=GOOD).status_code == 404


def test_another_installations_link(empty: Flask, visitor: PageClient) -> None:
    foreign = link(empty)
    empty.config["SECRET_KEYS"] = ["another key of more than thirty-two characters"]
    assert visitor.get(foreign).status_code == 404


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        (field, value)
        for field in GOOD
        for value in ("", "   ", "x" * 5000, "a\x00b", "\x1b[0m")
        if not (field == "password" and value == "   ")
    ]
    + [("language", "de"), ("email", "no address"), ("email", "a@b.nl\r\nBcc: c@d.nl")]
    + [("password", "short"), ("password", "welkom12345"), ("password", "olga@example.com")],
)
def test_bad_input(
    empty: Flask, visitor: PageClient, caplog: pytest.LogCaptureFixture, field: str, value: str, language: str
) -> None:
    before = rows(empty)
    response = visitor.post(link(empty), data=GOOD | {field: value}, headers={"Accept-Language": language})
    assert response.status_code == 422
    tree = parse(response.get_data(as_text=True))
    summary = next(e for e in find_all(tree, "div") if "error-summary" in e.attrib.get("class", ""))
    english = any(
        word in text_of(summary).split() for word in ("Please", "This", "Fill", "Use", "Take", "Choose")
    )
    assert english == (language == "en")
    assert rows(empty) == before
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_other_bodies(empty: Flask, visitor: PageClient) -> None:
    path = link(empty)
    bodies: list[dict[str, Any]] = [
        {"json": GOOD},
        {"data": b"\xff", "content_type": "application/octet-stream"},
        {"data": {}},
    ]
    assert [visitor.post(path, **body).status_code for body in bodies] == [422] * 3
    assert visitor.post(path, data=GOOD | {"shop_name": "x" * (10 * 1024 * 1024)}).status_code == 413
    assert rows(empty)["shops"] == 0


def test_two_at_once_make_one_shop(empty: Flask) -> None:
    """The same link, on two hosts, so that nothing but the link stands between them."""
    path = link(empty)
    answers: list[int] = []
    start = threading.Barrier(2)

    def go(host: str) -> None:
        client: PageClient = empty.test_client()  # type: ignore[assignment]
        client.checks, client.host = False, host
        start.wait()
        answers.append(client.post(path, data=GOOD).status_code)

    threads = [threading.Thread(target=go, args=(f"{name}.example.com",)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(empty)["shops"] == 1 and rows(empty)["staff"] == 1
    assert sorted(answers)[0] == 303 and sorted(answers)[1] in (404, 422)


def test_the_owner_logs_in_to_the_office_at_once(empty: Flask, visitor: PageClient) -> None:
    assert visitor.post(link(empty), data=GOOD).status_code == 303
    visitor.checks = True
    answer = visitor.send("/office/login", {"email": GOOD["email"], "password": GOOD["password"]})
    assert (answer.status_code, answer.location) == (303, "/office")
    assert "Er wacht niets op je" in visitor.get("/office").text
