"""``flask person logout``: somebody lost their device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask

from portal.commands.people import person
from portal.core import database
from portal.core.audit import AuditEntry
from portal.extensions import db
from tests.cast import HOST
from tests.page_client import PageClient


def run(app: Flask, *arguments: str) -> Any:
    database.set_reading(False)
    return app.test_cli_runner().invoke(person, ["logout", *arguments, "--shop", HOST])


def test_every_device_is_logged_out_and_nobody_else(
    app: Flask, login: Callable[..., PageClient], on_stage: Callable[..., Any]
) -> None:
    phone, desk, jan = login("emma"), login("emma"), login("jan")
    assert phone.get("/customer").status_code == desk.get("/customer").status_code == 200
    done = run(app, "Emma@example.com")
    assert (done.exit_code, done.stdout) == (0, "2 sessions were ended.\n")
    assert phone.get("/customer").status_code == desk.get("/customer").status_code == 303
    assert jan.get("/customer").status_code == 200
    with on_stage():
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "person.logged_out")).one()
        assert entry.data == {"sessions": 2}
    assert run(app, "emma@example.com").stdout == "0 sessions were ended.\n"


def test_who_is_not_known_is_named(app: Flask) -> None:
    done = run(app, "nobody@example.com")
    assert done.exit_code == 2 and "Nobody in De Halve Maan logs in with" in done.stderr
    assert run(app, "dora@example.com").exit_code == 2, "Dora is of the other shop"
