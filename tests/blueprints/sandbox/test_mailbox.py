"""The mailbox of the demo: what it shows, what it cuts off, and to whom it does not exist."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from portal.installation.mail_catcher import Mailbox
from tests.cast import Ids
from tests.page_client import PageClient

LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.fixture
def box(app: Flask, tmp_path: Path, on_stage: Callable[..., Any], ids: Ids) -> Mailbox:
    with on_stage():
        db.session.get_one(Shop, ids.shop).domains[0].host = "localhost"
    app.extensions["shops"].forget()
    app.config["MAIL_FOLDER"] = tmp_path
    return Mailbox(tmp_path)


def catch(box: Mailbox, html: str = "<p>Hello</p>") -> str:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = (
        "Invoice <b>1</b>",
        "shop@example.com",
        "emma@example.com",
    )
    message.set_content("Dear Emma,\n<script>alert(1)</script>")
    message.add_alternative(html, subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="invoice-1.pdf")
    return box.store("shop@example.com", ["emma@example.com"], message.as_bytes()).stem


def get(client: PageClient, path: str, **environ: str) -> Any:
    client.host = "localhost"
    return client.get(path, environ_overrides={**LOCAL, **environ})


def test_it_lists_and_shows_a_mail(box: Mailbox, client: PageClient) -> None:
    name = catch(box)
    page = get(client, "/sandbox/mail").get_data(as_text=True)
    assert "Invoice &lt;b&gt;1&lt;/b&gt;" in page and f"/sandbox/mail/{name}" in page
    page = get(client, f"/sandbox/mail/{name}").get_data(as_text=True)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "invoice-1.pdf" in page


def test_the_html_is_shut_off_and_files_are_downloads(box: Mailbox, client: PageClient) -> None:
    name = catch(box)
    client.checks = False
    answer = get(client, f"/sandbox/mail/{name}/html")
    assert "<p>Hello</p>" in answer.get_data(as_text=True)
    assert (
        "sandbox" in answer.headers["Content-Security-Policy"]
        and "script" not in answer.headers["Content-Security-Policy"]
    )
    answer = get(client, f"/sandbox/mail/{name}/files/0")
    assert answer.get_data() == b"%PDF-1.4" and answer.headers["Content-Disposition"].startswith("attachment")
    assert get(client, f"/sandbox/mail/{name}/files/1").status_code == 404


def test_an_empty_mailbox_says_what_will_be_here(box: Mailbox, client: PageClient) -> None:
    assert "No mail yet" in get(client, "/sandbox/mail").get_data(as_text=True)


@pytest.mark.parametrize("name", ["..%2f..%2fsecret", "20261122T000000.000000Z-1-000001", "x", "%00"])
def test_only_caught_mails_are_read(box: Mailbox, client: PageClient, name: str) -> None:
    assert get(client, f"/sandbox/mail/{name}").status_code == 404


def test_nobody_else_finds_it(
    app: Flask, box: Mailbox, client: PageClient, on_stage: Callable[..., Any], ids: Ids
) -> None:
    name = catch(box)
    for path in ("/sandbox/mail", f"/sandbox/mail/{name}", f"/sandbox/mail/{name}/html"):
        assert get(client, path, REMOTE_ADDR="10.0.0.9").status_code == 404
        assert get(client, path, HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404
    app.config["MAIL_FOLDER"] = None
    assert get(client, "/sandbox/mail").status_code == 404
    app.config["MAIL_FOLDER"] = box.folder
    with on_stage():
        db.session.get_one(Shop, ids.shop).mode = Mode.LIVE
    app.extensions["shops"].forget()
    assert get(client, "/sandbox/mail").status_code == 404
