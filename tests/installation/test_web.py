"""What gunicorn makes of requests that no browser sends: one message has one meaning, or it is refused."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SERVER = """
import sys
from types import ModuleType
bare = ModuleType("portal")
bare.__path__ = [sys.argv[1] + "/portal"]
sys.modules["portal"] = bare
from config import Config
from portal.installation import web

def app(environ, respond):
    body = environ["wsgi.input"].read()
    respond("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['PATH_INFO']} {len(body)} {environ['wsgi.url_scheme']} {environ['REMOTE_ADDR']}".encode()]

listener = web.listen("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
web.serve(app, Config(web_workers=1, web_threads=2), listener)
"""
SMUGGLED = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
HEAD = b"Host: shop.example.test\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(PROJECT)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.terminate()


def say(port: int, raw: bytes) -> str:
    """Everything that comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer.decode()


def test_an_honest_request_is_answered(port: int) -> None:
    posted = b"POST /a HTTP/1.1\r\n" + HEAD + b"Connection: close\r\nContent-Length: 4\r\n\r\nabcd"
    assert say(port, posted).count("/a 4 http 127.0.0.1") == 1
    chunked = b"POST /b HTTP/1.1\r\n" + HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert "/b 3 http" in say(port, chunked + b"3\r\nabc\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "headers", "body", "status"),
    [
        (b"POST /", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", SMUGGLED, 400),
        (b"POST /", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n", 400),
        (b"POST /", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 501),
        (b"POST /", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n", 400),
        (b"POST /", b"Content-Length: 4\r\nContent-Length: 5\r\n", b"abcde", 400),
        (b"POST /", b"Content-Length: +4\r\n", b"abcd", 400),
        (b"POST /", b"Content-Length: -1\r\n", b"", 400),
        (b"POST /", b"Content-Length : 4\r\n", b"abcd", 400),
        (b"GET /", b"X-A: b\r\n c\r\n", b"", 400),
        (b"GET /", b"X-A: a\x00b\r\n", b"", 400),
        (b"GET /", b"Host: evil.example.test\r\n", b"", 400),
        (b"GE\x01T /", b"", b"", 400),
        (b"get /", b"", b"", 400),
        (b"GET /" + b"a" * 5000, b"", b"", 414),
        (b"GET /", b"X-A: " + b"a" * 9000 + b"\r\n", b"", 431),
        (b"GET /", b"".join(b"X-%d: a\r\n" % n for n in range(101)), b"", 431),
    ],
)  # fmt: skip
def test_a_request_of_two_meanings_is_refused(
    port: int, line: bytes, headers: bytes, body: bytes, status: int
) -> None:
    answer = say(port, line + b" HTTP/1.1\r\n" + HEAD + headers + b"\r\n" + body)
    head, _, text = answer.partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ") and answer.count("HTTP/1.1 ") == 1, answer
    assert "X-Content-Type-Options: nosniff" in head and "text/plain; charset=utf-8" in head
    assert "Connection: close" in head and "no-store" in head
    assert text.strip() and len(text) < 40 and "smuggled" not in text and "X-A" not in text


def test_lines_that_end_in_less_are_refused(port: int) -> None:
    assert say(port, b"GET / HTTP/1.1\nHost: x\n\n").startswith("HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "header", [b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: on", b"X_Forwarded_Proto: https"]
)
def test_it_believes_no_forwarded_header(port: int, header: bytes) -> None:
    headers = HEAD + header + b"\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n"
    assert "/c 0 http 127.0.0.1" in say(port, b"GET /c HTTP/1.1\r\n" + headers)
