"""Whatever is sent to any form or written into any address: an answer, no row changed, nothing in the error log.

On both databases: PostgreSQL refuses texts that SQLite takes, so a value that gets through the checks shows there.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import flask_migrate
import pytest
import sqlalchemy as sa
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.test import TestResponse

from portal.core import clock, database
from portal.domain.shops.models import Shop
from portal.extensions import db, limiter
from portal.installation.translations import compile_changed
from tests import cast
from tests.conftest import make_app
from tests.page_client import PageClient, find_all, parse, text_of
from tests.payments_world import World
from tests.services import IN_TURN
from tests.walk.cases import CUSTOMER, PUBLIC, SETUP_FORM, STAFF
from tests.walk.forms import (
    ADDRESSES,
    ATTACKS,
    BYTES_10_MB,
    EMPTY_AND_LONG,
    EVERYWHERE,
    FORMS,
    HUGE,
    NOT_FORMS,
    NOT_SHOWN,
    PASSWORDS,
    Form,
)
from tests.walk.stage import Things, put_things, remove_every_shop, signed_in, writing

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")


#: What does not depend on the database is tried on one of them.
on_sqlite = pytest.mark.parametrize("here", ["sqlite"], indirect=True)


@pytest.fixture(scope="module", autouse=True)
def catalogues() -> None:
    compile_changed()


@pytest.fixture(scope="module", params=IN_TURN)
def here(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Things]]:
    """A world of its own on each database; part payments are on."""
    folder: Path = tmp_path_factory.mktemp("bad-input")
    url = f"sqlite:///{folder / 'loket.sqlite'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    app = make_app(folder, url, SMTP_URL="smtp://127.0.0.1:9", SANDBOX_URL="http://127.0.0.1:9")
    with clock.frozen(cast.START):
        database.set_reading(False)
        with app.app_context():
            flask_migrate.upgrade()
            ids = cast.put_on_stage()
            db.session.remove()
        app.config.update({name: "100000 per minute" for name in app.config if name.startswith("AUTH_LIMIT")})
        world = World(app, ids)
        things = put_things(world)
        with writing(world):
            db.session.get_one(Shop, ids.shop).allow_part_payment = True
        yield world, things
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[None]:
    with clock.frozen(cast.START):
        yield


@cache
def counting() -> sa.TextClause:
    """Written out once: it is asked after every refusal, and putting it together takes longer than the counting."""
    tables = db.metadata.sorted_tables
    return sa.text(
        " UNION ALL ".join(f"SELECT '{each.name}', count(*) FROM \"{each.name}\"" for each in tables)
    )


def row_counts(world: World) -> dict[str, int]:
    database.set_reading(False)
    with world.app.app_context(), db.engine.connect() as connection:
        return {row[0]: int(row[1]) for row in connection.execute(counting())}


def sender(world: World, form: Form, language: str = "en") -> PageClient:
    client: Any = world.app.test_client()
    if form.by_emma or form.by_staff:
        client = (
            signed_in(world, world.ids.emma)
            if form.by_emma
            else signed_in(world, None, staff_id=world.ids.saskia)
        )
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    return client


def post(client: PageClient, path: str, token: str, **request: Any) -> TestResponse:
    limiter.reset()
    headers = {"Referer": f"https://{client.host}/", "X-CSRFToken": token}
    return client.post(path, headers=headers, **request)


class Trial:
    """Sends and judges: the status, the log, and the rows after a refusal."""

    def __init__(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        self.world, self.caplog = world, caplog
        self.wrong: list[str] = []
        self.rows: dict[str, int] | None = None

    def judge(
        self,
        what: str,
        send: Callable[[], TestResponse],
        *,
        allowed: tuple[int, ...] | None = None,
        writes: tuple[str, ...] = (),
    ) -> TestResponse:
        if self.rows is None:
            self.rows = row_counts(self.world)
        self.caplog.clear()
        answer = send()
        if answer.status_code >= 500:
            self.wrong.append(f"{what}: {answer.status}")
        if allowed is not None and answer.status_code not in allowed:
            self.wrong.append(f"{what}: {answer.status}, not {allowed}")
        if answer.status_code < 400 and answer.request.method == "POST":
            self.rows = None  # it may have been taken
        elif answer.request.method == "POST":
            before, self.rows = self.rows, row_counts(self.world)
            if [
                (table, count)
                for table, count in self.rows.items()
                if count != before[table] and table not in writes
            ]:
                self.wrong.append(f"{what}: refused, and yet rows were written")
        errors = [record.getMessage() for record in self.caplog.records if record.levelno >= logging.ERROR]
        if errors:
            self.wrong.append(f"{what}: the log says {errors}")
        return answer

    def finish(self) -> None:
        if self.rows is not None and self.rows != row_counts(self.world):
            self.wrong.append("a GET wrote rows")
        assert not self.wrong, "\n".join(self.wrong)


@pytest.fixture
def trial(here: tuple[World, Things], caplog: pytest.LogCaptureFixture) -> Iterator[Trial]:
    caplog.set_level(logging.INFO)
    made = Trial(here[0], caplog)
    yield made
    made.finish()


def name(value: str) -> str:
    return repr(value if len(value) < 40 else f"{value[:10]}… ({len(value)})")


@on_sqlite
def test_every_rule_that_takes_something_is_tried(here: tuple[World, Things]) -> None:
    """A new form has no test of its bad input until it stands in FORMS."""
    world, things = here
    map_ = world.app.url_map
    takes = {
        rule.endpoint for rule in map_.iter_rules() if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    adapter = map_.bind(cast.HOST)
    tried = {adapter.match(urlsplit(form.path(things)).path, method="POST")[0] for form in FORMS.values()}
    assert takes - tried - set(NOT_FORMS) == set(), "add the new rule to FORMS"
    assert not tried & set(NOT_FORMS) and set(NOT_FORMS) <= takes


@on_sqlite
def test_every_field_is_tried(here: tuple[World, Things]) -> None:
    """A new field on a page that is there already, too: the names that a browser would send are those of FORMS."""
    world, things = here
    adapter = world.app.url_map.bind(cast.HOST)
    tried: dict[str, set[str]] = {}
    for form in FORMS.values():
        endpoint = adapter.match(urlsplit(form.path(things)).path, method="POST")[0]
        tried.setdefault(endpoint, set(EVERYWHERE)).update(form.valid, form.refused)
    seen, missing = set(), set()
    clients: tuple[tuple[Any, Any], ...] = (
        (signed_in(world, world.ids.emma), CUSTOMER),
        (world.app.test_client(), PUBLIC),
        (signed_in(world, None, staff_id=world.ids.saskia), STAFF),
    )
    for client, cases in clients:
        client.checks = False
        for key, case in cases.items():
            if key[1] != "GET" or getattr(case, "headers", None) is not None:
                continue
            limiter.reset()
            path = case.path(things)
            answer = client.get(path)
            if answer.mimetype != "text/html" or answer.status_code != 200:
                continue
            for element in find_all(parse(answer.get_data(as_text=True)), "form"):
                if element.attrib.get("method", "get").lower() != "post":
                    continue
                endpoint = adapter.match(urlsplit(element.attrib.get("action") or path).path, method="POST")[
                    0
                ]
                seen.add(endpoint)
                controls = find_all(element, "input", "select", "textarea", "button")
                names = {each.attrib["name"] for each in controls if each.attrib.get("name")}
                missing |= {(endpoint, name) for name in names - tried[endpoint]}
    assert not missing, "a field that nobody tries: add it to FORMS"
    assert set(tried) - seen == NOT_SHOWN


@pytest.mark.parametrize("which", FORMS)
def test_what_a_field_does_not_take_is_refused(here: tuple[World, Things], trial: Trial, which: str) -> None:
    world, things = here
    form = FORMS[which]
    client = sender(world, form)
    token, path = client.token(), form.path(things)
    for into, values in form.refused.items():
        for value in values:
            data = {**form.valid, into: value, "csrf_token": token}
            if into == "method":
                data.pop("amount", None)
            trial.judge(
                f"{into}={name(value)}",
                lambda data=data: post(client, path, token, data=data),  # type: ignore[misc]
                allowed=(400, 404, 422),
            )


def in_turn(values: Sequence[str], place: int, of: int) -> Sequence[str]:
    """In `make test` each place gets some of the values, the next one the next; the soak sends all of them to each."""
    return values if IN_TURN == ["postgres"] else values[place % of :: of]


@pytest.mark.parametrize("which", FORMS)
def test_no_value_breaks_a_form(here: tuple[World, Things], trial: Trial, which: str) -> None:
    world, things = here
    form = FORMS[which]
    client = sender(world, form)
    token, path = client.token(), form.path(things)
    for place, into in enumerate(sorted({*form.valid, "next", "unknown"} - set(form.free))):
        for value in in_turn(ATTACKS, place, 5):
            data = {**(form.beside or form.valid), into: value, "csrf_token": token}
            answer = trial.judge(
                f"{into}={name(value)}",
                lambda data=data: post(client, path, token, data=data),  # type: ignore[misc]
                writes=form.writes,
            )
            location = answer.headers.get("Location", "/")
            if not re.match(r"/(?![/\\])", location):
                trial.wrong.append(f"{into}={name(value)} leads to {location}")
            if "<script>alert" in answer.get_data(as_text=True):
                trial.wrong.append(f"{into}={name(value)} comes back as markup")
            mine = ("__Secure-loket_staff", "/office") if form.by_staff else ("__Host-loket_person", "/")
            kept = client.get_cookie(mine[0], domain=client.host, path=mine[1]) is not None
            if not kept and (form.by_emma or form.by_staff):
                trial.wrong.append(f"{into}={name(value)} ended the session")


FORM_DATA = "application/x-www-form-urlencoded"
BODIES: dict[str, dict[str, Any]] = {
    "JSON": {"json": {"email": "a@example.com", "method": ["ideal"], "theme": {"$ne": None}}},
    "JSON that is none": {"data": b"{", "content_type": "application/json"},
    "a list": {"json": []},
    "plain text": {"data": b"email=a@example.com", "content_type": "text/plain"},
    "XML": {
        "data": b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
        "content_type": "text/xml",
    },
    "no UTF-8": {"data": b"email=%ff%fe&method=\xff\xfe&theme=%c3%28", "content_type": FORM_DATA},
    "half a multipart": {
        "data": b"--x\r\nContent-Disposition: form-data; name=",
        "content_type": "multipart/form-data; boundary=x",
    },
    "a multipart without a boundary": {"data": b"--x--", "content_type": "multipart/form-data"},
    "another character set": {"data": b"email=a", "content_type": f"{FORM_DATA}; charset=utf-7"},
    "a content type of nothing": {"data": b"x", "content_type": "\u00ff/\u00ff; charset=\u00ff"},
    "2,000 fields": {"data": {f"field{number}": "x" for number in range(2000)}},
}
#: What the application stops before any form sees it.
HUGE_BODIES: dict[str, dict[str, Any]] = {
    "10 MB in a field": {"data": {"email": "x" * BYTES_10_MB, "method": "x", "theme": "x"}},
    "10 MB of nothing": {"data": b"\0" * BYTES_10_MB, "content_type": "application/octet-stream"},
    "10 MB in JSON": {"data": b"[" * BYTES_10_MB, "content_type": "application/json"},
    "13 MB": {"data": b"a=" + b"x" * (13 * 1024 * 1024), "content_type": FORM_DATA},
}
#: One form of each limit and of each kind of reader, which `make test` sends them to; the soak sends them to all.
TRIED_WITH_HUGE = {
    "log-in",
    "office log-in",
    "account",
    "new question",
    "preview",
    "answer",
    "new draft",
    "bank",
}


@on_sqlite
@pytest.mark.parametrize("which", FORMS)
def test_no_body_breaks_a_form(here: tuple[World, Things], trial: Trial, which: str) -> None:
    world, things = here
    form = FORMS[which]
    client = sender(world, form)
    token, path = client.token(), form.path(things)
    huge = HUGE_BODIES if IN_TURN == ["postgres"] or which in TRIED_WITH_HUGE else {}
    for what, body in (BODIES | huge).items():
        send = lambda body=body: post(client, path, token, **body)  # type: ignore[misc]  # noqa: E731
        answer = trial.judge(what, send)
        if answer.status_code >= 400 and len(answer.get_data(as_text=True)) < 500:
            trial.wrong.append(f"{what}: no page, but {answer.get_data(as_text=True)!r}")
    trial.judge("nothing", lambda: post(client, path, token, data={"csrf_token": token}), allowed=form.empty)
    files = {"csrf_token": token, **{into: (io.BytesIO(b"x"), "x.txt") for into in form.valid}}
    send = lambda: post(client, path, token, data=files, content_type="multipart/form-data")  # noqa: E731
    trial.judge("files in place of texts", send)


def complaints(answer: TestResponse) -> str:
    """What a page says is wrong: of a form its errors, of an error page its text."""
    page = parse(answer.get_data(as_text=True))
    alerts = [
        e
        for e in page.iter()
        if e.attrib.get("role") == "alert" or "field-error" in e.attrib.get("class", "")
    ]
    if not alerts:
        alerts = [e for e in page.iter() if e.attrib.get("class", "") == "error-page"]
    return " ".join(text_of(element) for element in alerts)


@on_sqlite
@pytest.mark.parametrize("which", FORMS)
def test_the_reader_is_told_in_their_language(here: tuple[World, Things], trial: Trial, which: str) -> None:
    """Of each field one value in `make test`, which sends all of them elsewhere, and all of them in the soak."""
    world, things = here
    form = FORMS[which]
    for into, values in form.refused.items():
        for value in values if IN_TURN == ["postgres"] else values[:1]:
            said = {}
            for language in ("en", "nl"):
                client = sender(world, form, language)
                token = client.token()
                data = {**form.valid, into: value, "csrf_token": token}
                if into == "method":
                    data.pop("amount", None)
                answer = post(client, form.path(things), token, data=data)
                html = parse(answer.get_data(as_text=True))
                assert find_all(html, "html")[0].attrib["lang"] == language
                said[language] = complaints(answer)
            if not said["en"] or said["en"] == said["nl"]:
                trial.wrong.append(f"{into}={name(value)}: {said}")
            if len(values) > 4 and len(value) > 5000:
                break


def fail_at_the_door(world: World, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The shop's own page ends in an error, as any view may."""

    def view() -> None:
        raise error

    monkeypatch.setitem(world.app.view_functions, "shop.index", view)
    monkeypatch.setitem(world.app.config, "PROPAGATE_EXCEPTIONS", False)


