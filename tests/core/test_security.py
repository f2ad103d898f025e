"""The headers of every answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import Config
from tests.cast import HOST, Ids, make_invoice
from tests.page_client import PageClient, find_all, parse

PAGES = (
    "/", "/login", "/register", "/forgot-password", "/customer", "/customer/invoices", "/customer/orders",
    "/customer/subscriptions", "/customer/support", "/nothing-here", "/confirm/x", "/pay/x", "/preferences",
)  # fmt: skip


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_keeps_the_browser_strict(
    client: PageClient, login: Callable[..., PageClient], path: str, signed_in: bool
) -> None:
    answer = (login("emma") if signed_in else client).get(path)
    policy = dict(
        part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
    assert "unsafe" not in str(policy) and "*" not in str(policy) and "http" not in str(policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Server" not in answer.headers or "Werkzeug" not in answer.headers["Server"]


@pytest.mark.parametrize(
    "path",
    [
        "/pay/x",
        "/customer",
        "/sandbox/x",
        "/setup/x",
        "/hooks/x",
        "/confirm/x",
        "/claim/x",
        "/office",
        "/office/login",
        "/invitation/x",
    ],
)
def test_what_no_search_engine_may_keep_says_so(client: PageClient, path: str) -> None:
    assert "noindex" in client.get(path).headers["X-Robots-Tag"]


def test_the_front_page_may_be_found(client: PageClient) -> None:
    assert "X-Robots-Tag" not in client.get("/").headers


def test_a_page_depends_on_the_cookie(client: PageClient) -> None:
    assert "Cookie" in client.get("/").headers["Vary"]


def test_files_may_be_kept_for_good(client: PageClient) -> None:
    sheets = [
        e.attrib["href"]
        for e in find_all(parse(client.get("/").text), "link")
        if e.attrib["rel"] == "stylesheet"
    ]
    assert len(sheets) >= 4
    for address in sheets:
        answer = client.get(address)
        assert answer.status_code == 200 and "max-age=31536000" in answer.headers["Cache-Control"], address


def test_only_what_pages_use_is_served(app: Flask, client: PageClient) -> None:
    folder = Path(app.static_folder or "")
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    served = {name for name in files if client.get(f"/static/{name}").status_code == 200}
    assert {"portal.css", "js/portal.js", "vendor/tabler.css", "vendor/htmx.js", "favicon.svg"} <= served
    assert {"vendor/build.mjs", "vendor/package.json", "vendor/package-lock.json"} <= {*files} - served
    assert not {name for name in served if name.endswith((".mjs", ".json", ".txt", ".md", ".map"))}


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static",
        "/static/vendor/",
        "/static/../config.py",
        "/static/%2e%2e/config.py",
        "/.git/config",
    ],
)
def test_no_folder_is_listed_and_nothing_beside_it_served(client: PageClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404 and "hsts" not in answer.text


def test_a_pdf_is_kept_by_nobody(
    login: Callable[..., PageClient], on_stage: Callable[..., Any], ids: Ids, app: Flask
) -> None:
    from portal.domain.invoices import rendering
    from tests.cast import START

    with on_stage():
        document = make_invoice(ids.emma_account)
        rendering.keep_file(document, "en", b"%PDF-1.7", now=START)
        path = f"/customer/invoices/{document.public_id}/pdf"
    answer = login("emma").get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_unknown_host_gets_the_headers_too(client: PageClient) -> None:
    answer = client.get("/", headers={"Host": "evil.example.test"})
    assert answer.status_code == 404 and "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
def test_odd_methods_are_refused(client: PageClient, method: str) -> None:
    assert client.open("/login", method=method).status_code in (400, 405)


def test_names_below_the_shops_own_can_be_left_out(app: Flask, client: PageClient) -> None:
    app.config["LOKET"] = replace(app.config["LOKET"], hsts_subdomains=False)
    assert client.get("/").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_this_machine_hears_nothing_of_https_for_good(client: PageClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/health", base_url="https://localhost").headers
    assert "Strict-Transport-Security" not in client.get("/health", base_url=f"http://{HOST}").headers


def test_plain_http_is_for_this_machine_only(app: Flask, client: PageClient, caplog: Any) -> None:
    """Behind a proxy that nobody counted every page would look like this, with cookies that are not Secure."""
    app.extensions.pop("told_of_plain_http", None)
    for path in ("/", "/login", "/customer", "/pay/x", "/setup/x", "/nothing"):
        answer = client.get(path, base_url=f"http://{HOST}")
        assert (answer.status_code, answer.mimetype) == (403, "text/plain"), path
        assert "Open this page by https" in answer.text and "Set-Cookie" not in answer.headers
    sent = client.post("/login", base_url=f"http://{HOST}", data={"email": "emma@example.com"})
    assert sent.status_code == 403 and "Location" not in sent.headers
    assert [
        record.getMessage() for record in caplog.records if "TRUSTED_PROXIES" in record.getMessage()
    ] != []
    assert "meelezen" in client.get("/", base_url=f"http://{HOST}", headers={"Accept-Language": "nl"}).text


def test_what_says_nothing_may_be_asked_by_plain_http(client: PageClient) -> None:
    assert client.get("/health", base_url=f"http://{HOST}").status_code == 200
    assert client.get("/static/portal.css", base_url=f"http://{HOST}").status_code == 200


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("192.168.1.20", 403)])
def test_our_own_server_calls_by_plain_http(client: PageClient, peer: str, status: int) -> None:
    """The test bank's notice: on this machine it is read, from elsewhere it is not."""
    answer = client.post(
        "/hooks/sandbox", base_url=f"http://{HOST}", data=b"{}", environ_overrides={"REMOTE_ADDR": peer}
    )
    assert answer.status_code == status


