"""Forgetting the traces of people that have served their time: ended sessions, links, the log-in history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.core.schedule import periodic
from portal.core.sessions import SessionRow
from portal.domain.people.models import LoginEvent, OneTimeToken
from portal.extensions import db

#: Ended sessions and links that opened something or ran out, for looking into what happened.
KEEP_ENDED = timedelta(days=90)
#: Who logged in or tried to.
KEEP_LOGINS = timedelta(days=365)


@periodic("people.forget", daily_at="02:45", per_shop=True)
def forget(*, now: datetime) -> None:
    """Deletes the active shop's rows that are older; live ones stay however old they are."""
    old = now - KEEP_ENDED
    traces: list[tuple[type[Any], sa.ColumnElement[bool]]] = [
        (SessionRow, sa.or_(SessionRow.ended_at < old, SessionRow.expires_at < old)),
        (OneTimeToken, OneTimeToken.expires_at < old),
        (LoginEvent, LoginEvent.created_at < now - KEEP_LOGINS),
    ]
    for model, served in traces:
        db.session.execute(sa.delete(model).where(served).execution_options(synchronize_session=False))