@on_sqlite
@pytest.mark.parametrize(
    ("status", "by_emma"),
    # 403 is for who is signed in and lacks a right; a visitor is led to log-in.
    [(status, who) for status in (400, 404, 405, 409, 413, 429, 500) for who in (False, True)]
    + [(403, True)],
)
def test_error_pages_are_in_the_readers_language(
    here: tuple[World, Things], monkeypatch: pytest.MonkeyPatch, status: int, by_emma: bool
) -> None:
    world, things = here
    said = {}
    monkeypatch.setitem(world.app.config, "AUTH_LIMIT_LINK", "1 per hour")
    if status in (409, 500):
        error = StaleDataError() if status == 409 else ZeroDivisionError("secret detail")
        fail_at_the_door(world, monkeypatch, error)
    for language in ("en", "nl"):
        client: Any = sender(world, Form(lambda t: "/", by_emma=by_emma), language)
        limiter.reset()
        requests: dict[int, Callable[[], TestResponse]] = {
            400: lambda: client.post("/logout"),  # noqa: B023
            403: lambda: bram_pays(world, things, language),  # noqa: B023
            404: lambda: client.get("/nothing-here"),  # noqa: B023
            405: lambda: client.get("/logout"),  # noqa: B023
            409: lambda: client.get("/"),  # noqa: B023
            413: lambda: client.post("/preferences", data={"theme": "x" * 13 * 1024 * 1024}),  # noqa: B023
            429: lambda: [client.post(f"/reset-password/{'A' * 43}") for _ in range(2)][-1],  # noqa: B023
            500: lambda: client.get("/"),  # noqa: B023
        }
        answer = requests[status]()
        assert answer.status_code == status
        html = parse(answer.get_data(as_text=True))
        assert find_all(html, "html")[0].attrib["lang"] == language
        assert "secret detail" not in answer.get_data(as_text=True)
        said[language] = complaints(answer)
    assert said["en"] and said["nl"] and said["en"] != said["nl"]


