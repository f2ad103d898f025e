"""What runs the rows of the outbox: handlers registered by job, and the steps they answer with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

#: The lanes there are. Each is drained by one worker process, so a long ZIP never holds up a mail.
LANES = ("mail", "billing", "documents")
#: How often a row is tried before it is left for a person to look at; a handler may choose otherwise.
ATTEMPTS = 8


@dataclass(frozen=True)
class Outside:
    """What a handler returns when its next step must not run inside a transaction: network, PDFs, ZIP files.

    The runner commits what the handler changed, calls ``work()`` with no transaction open, and passes its
    result to ``then(result, now=…)``, which runs in a transaction again and may itself answer with any
    ``Step``. ``then`` is repeated when the database was busy, so it must do nothing but write.
    """

    work: Callable[[], Any]
    then: Callable[..., Step]


@dataclass(frozen=True)
class Retry:
    """Keep what was changed, and try the row again after a while; ``reason`` holds no personal data."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """Keep what was changed, and give the row up; ``reason`` holds no personal data."""

    reason: str


#: How a step of a handler ends: ``None`` is done.
Step = Outside | Retry | Failed | None


class NotReady(Exception):
    """Raised by a handler that must wait for another; for a day that does not use up its attempts.

    The first pause is of ``seconds``, then each as long as all before. Who brings about what is waited for should
    ``outbox.wake`` the row.
    """

    def __init__(self, reason: str, seconds: float = 5.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


@dataclass(frozen=True)
class Handler:
    """What runs the rows of one job."""

    job: str
    lane: str
    run: Callable[..., Step]
    attempts: int
    gave_up: Callable[..., None] | None
    forced: bool
    brief: bool
    alone: bool


_F = TypeVar("_F", bound=Callable[..., Any])
_C = TypeVar("_C", bound=Callable[[], None])

_handlers: dict[str, Handler] = {}
_after_drain: list[Callable[[], None]] = []


def handler(
    job: str,
    *,
    lane: str,
    attempts: int = ATTEMPTS,
    gave_up: Callable[..., None] | None = None,
    forced: bool = True,
    brief: bool = False,
    alone: bool = False,
) -> Callable[[_F], _F]:
    """Registers ``f(payload, *, now) -> Step`` for a job.

    It runs in the row's shop scope; only the runner commits and rolls back, also for several rows at once. It may be
    called again after it was done, or when another row of its transaction failed, so it must be repeatable.
    ``gave_up(payload, *, reason, now)`` is called in the transaction that gives a row up. With ``forced=False`` its
    commits do not wait for the disk: after a power cut the rows of the last second may run again.
    ``brief`` says that its work outside takes a moment, so that one runner may hold several such rows at once.
    ``alone`` says that its rows share no transaction, because it locks what others lock in an order, such as documents:
    the locks of two rows, one after the other, would keep to none.
    """
    if lane not in LANES:
        raise ValueError(f"there is no lane {lane!r}: take one of {', '.join(LANES)}")

    def register(run: _F) -> _F:
        known = _handlers.get(job)
        if known is not None and (known.run.__module__, known.run.__name__) != (run.__module__, run.__name__):
            raise ValueError(f"the job {job!r} has a handler already: {known.run.__module__}")
        _handlers[job] = Handler(job, lane, run, attempts, gave_up, forced, brief, alone)
        return run

    return register


def handler_of(job: str) -> Handler | None:
    """The handler of a job, or None when this installation has none (a section that was removed)."""
    return _handlers.get(job)


def after_drain(close: _C) -> _C:
    """Registers what is to be let go at the end of every drain, such as a connection to the mail server."""
    _after_drain.append(close)
    return close


def close_after_drain() -> None:
    """Lets go of what handlers held on to during a drain."""
    for close in _after_drain:
        close()