def test_debugging_is_not_switched_on_by_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from portal import create_app

    monkeypatch.setenv("FLASK_DEBUG", "1")
    config = Config(
        instance_dir=tmp_path,
        secret_keys=("a" * 32,),
        field_keys=("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",),
    )
    app = create_app(config)
    assert not app.debug and not app.testing
    assert b"Traceback" not in app.test_client().get("/", base_url="https://shop.example.test").data


@pytest.mark.parametrize("signed_in", [False, True])
def test_every_kind_of_answer_has_the_headers(
    app: Flask, client: PageClient, login: Callable[..., PageClient], signed_in: bool
) -> None:
    """Pages, files, redirects, errors, refusals, JSON, and what no shop answers."""
    app.config["AUTH_LIMIT_LOGIN"] = "1 per hour"
    one = login("emma") if signed_in else client
    brand = one.get("/").text.split('href="/brand-')[1].split('"')[0]
    answers = {
        "page": one.get("/"),
        "style": one.get("/static/portal.css"),
        "script": one.get("/static/js/portal.js"),
        "picture": one.get("/static/favicon.svg"),
        "font": one.get("/static/fonts/Inter-Regular.ttf"),
        "colours": one.get(f"/brand-{brand}"),
        "redirect": one.get("/customer/"),
        "to the log-in": client.get("/customer"),
        "JSON": one.get("/health"),
        "not found": one.get("/nothing"),
        "no file": one.get("/static/nothing.css"),
        "wrong method": one.open("/logout", method="GET"),
        "options": one.open("/login", method="OPTIONS"),
        "no token": one.post("/logout"),
        "too large": client.post("/login", data={"email": "x" * 70_000}),
        "too often": [client.post("/login", data={}) for _ in range(2)][1],
        "unknown host": one.get("/", headers={"Host": "evil.example.test"}),
        "log-out": one.send("/logout"),
    }
    for kind, answer in answers.items():
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", kind
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], kind
        assert headers["Referrer-Policy"] == "same-origin", kind
        assert headers["Strict-Transport-Security"].startswith("max-age=31536000"), kind
        stored = answer.mimetype in ("text/css", "text/javascript", "image/svg+xml", "font/ttf")
        assert ("no-store" in headers["Cache-Control"]) == (not stored or answer.status_code != 200), kind
        if answer.mimetype.startswith("text/") or answer.mimetype.endswith("+xml"):
            assert headers["Content-Type"].endswith("charset=utf-8"), kind
    statuses = {kind: answer.status_code for kind, answer in answers.items()}
    assert (statuses["too large"], statuses["too often"], statuses["wrong method"]) == (413, 429, 405)


@pytest.mark.parametrize("origin", ["https://evil.example.test", "null", f"https://{HOST}.evil.test"])
def test_no_other_origin_is_let_in(login: Callable[..., PageClient], origin: str) -> None:
    one = login("emma")
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        one.get("/customer", headers=asked),
        one.open("/customer", method="OPTIONS", headers=asked),
        one.get("/health", headers=asked),
        one.get("/static/portal.css", headers=asked),
    ):
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


def test_every_page_of_a_customer_leads_out(login: Callable[..., PageClient]) -> None:
    emma = login("emma")
    for path in PAGES:
        answer = emma.get(path, follow_redirects=True)
        if answer.mimetype == "text/html" and 'id="sidebar"' in answer.text:
            ways = [f for f in find_all(parse(answer.text), "form") if f.attrib.get("action") == "/logout"]
            assert ways and ways[0].attrib["method"] == "post", path
    assert 'id="sidebar"' in emma.get("/customer").text


def test_our_script_keeps_nothing(app: Flask) -> None:
    """Nothing is stored in the browser, no markup is written and no message of a stranger is heard."""
    script = (Path(app.static_folder or "") / "js" / "portal.js").read_text()
    for word in (
        "localStorage", "sessionStorage", "indexedDB", "document.cookie", "innerHTML", "outerHTML",
        "insertAdjacentHTML", "document.write", "eval(", "new Function", "postMessage", '"message"', "__proto__",
    ):  # fmt: skip
        assert word not in script, word
