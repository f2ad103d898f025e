"""How often a page looks again by itself: often at first, then less, and in the end no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for

#: Seconds before each look: what a bank decides at once shows at once; after five minutes it will take longer.
WAITS = (2,) * 15 + (5,) * 12 + (15,) * 14


@dataclass(frozen=True)
class Poll:
    """The address that answers a piece of a page anew, and after how many seconds to ask it."""

    url: str
    seconds: int


def next_look(endpoint: str, **values: Any) -> Poll | None:
    """The next look at ``endpoint``, counted in its address; none when it was looked often enough."""
    counted = request.args.get("look", "")
    look = int(counted) if counted.isdecimal() and counted.isascii() and len(counted) < 4 else 0
    if look >= len(WAITS):
        return None
    return Poll(url_for(endpoint, **values, look=look + 1), WAITS[look])
