"""The portal inside this process, for what cannot be measured from outside: statements, profiles, jobs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

BASE = "http://127.0.0.1"


def application(**overrides: Any) -> Flask:
    """The portal on the settings of the environment, as ``app.py`` makes it."""
    from config import Config
    from portal import create_app
    from portal.installation import keys, translations

    translations.compile_changed()
    return create_app(keys.ensure(Config.from_env(os.environ)), **overrides)


def reader(app: Flask, email: str, face: str = "person") -> Callable[[str], TestResponse]:
    """``get(path)`` of somebody signed in, by a session row of their own; anything but 200 is an error.

    ``face`` is the log-in that the session belongs to: person or staff.
    """
    from portal.core import clock, sessions
    from portal.core.tenancy import shop_scope
    from portal.domain.people.models import Person, Staff
    from portal.domain.shops import queries
    from portal.extensions import db

    token, now = secrets.token_urlsafe(32), clock.now()
    with app.app_context():
        shop = queries.find_default_shop()
        assert shop is not None
        with shop_scope(shop.id):
            kind = Staff if face == "staff" else Person
            who = db.session.scalars(sa.select(kind).where(kind.email == email)).one()
            db.session.add(
                sessions.SessionRow(
                    token_hash=sessions.token_hash(token),
                    principal=f"{face}:{who.id}",
                    **{f"{face}_id": who.id},
                    csrf_secret=secrets.token_hex(32),
                    started_at=now,
                    last_seen_at=now,
                    confirmed_at=now,
                    expires_at=now + sessions.IDLE,
                )
            )
            db.session.commit()
    client = app.test_client()
    client.set_cookie(f"loket_{face}", token, domain="127.0.0.1", path=sessions.cookie_path(face))

    def get(path: str) -> TestResponse:
        response = client.get(path, base_url=BASE)
        if response.status_code != 200:
            raise RuntimeError(f"{path} answered {response.status_code}")
        return response

    return get


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements run inside, without those that begin and end transactions."""
    from portal.extensions import db

    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE")):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
