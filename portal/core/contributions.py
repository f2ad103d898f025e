"""What sections put around every page: where that of a package raises, the page goes on without it and the log says so.

What the core contributes raises as ever: its faults are to be found by its tests, and not to be lived with.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from portal.core import database
from portal.core.sections import Sections
from portal.extensions import db

log = logging.getLogger(__name__)

#: How long what raised is not tried again, in seconds: each page would pay for it, and the log repeat it.
PAUSE = 60

Built = TypeVar("Built")
#: Builds something without the contributions of the sections of these keys.
Build = Callable[[frozenset[str]], Built]


def gathered(sections: Sections, build: Build[Built]) -> Built:
    """What ``build`` makes with the contributions of all sections, or of all but those of packages that raise."""
    if not sections.packages:
        return build(frozenset())
    now = time.monotonic()
    resting = frozenset(key for key, until in sections.resting.items() if until > now)
    everyone = frozenset(sections.packages)
    try:
        return _attempt(build, resting)
    except Exception:
        # Which of them? The core alone first: its own fault is raised here.
        _attempt(build, everyone)
    for key in everyone - resting:
        try:
            _attempt(build, everyone - {key})
        except Exception as error:
            log.error(
                "%s: what the section %s puts around pages is left out: it raised",
                sections.packages[key].name,
                key,
                exc_info=error,
            )
            sections.resting[key] = now + PAUSE
            resting |= {key}
    return _attempt(build, resting)


def _attempt(build: Build[Built], but: frozenset[str]) -> Built:
    """One try. PostgreSQL ends a transaction in which something failed, so what was only read is begun anew.

    What was written in it stays: it is undone to a point before.
    """
    if database.is_reading():
        try:
            return build(but)
        except Exception:
            db.session.rollback()
            raise
    with db.session.begin_nested():
        return build(but)
