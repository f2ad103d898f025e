"""Which mails a server was handed twice, and whether a kill is reason enough for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

#: A server that gets no processor writes its line after the sender has died who gave it the mail. Seconds.
LOG_LAG = 0.5
#: A sender that has its 250 writes that down next; a busy machine and a busy database keep it this long. Seconds.
UNWRITTEN = 5.0


@dataclass(frozen=True)
class Repeat:
    """A mail that was handed over again, and when the server had taken it before."""

    message_id: str
    taken: float


def takings(log: Iterable[Mapping[str, Any]]) -> list[Repeat]:
    """Every mail that the server answered with its 250, by when it had the whole of it, in order."""
    whole = {line["file"]: line for line in log if line["event"] == "received"}
    answered = [line["file"] for line in log if line["event"] == "answered" and line["status"] == "250"]
    found = [Repeat(whole[file]["message_id"], whole[file]["at"]) for file in answered]
    return sorted(found, key=lambda each: each.taken)


def repeats(log: Iterable[Mapping[str, Any]]) -> list[Repeat]:
    """Every time a mail was taken although it would be once more, by the server's own log."""
    by_id: dict[str, list[Repeat]] = {}
    for each in takings(log):
        by_id.setdefault(each.message_id, []).append(each)
    found = [first for taken in by_id.values() for first, _again in pairwise(taken)]
    return sorted(found, key=lambda each: each.taken)


def unexcused(log: Iterable[Mapping[str, Any]], kills: Iterable[float]) -> list[Repeat]:
    """The repeats that no kill of the one sender explains.

    A sender hands over one mail at a time and writes down its 250 before it begins the next. So a kill can have lost
    one answer at most, a short while ago, and only that of the mail beside which no other lies.
    """
    lines = list(log)
    times = [each.taken for each in takings(lines)]
    free, left = sorted(kills), []
    for repeat in repeats(lines):
        # Both are in order of time, and so are the mails that a kill may excuse: the earliest that fits is best.
        kill = next((kill for kill in free if _excuses(kill, repeat.taken, times)), None)
        if kill is None:
            left.append(repeat)
        else:
            free.remove(kill)
    return left


def _excuses(kill: float, taken: float, times: list[float]) -> bool:
    near = taken - LOG_LAG <= kill <= taken + UNWRITTEN
    return near and not any(min(kill, taken) < other < max(kill, taken) for other in times)
