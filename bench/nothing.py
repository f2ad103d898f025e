"""Work that does nothing, as a row of the outbox and as a job of RQ."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portal.core import outbox

ROW = "bench.nothing"
LANE = "documents"


@outbox.handler(ROW, lane=LANE)
def row(payload: dict[str, Any], *, now: datetime) -> None:
    """The work of a row."""


def job() -> None:
    """The work of a job."""
