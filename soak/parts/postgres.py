"""The whole test suite on PostgreSQL; what needs no database, or a browser only, runs in `make test`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from soak.report import Part
from soak.suite import run_tests

SECONDS = 3600


def run(seed: int) -> Part:
    part = Part()
    processes = os.environ.get("TEST_PROCESSES", "2")
    with tempfile.TemporaryDirectory(prefix="loket-suite-") as folder:
        result = run_tests(
            ["tests", "-n", processes, "--dist", "loadfile"],
            Path(folder),
            LOKET_TEST_DATABASE="postgres",
            LOKET_REQUIRE_SERVICES="1",
        )
    part.row("the whole suite on PostgreSQL", result.counts, result.failed)
    return part
