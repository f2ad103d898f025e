"""When a failed attempt is repeated, and what is written down about it."""

from __future__ import annotations

import random
import traceback
from datetime import timedelta
from pathlib import Path

from portal.core.errors import ProviderError
from portal.core.outbox_handlers import NotReady

#: Seconds to wait before the second, third, … attempt; the last one repeats.
BACKOFF = (30, 120, 600, 3600, 14400)


def backoff(attempt: int) -> timedelta:
    """The wait after a failed attempt, with jitter: what failed together does not come back together."""
    seconds = BACKOFF[min(attempt, len(BACKOFF)) - 1]
    return timedelta(seconds=seconds * random.uniform(0.9, 1.1))  # noqa: S311


def reason_of(error: Exception) -> str:
    """Why a handler failed, for a column: kind and place, not the words, which may hold personal data."""
    if isinstance(error, ProviderError | NotReady):
        return str(error)[:300]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{Path('portal')}/" in frame.filename] or frames
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{place}"[:300]
