"""The stages of a case in plain words, each with its colour (P-COL)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class Stage:
    """One stage: how far letters have gone. ``label`` and ``tone`` are shown as those of a status are."""

    number: int
    label: Any
    tone: str
    #: What it means for whoever has to pay, and the same with the day it came to this (``%(date)s``).
    meaning: Any
    since: Any


#: The stage of the formal notice.
NOTICE = 2
#: From the day a consumer's formal notice is sent to the last day without costs: two days on its way, then fourteen.
NOTICE_TERM = timedelta(days=16)


STAGES = (
    Stage(
        0,
        _l("Pre-collection"),
        "grey",
        _l("This invoice is late. Pay it now and you hear no more about it; it costs nothing extra."),
        _l("This invoice is late. Pay it now and you hear no more about it; it costs nothing extra."),
    ),
    Stage(
        1,
        _l("Reminder"),
        "blue",
        _l("You got a reminder. Pay now and it costs nothing extra."),
        _l("You got a reminder on %(date)s. Pay now and it costs nothing extra."),
    ),
    Stage(
        2,
        _l("Formal notice"),
        "yellow",
        _l("You got a formal notice. It says until when you can pay without extra costs."),
        _l("You got a formal notice on %(date)s. It says until when you can pay without extra costs."),
    ),
    Stage(
        3,
        _l("Collection fees"),
        "orange",
        _l("The time that the formal notice gave you is over. Collecting this now costs you extra."),
        _l(
            "The time that the formal notice gave you is over. Since %(date)s collecting this costs you extra."
        ),
    ),
    Stage(
        4,
        _l("Final warning"),
        "red",
        _l("You got the final warning. Pay now, or tell us why you cannot, before further steps follow."),
        _l(
            "You got the final warning on %(date)s. Pay now, or tell us why you cannot, before further steps follow."
        ),
    ),
)


def stage_of(number: int) -> Stage:
    """The stage of a case; whatever number a case has, one of those there are."""
    return STAGES[max(0, min(number, len(STAGES) - 1))]


def path_to(number: int) -> tuple[Stage, ...]:
    """The stages that a case passes: the first only where it begins there, as a shop may leave it out."""
    return STAGES if number <= 0 else STAGES[1:]