def bram_pays(world: World, things: Things, language: str) -> TestResponse:
    """He may look at the account, and no more."""
    bram = signed_in(world, world.ids.bram)
    bram.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    return post(bram, f"/customer/invoices/{things.invoice}/pay", bram.token(), data={"method": "ideal"})


@on_sqlite
@pytest.mark.parametrize("which", FORMS)
def test_a_post_from_elsewhere_changes_nothing(here: tuple[World, Things], trial: Trial, which: str) -> None:
    """Without the token of this session: another site, or a page of before the log-in."""
    world, things = here
    form = FORMS[which]
    typed = {
        "email": "typed@example.com", "amount": "12.34", "street": "Typed 1", "subject": "Typed",
        "family_name": "Typed",
    }.get(form.keeps or "")  # fmt: skip
    data = {**form.valid, **({form.keeps: typed} if form.keeps and typed else {})}
    stranger = world.app.test_client()
    for token in (None, "", "x", stranger.token()):  # type: ignore[attr-defined]
        client = sender(world, form)
        client.get("/")
        trial.rows = None  # a session began
        body = data if token is None else {**data, "csrf_token": token}
        answer = trial.judge(
            f"token {token!r}",
            lambda body=body, client=client: client.post(  # type: ignore[misc]
                form.path(things), data=body, headers={"Referer": "https://evil.example.test/"}
            ),
            allowed=(400, 422),
        )
        if typed is not None:
            assert answer.status_code == 422, "the form is shown again"
            fields = {
                e.attrib.get("name"): e.attrib.get("value") for e in find_all(parse(answer.text), "input")
            }
            assert fields[form.keeps] == typed, "with what was typed"
            assert "open for too long" in complaints(answer)


