"""``make bench``: every row of "Speed" in the table of bars that has something to measure, beside its reference.

    python -m bench [--only pages,pdf] [--quick] [--no-postgres] [--name NAME]

Ends with 1 when a row could not be measured, with 0 also when a bar was missed: the table says so, and the profile why.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable

from bench import installation, jobs, lighthouse, machine, mails, pages, pdfs, statements, table, weight
from bench.run import Run
from bench.table import Row, Verdict, not_measured

Part = Callable[[Run], list[Row]]
PARTS: dict[str, tuple[Part, ...]] = {
    "pages": (pages.speed,),
    "sql": (statements.count,),
    "growth": (pages.growth, pages.offices),
    "pdf": (pdfs.warm_and_first,),
    "mail": (mails.through_the_outbox,),
    "jobs": (jobs.overhead, jobs.billing),
    "weight": (weight.weigh,),
    "lighthouse": (lighthouse.audit,),
    "idle": (installation.idle,),
}


def main(arguments: list[str]) -> int:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure Loket against its bars.")
    parser.add_argument("--only", default="", help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer rounds, and no shop of a million invoices unless there is one already",
    )
    parser.add_argument("--no-postgres", action="store_true", help="leave PostgreSQL out")
    parser.add_argument(
        "--name", default="", help="the name of the results; by default bench, or bench-quick and the parts"
    )
    given = parser.parse_args(arguments)
    chosen = [name.strip() for name in given.only.split(",") if name.strip()] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    run = Run(quick=given.quick, skip_postgres=given.no_postgres)
    about = machine.describe(machine.KEPT) | {
        "mode": "quick" if run.quick else "full",
        "parts": ", ".join(chosen),
    }
    rows: list[Row] = []
    for name in chosen:
        print(f"{name} …", flush=True)
        begun = time.monotonic()
        for part in PARTS[name]:
            rows += _measure(part, name, run)
        print(f"  {time.monotonic() - begun:.0f} s", flush=True)
    usual = "-".join(["bench", *(["quick"] if run.quick else []), *(chosen if given.only else [])])
    path = table.save(given.name or usual, rows, run.profiles, about)
    print(
        f"\n{table.plain(rows)}\n\n{_count(rows)}; notes and profiles in {path.relative_to(machine.PROJECT)}"
    )
    return 1 if any(row.verdict is Verdict.NOT_MEASURED for row in rows) else 0


def _measure(part: Part, name: str, run: Run) -> list[Row]:
    """A part that fails leaves a row that says so, and the others go on."""
    try:
        return part(run)
    except Exception as error:
        traceback.print_exc()
        return [
            not_measured(name, part.__name__, "–", f"{type(error).__name__}: {str(error).splitlines()[-1:]}")
        ]


def _count(rows: list[Row]) -> str:
    counts = {verdict: sum(row.verdict is verdict for row in rows) for verdict in Verdict}
    return ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
