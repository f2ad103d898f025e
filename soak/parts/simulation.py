"""Money moved about at random for longer than in `make test`: paid, charged back, credited and spent, in any order.

Whatever happened, no cent is lost, made or counted twice. The chances come from the soak's seed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from soak.report import Part
from soak.suite import run_tests

SECONDS = 1800
#: Sequences of up to so many steps; eighteen times what `make test` does.
SEQUENCES, STEPS = 300, 30
MACHINE = "tests/domain/invoices/test_booking_machine.py"


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-simulation-") as folder:
        for database in ("sqlite", "postgres"):
            place = Path(folder) / database
            place.mkdir()
            result = run_tests(
                [MACHINE, f"--hypothesis-seed={seed}"],
                place,
                LOKET_BOOKS=f"{SEQUENCES},{STEPS}",
                LOKET_TEST_DATABASE=database,
                LOKET_REQUIRE_SERVICES="1",
            )
            name = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[database]
            part.row(
                f"payments, chargebacks, notes and credit in any order ({name}): the books balance after every step",
                f"{SEQUENCES:,} sequences of up to {STEPS} steps",
                result.failed or ([] if result.passed else ["no test ran"]),
            )
    return part
