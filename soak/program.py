"""Starts a real installation like `python app.py`, with the few things changed that a soak has no time for.

SOAK_RESTART    seconds before a dead part is started again (the installation's own pauses grow to 30)
SOAK_BANK_URL   where the test bank is reached: something that lies, in front of it
SOAK_LATER      seconds that "paid later" takes at the bank
SOAK_AHEAD      seconds that the clock of every process runs ahead
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask

from config import Config
from portal import create_app
from portal.core import clock
from portal.installation import start
from portal.installation.hooks import portal_hooks
from portal.installation.supervisor import Supervisor


def create(config: Config) -> Flask:
    """The application, with the bank where the soak wants it."""
    settings: dict[str, Any] = {"SANDBOX_DELAY_SECONDS": float(os.environ.get("SOAK_LATER", "60"))}
    if os.environ.get("SOAK_BANK_URL"):
        settings["SANDBOX_URL"] = os.environ["SOAK_BANK_URL"]
    return create_app(config, **settings)


def main() -> int:
    ahead = timedelta(seconds=float(os.environ.get("SOAK_AHEAD", "0")))
    if ahead:
        clock.now = lambda: datetime.now(UTC) + ahead
    pause = os.environ.get("SOAK_RESTART")
    if pause:
        start.Supervisor = partial(Supervisor, backoff=(float(pause),))  # type: ignore[attr-defined]
    config = Config.from_env({**os.environ, "LOKET_MODE": "serve"})
    return start.run(config, replace(portal_hooks(), create_app=create))


if __name__ == "__main__":
    sys.exit(main())
