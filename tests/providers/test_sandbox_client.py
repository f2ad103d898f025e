"""A bank that is away, slow, broken or talking nonsense: each time a ProviderError, and of the right kind."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

import pytest

from portal.core.errors import ProviderError
from portal.domain.payments.provider import ProviderAccount
from portal.providers import sandbox
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.providers.test_contract import wish

ACCOUNT = ProviderAccount(shop_id=1, host="shop.example.test", live=False, key="test_key")

GOOD = {
    "id": "sbp_1",
    "status": "paid",
    "amount": {"minor": 100, "currency": "EUR"},
    "reference": "r",
    "method": "ideal",
    "details": {},
    "checkout_url": None,
    "paid_at": "2026-11-01T09:00:00+00:00",
    "expires_at": "2026-11-01T09:30:00+00:00",
    "charged_back_at": None,
    "chargeback_won_at": None,
    "failure_reason": None,
    "refunds": [],
}


def provider(answer: Callable[[HttpRequest], HttpResponse]) -> sandbox.Sandbox:
    return sandbox.build(ACCOUNT, base_url="http://bank.invalid/", transport=answer)


def test_a_call_says_which_shop_it_is_and_proves_it() -> None:
    seen: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse(200, json.dumps(GOOD).encode())

    provider(answer).start(wish(key="the-key"))
    (request,) = seen
    assert request.url == "http://bank.invalid/sandbox/api/payments"
    assert request.headers["Host"] == "shop.example.test"
    assert request.headers["Authorization"] == "Bearer test_key"
    assert request.headers["Idempotency-Key"] == "the-key"


@pytest.mark.parametrize("status", [301, 303, 408, 409, 425, 429, 500, 502, 503])
def test_what_may_be_better_next_time_is_not_permanent(status: int) -> None:
    with pytest.raises(ProviderError) as error:
        provider(lambda request: HttpResponse(status, b"{}")).fetch("sbp_1")
    assert not error.value.permanent


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_permanent(status: int) -> None:
    with pytest.raises(ProviderError) as error:
        provider(lambda request: HttpResponse(status, b'{"error": "no"}')).fetch("sbp_1")
    assert error.value.permanent


@pytest.mark.parametrize(
    "change",
    [
        {"status": "splendid"},
        {"amount": {"minor": 1.5, "currency": "EUR"}},
        {"amount": {"minor": "100", "currency": "EUR"}},
        {"amount": {"minor": True, "currency": "EUR"}},
        {"amount": {"minor": 100, "currency": "ZZZ"}},
        {"amount": {"minor": 100, "currency": None}},
        {"amount": None},
        {"paid_at": "yesterday"},
        {"refunds": 3},
        {"paid_at": "2026-11-27T10:00:00"},
        {"method": "cowries"},
        {"details": []},
        # What no row could hold, and a page would fail on.
        {"id": "x" * 101},
        {"id": "sbp\0_1"},
        {"id": ""},
        {"amount": {"minor": 10**30, "currency": "EUR"}},
        {
            "refunds": [
                {
                    "id": "r",
                    "amount": {"minor": 10**30, "currency": "EUR"},
                    "status": "done",
                    "reference": "x",
                }
            ]
        },
        {"details": {"account": "x" * 3000}},
        {"details": {"account": "NL00\0"}},
        {"checkout_url": "https://bank.example/" + "x" * 1000},
        {"checkout_url": "javascript:alert(1)"},
        {"checkout_url": "http://[::"},
    ],
)
def test_nonsense_is_an_error_and_not_permanent(change: dict[str, object]) -> None:
    body = json.dumps({**GOOD, **change}).encode()
    with pytest.raises(ProviderError) as error:
        provider(lambda request: HttpResponse(200, body)).fetch("sbp_1")
    assert not error.value.permanent


@pytest.mark.parametrize("missing", ["id", "status", "amount", "reference", "refunds"])
def test_an_answer_that_lacks_something_is_an_error(missing: str) -> None:
    body = json.dumps({name: value for name, value in GOOD.items() if name != missing}).encode()
    with pytest.raises(ProviderError):
        provider(lambda request: HttpResponse(200, body)).fetch("sbp_1")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"null"])
def test_what_is_not_an_object_of_json_is_an_error(body: bytes) -> None:
    with pytest.raises(ProviderError) as error:
        provider(lambda request: HttpResponse(200, body)).fetch("sbp_1")
    assert not error.value.permanent


def test_nobody_there_is_an_error_and_not_permanent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ProviderError) as error:
            sandbox.build(ACCOUNT, base_url=url).fetch("sbp_1")
    assert not error.value.permanent


@pytest.mark.parametrize("said", [b"", b"SMTP ready\r\n\r\n"])
def test_a_server_that_is_none_of_ours(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.3)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ProviderError) as error:
            sandbox.build(ACCOUNT, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}").fetch("sbp_1")
        thread.join()
    assert not error.value.permanent


def test_a_redirect_is_not_followed() -> None:
    """Where a provider points to is not where we go: it could be a machine that only we can reach."""
    with socket.create_server(("127.0.0.1", 0)) as bank, socket.create_server(("127.0.0.1", 0)) as inside:

        def serve() -> None:
            caller, _ = bank.accept()
            with caller:
                caller.recv(4096)
                place = f"http://127.0.0.1:{inside.getsockname()[1]}/secret"
                caller.sendall(
                    f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
                )

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        answer = client.over_http(HttpRequest("GET", f"http://127.0.0.1:{bank.getsockname()[1]}/"))
        thread.join()
        assert answer.status == 302
        inside.settimeout(0.2)
        with pytest.raises(TimeoutError):
            inside.accept()


def test_a_server_never_waits_for_itself_with_all_its_threads() -> None:
    inside, let_go = threading.Semaphore(0), threading.Event()

    def slow(request: HttpRequest) -> HttpResponse:
        inside.release()
        let_go.wait(5)
        return HttpResponse(200, b"{}")

    send = client.taking_turns(slow, at_once=2, wait=0.05)
    request = HttpRequest("GET", "http://bank.invalid/")
    busy = [threading.Thread(target=send, args=(request,)) for _ in range(2)]
    for thread in busy:
        thread.start()
        assert inside.acquire(timeout=5)
    with pytest.raises(OSError, match="too many calls"):
        send(request)
    let_go.set()
    for thread in busy:
        thread.join()
    assert send(request).status == 200
