"""The browser of this machine."""

from __future__ import annotations

from portal.installation.environment import find_program

#: A browser that only does what is asked of it.
QUIET = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
]


def find() -> str | None:
    """Where it is, or None."""
    return next(filter(None, map(find_program, ("chromium", "chromium-browser", "google-chrome"))), None)
