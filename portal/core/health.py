"""The state of each part of an installation, as ``/health`` tells it: words and counts, no names and no addresses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from portal.core import jobs, mailer, outbox, packages, tenancy
from portal.core.backup import marker
from portal.core.sections import Sections
from portal.extensions import db


@dataclass(frozen=True)
class Report:
    """Whether pages can be served, and the state of each part."""

    is_up: bool
    parts: dict[str, Any]


def report(app: Flask) -> Report:
    """Asks each part. Only the database decides whether the portal is up: without the rest work waits.

    While a restore has not ended there may be a database, but not yet the shop's.
    """
    database = _database_state()
    restoring = marker.is_there(Path(app.config["DATA_DIR"]))
    is_up = database == "ok" and not restoring
    parts: dict[str, Any] = {
        "status": "ok" if is_up else "down",
        "database": database,
        "redis": jobs.redis_state(),
        "mail": "ok" if mailer.can_send(app) else "no mail server: mails are held",
    }
    if restoring:
        parts["restore"] = "not ended"
    if database == "ok" and (sections := _sections_state(app)):
        parts["sections"] = sections
    if is_up:
        with tenancy.every_shop():
            parts["queues"] = outbox.queue_state()
            parts["held_mails"] = mailer.count_held()
    return Report(is_up, parts)


def _sections_state(app: Flask) -> dict[str, str]:
    """What is wrong with sections of packages, by their keys: nothing when all is well."""
    sections: Sections = app.extensions["sections"]
    with db.engine.connect() as connection:
        gone = packages.missing_tables(connection, sections.packages)
    found = {key: "tables are missing" for key, package in sections.packages.items() if package.name in gone}
    return {key: "raises" for key, until in sections.resting.items() if until > time.monotonic()} | found


def _database_state() -> str:
    try:
        with tenancy.every_shop():
            db.session.execute(sa.text("SELECT 1"))
        return "ok"
    except SQLAlchemyError:
        db.session.rollback()
        return "away"
