"""Runs some of the tests in a process of its own and reads what became of each."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Result:
    """How many tests ran, which of them failed, and what the tests printed."""

    passed: int
    skipped: int
    failed: list[str]
    printed: list[str]

    @property
    def counts(self) -> str:
        return f"{self.passed + len(self.failed)} tests, {self.skipped} skipped"


def run_tests(arguments: list[str], folder: Path, **environment: str) -> Result:
    """`pytest` with these arguments; a run that ends early is a failure of its own."""
    report = folder / "report.xml"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *arguments,
            "-q",
            f"--junitxml={report}",
            "-o",
            "junit_logging=system-out",
        ],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1) or not report.exists():
        return Result(
            0, 0, [f"pytest ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}"], []
        )
    passed = skipped = 0
    failed, printed = [], []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        broken = [each for kind in ("failure", "error") for each in case.iter(kind)]
        printed += [text for out in case.iter("system-out") for text in (out.text or "").splitlines() if text]
        if broken:
            failed.append(f"{name}: {(broken[0].get('message') or '')[:300]}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Result(passed, skipped, failed, printed)
