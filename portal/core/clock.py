"""The one clock: aware UTC instants, and calendar days in a shop's own time zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

# Module state and not a context variable: a thread started inside `frozen` must see the same frozen time.
_frozen_at: datetime | None = None


def now() -> datetime:
    """The present instant in UTC; only the edges (views, job runner, CLI) call this and pass it on."""
    return _frozen_at if _frozen_at is not None else datetime.now(UTC)


def today(tz_name: str, at: datetime | None = None) -> date:
    """The calendar day in the time zone `tz_name`, at the aware instant `at` or else at this moment.

    Raises ValueError when `at` has no time zone: a naive time would silently be read as the machine's.
    """
    return _aware(at if at is not None else now()).astimezone(ZoneInfo(tz_name)).date()


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Stand still at the aware instant `at`, in every thread, until the block ends; blocks may be nested."""
    global _frozen_at
    before, _frozen_at = _frozen_at, _aware(at).astimezone(UTC)
    try:
        yield
    finally:
        _frozen_at = before


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("the clock needs a time with a time zone")
    return at
