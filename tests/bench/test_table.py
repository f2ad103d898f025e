"""The bench's own honesty: verdicts follow from medians, and what was not measured is not passed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import pdfs, table
from bench.rounds import Took, interleave, ratios
from bench.run import Run
from bench.table import Bar, Row, Verdict, measured, not_measured, not_there

LEAST, MOST = Bar("at least 0.5 ×", 0.5, least=True), Bar("at most 2 ×", 2.0)


@pytest.mark.parametrize(
    ("bar", "values", "verdict"),
    [
        (LEAST, [0.1, 0.5, 0.9], Verdict.MET),
        (LEAST, [0.1, 0.4999, 0.9], Verdict.MISSED),
        (MOST, [1.0, 2.0, 9.0], Verdict.MET),
        (MOST, [1.0, 2.001, 2.1], Verdict.MISSED),
        (None, [7.0], Verdict.NO_BAR),
    ],
)
def test_the_median_decides_unrounded(bar: Bar | None, values: list[float], verdict: Verdict) -> None:
    row = measured("Pages", "home", bar, values)
    assert row.spread is not None
    assert (row.verdict, row.spread.low, row.spread.high) == (verdict, min(values), max(values))


def test_rounds_take_turns_and_the_first_are_forgotten() -> None:
    order: list[str] = []

    def act(name: str) -> Took:
        order.append(name)
        return Took(len(order), 2 * len(order))

    found = interleave({"a": lambda: act("a"), "b": lambda: act("b")}, 2, warm=1)
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert [each.wall for each in found["a"]] == [3, 6]
    assert ratios(found["a"], found["b"], cpu=True) == [3 / 4, 6 / 5]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    monkeypatch.setattr(command.machine, "PROJECT", tmp_path)
    monkeypatch.setattr(command.machine, "KEPT", tmp_path)
    return tmp_path


def parts(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> None:
    monkeypatch.setattr(command, "PARTS", {"some": (lambda run: list(rows),)})


def test_a_missed_bar_is_written_down_and_is_no_failure(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts(monkeypatch, measured("Mail", "mails", LEAST, [0.3]), not_there("Jobs", "billing", "–", "later"))
    assert command.main(["--only", "some"]) == 0
    kept = json.loads((results / "bench-some.json").read_text())
    assert [row["verdict"] for row in kept["rows"]] == ["missed", "not there yet"]
    assert "| mails | at least 0.5 × | 0.30 × |" in (results / "bench-some.md").read_text()
    assert {"commit", "cores", "processor", "Python", "date"} <= set(kept["machine"])


def test_what_was_not_measured_fails_the_command(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts(monkeypatch, not_measured("Lighthouse", "log-in", "97", "no npm"))
    assert command.main([]) == 1


def test_a_part_that_breaks_leaves_a_row_and_fails_the_command(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(run: Run) -> list[Row]:
        raise RuntimeError("the list shows 3 rows and not 25")

    monkeypatch.setattr(command, "PARTS", {"pages": (broken,), "sql": (lambda run: [],)})
    assert command.main([]) == 1
    assert "the list shows 3 rows and not 25" in (results / "bench.md").read_text()


def test_a_reference_that_prints_less_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "Invoice 2026-0001 Coffee beans, a bag of each €60.50 Total €121.00 " * 3
    prints = {
        b"ours": whole,
        b"without a word": whole.replace("Coffee", ""),
        b"with one more": whole + "Discount",
        b"another amount": whole.replace("121.00", "121.50"),
        b"one of three": whole[: len(whole) // 3],
        b"three times more": whole * 3,
        b"read as one": whole.replace(" ", ""),
    }
    monkeypatch.setattr(pdfs, "_printed", lambda data: (prints[data], 1))
    for hand in (
        b"without a word",
        b"with one more",
        b"another amount",
        b"one of three",
        b"three times more",
    ):
        with pytest.raises(RuntimeError, match="differs in"):
            pdfs._same_content(b"ours", hand)
    assert pdfs._same_content(b"ours", b"ours") == pdfs._same_content(b"ours", b"read as one") == 1
