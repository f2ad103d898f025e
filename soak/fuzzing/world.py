"""A shop to fuzz: the tests' cast with one of everything, put back as it was whenever something was taken."""

from __future__ import annotations

import contextvars
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
from flask import Flask
from werkzeug.test import TestResponse

from portal.core import clock, database
from portal.domain.orders.models import OrderStatus
from portal.domain.people.models import Membership, Role
from portal.domain.shops.models import Shop
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.domain.tickets.models import TicketStatus
from portal.extensions import db, limiter
from portal.installation.translations import compile_changed
from tests import cast, rows
from tests.conftest import CAST, PostgresStage, SqliteStage, make_app
from tests.page_client import PageClient
from tests.payments_world import World, through_client
from tests.services import PostgresService
from tests.walk.stage import Things, put_things, remove_every_shop, signed_in, writing

PEOPLE = ("emma", "bram", "jan", "dora")
VISITOR, STAFF = "visitor", "saskia"
#: More than a page of a list holds, so that there are addresses of the next page.
INVOICES = 30
#: What moves with every commit, and costs next to nothing to ask.
MARK: dict[type, Any] = {
    sqlite3.Connection: "PRAGMA data_version",
    psycopg.Connection: "SELECT pg_current_wal_insert_lsn()",
}


@dataclass
class Fuzzed:
    """An installation on a database of its own, the people in front of it, and the way back to the start."""

    app: Flask
    world: World
    things: Things
    stage: SqliteStage | PostgresStage
    clients: dict[str, PageClient]
    _watch: Any = None
    tokens: dict[str, str] = field(default_factory=dict)
    restored: int = 0

    def open(self, who: str, **request: object) -> TestResponse:
        """A request in a context of its own, as on a server; limits on how often do not count here.

        Whoever is logged out by it is in again for the next one, as the rows of the session are, too.
        """
        limiter.reset()
        client = self.clients[who]
        cookies = dict(client._cookies or {})
        answer: TestResponse = contextvars.Context().run(client.open, **request)  # type: ignore[arg-type]
        client._cookies = cookies
        return answer

    def put_back(self) -> None:
        """The database as it was."""
        self._disconnect()
        self.stage.put_back(CAST)
        self.app.extensions["shops"].forget()
        self.restored += 1

    def _disconnect(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def changed_at(self) -> object:
        """A mark that moves with every commit, and costs next to nothing."""
        if self._watch is None:
            # Beside the portal's own engine, which would begin a transaction for it.
            self._watch = (
                sqlite3.connect(self.stage.path)
                if isinstance(self.stage, SqliteStage)
                else psycopg.connect(self.stage.url.replace("+psycopg", ""), autocommit=True)
            )
        mark = MARK[type(self._watch)]
        return self._watch.execute(mark).fetchone()

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table, in words that can be compared."""
        database.set_reading(False)
        with self.app.app_context(), db.engine.connect() as connection:
            return {
                table.name: sorted(map(repr, connection.exec_driver_sql(f'SELECT * FROM "{table.name}"')))
                for table in db.metadata.sorted_tables
            }

    def count_rows(self) -> int:
        """How much there is."""
        return sum(map(len, self.rows().values()))


@contextmanager
def fuzzed(folder: Path, postgres: PostgresService | None, *, empty: bool = False) -> Iterator[Fuzzed]:
    """The shop of the cast on SQLite or on a PostgreSQL; an ``empty`` installation waits for its set-up."""
    compile_changed()
    stage = PostgresStage(postgres) if postgres else SqliteStage(folder)
    app = make_app(folder, stage.url, SMTP_URL="smtp://127.0.0.1:9", SANDBOX_URL="http://nowhere.invalid")
    app.config["SANDBOX_TRANSPORT"] = through_client(app)
    with ExitStack() as cleanup:
        cleanup.enter_context(clock.frozen(cast.START))
        database.set_reading(False)
        with app.app_context():
            flask_migrate.upgrade()
            ids = cast.put_on_stage()
            db.session.remove()
        world = World(app, ids)
        clients: dict[str, PageClient] = {VISITOR: app.test_client()}  # type: ignore[dict-item]
        if not empty:
            furnish(world)
        things = put_things(world)
        if empty:
            remove_every_shop(world)
        else:
            for who in PEOPLE:
                host = cast.OTHER_HOST if who == "dora" else cast.HOST
                clients[who] = signed_in(world, getattr(ids, who), host)
            clients[STAFF] = signed_in(world, None, staff_id=ids.saskia)
        for client in clients.values():
            client.checks = False  # the judge does, also of what answers a POST
        made = Fuzzed(app, world, things, stage, clients)
        made._disconnect()
        stage.keep(CAST)
        made.put_back()
        made.restored = 0
        cleanup.callback(made._disconnect)
        yield made


def furnish(world: World) -> None:
    """What makes pages show everything they have: long lists, each status, a second account, a saved method."""
    ids, account = world.ids, world.ids.emma_account
    with writing(world):
        shop = db.session.get_one(Shop, ids.shop)
        shop.allow_part_payment = True
        db.session.add(
            Membership(
                person_id=ids.emma, customer_id=ids.jan_account, role=Role.BILLING, created_at=cast.START
            )
        )
        for number in range(INVOICES):
            cast.make_invoice(account, amount_minor=1000 + number, now=clock.now())
        for order in OrderStatus:
            rows.make_order(account, status=order)
        for subscription in SubscriptionStatus:
            rows.make_subscription(account, status=subscription)
        for ticket in TicketStatus:
            rows.make_ticket(account, status=ticket)
    world.mandate()
