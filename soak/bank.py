"""Something that lies, in front of the test bank: passes every call on, and changes the answers as it is told."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What is done to an answer of the bank: its status and body in, what the shop gets out.
Lie = Callable[[int, bytes], tuple[int, bytes]]


class Bank:
    """The address where the portal believes the bank to be; `lie` may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.real = port
        self.lie: Lie | None = None
        #: Seconds before each answer of the bank.
        self.wait = 0.0
        #: Breaks the line before the answer: the bank did it, and the shop does not learn of it.
        self.swallow = False
        #: Refuses before the bank hears of it.
        self.closed = False
        self.calls = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.pass_on(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever asked has gone: what a slow bank must expect."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Bank:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def honest(self) -> None:
        """No more lies."""
        self.lie, self.wait, self.swallow, self.closed = None, 0.0, False, False

    def pass_on(self, asked: BaseHTTPRequestHandler) -> None:
        """One call: to the bank and back, or what was made of it."""
        about_bank = asked.path.startswith("/sandbox/api")
        body = asked.rfile.read(int(asked.headers.get("Content-Length", 0)))
        asked.close_connection = True
        if about_bank and self.closed:
            asked.connection.close()
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.real, timeout=60)
        try:
            headers = {name: value for name, value in asked.headers.items() if name != "Connection"}
            connection.request(asked.command, asked.path, body=body or None, headers=headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            asked.connection.close()
            return
        finally:
            connection.close()
        if about_bank:
            self.calls += 1
            time.sleep(self.wait)
            if self.swallow:
                asked.connection.close()
                return
            if self.lie is not None:
                status, content = self.lie(status, content)
        asked.send_response(status)
        asked.send_header("Content-Type", "application/json")
        asked.send_header("Content-Length", str(len(content)))
        asked.send_header("Connection", "close")
        asked.end_headers()
        asked.wfile.write(content)


def changed(**fields: Any) -> Lie:
    """The bank's own answer with other values in some of its fields."""

    def lie(status: int, body: bytes) -> tuple[int, bytes]:
        answer = json.loads(body)
        if isinstance(answer, dict) and "amount" in answer:
            answer |= {name: value(answer) if callable(value) else value for name, value in fields.items()}
        return status, json.dumps(answer).encode()

    return lie


def instead(status: int, body: bytes) -> Lie:
    """Another answer altogether."""
    return lambda _status, _body: (status, body)
