"""Backup, wipe, restore: on both databases and from one to the other, killed half-way, while others write.

The tests of `make test` that do so, under the soak's own heading, each row as one of its files.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from soak.report import Part
from soak.suite import run_tests

SECONDS = 1200
FILES = {
    "backup, wipe, restore: everything comes back, row by row and file by file": "tests/commands/test_backup.py",
    "killed while it is made or restored: nothing half, and the next one works": "tests/durable/test_backup_kills.py",
    "an archive that is cut, changed or another's is refused": "tests/core/backup",
}


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-backup-") as folder:
        for what, where in FILES.items():
            place = Path(folder) / str(len(part.rows))
            place.mkdir()
            result = run_tests([where], place, LOKET_REQUIRE_SERVICES="1")
            short = [*result.failed, *([f"{result.skipped} skipped"] if result.skipped else [])]
            part.row(what, result.counts, short)
    return part