# Addresses.

PAGES = (
    "/", "/login", "/register", "/customer", "/customer/invoices", "/customer/orders", "/customer/subscriptions",
    "/customer/support", "/customer/support/new", "/customer/contacts", "/customer/notifications", "/customer/profile",
    "/customer/settings", "/customer/collections",
    "/office", "/office/login", "/office/tickets", "/office/customers",
    "/office/invoices", "/office/invoices/new", "/office/notifications",
)  # fmt: skip
PARTS = ("status", "q", "after", "before")
OWN_PARTS = {
    "pdf": ("language", "save"),
    "return": ("piece",),
    "/login": ("next",),
    "/office/login": ("next",),
    "/office": ("x",),
    "/office/notifications": ("status", "after", "before"),
    "/office/invoices": ("status", "q", "after", "before"),
    "/office/invoices/new": ("customer", "q"),
    "/office/customers": ("q", "after", "before"),
    "/office/tickets": ("status", "type", "priority", "q", "after", "before"),
    "/customer/support/new": ("about", "type"),
    "link": ("x",),
    "bank": ("x",),
    "credit": ("ticket",),
}


@pytest.mark.parametrize("page", [*PAGES, "invoice", "pdf", "link", "return", "bank", "credit"])
def test_no_query_breaks_a_page(here: tuple[World, Things], trial: Trial, page: str) -> None:
    world, things = here
    path = {
        "invoice": f"/customer/invoices/{things.invoice}",
        "pdf": f"/customer/invoices/{things.invoice}/pdf",
        "link": f"/pay/{things.link}",
        "return": f"/pay/return/{things.payment}",
        "bank": f"/sandbox/{things.bank_payment}",
        "credit": f"/office/invoices/{things.invoice}/credit",
    }.get(page, page)
    client = sender(world, Form(lambda t: path, by_emma=True))
    if path.startswith("/office/"):
        client = sender(world, Form(lambda t: path, by_staff=path != "/office/login"))
    client.checks = page not in ("pdf", "return")
    for place, part in enumerate(OWN_PARTS.get(page, PARTS if page.startswith("/customer/") else ("x",))):
        for value in (*in_turn(ATTACKS, place, 3), "x" * 10_000, "W10", "eyJ4IjogMX0"):
            address = f"{path}?{quote(part)}={quote(value)}"
            limiter.reset()
            answer = trial.judge(
                f"{part}={name(value)}",
                lambda address=address: client.get(address),  # type: ignore[misc]
                allowed=(200, 303, 404) if page in ("pdf", "/office/invoices/new") else (200, 303),
            )
            assert (
                "<script>alert" not in answer.get_data(as_text=True)
                if answer.mimetype == "text/html"
                else True
            )
    for raw in (
        "?%ff%fe=%c3%28",
        "?" + "a=1&" * 3000,
        "?q=" + "%f0%9f%98%80" * 4000,
        "?;;;&&&===",
        "?status[]=x",
    ):
        trial.judge(raw[:20], lambda raw=raw: client.get(path + raw))  # type: ignore[misc]


