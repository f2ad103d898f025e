"""A visitor who signs in like anybody else and then asks for one page again and again over one connection."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from bench.rounds import Took, family, on_processor
from bench.servers import Web
from bench.shops import EMAIL, PASSWORD

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_INVOICE = re.compile(r'class="row-link" href="(/customer/invoices/[^"]+)"')


class Visitor:
    """Somebody at a server of this machine, with the cookies of the session."""

    def __init__(self, web: Web, *others: int) -> None:
        """``others`` are processes beside the web server that do a part of the work."""
        self.port = web.port
        self._roots = [web.pid, *others]
        self.cookies: dict[str, str] = {}

    def ask(
        self, path: str, *, form: Mapping[str, str] | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request; answers status, headers and body, and keeps the cookies."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        sent = {"Cookie": self.cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if form is None:
            connection.request("GET", path, headers=sent)
        else:
            sent |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Referer": f"http://127.0.0.1:{self.port}/",
            }
            connection.request("POST", path, urlencode(form), sent)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.headers, body

    @property
    def cookie(self) -> str:
        """The header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, *, at: str = "/login") -> None:
        """Through the log-in page, the customers' or the office's."""
        token = _TOKEN.search(self.text(at))
        if token is None:
            raise RuntimeError("there is no form on the log-in page")
        form = {"csrf_token": token[1], "email": email, "password": password}
        status, _headers, _body = self.ask(at, form=form)
        if status != 303:
            raise RuntimeError(f"the log-in answered {status}")

    def text(self, path: str) -> str:
        """The page at a path; anything but 200 is an error."""
        status, _headers, body = self.ask(path)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
        return body.decode()

    def first_invoice(self, path: str = "/customer/invoices") -> str:
        """The address of the first invoice of the list."""
        found = _INVOICE.search(self.text(path))
        if found is None:
            raise RuntimeError("the list is empty")
        return found[1]

    def again_and_again(self, path: str, times: int) -> Took:
        """So many requests, one after the other, read to their end as quickly as may be."""
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self.cookie}\r\n\r\n".encode()
        address = ("127.0.0.1", self.port)
        workers = family(self._roots)
        worked, begun = sum(map(on_processor, workers)), time.perf_counter()
        for _ in range(times):
            with socket.create_connection(address) as connection:
                connection.sendall(head)
                first = connection.recv(65536)
                if not first.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"{path}: {first[:40]!r}")
                while connection.recv(65536):
                    pass
        return Took(time.perf_counter() - begun, sum(map(on_processor, workers)) - worked)
