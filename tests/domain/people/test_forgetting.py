"""What is forgotten of people and when, and what is not."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from portal.core import schedule, sessions
from portal.core.sessions import IDLE, SessionRow
from portal.domain.people import forgetting, tokens
from portal.domain.people.models import LoginEvent, OneTimeToken, TokenPurpose
from portal.extensions import db
from tests.cast import START, Ids

DAY = timedelta(days=1)


def put(person_id: int) -> None:
    """A session, a link and a log-in of this moment."""
    db.session.add(
        SessionRow(
            token_hash=sessions.token_hash(secrets.token_hex(8)), principal=f"person:{person_id}",
            person_id=person_id, csrf_secret="x", started_at=START, last_seen_at=START,
            confirmed_at=START, expires_at=START + IDLE,
        )
    )  # fmt: skip
    tokens.issue(TokenPurpose.RESET, person_id, now=START)
    db.session.add(LoginEvent(person_id=person_id, succeeded=True, created_at=START))
    db.session.flush()


def left() -> list[int]:
    """How many sessions, links and log-ins there are."""
    kinds = (SessionRow, OneTimeToken, LoginEvent)
    return [int(db.session.scalar(sa.select(sa.func.count()).select_from(kind)) or 0) for kind in kinds]


def test_each_trace_has_its_time(on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        put(ids.emma)
        for after, kept in (
            (timedelta(0), [1, 1, 1]),
            (90 * DAY, [1, 1, 1]),
            (90 * DAY + timedelta(hours=2), [1, 0, 1]),
            (92 * DAY, [0, 0, 1]),
            (365 * DAY, [0, 0, 1]),
            (366 * DAY, [0, 0, 0]),
        ):
            forgetting.forget(now=START + after)
            assert left() == kept, after


def test_a_session_that_was_ended_counts_from_its_end(on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        put(ids.emma)
        row = db.session.scalars(sa.select(SessionRow)).one()
        row.expires_at, row.ended_at = START + 500 * DAY, START + DAY
        db.session.flush()
        forgetting.forget(now=START + 91 * DAY)
        assert left()[0] == 1
        forgetting.forget(now=START + 91 * DAY + timedelta(seconds=1))
        assert left()[0] == 0


def test_it_forgets_in_its_own_shop_alone(on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage(ids.other_shop):
        put(ids.dora)
    with on_stage():
        put(ids.emma)
        forgetting.forget(now=START + 1000 * DAY)
        assert left() == [0, 0, 0]
    with on_stage(ids.other_shop):
        assert left() == [1, 1, 1]


def test_it_runs_every_night() -> None:
    assert "people.forget" in {function.name for function in schedule.registered()}
