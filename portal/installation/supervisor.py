"""The process tree: start the parts from one parent, restart what dies, stop everything in order."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType

from portal.installation.processes import HANDLED, Part, describe_end, fork

log = logging.getLogger("loket")

BACKOFF = (1, 2, 4, 8, 16, 30)  # seconds before the next try of a part that keeps dying
SETTLED = 60  # seconds a part must live before it counts as well again


class StartFailed(Exception):
    """The installation cannot start; the message is one sentence for the person at the keyboard."""


class Stopped(Exception):
    """Somebody asked for the end while something was still being waited for."""


@dataclass
class _Running:
    part: Part
    pid: int = 0  # 0 while it waits for its restart
    started: float = 0.0
    deaths: int = 0
    again_at: float = 0.0


@dataclass
class Supervisor:
    """Holds the parts of one installation. Use it as a context: leaving it stops whatever still runs."""

    sockets: list[socket.socket] = field(default_factory=list)
    before_stop: list[Callable[[], None]] = field(default_factory=list)
    backoff: tuple[float, ...] = BACKOFF
    _parts: dict[str, _Running] = field(default_factory=dict)
    _stop_asked: int = 0
    _wake: tuple[int, int] = (-1, -1)
    _former: dict[int, object] = field(default_factory=dict)

    def __enter__(self) -> Supervisor:
        self._wake = os.pipe()
        for descriptor in self._wake:
            os.set_blocking(descriptor, False)
        for number in HANDLED:
            self._former[number] = signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            signal.set_wakeup_fd(-1)
            for number, former in self._former.items():
                signal.signal(number, former)  # type: ignore[arg-type]
            for descriptor in self._wake:
                os.close(descriptor)

    def start(self, part: Part) -> None:
        """Fork the part and watch over it from now on."""
        if threading.active_count() > 1:  # a thread does not survive a fork, but a lock it holds does
            names = ", ".join(thread.name for thread in threading.enumerate())
            log.warning("threads were running before %s was forked: %s", part.name, names)
        running = self._parts.setdefault(part.name, _Running(part))
        running.pid = fork(part, sockets=self.sockets, descriptors=self._wake)
        running.started = time.monotonic()
        log.info("started %s, process %d", part.name, running.pid)

    def run_once(self, name: str, task: Callable[[], list[str]]) -> list[str]:
        """Run a task in a child and return its lines, so that this process never opens what the task opens.

        Raises StartFailed with the task's sentence when it raised StartFailed, or a general one when it died;
        Stopped when the end was asked for meanwhile.
        """
        reader, writer = os.pipe()

        def work() -> None:
            os.close(reader)
            try:
                answer: dict[str, object] = {"lines": task()}
            except StartFailed as failed:
                answer = {"failed": str(failed)}
            with os.fdopen(writer, "w", encoding="utf-8") as pipe:
                json.dump(answer, pipe)

        pid = fork(Part(name, work, stops=0), sockets=self.sockets, descriptors=self._wake)
        os.close(writer)
        received = b""
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            while True:
                self._wait(None, pipe.fileno())
                if self._stop_asked:
                    _end_group(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    raise Stopped
                if select.select([pipe], [], [], 0)[0]:
                    piece = pipe.read(65536)
                    if not piece:
                        break
                    received += piece
        _, status = os.waitpid(pid, 0)
        answer = (
            json.loads(received)
            if received and status == 0
            else {"failed": f"{name} {describe_end(status)}."}
        )
        if "failed" in answer:
            raise StartFailed(answer["failed"])
        return list(answer["lines"])

    def wait_until(self, happened: Callable[[], bool], *, seconds: float, every: float = 0.1) -> bool:
        """Ask again and again, keeping the parts alive; False when the time is over. Raises Stopped."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                return False
            self._wait(every)
            if self._stop_asked:
                raise Stopped
            self._care()
        return True

    def alive(self, name: str) -> bool:
        """Does the part run at this moment?"""
        return bool(name in self._parts and self._parts[name].pid)

    def watch(self) -> None:
        """Restart what dies until the end is asked for (Ctrl-C, SIGTERM, the terminal closed)."""
        while not self._stop_asked:
            due = [one.again_at for one in self._parts.values() if not one.pid]
            self._wait(max(0.0, min(due) - time.monotonic()) if due else None)
            if not self._stop_asked:
                self._care()

    def stop(self) -> None:
        """Stop all parts, the ones with the lowest number first; a second Ctrl-C ends the patience."""
        for step in self.before_stop:
            step()
        self.before_stop.clear()
        patience = self._stop_asked
        for stage in sorted({one.part.stops for one in self._parts.values()}):
            group = [one for one in self._parts.values() if one.part.stops == stage]
            self._stop_together(group, patience)
        self._parts.clear()

    def forget(self, name: str) -> None:
        """Stop watching over a part that has ended, without restarting it."""
        self._reap(restart=False)
        self._parts.pop(name, None)

    def _stop_together(self, group: Iterable[_Running], patience: int) -> None:
        alive = [one for one in group if one.pid]
        begun = time.monotonic()
        for one in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGTERM)
        while alive:
            self._reap(restart=False)
            alive = [one for one in alive if one.pid]
            waited = time.monotonic() - begun
            for one in alive:
                if waited > one.part.grace or self._stop_asked > max(patience, 1):
                    log.warning("%s did not stop in time and is killed", one.part.name)
                    _end_group(one.pid, signal.SIGKILL)
            if alive:
                self._wait(0.2)

    def _care(self) -> None:
        self._reap(restart=True)
        for one in list(self._parts.values()):
            if not one.pid and time.monotonic() >= one.again_at:
                self.start(one.part)

    def _reap(self, *, restart: bool) -> None:
        for one in self._parts.values():
            if not one.pid:
                continue
            pid, status = os.waitpid(one.pid, os.WNOHANG)
            if not pid:
                continue
            _end_group(one.pid, signal.SIGTERM)  # children of its own that it could not stop itself
            now = time.monotonic()
            lived, one.pid = now - one.started, 0
            if restart:
                one.deaths = 1 if lived > SETTLED else one.deaths + 1
                delay = self.backoff[min(one.deaths, len(self.backoff)) - 1]
                one.again_at = now + delay
                log.error("%s %s, starting it again in %g s", one.part.name, describe_end(status), delay)
            else:
                log.info("stopped %s", one.part.name)

    def _wait(self, seconds: float | None, *also: int) -> None:
        """Sleep until a signal arrives, something can be read, or the time is over."""
        select.select([self._wake[0], *also], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake[0], 4096)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._stop_asked += 1


def _end_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
