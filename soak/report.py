"""What the soak found: rows of a table, in the words printed and the file kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One thing that had to hold: how often it was tried, and where it fell short (nothing: it held)."""

    what: str
    counts: str
    short: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        return not self.short


@dataclass
class Part:
    """The rows of one part, printed as they come."""

    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    def row(self, what: str, counts: str, short: Iterable[object] = ()) -> bool:
        """Add a row; what is in `short` did not hold. Whether it held."""
        made = Row(what, counts, tuple(str(each) for each in short))
        self.rows.append(made)
        print(f"  {'ok   ' if made.held else 'SHORT'} {what}: {counts}", flush=True)
        for each in made.short:
            print(f"        {each}", flush=True)
        return made.held

    def not_run(self, what: str, why: str) -> None:
        """What this machine could not try counts as short: nobody knows whether it holds."""
        self.row(what, "not run", [f"not run: {why}"])

    @property
    def held(self) -> bool:
        return bool(self.rows) and all(row.held for row in self.rows)


def to_json(facts: dict[str, Any], parts: dict[str, Part]) -> str:
    """The whole result for programs."""
    told = {name: {"held": part.held, **asdict(part)} for name, part in parts.items()}
    return json.dumps({**facts, "parts": told}, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Part:
    """One part as its process wrote it down."""
    given = json.loads(text)
    rows = [Row(row["what"], row["counts"], tuple(row["short"])) for row in given["rows"]]
    return Part(rows, given["seconds"])


def to_markdown(facts: dict[str, Any], parts: dict[str, Part]) -> str:
    """The table for people, and below it everything that fell short."""
    lines = [f"# Soak of {facts['date']}", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items() if name != "date"]
    lines += ["", "| part | what | counts | held |", "| --- | --- | --- | --- |"]
    for name, part in parts.items():
        lines += [
            f"| {name} | {_cell(row.what)} | {_cell(row.counts)} | {'yes' if row.held else '**no**'} |"
            for row in part.rows
        ]
    lines += ["", "| part | seconds | rows | short |", "| --- | --- | --- | --- |"]
    for name, part in parts.items():
        missed = sum(not row.held for row in part.rows)
        lines.append(f"| {name} | {part.seconds:.0f} | {len(part.rows)} | {missed} |")
    lines += ["", "## What fell short", ""]
    found = [
        f"- **{name}, {row.what}**: {_cell(each)}"
        for name, part in parts.items()
        for row in part.rows
        for each in row.short
    ]
    return "\n".join([*lines, *(found or ["Nothing."]), ""])


def _cell(text: str) -> str:
    """One line without the sign that ends a cell."""
    return " ".join(text.split()).replace("|", "\\|")[:1000]
