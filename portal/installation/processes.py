"""Forking one part of the installation, and making sure it never outlives the supervisor."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

log = logging.getLogger("loket")

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


@dataclass(frozen=True)
class Part:
    """One long-running process: what it does, when it stops among the others, and the sockets it needs.

    Parts with a lower `stops` stop first; each gets `grace` seconds to finish before it is killed.
    """

    name: str
    run: Callable[[], None]
    stops: int
    grace: float = 10.0
    keeps: tuple[socket.socket, ...] = ()


def fork(part: Part, *, sockets: Iterable[socket.socket] = (), descriptors: Iterable[int] = ()) -> int:
    """Start the part as a child with a process group of its own, so that Ctrl-C reaches the supervisor only.

    `sockets` are all the supervisor holds; the child closes those it does not keep. `descriptors` are the
    supervisor's own, which no child may hold. Returns the child's process id.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    with _signals_held():
        pid = os.fork()
        if pid:
            with contextlib.suppress(OSError):  # the child does the same; whoever comes first
                os.setpgid(pid, pid)
            return pid
        status = 1
        try:
            _become_child(part, parent, sockets, descriptors)
            part.run()
            status = 0
        except SystemExit as leaving:
            status = _status_of(leaving)
        except KeyboardInterrupt:
            status = 130
        except BaseException:
            log.exception("%s failed", part.name)
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)


def _become_child(
    part: Part, parent: int, sockets: Iterable[socket.socket], descriptors: Iterable[int]
) -> None:
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    _control_process(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died between the fork and the request above
        os._exit(1)
    name_process(f"loket {part.name}")
    for kept in sockets:
        if kept not in part.keeps:
            kept.close()
    for descriptor in descriptors:
        os.close(descriptor)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def name_process(name: str) -> None:
    """The name `ps` and `top` show, where the system can change it (15 characters)."""
    _control_process(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]))


def _control_process(option: int, value: object) -> None:
    """Linux's prctl; elsewhere a part learns of the supervisor's end only when it is told."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _status_of(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Signals that arrive during the fork wait, so that no child runs a handler of the supervisor."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def describe_end(status: int) -> str:
    """How a process ended, from its wait status: "ended with status 1", "was ended by SIGKILL"."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"was ended by {signal.Signals(number).name}"
        except ValueError:
            return f"was ended by signal {number}"
    return f"ended with status {os.waitstatus_to_exitcode(status)}"
