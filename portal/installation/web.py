"""The web server: gunicorn run inside a forked child, on a socket the supervisor holds."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from config import Config
from portal.installation.access_log import AccessLogger
from portal.installation.supervisor import StartFailed

WsgiApp = Callable[..., Any]
BACKLOG = 256

#: The headers of an answer to what never reached the application.
REFUSED = (
    b"Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
    b"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nCache-Control: no-store\r\n"
)


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started; raises StartFailed with a sentence when it is not free.

    The supervisor keeps the socket, so while the web server is being restarted visitors wait instead of being
    refused, and nobody else can take the port meanwhile.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise StartFailed(f"HOST is {host!r}, which is no address of this machine.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartFailed(_why_not(error, host, port)) from None
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use by another program: stop that one, or set PORT, "
            f"for example PORT={port % 65535 + 1}."
        )
    if error.errno == errno.EACCES:
        return f"PORT is {port}, which only the administrator may use; take one above 1023."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST is {host!r}, which is no address of this machine."
    return f"Loket cannot listen on {host} port {port}: {error.strerror}."


class _Gunicorn(BaseApplication):
    def __init__(self, app: WsgiApp, settings: dict[str, Any]) -> None:
        self.preloaded = app
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.settings.items():
            self.cfg.set(name, value)

    def load(self) -> WsgiApp:
        return self.preloaded


class _Plain:
    """A socket over which gunicorn's own error page becomes a line of text with our headers."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def sendall(self, page: bytes) -> None:
        status = page.partition(b"\r\n")[0]
        text = status.split(b" ", 2)[-1] + b"\n"
        self._client.sendall(status + b"\r\n" + REFUSED + b"Content-Length: %d\r\n\r\n" % len(text) + text)


class Worker(ThreadWorker):
    """gunicorn's threaded worker, which does not repeat to a caller what was wrong with their request."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answers what could not be read as HTTP; the reason goes to the log."""
        super().handle_error(req, _Plain(client), addr, exc)


def settings(config: Config, listener: socket.socket) -> dict[str, Any]:
    """gunicorn's settings. It believes no forwarded header: that is decided in the app, by ProxyFix alone."""
    return {
        "bind": [f"fd://{listener.fileno()}"],
        "workers": config.web_workers,
        "threads": config.web_threads,
        "worker_class": Worker,
        "timeout": 60,
        "graceful_timeout": 8,
        "keepalive": 5,
        # An address, a header, their number: no browser of ours needs more, and what is longer is refused unread.
        "limit_request_line": 4094,
        "limit_request_field_size": 8190,
        "limit_request_fields": 100,
        # One step quieter than ours: the lines about requests are always written, those about itself are not.
        "loglevel": "warning" if config.log_level == "INFO" else config.log_level.lower(),
        "logger_class": AccessLogger,
        "accesslog": "-",
        "errorlog": "-",
        "control_socket_disable": True,
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
    }


def serve(app: WsgiApp, config: Config, listener: socket.socket) -> None:
    """Serve until told to stop; the app is loaded already and shared with the workers."""
    _Gunicorn(app, settings(config, listener)).run()


def address(config: Config) -> str:
    """The address to type into a browser."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.host, config.host)  # noqa: S104  # not bound here
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{config.port}/"


def health(config: Config) -> int | None:
    """What /health answers, or None while nobody answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)  # noqa: S104  # not bound here
    connection = http.client.HTTPConnection(host, config.port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health")
        return connection.getresponse().status
    return None
