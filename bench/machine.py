"""Where and of what a run was: processor, Python, commit, date, and what a forced write costs."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
#: What a run builds and keeps: databases, node packages. Git ignores it.
KEPT = PROJECT / "build" / "bench"
MEMORY = Path("/dev/shm")


def describe(disk: Path) -> dict[str, Any]:
    """For the head of the results."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "load at the start": _load(),
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "fsync of 4 KB on disk": f"{sync_seconds(disk) * 1000:.2f} ms",
        "fsync of 4 KB in memory": f"{sync_seconds(MEMORY) * 1000:.3f} ms" if has_memory() else "no /dev/shm",
    }


def has_memory() -> bool:
    """Is there a folder in memory to keep a database in?"""
    return os.access(MEMORY, os.W_OK)


def sync_seconds(folder: Path, times: int = 40) -> float:
    """What it takes to append 4 KB to a file and force them to where the folder lies; the median."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            found.append(time.perf_counter() - begun)
    return median(found)


def _load() -> str:
    """With a warning where others are at work: what is judged by the clock then says little."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = f", more than {cores} cores can carry: measure again when it is quiet" if load > cores else ""
    return f"{load:.1f}{busy}"


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=PROJECT, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + (" with changes" if changed else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
