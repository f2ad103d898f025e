"""Commits that do not wait for the disk: claims and mails alone, and never for longer than a drain lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event

from portal.core import clock, database, mailer, outbox, outbox_runner
from portal.core.outbox import Outside, Step
from portal.extensions import db
from tests.durable.background import in_shop, make_app, make_tables, mark, marks
from tests.services import PostgresService

#: SQLite's numbers for what a commit waits for.
NORMAL, FULL = 1, 2


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = make_app(f"sqlite:///{tmp_path / 'loket.sqlite'}", folder=tmp_path)
    make_tables(made)
    yield made
    with made.app_context():
        db.engine.dispose()


@contextmanager
def committed(app: Flask) -> Iterator[list[int]]:
    """How each transaction that wrote something was committed inside."""
    levels: list[int] = []
    wrote: set[int] = set()

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            wrote.add(id(connection))

    def commit(connection: Any) -> None:
        if id(connection) in wrote:
            raw = connection.connection.dbapi_connection
            levels.append(raw.execute("PRAGMA synchronous").fetchone()[0])
            wrote.discard(id(connection))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", commit)
    try:
        yield levels
    finally:
        event.remove(engine, "before_cursor_execute", note)
        event.remove(engine, "commit", commit)


@outbox.handler("probe.note", lane="documents", forced=False)
def note_it(payload: dict[str, Any], *, now: datetime) -> Step:
    """Two steps of notes, as a mail has them."""
    mark("first")
    return Outside(lambda: None, then=lambda result, now: mark("then"))


def add(app: Flask, job: str, **payload: Any) -> None:
    with in_shop(app):
        outbox.add(job, payload, now=clock.now())
        db.session.commit()


def test_a_usual_row_is_forced_to_disk_and_its_claim_is_not(app: Flask) -> None:
    add(app, "probe.mark", text="x")
    with committed(app) as levels:
        outbox_runner.drain(app, "billing")
    assert levels == [NORMAL, FULL]


def test_notes_wait_for_the_disk_once_at_the_end(app: Flask) -> None:
    for _ in range(3):
        add(app, "probe.note")
    with committed(app) as levels:
        outbox_runner.drain(app, "documents")
    assert marks(app) == ["first", "then"] * 3
    assert levels == [NORMAL] * 7 + [FULL]


def test_notes_wait_for_the_disk_once_a_second(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_runner, "FORCE_SECONDS", 0.0)
    add(app, "probe.note")
    with committed(app) as levels:
        outbox_runner.drain(app, "documents")
    assert levels == [NORMAL, FULL, FULL]


def test_what_follows_on_the_same_connection_is_forced_again(app: Flask) -> None:
    add(app, "probe.note")
    outbox_runner.drain(app, "documents")
    with committed(app) as levels:
        add(app, "probe.note")
    assert levels == [FULL]


def test_only_the_sending_of_mails_goes_without(app: Flask) -> None:
    import portal.domain.wiring  # noqa: F401  (registers every handler of the portal)
    from portal.core import outbox_handlers

    unforced = {job for job, each in outbox_handlers._handlers.items() if not each.forced}
    assert unforced - {"probe.note"} == {mailer.SEND}


@pytest.mark.postgres
def test_postgresql_does_not_wait_either(postgres_cluster: PostgresService, tmp_path: Path) -> None:
    app = make_app(postgres_cluster.new_database(), folder=tmp_path)
    with app.app_context():
        with db.engine.connect() as connection:
            connection.exec_driver_sql("SET synchronous_commit = on")
            connection.commit()
            with database.unforced():
                assert connection.scalar(sa.text("SHOW synchronous_commit")) == "off"
            connection.commit()
            assert connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
        db.engine.dispose()
