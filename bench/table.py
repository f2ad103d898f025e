"""What a run found: rows of a table with a bar, a spread and a verdict, printed and saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


class Verdict(StrEnum):
    """How a row stands to its bar."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"
    NOT_THERE = "not there yet"
    NO_BAR = "for comparison"


@dataclass(frozen=True)
class Spread:
    """A figure over the rounds of a run."""

    middle: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The median with the lowest and the highest."""
        return cls(median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Bar:
    """A limit, in words and as a number; ``least`` for figures that may not be below it."""

    words: str
    limit: float
    least: bool = False

    def verdict(self, found: float) -> Verdict:
        """The median against the limit, unrounded."""
        met = found >= self.limit if self.least else found <= self.limit
        return Verdict.MET if met else Verdict.MISSED


@dataclass
class Row:
    """One line of the table. ``detail`` holds what it was worked out from, for the JSON alone."""

    part: str
    what: str
    bar: str
    verdict: Verdict
    spread: Spread | None = None
    unit: str = ""
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def measured(
    part: str,
    what: str,
    bar: Bar | None,
    values: Sequence[float],
    *,
    unit: str = "×",
    note: str = "",
    **detail: Any,
) -> Row:
    """A row with figures; without a bar it stands there for comparison."""
    spread = Spread.of(values)
    verdict = bar.verdict(spread.middle) if bar else Verdict.NO_BAR
    return Row(part, what, bar.words if bar else "–", verdict, spread, unit, note, detail)


def not_there(part: str, what: str, bar: str, why: str) -> Row:
    """A row of quality.md about something the portal does not do yet."""
    return Row(part, what, bar, Verdict.NOT_THERE, note=why)


def not_measured(part: str, what: str, bar: str, why: str) -> Row:
    """A row that should have been measured, and why it was not; the run then ends with a status of its own."""
    return Row(part, what, bar, Verdict.NOT_MEASURED, note=why)


def figure(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cells(row: Row) -> list[str]:
    found = row.spread
    middle = f"{figure(found.middle)} {row.unit}".strip() if found else "–"
    span = f"{figure(found.low)} – {figure(found.high)}" if found and found.rounds > 1 else "–"
    return [row.what, row.bar, middle, span, str(found.rounds) if found else "–", row.verdict.value, row.note]


HEAD = ["what", "bar", "median", "lowest – highest", "rounds", "verdict", "note"]


def markdown(rows: Sequence[Row]) -> str:
    """The table of all rows, one heading for each part."""
    lines: list[str] = []
    for part in dict.fromkeys(row.part for row in rows):
        lines += [f"### {part}", "", f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
        lines += [f"| {' | '.join(_cells(row))} |" for row in rows if row.part == part]
        lines.append("")
    return "\n".join(lines)


def plain(rows: Sequence[Row]) -> str:
    """The same for a terminal."""
    cells = [HEAD[:6], *(_cells(row)[:6] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


def save(name: str, rows: Sequence[Row], profiles: dict[str, str], machine: dict[str, Any]) -> Path:
    """Writes NAME.md and NAME.json under bench/results; answers the first."""
    RESULTS.mkdir(exist_ok=True)
    content = {"machine": machine, "rows": [asdict(row) for row in rows], "profiles": profiles}
    RESULTS.joinpath(f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    about = "\n".join(f"- {key}: {value}" for key, value in machine.items())
    parts = [f"# Speed, {machine['date']}", about, "## The table", markdown(rows).strip()]
    if profiles:
        parts.append("## Where the time goes")
        parts += [f"### {title}\n\n{text}" for title, text in profiles.items()]
    path = RESULTS / f"{name}.md"
    path.write_text("\n\n".join(parts) + "\n")
    return path
