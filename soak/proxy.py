"""A TCP proxy that can be slow, silent, cut off in the middle, or gone."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from enum import Enum


class Line(Enum):
    """How the line is."""

    GOOD = "good"
    #: Nobody listens.
    GONE = "gone"
    #: It accepts, and nothing ever comes back.
    SILENT = "silent"
    #: Each piece of data waits for `delay`.
    SLOW = "slow"
    #: A connection breaks after a number of bytes drawn by chance.
    CUT = "cut"


class Proxy:
    """Stands before one server on this machine: a port, or a Unix socket."""

    def __init__(self, target: int | str, *, seed: int = 0) -> None:
        self.target = target
        self.line = Line.GOOD
        self.delay = 0.0
        self.chance = random.Random(seed)
        self.port = 0
        self.passed = 0
        self.cuts = 0
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Proxy:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def become(self, line: Line, *, delay: float = 0.0) -> None:
        """From now on the line is like this; connections that are open are broken off."""
        was, self.line, self.delay = self.line, line, delay
        if line is Line.GONE:
            self._close()
            return
        if was is Line.GONE:
            self._listen()
        self._break_off()

    def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            # A thread that waits in accept() keeps the port until it is woken.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._break_off()

    def _break_off(self) -> None:
        with self._lock:
            gone, self._open = self._open, set()
        for one in gone:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        if self.line is Line.SILENT:
            return
        try:
            if isinstance(self.target, int):
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
                server.settimeout(None)
            else:
                server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                server.connect(self.target)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open.add(server)
        left = [self.chance.randint(1, 3000)] if self.line is Line.CUT else None
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink, left), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, left: list[int] | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                if self.line is Line.SLOW:
                    time.sleep(self.delay)
                if left is not None:
                    left[0] -= len(data)
                    if left[0] <= 0:
                        self.cuts += 1
                        sink.sendall(data[: max(0, len(data) + left[0])])
                        break
                sink.sendall(data)
                self.passed += len(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
