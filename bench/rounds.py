"""Rounds that take turns: whatever disturbs the machine disturbs the portal and its reference alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Took(NamedTuple):
    """What an action took: time on the clock, and time on a processor, which others at work do not lengthen."""

    wall: float
    cpu: float


Action = Callable[[], Took | None]
Times = dict[str, list[Took]]


#: No set of rounds goes on for longer than this once it has the fewest that say something.
ENOUGH_SECONDS, FEWEST = 60.0, 5


def interleave(actions: Mapping[str, Action], rounds: int, *, warm: int = 1) -> Times:
    """What each action took in each round; the order moves on by one from round to round.

    An action may answer with what it took itself, when only a part of it counts or other processes do its work.
    ``warm`` rounds go before and are forgotten.
    """
    names = list(actions)
    found: Times = {name: [] for name in names}
    ends = time.monotonic() + ENOUGH_SECONDS
    for number in range(-warm, rounds):
        if number >= FEWEST and time.monotonic() > ends:
            break
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begun, worked = time.perf_counter(), time.process_time()
            answer = actions[name]()
            took = answer or Took(time.perf_counter() - begun, time.process_time() - worked)
            if number >= 0:
                found[name].append(took)
    return found


def ratios(over: list[Took], under: list[Took], *, cpu: bool = False) -> list[float]:
    """The ratio of two actions in each round, by the clock or by the processor."""
    return [
        one.cpu / other.cpu if cpu else one.wall / other.wall for one, other in zip(over, under, strict=True)
    ]


def middle(took: list[Took], *, cpu: bool = False) -> float:
    """The median of what an action took."""
    return sorted(each.cpu if cpu else each.wall for each in took)[len(took) // 2]


def family(pids: Iterable[int]) -> set[int]:
    """Processes with their children, and theirs."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, known = set(pids), -1
    while len(found) != known:
        known = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


def on_processor(pid: int) -> float:
    """How long a process has been on a processor so far; Linux counts it by nanoseconds."""
    seconds = 0.0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            seconds += int(path.read_text().split()[0]) / 1e9
        except OSError:
            continue
    return seconds