OBJECTS = (
    "/customer/invoices/{}", "/customer/invoices/{}/pdf", "/customer/invoices/{}/transfer", "/customer/orders/{}",
    "/customer/subscriptions/{}", "/customer/support/{}", "/customer/contacts/{}", "/customer/contacts/{}/remove",
    "/customer/support/{}/reply", "/customer/support/x/files/{}",
    "/customer/profile/{}", "/customer/profile/{}/email", "/customer/collections/{}", "/customer/collections/{}/plan",
    "/customer/collections/{}/method",
    "/pay/{}", "/pay/return/{}", "/confirm/{}", "/reset-password/{}", "/claim/{}", "/change-email/{}", "/sandbox/{}",
    "/sandbox/{}/returning", "/setup/{}", "/logo-{}", "/hooks/{}", "/tone-{}.css",
    "/office/tickets/{}", "/office/tickets/{}/answer", "/office/tickets/x/files/{}", "/office/customers/{}",
    "/office/invoices/{}", "/office/invoices/{}/edit", "/office/invoices/{}/pdf", "/invitation/{}",
    "/office/notifications/{}", "/office/tickets/{}/plan/agree", "/office/tickets/x/plan/{}",
    "/office/invoices/{}/credit",
)  # fmt: skip


@pytest.mark.parametrize("address", OBJECTS)
def test_no_name_in_an_address_breaks_a_page(here: tuple[World, Things], trial: Trial, address: str) -> None:
    in_office = address.startswith("/office")
    client = sender(here[0], Form(lambda t: address, by_emma=not in_office, by_staff=in_office))
    for value in in_turn(ATTACKS, OBJECTS.index(address), 3):
        limiter.reset()
        path = address.format(quote(value, safe=""))
        allowed = (200, 303, 308, 400, 404, 405)
        trial.judge(path[:60], lambda path=path: client.get(path), allowed=allowed)  # type: ignore[misc]


