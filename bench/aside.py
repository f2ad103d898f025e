"""A piece of a run in a process of its own, with the settings it needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from bench.machine import PROJECT


def aside(module: str, env: Mapping[str, str], *arguments: str, timeout: float = 900) -> str:
    """Runs a module and answers what it printed; RuntimeError with its last words when it failed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT, env=dict(env), capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{module}: {done.stderr.strip()[-2000:]}")
    return done.stdout
