"""Money moved about at random for longer than in `make test`: paid, charged back, credited, spent and sent back.

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
MACHINES = (
    "tests/domain/invoices/test_booking_machine.py",
    "tests/domain/payments/test_refunding_machine.py",
)


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-simulation-") as folder:
        for database in ("sqlite", "postgres"):
            place = Path(folder) / database
            place.mkdir()
            result = run_tests(
                [*MACHINES, f"--hypothesis-seed={seed}"],
                place,
                LOKET_BOOKS=f"{SEQUENCES},{STEPS}",
                LOKET_TEST_DATABASE=database,
                LOKET_REQUIRE_SERVICES="1",
            )
            name = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[database]
            part.row(
                f"payments, chargebacks, notes, credit, refunds in any order ({name}): the books stay right",
                f"{SEQUENCES:,} sequences of up to {STEPS} steps",
                result.failed or ([] if result.passed else ["no test ran"]),
            )
    return part
