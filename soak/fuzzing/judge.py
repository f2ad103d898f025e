"""Sends what was drawn and judges the answer: its status, the log, the rows, and what came back of the input."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote_to_bytes, urlsplit

from soak.fuzzing.targets import Target
from soak.fuzzing.values import ATTRIBUTE, ELEMENT, HEADER, PRODUCT, Call
from soak.fuzzing.world import Fuzzed
from tests.page_client import check_page, parse

#: A refusal of which a trace is kept, and why.
TRACES = {
    # Who tried a password is kept for the owner of the account.
    "auth.login": {"login_events"},
    "profile.login_email": {"login_events"},
    "profile.account_email": {"login_events"},
}
#: GETs that write: the ways back that ask the bank (architecture.md), and the bank's own book.
MAY_WRITE = {"pay.back", "payment_methods.back", "sandbox.returning"}
#: A GET of a page that leaves a trace of who saw it.
SEEN = {"support.show": {"ticket_views"}, "notifications.index": {"notice_marks"}}
#: Before there is a shop there is no session that a token could belong to: the secret is in the address.
WITHOUT_SESSION, NO_TOKEN = {"setup.create"}, "has no CSRF token"
_FORM = "application/x-www-form-urlencoded"


class Fault(AssertionError):
    """An answer that must not be."""


class Judge:
    """Counts what is sent, and raises ``Fault`` for an answer that must not be."""

    def __init__(self, made: Fuzzed, *, setup: bool) -> None:
        self.made = made
        self.rows = made.rows()
        self.mark = made.changed_at()
        # Before set-up there is no session that a token could belong to.
        self.tokens = {} if setup else {who: client.token() for who, client in made.clients.items()}
        self.statuses: Counter[int] = Counter()
        self.errors: list[str] = []

    @property
    def sent(self) -> int:
        return self.statuses.total()

    def send(self, call: Call, target: Target) -> None:
        """One request, judged."""
        self.errors.clear()
        method, endpoint = target.method, target.endpoint
        body, kind = self._body(call)
        overrides = {
            "PATH_INFO": unquote_to_bytes(call.path).decode("latin-1"),
            "QUERY_STRING": call.query,
            "REQUEST_URI": call.path + (f"?{call.query}" if call.query else ""),
        }
        sent = {"Referer": f"https://{self.made.clients[call.who].host}/", **target.headers}
        try:
            answer = self.made.open(
                call.who,
                path="/",
                method=method,
                headers=sent,
                environ_overrides=overrides,
                **({"data": body, "content_type": kind} if method == "POST" else {}),
            )
        except Exception as error:
            self._after(method, endpoint, refused=False)
            raise Fault(f"{type(error).__name__}: {error}"[:600]) from error
        self.statuses[answer.status_code] += 1
        text = answer.get_data(as_text=True) if answer.mimetype.startswith("text/") else ""
        wrong = list(self.errors)
        if answer.status_code >= 500 and (endpoint, answer.status_code) != ("hooks.receive", 503):
            wrong.append(f"{answer.status}")
        if answer.mimetype == "text/html" and answer.status_code not in (301, 302, 303, 308):
            wrong += _markup(text, call)
            wrong += _faults(text, endpoint)
        if HEADER.lower() in (name.lower() for name, _ in answer.headers):
            wrong.append("a header of the input's")
        wrong += self._location(answer.headers.get("Location", "/"), call)
        answer.close()
        wrong += self._after(method, endpoint, refused=answer.status_code >= 400)
        if wrong:
            raise Fault("; ".join(wrong))

    def _body(self, call: Call) -> tuple[bytes, str]:
        fields = list(call.fields)
        token = self.tokens.get(call.who, "") if call.token == "own" else call.token
        if call.token != "none":
            fields.append(("csrf_token", token))
        if call.kind == "raw":
            return call.body, "application/octet-stream"
        if call.kind == "json":
            return call.body, "application/json"
        if call.kind == "multipart":
            return _multipart(fields), "multipart/form-data; boundary=loketx0boundary"
        pairs = (f"{_encode(name)}={_encode(value)}" for name, value in fields)
        return "&".join(pairs).encode(), _FORM

    def _location(self, location: str, call: Call) -> list[str]:
        host = self.made.clients[call.who].host
        if re.match(r"/(?![/\\])", location) or urlsplit(location)[:2] == ("https", host):
            return []
        return [f"leads to {location[:100]!a}"]

    def _after(self, method: str, endpoint: str, *, refused: bool) -> list[str]:
        """What the request did to the rows; whatever it was, it is undone."""
        mark = self.made.changed_at()
        if mark == self.mark:
            return []
        now = self.made.rows()
        changed = {table for table, rows in now.items() if rows != self.rows[table]}
        wrong = []
        if method == "GET" and endpoint not in MAY_WRITE and changed - SEEN.get(endpoint, set()):
            wrong.append(f"a GET wrote to {sorted(changed)}")
        elif method != "GET" and refused and changed - TRACES.get(endpoint, set()):
            wrong.append(f"refused, and yet {sorted(changed)} changed")
        if changed:
            self.made.put_back()
        self.mark = self.made.changed_at()
        return wrong

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hears everything that is logged as an error."""
        errors = self.errors

        class Ear(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                why = f", {record.exc_info[1]!r}" if record.exc_info else ""
                errors.append(f"the log says {record.getMessage()[:300]}{why[:300]}")

        ear = Ear(logging.ERROR)
        logging.getLogger().addHandler(ear)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(ear)


def _markup(text: str, call: Call) -> list[str]:
    wrong = []
    lower = text.lower()
    if f"<{ELEMENT}" in lower or f"<\ufffd{ELEMENT}" in lower:
        wrong.append("input comes back as markup")
    if ATTRIBUTE in lower and any(ATTRIBUTE in element.attrib for element in parse(text).iter()):
        wrong.append("input comes back as an attribute")
    if PRODUCT in text:
        wrong.append("input was worked out as a template")
    return wrong


def _faults(text: str, endpoint: str) -> list[str]:
    """What a strict reader finds on a page; a piece of a page has no head to look at."""
    if not text.lstrip().lower().startswith("<!doctype"):
        return []
    try:
        check_page(text, endpoint)
    except AssertionError as error:
        known = NO_TOKEN if endpoint in WITHOUT_SESSION else None
        lines = [line for line in str(error).splitlines()[1:] if not (known and known in line)]
        return [f"a page with faults: {' '.join(lines)}"[:400]] if lines else []
    return []


def _encode(text: str) -> str:
    """For an address or a form: what is no Unicode goes as the bytes it would be."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _multipart(fields: list[tuple[str, str]]) -> bytes:
    parts = []
    for number, (name, value) in enumerate(fields):
        clean = (
            name.encode("utf-8", "surrogatepass")
            .replace(b'"', b"%22")
            .replace(b"\r", b"")
            .replace(b"\n", b"")
        )
        file = b'; filename="x.txt"\r\nContent-Type: text/plain' if number % 5 == 4 else b""
        head = b'--loketx0boundary\r\nContent-Disposition: form-data; name="' + clean + b'"' + file
        parts.append(head + b"\r\n\r\n" + value.encode("utf-8", "surrogatepass") + b"\r\n")
    return b"".join(parts) + b"--loketx0boundary--\r\n"


encode = _encode
