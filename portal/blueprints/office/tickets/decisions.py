"""What the shop can decide about a ticket: its page shows these, in this order, beside the conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _l

from portal.blueprints.office.tickets.matters import Matter
from portal.domain.tickets.states import LIFE, Move


@dataclass(frozen=True)
class Decision:
    """A button: it posts ``fields`` to ``url``."""

    label: Any
    url: str
    fields: tuple[tuple[str, str], ...]
    icon: str


_LABELS = {
    Move.REVIEW: (_l("Take into review"), "eye"),
    Move.RESOLVE: (_l("Resolve"), "circle-check"),
    Move.REJECT: (_l("Reject"), "circle-x"),
    Move.CLOSE: (_l("Close"), "lock"),
}


def decisions(ticket: Any, matter: Matter | None) -> list[Decision]:
    """What may be decided now, for staff who may write tickets; what has a decision of its own ends by that."""
    url = url_for("office.tickets.move", public_id=ticket.public_id)
    taken_over = matter.takes_over if matter is not None else ()
    return [
        Decision(label, url, (("move", move.value),), glyph)
        for move, (label, glyph) in _LABELS.items()
        if move in LIFE.moves_from(ticket.status) and move not in taken_over
    ]
