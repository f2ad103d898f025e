"""Speaks to the test bank over HTTP, the way one speaks to a real provider."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from portal.core.errors import ProviderError

#: Seconds for connecting and for each read; a bank that is slower counts as away.
TIMEOUT = 10.0
#: No answer of the bank is longer; more is garbage.
MAX_ANSWER = 256 * 1024


@dataclass(frozen=True)
class HttpRequest:
    """One call, before it touches a socket."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class HttpResponse:
    """What came back; redirects are answers like any other and are never followed."""

    status: int
    body: bytes


#: What carries a request: sockets in the running portal, Flask's test client in unit tests.
#: It raises ``OSError`` when nobody answers.
Transport = Callable[[HttpRequest], HttpResponse]


def over_http(request: HttpRequest) -> HttpResponse:
    """The transport over a socket. ``OSError`` for anything that kept the answer away."""
    parts = urlsplit(request.url)
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    path = parts.path or "/"
    try:
        connection.request(
            request.method,
            f"{path}?{parts.query}" if parts.query else path,
            body=request.body or None,
            headers=dict(request.headers),
        )
        answer = connection.getresponse()
        return HttpResponse(answer.status, answer.read(MAX_ANSWER))
    except http.client.HTTPException as error:
        raise ConnectionError(f"not an HTTP answer: {type(error).__name__}") from error
    finally:
        connection.close()


def taking_turns(transport: Transport, *, at_once: int, wait: float = 0.5) -> Transport:
    """A transport that lets so many calls of this process through at once; the others wait a little, then fail.

    The test bank lives in the very server that calls it: were every thread of the server waiting for the bank,
    none would be left to be the bank. A failed call costs the customer a second click and nothing else.
    """
    turns = threading.BoundedSemaphore(at_once)

    def send(request: HttpRequest) -> HttpResponse:
        if not turns.acquire(timeout=wait):
            raise TimeoutError("too many calls to the test bank at once")
        try:
            return transport(request)
        finally:
            turns.release()

    return send


@dataclass(frozen=True)
class SandboxClient:
    """The bank's API for one shop: ``base_url`` is where the server listens, ``host`` the shop's name."""

    base_url: str
    host: str
    key: str
    transport: Transport = over_http

    def call(
        self,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """The decoded answer. ``ProviderError``, permanent when the bank refused, not when it is away or
        babbles.
        """
        body = b"" if data is None else json.dumps(data).encode()
        headers = {"Host": self.host, "Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        try:
            answer = self.transport(HttpRequest(method, f"{self.base_url}/sandbox/api{path}", headers, body))
        except OSError as error:
            raise ProviderError(f"the test bank does not answer: {error}") from error
        if 400 <= answer.status < 500 and answer.status not in (408, 409, 425, 429):
            raise ProviderError(
                f"the test bank refused: {answer.status} {_reason(answer.body)}", permanent=True
            )
        if not 200 <= answer.status < 300:
            raise ProviderError(f"the test bank answered {answer.status}")
        try:
            decoded = json.loads(answer.body)
        except ValueError as error:
            raise ProviderError("the test bank answered with something that is not JSON") from error
        if not isinstance(decoded, dict):
            raise ProviderError("the test bank answered with something that is not an object")
        return decoded


def _reason(body: bytes) -> str:
    try:
        decoded = json.loads(body)
    except ValueError:
        return ""
    return str(decoded.get("error", ""))[:200] if isinstance(decoded, dict) else ""
