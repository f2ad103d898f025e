"""The whole installation while Redis is away: pages work, a payment is booked, and the mail leaves when it is back."""

from __future__ import annotations

import http.cookiejar
import re
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.browser.installation import Installation, invoice_for
from tests.services import RedisService, SmtpService, find_redis, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.smtp]


class Visitor:
    """A browser without a screen: cookies, redirects, forms."""

    def __init__(self, base: str) -> None:
        self.base = base
        cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))

    def get(self, path: str) -> str:
        return self._open(urllib.request.Request(urllib.parse.urljoin(self.base, path)))

    def post(self, path: str, page: str, **fields: str) -> str:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        data = urllib.parse.urlencode({"csrf_token": token[1], **fields}).encode()
        return self._open(urllib.request.Request(urllib.parse.urljoin(self.base, path), data))

    def _open(self, request: urllib.request.Request) -> str:
        with self.opener.open(request, timeout=30) as answer:
            self.address = answer.geturl()
            return str(answer.read().decode())


def test_pages_work_and_money_is_booked_without_redis(tmp_path: Path, smtp_server: SmtpService) -> None:
    with tempfile.TemporaryDirectory(prefix="loket-test-") as folder:
        redis = RedisService(Path(folder), find_redis())
        redis.start()
        portal = Installation(tmp_path, mode="demo", smtp_url=smtp_server.url)
        portal.env["REDIS_URL"] = redis.url
        portal.expected = ("Redis", "redis", "rq.")
        portal.start()
        try:
            before = _mails(smtp_server)
            (issued,) = portal.issue(invoice_for("emma@example.com"))
            wait_until(lambda: _mails(smtp_server) == before + 1, seconds=60, what="the invoice's mail")
            redis.stop()
            visitor = Visitor(portal.url)
            assert '"redis":"away"' in visitor.get("/health")
            began = time.monotonic()
            page = visitor.get("/login")
            visitor.post("/login", page, email="emma@example.com", password="loket-demo")
            assert visitor.address.endswith("/customer")
            page = visitor.get(f"/customer/invoices?q={issued.number}")
            path = re.search(r'href="(/customer/invoices/[\w-]{22})"', page)
            assert path is not None and time.monotonic() - began < 20
            page = visitor.get(path[1])
            bank = visitor.post(f"{path[1]}/pay", page, method="ideal")
            assert "/sandbox/" in visitor.address
            visitor.post(visitor.address, bank, decision="paid", notice="never")
            page = visitor.get(path[1])
            assert "tone-green" in page and f"{path[1]}/pay" not in page, (
                "the payment is booked on the way back"
            )
            redis.start()
            wait_until(lambda: _mails(smtp_server) == before + 2, seconds=120, what="the confirmation")
            # The breaker leaves Redis alone for a few seconds after a failure.
            wait_until(
                lambda: '"redis":"ok"' in visitor.get("/health"), seconds=30, what="the end of the break"
            )
        finally:
            portal.stop()
            redis.stop()


def _mails(smtp_server: SmtpService) -> int:
    """How many mails Emma was sent so far."""
    return len(smtp_server.mails("emma@example.com"))
