"""Lifecycles as tables: which move leads from which state to which, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from flask_babel import lazy_gettext as _l

from portal.core.errors import IllegalMove

S = TypeVar("S", bound=StrEnum)
M = TypeVar("M", bound=StrEnum)


class Lifecycle(Generic[S, M]):
    """The legal moves of one kind of thing, made from a table `{(state, move): next state}`.

    Asked for a move, it knows three answers. The table has the pair: its next state, which may be the same
    state again. The table does not have the pair, but this move leads to the present state from some other
    one: we are already there, which is how a repeated webhook ends quietly. Anything else is illegal.
    """

    def __init__(self, name: str, table: Mapping[tuple[S, M], S]) -> None:
        if not table:
            raise ValueError(f"the lifecycle of {name} has no moves")
        self.name = name
        self._table = dict(table)
        first_state, first_move = next(iter(self._table))
        #: Every state and every move there is, those that the table never mentions included.
        self.states: tuple[S, ...] = tuple(type(first_state))
        self.moves: tuple[M, ...] = tuple(type(first_move))
        self._arrivals = {(target, move) for (_, move), target in self._table.items()}
        for (state, move), target in self._table.items():
            if state not in self.states or target not in self.states or move not in self.moves:
                raise ValueError(f"the lifecycle of {name} mixes kinds in {state!r}, {move!r}, {target!r}")

    def next(self, state: S, move: M) -> S | None:
        """The state that `move` leads to from `state`, or None when it has led here already.

        On None the caller changes nothing, writes no history and sends nothing. Raises IllegalMove otherwise.
        """
        target = self._table.get((state, move))
        if target is None and (state, move) not in self._arrivals:
            raise IllegalMove(
                _l("This is not possible any more. Please look again."),
                lifecycle=self.name,
                state=state,
                move=move,
            )
        return target

    def moves_from(self, state: S) -> tuple[M, ...]:
        """The moves that the table has from `state`, in the order in which the moves are declared."""
        return tuple(move for move in self.moves if (state, move) in self._table)
