"""The runner of the soak finds its parts, says what fell short, and never takes silence for success."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soak import __main__ as runner
from soak import parts

PART = "from soak.report import Part\n\nSECONDS = 20\n\n\ndef run(seed):\n    part = Part()\n{body}    return part\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of parts beside the real ones, here and in the processes the runner starts."""
    made = tmp_path / "parts"
    made.mkdir()
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        f"import sys\nsys.path.insert(0, {str(runner.PROJECT)!r})\n"
        f"from soak import parts\nparts.__path__.append({str(made)!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(parts, "__path__", [*parts.__path__, str(made)])
    monkeypatch.setattr(runner, "RESULTS", tmp_path / "results")
    return made


def write(folder: Path, name: str, body: str) -> None:
    (folder / f"{name}.py").write_text(
        PART.format(body="".join(f"    {line}\n" for line in body.splitlines()))
    )


@pytest.mark.parametrize(
    ("name", "body", "status", "short"),
    [
        ("test_holds", 'part.row("it holds", f"seed {seed}")', 0, []),
        ("test_short", 'part.row("it holds", "2", ["one did not"])', 1, ["one did not"]),
        ("test_silent", "", 1, ["it has no rows"]),
        ("test_not_run", 'part.not_run("a full disk", "not root")', 1, ["not run: not root"]),
        ("test_raises", 'raise ValueError("torn")', 1, ["ValueError: torn"]),
        ("test_fails", 'import pytest\npytest.fail("late")', 1, ["Failed: late"]),
        ("test_dies", "import os\nos._exit(9)", 1, ["the part's process ended with 9"]),
    ],
)
def test_what_a_part_finds_decides_the_status_and_is_kept(
    folder: Path, tmp_path: Path, name: str, body: str, status: int, short: list[str]
) -> None:
    write(folder, name, body)
    assert runner.run_all([name], 7, whole=False) == status
    (kept,) = (tmp_path / "results").glob("*.json")
    told = json.loads(kept.read_text())
    assert told["seed"] == 7
    rows = told["parts"][name]["rows"]
    assert [each for row in rows for each in row["short"]] == short
    table = kept.with_suffix(".md").read_text()
    assert all(each in table for each in short)
    if name == "test_holds":
        assert "seed 7" in table


def test_a_part_that_does_not_end_is_ended(folder: Path) -> None:
    write(folder, "test_slow", "import time\ntime.sleep(60)")
    path = folder / "test_slow.py"
    path.write_text(path.read_text().replace("SECONDS = 20", "SECONDS = 1"))
    part = runner.run_apart("test_slow", 1)
    assert [row.short for row in part.rows] == [("not done after 1 s",)]
    assert part.seconds < 20


def test_a_part_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["soak", "--only", "kittens"])
    assert runner.main() == 2
    assert "There is no part kittens." in capsys.readouterr().err
