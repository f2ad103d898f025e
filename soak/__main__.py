"""Runs the parts of the soak one after another, prints the table and keeps it under bench/results/.

    make soak [ONLY=kills,faults] [SEED=7]

Each part is a module of `soak/parts` and runs in a process of its own, which is ended after its `SECONDS`. The status
is 0 when everything held, 1 when something fell short, 2 for a part that there is not. The seed is that of whatever is
left to chance: kills, faults, the listener's, the simulation, what is fuzzed and which changes are tried. The other
parts do the same each time.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import pkgutil
import platform
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from soak import parts, report
from soak.report import Part

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "bench" / "results"
#: When a part that names no time of its own is ended.
SECONDS = 1800


def main() -> int:
    known = sorted(module.name for module in pkgutil.iter_modules(parts.__path__))
    parser = argparse.ArgumentParser(prog="soak", description=f"Parts: {', '.join(known)}.")
    parser.add_argument("--only", default="", help="parts, with commas between; all when empty")
    parser.add_argument("--seed", default="", help="a whole number; chosen and printed when empty")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    seed = int(given.seed or secrets.randbelow(10**9))
    if given.part:
        return run_here(given.part, seed, given.answer)
    wanted = [name.strip() for name in given.only.split(",") if name.strip()] or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"There is no part {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    return run_all(wanted, seed, whole=wanted == known)


def run_all(wanted: list[str], seed: int, *, whole: bool) -> int:
    """Run these parts and write down what came of them."""
    began = datetime.now(UTC)
    facts = {
        "date": f"{began:%Y-%m-%d %H:%M} UTC",
        "commit": commit(),
        "seed": seed,
        "parts": "all" if whole else ", ".join(wanted),
        "machine": f"{os.cpu_count()} processors, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}",
        "again": f"make soak SEED={seed}" + ("" if whole else f" ONLY={','.join(wanted)}"),
    }
    print(f"soak of {facts['commit']}, seed {seed}", flush=True)
    # Who stops the soak stops its part too, which is in a group of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done: dict[str, Part] = {}
    for name in wanted:
        print(f"{name}:", flush=True)
        done[name] = run_apart(name, seed)
    RESULTS.mkdir(parents=True, exist_ok=True)
    called = "-".join(
        ["soak", f"{began:%Y-%m-%d-%H%M}", facts["commit"].split()[0], *([] if whole else wanted)]
    )
    (RESULTS / f"{called}.json").write_text(report.to_json(facts, done), encoding="utf-8")
    table = report.to_markdown(facts, done)
    (RESULTS / f"{called}.md").write_text(table, encoding="utf-8")
    print(f"\n{table}\nkept in bench/results/{called}.md", flush=True)
    return 0 if done and all(part.held for part in done.values()) else 1


def run_apart(name: str, seed: int) -> Part:
    """One part in a process group of its own, with nothing left of it afterwards."""
    limit = getattr(importlib.import_module(f"soak.parts.{name}"), "SECONDS", SECONDS)
    with tempfile.TemporaryDirectory(prefix="loket-soak-") as folder:
        answer = Path(folder) / "answer.json"
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "soak", "--part", name, "--seed", str(seed), "--answer", str(answer)],
            cwd=PROJECT,
            start_new_session=True,
        )
        ended = ""
        try:
            status = process.wait(limit)
            if status:
                ended = f"the part's process ended with {status}"
        except subprocess.TimeoutExpired:
            ended = f"not done after {limit} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        part = report.from_json(answer.read_text()) if answer.exists() else Part()
        part.seconds = time.monotonic() - began
    if ended or not part.rows:
        part.row("the part runs to its end", "1", [ended or "it has no rows"])
    return part


def run_here(name: str, seed: int, answer: Path) -> int:
    """One part in this process; what it found goes into the answer, also when it breaks in the middle."""
    made = Part()
    try:
        made = importlib.import_module(f"soak.parts.{name}").run(seed)
    except (Exception, pytest.fail.Exception) as error:
        traceback.print_exc()
        made.row("the part runs to its end", "1", [f"{type(error).__name__}: {error}"[:2000]])
    answer.write_text(json.dumps(asdict(made)))
    return 0


def commit() -> str:
    """What is checked out, and whether the files differ from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


if __name__ == "__main__":
    sys.exit(main())
