"""Money, states and access changed on purpose, one change at a time: the tests must notice.

Who survives is listed with a reason in `bench/mutation-survivors.md`, by its name and what it changes, as the tool only
numbers the changes of a function; one that is not listed, or more than two in a hundred, falls short.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys

from soak import tools
from soak.mutation import GROUPS, PROJECT, Group, run_mutmut
from soak.report import Part

SECONDS = 7200
SURVIVORS = PROJECT / "bench" / "mutation-survivors.md"
#: In a hundred.
BAR = 2.0
_LISTED = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def run(seed: int) -> Part:
    part = Part()
    made, survivors = 0, dict[str, str]()
    for group in GROUPS:
        try:
            mutants = run_mutmut(group, seed)
        except tools.Missing as missing:
            part.not_run(f"{group.name}: changes to functions", str(missing))
            continue
        tables, kept = _tables(group)
        part.row(
            f"{group.name}: changes that the tests notice",
            f"{mutants.made} of {mutants.known} to functions, {len(mutants.survivors)} not noticed;"
            f" {tables} to tables, {len(kept)} not noticed",
        )
        made += mutants.made + tables
        survivors |= {f"{name} {_mark(change)}": change for name, change in mutants.survivors.items()}
        survivors |= dict.fromkeys(kept, "")
    listed = set(_LISTED.findall(SURVIVORS.read_text(encoding="utf-8"))) if SURVIVORS.exists() else set()
    unknown = [f"{name}: {change}" for name, change in survivors.items() if name not in listed]
    part.row(
        "every survivor is listed with a reason", f"{len(survivors)} survivors, {len(listed)} listed", unknown
    )
    share = 100 * len(survivors) / made if made else 100.0
    part.row(
        f"survivors below {BAR:g} %",
        f"{len(survivors)} of {made}: {share:.1f} %",
        [f"{share:.1f} %"] if share >= BAR else [],
    )
    return part


def _mark(change: str) -> str:
    """Six letters of what a change to a function does."""
    lines = [line for line in change.splitlines() if line.startswith(("-", "+"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:6]


def _tables(group: Group) -> tuple[int, list[str]]:
    """In a process that has not imported the portal, from which each change is forked."""
    script = (
        "import sys; from soak.mutation import GROUPS; from soak.tables import try_tables;"
        f"group = next(g for g in GROUPS if g.name == {group.name!r});"
        f"made, kept = try_tables(group, {os.cpu_count() or 2}); print(made, *kept, sep=chr(10))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    made, *kept = done.stdout.splitlines()
    return int(made), kept
