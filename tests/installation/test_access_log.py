"""Log lines hold no token, no query string and no visitor's address."""

from __future__ import annotations

import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from gunicorn.config import Config as GunicornConfig

from portal.installation.access_log import AccessLogger, MaskAddresses, UtcFormatter, mask, mask_path


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("/", "/"),
        ("/customer/invoices", "/customer/invoices"),
        ("/customer/invoices?status=unpaid&q=jan@example.com", "/customer/invoices"),
        ("/pay/k9", "/pay/…"),
        ("/pay/k9/pdf", "/pay/…/pdf"),
        ("/pay/return/Zk3-x_9", "/pay/return/…"),
        ("/setup/abc", "/setup/…"),
        ("/reset-password/abc.def.ghi", "/reset-password/…"),
        ("/register/confirm/abc", "/register/confirm/…"),
        ("/customer/invoices/Zk3x_9AbQwErTyUiOpAsDf/pay", "/customer/invoices/Zk3x…/pay"),
        ("/hooks/sandbox", "/hooks/sandbox"),
        ("/some/eyJhbGciOi.JIUzI1NiIs.InR5cCI6Ikp", "/some/eyJh…"),
        (
            "/static/portal-5d41402abc4b2a76b9719d911017c592.css",
            "/static/portal-5d41402abc4b2a76b9719d911017c592.css",
        ),
        ("/a\nGET /forged 200", "/a?GET?/forged?200"),
        ("/pay/to ken\r\nx", "/pay/…"),
    ],
)
def test_paths(address: str, logged: str) -> None:
    assert mask_path(address) == logged


def test_messages_of_others() -> None:
    assert mask("Exception on /pay/k9 [GET]") == "Exception on /pay/… [GET]"
    assert mask("Invalid request from ip=192.0.2.7: bad") == "Invalid request from ip=… bad"
    assert mask("in 1/2 of /srv/loket/portal/core/mailer.py") == "in 1/2 of /srv/loket/portal/core/mailer.py"


def test_the_filter_masks_the_finished_message() -> None:
    record = logging.LogRecord(
        "x", logging.ERROR, "f", 1, "Error handling request %s", ("/setup/abc?x=1",), None
    )
    assert MaskAddresses().filter(record)
    assert record.getMessage() == "Error handling request /setup/…"


def test_a_message_stays_on_its_line_and_in_utc() -> None:
    record = logging.LogRecord(
        "x", logging.ERROR, "f", 1, "no host %s", ("a\n2026 INFO forged\r\x1b[2J",), None
    )
    record.created, record.msecs = 1_800_000_000.25, 250
    assert MaskAddresses().filter(record)
    assert UtcFormatter().format(record) == (
        "2027-01-15T08:00:00.250Z ERROR x: no host a?2026 INFO forged??[2J"
    )


def test_a_line_per_request(capsys: pytest.CaptureFixture[str]) -> None:
    settings = GunicornConfig()
    settings.set("accesslog", "-")
    logger = AccessLogger(settings)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/pay/k9",
        "QUERY_STRING": "q=hush",
        "RAW_URI": "/pay/k9?q=hush",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_USER_AGENT": "Browser",
        "HTTP_REFERER": "http://x/pay/k9",
    }
    logger.access(SimpleNamespace(status="200 OK", sent=42), None, environ, timedelta(milliseconds=7.4))
    logger.exception("Error handling request %s", "/pay/k9?q=hush")
    printed = capsys.readouterr()
    line = printed.out.strip()
    assert line.endswith("gunicorn.access: GET /pay/… 200 42 bytes 7 ms")
    assert "Error handling request /pay/…" in printed.err
    for secret in ("k9", "hush", "192.0.2.7", "Browser"):
        assert secret not in printed.out + printed.err
