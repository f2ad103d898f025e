"""The test bank's own work: posting its webhooks, and paying what was to be paid later."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import current_app

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.models import SandboxMethod, SandboxPayment
from portal.blueprints.sandbox.settings import bank_key, paid_later
from portal.core import outbox
from portal.core.own_server import own_server_url

SIGNATURE_HEADER = "X-Sandbox-Signature"
TIMEOUT = 10.0


@dataclass(frozen=True)
class Call:
    """A webhook on its way: to the server of this machine, under the name of the shop."""

    server: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


#: Posts a call and answers the status; ``OSError`` when nobody is there. Tests put another one into the
#: configuration as ``SANDBOX_POST``.
Post = Callable[[Call], int]


def post_over_http(call: Call) -> int:
    """Posts over a socket; a redirect is an answer like any other and is not followed."""
    parts = urlsplit(call.server)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("POST", call.path, body=call.body, headers=dict(call.headers))
        answer = connection.getresponse()
        answer.read(4096)
        return answer.status
    except http.client.HTTPException as error:
        raise ConnectionError(type(error).__name__) from error
    finally:
        connection.close()


@outbox.handler(book.NOTIFY, lane="billing")
def notify(payload: dict[str, Any], *, now: datetime) -> outbox.Outside:
    """Tells the shop to ask about a payment: a form post with only its id, over real HTTP.

    The call runs outside any transaction, as the shop will ask the bank back and then write.
    """
    bank_id = str(payload["bank_id"])
    row = _row(bank_id)
    body = urlencode({"id": bank_id}).encode()
    target = urlsplit(row.webhook_url)
    call = Call(
        server=own_server_url(current_app.config),
        path=target.path,
        body=body,
        headers={
            "Host": target.netloc,
            "Content-Type": "application/x-www-form-urlencoded",
            SIGNATURE_HEADER: hmac.new(bank_key().encode(), body, hashlib.sha256).hexdigest(),
        },
    )
    post: Post = current_app.config.get("SANDBOX_POST", post_over_http)

    def work() -> int | str:
        try:
            return post(call)
        except OSError as error:
            return f"the shop's server does not answer: {type(error).__name__}"

    def then(answer: int | str, *, now: datetime) -> outbox.Step:
        if isinstance(answer, int) and 200 <= answer < 300:
            _row(bank_id).told_at = now
            return None
        return outbox.Retry(answer if isinstance(answer, str) else f"the shop answered {answer}")

    return outbox.Outside(work, then)


@outbox.handler(book.PAY_LATER, lane="billing")
def pay_later(payload: dict[str, Any], *, now: datetime) -> None:
    """Pays what a person at the bank's page, or a direct debit, left to time."""
    book.pay_what_is_due(book.get_payment(payload["bank_id"]), now=now, later=paid_later())


@outbox.handler(book.PAY_BACK, lane="billing")
def pay_back(payload: dict[str, Any], *, now: datetime) -> None:
    """Lets a refund arrive."""
    book.pay_back(book.get_payment(payload["bank_id"]), payload["refund"], now=now)


def _row(bank_id: str) -> SandboxPayment | SandboxMethod:
    return book.get_method(bank_id) if bank_id.startswith("sbm_") else book.get_payment(bank_id)
