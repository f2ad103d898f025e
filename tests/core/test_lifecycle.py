"""Lifecycles: every pair of state and move has exactly one of three answers."""

from enum import StrEnum
from itertools import product
from typing import Any

import pytest

from portal.core.errors import Conflict, DomainError, IllegalMove
from portal.core.lifecycle import Lifecycle


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    LOCKED = "locked"
    BROKEN = "broken"


class Move(StrEnum):
    OPEN = "open_it"
    SHUT = "shut_it"
    LOCK = "lock_it"
    KICK = "kick_it"
    PAINT = "paint_it"


TABLE = {
    (Door.OPEN, Move.SHUT): Door.SHUT,
    (Door.SHUT, Move.OPEN): Door.OPEN,
    (Door.SHUT, Move.LOCK): Door.LOCKED,
    (Door.LOCKED, Move.OPEN): Door.SHUT,
    (Door.LOCKED, Move.KICK): Door.BROKEN,
    (Door.SHUT, Move.PAINT): Door.SHUT,
}

# OPEN leads to two states, so both count as already there wherever the table says nothing else.
ALREADY_THERE = {
    (Door.OPEN, Move.OPEN),
    (Door.SHUT, Move.SHUT),
    (Door.LOCKED, Move.LOCK),
    (Door.BROKEN, Move.KICK),
}

doors = Lifecycle("door", TABLE)


@pytest.mark.parametrize(("state", "move"), list(product(Door, Move)))
def test_every_pair_has_one_answer(state: Door, move: Move) -> None:
    if (state, move) in TABLE:
        assert doors.next(state, move) is TABLE[state, move]
    elif (state, move) in ALREADY_THERE:
        assert doors.next(state, move) is None
    else:
        with pytest.raises(IllegalMove) as illegal:
            doors.next(state, move)
        assert (illegal.value.lifecycle, illegal.value.state, illegal.value.move) == ("door", state, move)


def test_the_table_wins_over_already_there() -> None:
    assert (Door.SHUT, Move.OPEN) in TABLE and Door.SHUT in TABLE.values()
    assert doors.next(Door.SHUT, Move.OPEN) is Door.OPEN
    assert doors.next(Door.SHUT, Move.PAINT) is Door.SHUT


def test_a_repeat_ends_quietly_and_changes_nothing() -> None:
    state = doors.next(Door.OPEN, Move.SHUT)
    assert state is Door.SHUT
    assert doors.next(state, Move.SHUT) is None


def test_states_and_moves_include_those_that_the_table_leaves_out() -> None:
    partial = Lifecycle("door", {(Door.OPEN, Move.SHUT): Door.SHUT})
    assert partial.states == tuple(Door)
    assert partial.moves == tuple(Move)
    assert partial.moves_from(Door.BROKEN) == ()


@pytest.mark.parametrize("state", Door)
def test_moves_from_a_state_are_those_of_the_table(state: Door) -> None:
    assert set(doors.moves_from(state)) == {move for (start, move) in TABLE if start is state}


def test_moves_come_in_the_order_of_their_declaration() -> None:
    assert doors.moves_from(Door.SHUT) == (Move.OPEN, Move.LOCK, Move.PAINT)


def test_an_illegal_move_is_a_conflict_with_a_sentence_and_details_for_the_log() -> None:
    with pytest.raises(IllegalMove) as illegal:
        doors.next(Door.BROKEN, Move.LOCK)
    assert isinstance(illegal.value, Conflict) and isinstance(illegal.value, DomainError)
    assert "look again" in str(illegal.value)
    assert repr(illegal.value) == "IllegalMove(door: lock_it from broken)"


def test_a_later_change_of_the_given_table_has_no_effect() -> None:
    table = dict(TABLE)
    lifecycle = Lifecycle("door", table)
    table.clear()
    assert lifecycle.next(Door.OPEN, Move.SHUT) is Door.SHUT


@pytest.mark.parametrize(
    "table",
    [
        {},
        {(Door.OPEN, Move.SHUT): Door.SHUT, (Door.SHUT, Move.OPEN): "ajar"},
        {(Door.OPEN, Move.SHUT): Door.SHUT, (Door.SHUT, "kick"): Door.OPEN},
        {(Door.OPEN, Move.SHUT): Door.SHUT, ("ajar", Move.OPEN): Door.OPEN},
    ],
)
def test_tables_that_make_no_sense_are_refused(table: Any) -> None:
    with pytest.raises(ValueError):
        Lifecycle("door", table)


def test_a_lifecycle_says_what_is_wrong_with_it() -> None:
    """Made in here, as those above were made before any test ran."""
    with pytest.raises(ValueError) as empty:
        Lifecycle("gate", {})
    assert str(empty.value) == "the lifecycle of gate has no moves"
    mixed: dict[Any, Any] = {(Door.OPEN, Move.SHUT): Door.SHUT, (Door.SHUT, Move.OPEN): Move.OPEN}
    with pytest.raises(ValueError) as wrong:
        Lifecycle("gate", mixed)
    assert str(wrong.value) == (
        f"the lifecycle of gate mixes kinds in {Door.SHUT!r}, {Move.OPEN!r}, {Move.OPEN!r}"
    )
    gate = Lifecycle("gate", TABLE)
    assert (gate.name, gate.states, gate.moves) == ("gate", tuple(Door), tuple(Move))
    assert gate.next(Door.OPEN, Move.OPEN) is None
    assert gate.moves_from(Door.LOCKED) == (Move.OPEN, Move.KICK)
    with pytest.raises(IllegalMove) as refused:
        gate.next(Door.BROKEN, Move.OPEN)
    assert str(refused.value) == "This is not possible any more. Please look again."
    assert refused.value.lifecycle == "gate"
