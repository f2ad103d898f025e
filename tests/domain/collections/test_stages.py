"""The stages of a case: their words and colours (P-COL)."""

from __future__ import annotations

import pytest

from portal.domain.collections.stages import STAGES, path_to, stage_of


def test_the_colours() -> None:
    assert [(stage.number, stage.tone) for stage in STAGES] == [
        (0, "grey"),
        (1, "blue"),
        (2, "yellow"),
        (3, "orange"),
        (4, "red"),
    ]


@pytest.mark.parametrize("number", [-1, 0, 4, 5])
def test_every_number_has_a_stage_and_a_path(number: int) -> None:
    assert stage_of(number) is STAGES[0 if number <= 0 else 4]
    assert stage_of(number) in path_to(number)


def test_the_first_is_shown_only_where_a_case_begins_there() -> None:
    assert path_to(0) == STAGES
    assert path_to(1) == path_to(4) == STAGES[1:]
