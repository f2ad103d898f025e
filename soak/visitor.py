"""Somebody at a browser without scripts, over real sockets: keeps cookies, sends the forms' tokens, may be cut off."""

from __future__ import annotations

import http.client
import re
import time
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from tests import cast

_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_REFRESH = re.compile(r'http-equiv="refresh" content="\d+;url=([^"]+)"')


class CutOff(Exception):
    """No whole answer came: nobody listens, or whoever answered died."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage
    seconds: float

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def location(self) -> str:
        """Where it leads; empty when it leads nowhere."""
        return str(self.headers.get("Location", ""))


@dataclass
class Visitor:
    """One person: an address on the network, a shop, and the cookies of it."""

    port: int
    address: str = "127.0.1.1"
    host: str = cast.HOST
    cookies: dict[str, str] = field(default_factory=dict)
    timeout: float = 90

    def get(self, url: str) -> Answer:
        """Opens a page."""
        return self.send("GET", url)

    def post(self, page: str, data: dict[str, str], *, to: str | None = None) -> Answer:
        """Opens a page, then posts with its token, to the page itself or to another address."""
        return self.post_with(self.token(page), to or page, data)

    def token(self, page: str) -> str:
        """The token of a page's form."""
        answer = self.get(page)
        found = _CSRF.search(answer.text)
        if found is None:
            raise CutOff(f"{urlsplit(page).path.split('/')[1]} answered {answer.status} without a form")
        return found[1]

    def post_with(self, token: str, url: str, data: dict[str, str]) -> Answer:
        """Posts a form whose token is known."""
        body = urlencode({**data, "csrf_token": token}).encode()
        return self.send("POST", url, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def send(
        self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; ``CutOff`` when no whole answer comes."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {
            "Host": self.host,
            "X-Forwarded-For": self.address,
            "X-Forwarded-Proto": "https",
            "Referer": f"https://{self.host}/",
            "Accept-Language": "en",
            **(headers or {}),
        }
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise CutOff(f"{method} {path.split('/')[1]}: {type(error).__name__}") from error
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return Answer(response.status, content, response.headers, time.monotonic() - began)

    def log_in(self, email: str, password: str = cast.PASSWORD) -> Answer:
        """Through the log-in page."""
        return self.post("/login", {"email": email, "password": password})

    def pay(self, link: str, method: str = "ideal") -> Answer:
        """Presses Pay on a payment link; a redirect leads to the bank's page."""
        return self.post(link, {"method": method})

    def decide(self, checkout: str, decision: str, notice: str = "never") -> Answer:
        """Presses a button at the bank."""
        return self.post(checkout, {"decision": decision, "notice": notice})

    def go_back(self, address: str, *, patience: float = 15) -> Answer:
        """Follows the bank's way back, through the page in between that waits for the shop to be told."""
        deadline = time.monotonic() + patience
        while "/returning" in address:
            found = _REFRESH.search(self.get(address).text)
            if found is not None:
                address = found[1].replace("&amp;", "&")
            elif time.monotonic() > deadline:
                raise CutOff("the bank keeps its customer")
            else:
                time.sleep(0.3)
        return self.get(address)
