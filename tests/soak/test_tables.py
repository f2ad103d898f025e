"""The changes to tables: each is one change, and none is a mistake in the language."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from soak import tables
from soak.mutation import GROUPS

SAMPLE = """
LIMIT = 10
LIFE = Lifecycle("x", {
    (S.A, Move.GO): S.B,
    **{(state, Move.END): S.C for state in (S.A, S.B)},
})
KEPT = (*ENDED, S.C)
ONE = frozenset({S.A})

def inside():
    return {1: 2}
"""


def test_every_entry_goes_once_and_every_word_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.py").write_text(SAMPLE)
    monkeypatch.setattr(tables, "PROJECT", tmp_path)
    changes = list(tables.changes_of("x.py"))
    assert sorted(change.what for change in changes) == sorted(
        [
            "LIMIT 10 becomes 11",
            "LIFE without (S.A, Move.GO): S.B",
            "LIFE B becomes A",
            "LIFE without {(state, Move.END): S.C for state in (S.A, S.B)}",
            "LIFE C becomes B",
            "LIFE without S.A",
            "LIFE without S.B",
            "KEPT without *ENDED",
            "KEPT without S.C",
            "ONE without S.A",
        ]
    )
    for change in changes:
        assert change.source != SAMPLE
        ast.parse(change.source)


def test_no_table_is_left_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.py").write_text("MORE = (S.A, *ENDED)\n")
    monkeypatch.setattr(tables, "PROJECT", tmp_path)
    changes = list(tables.changes_of("x.py"))
    assert [change.what for change in changes] == ["MORE without *ENDED"]
    ast.parse(changes[0].source)


def test_every_module_and_every_test_is_there() -> None:
    for group in GROUPS:
        for path in (*group.modules, *group.tests):
            file, _, test = path.partition("::")
            assert (tables.PROJECT / file).is_file(), path
            assert not test or f"def {test}(" in (tables.PROJECT / file).read_text(), path
        for module in group.modules:
            for change in tables.changes_of(module):
                ast.parse(change.source)