@on_sqlite
@pytest.mark.parametrize("into", ["__Host-loket_person", "__Host-loket_visitor", "__Host-loket_flash"])
def test_no_cookie_breaks_a_page(here: tuple[World, Things], trial: Trial, into: str) -> None:
    world, _ = here
    for value in (*ATTACKS, "e30.x.y", ".eJx.x.y", "x" * 200):
        client = world.app.test_client()
        client.set_cookie(into, quote(value), domain=cast.HOST, secure=True)
        answer = trial.judge(name(value), lambda client=client: client.get("/"), allowed=(200,))  # type: ignore[misc]
        assert "Emma" not in answer.get_data(as_text=True)
        trial.judge(name(value), lambda client=client: client.get("/customer"), allowed=(303,))  # type: ignore[misc]
        raw = {"Cookie": f"{into}=".encode() + value.encode("utf-8", "replace")[:3000].replace(b"\r\n", b"")}
        header = {"Cookie": raw["Cookie"].decode("latin-1").replace("\0", "")}
        trial.judge(name(value), lambda header=header: world.app.test_client().get("/", headers=header))  # type: ignore[misc]


@on_sqlite
@pytest.mark.parametrize(
    "header",
    ["Accept-Language", "Referer", "User-Agent", "Host", "X-Forwarded-For", "Range", "If-None-Match"],
)
def test_no_header_breaks_a_page(here: tuple[World, Things], trial: Trial, header: str) -> None:
    client = here[0].app.test_client()
    for value in ATTACKS:
        sent = value.encode("utf-8").decode("latin-1").replace("\r\n", " ").replace("\0", "\x01")
        trial.judge(name(value), lambda sent=sent: client.get("/login", headers={header: sent}))  # type: ignore[misc]


# Set-up, which is there only while there is no shop: last, as it empties the database.

SETUP_REFUSED = {
    "shop_name": EMPTY_AND_LONG,
    "language": ("", "de", HUGE, "\0"),
    "owner_name": EMPTY_AND_LONG,
    "email": ADDRESSES,
    "password": PASSWORDS,
}


def test_set_up_takes_no_bad_input(here: tuple[World, Things], trial: Trial) -> None:
    world, things = here
    remove_every_shop(world)
    path, client = f"/setup/{things.setup}", world.app.test_client()
    for into, values in SETUP_REFUSED.items():
        for value in (*values, *(ATTACKS if into != "password" else ())):
            said = {}
            for language in ("en", "nl"):
                limiter.reset()
                answer = trial.judge(
                    f"{into}={name(value)}",
                    lambda into=into, value=value, language=language: client.post(  # type: ignore[misc]
                        path,
                        # Of the attacks a name may be anything: a password that is too short keeps the rest out.
                        data={**SETUP_FORM, "password": "short", into: value},
                        headers={"Accept-Language": language},
                    ),
                    allowed=(422,),
                )
                said[language] = complaints(answer)
            if not said["en"] or said["en"] == said["nl"]:
                trial.wrong.append(f"{into}={name(value)}: {said}")
    for what, body in BODIES.items():
        limiter.reset()
        trial.judge(what, lambda body=body: client.post(path, **body), allowed=(400, 413, 422))  # type: ignore[misc]
    with world.app.app_context():
        assert db.session.query(Shop).count() == 0
