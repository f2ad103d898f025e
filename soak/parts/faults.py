"""The table "Nothing lost" row by row: queue, mail, provider, database, migration, webhooks and clock at fault."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from soak.faults import database, mail, migration, provider, queue, time, webhooks
from soak.report import Part
from soak.services import postgres, smtp

SECONDS = 1800


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-soak-") as name, smtp(Path(name) / "smtp") as server:
        folder = Path(name)
        with postgres() as cluster:
            fresh = cluster.new_database
            steps: dict[str, Callable[[], None]] = {
                "queue": lambda: queue.run(part, folder / "queue", server, seed),
                "mail": lambda: mail.run(part, folder / "mail", seed),
                "provider": lambda: provider.run(part, folder / "provider", server, seed),
                "webhooks": lambda: webhooks.run(part, folder / "hooks", server, seed, "SQLite"),
                "webhooks on PostgreSQL": lambda: webhooks.run(
                    part, folder / "hooks-pg", server, seed, "PostgreSQL", DATABASE_URL=fresh()
                ),
                "time": lambda: time.run(part, folder / "time", server, seed, "SQLite"),
                "time on PostgreSQL": lambda: time.run(
                    part, folder / "time-pg", server, seed, "PostgreSQL", DATABASE_URL=fresh()
                ),
                "migration": lambda: migration.run(part, folder / "migration", cluster, seed),
                # Last, for it stops the cluster.
                "database": lambda: database.run(part, folder / "database", server, cluster),
            }
            for what, step in steps.items():
                attempt(part, what, step)
    return part


def attempt(part: Part, what: str, step: Callable[[], None]) -> None:
    """One group of rows; that it breaks is a row, and the others still run."""
    try:
        step()
    except (Exception, pytest.fail.Exception) as error:
        traceback.print_exc()
        part.row(f"{what}: runs to its end", "1", [f"{type(error).__name__}: {error}"[:1000]])
