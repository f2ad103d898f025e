"""Every rule once more, for how its statements are answered: nothing that grows is read whole, nor a shop's part.

SQLite alone, as its plans do not depend on how little there is in a test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from portal.extensions import db
from tests.page_client import PageClient
from tests.payments_world import World, world
from tests.services import IN_TURN
from tests.walk.cases import CUSTOMER, STAFF, Key
from tests.walk.stage import Things
from tests.walk.test_walk import TOKENS, ask, begins_with, call, named, signed_in, things

__all__ = ["begins_with", "things", "world"]

pytestmark = pytest.mark.skipif(IN_TURN == ["postgres"], reason="of a table this small PostgreSQL reads all")

Login = Callable[..., PageClient]

#: What a shop has few of, however many customers it has.
SMALL = {
    "number_series", "periodic_runs", "product_files", "products", "shop_domains", "shops", "staff",
}  # fmt: skip
#: Lists of all that a shop has: a page of one is read in the order of its index, and no further.
PAGED = ("ix_customers_shop_id_name", "ix_notices_office", "ix_tickets_office")
_STEP = re.compile(r"(SCAN|SEARCH) (\w+)(.*)")


def read_whole(statement: str, plan: list[str]) -> list[str]:
    """The steps of a plan that read all of a table that grows, or all that a shop has in it."""
    found = []
    for step in filter(None, map(_STEP.match, plan)):
        how, name, way = step.groups()
        known = re.search(rf"\b(\w+) AS {name}\b", statement)
        table = known[1] if known else name
        in_order = any(index in way for index in PAGED) and not any("TEMP B-TREE" in line for line in plan)
        reads_all = how == "SCAN" or "AUTOMATIC" in way or (way.endswith("(shop_id=?)") and not in_order)
        if reads_all and table in db.metadata.tables and table not in SMALL:
            found.append(f"{table}: {step[0]}")
    return found


@contextmanager
def none_read_whole(app: Flask) -> Iterator[None]:
    """Fails for a statement run inside that reads a growing table whole."""
    wrong: dict[str, list[str]] = {}
    with app.app_context():
        engine = db.engine

    def explain(
        _connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            values = parameters[0] if many else parameters
            plan = cursor.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            if steps := read_whole(statement, [str(row[3]) for row in plan]):
                wrong[statement] = steps

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    assert not wrong, "\n\n".join(f"{steps} in\n{statement}" for statement, steps in wrong.items())


@named(CUSTOMER)
def test_a_customers_rule(world: World, things: Things, login: Login, key: Key) -> None:
    case, client = CUSTOMER[key], signed_in(login, "emma")
    with none_read_whole(world.app):
        ask(client, key[1], case.path(things), case.data, is_page=case.is_page)


@named(STAFF)
def test_a_rule_of_the_office(world: World, things: Things, login: Login, key: Key) -> None:
    case, client = STAFF[key], signed_in(login, "saskia")
    with none_read_whole(world.app):
        ask(client, key[1], case.path(things), case.data, is_page=case.is_page)


@named(TOKENS)
def test_a_rule_with_a_secret(world: World, things: Things, key: Key) -> None:
    with none_read_whole(world.app):
        call(world, things, key, TOKENS[key].path(things))


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("SELECT documents.id FROM documents", ["documents"]),
        ("SELECT d.id FROM documents AS d WHERE d.shop_id = 1 AND d.note = ''", ["documents"]),
        ("SELECT d.id FROM documents AS d WHERE d.id = 1", []),
        ("SELECT products.id FROM products", []),
        ("SELECT t.id FROM tickets AS t WHERE t.shop_id = 1 ORDER BY t.last_message_at, t.id", []),
        ("SELECT t.id FROM tickets AS t WHERE t.shop_id = 1 ORDER BY t.subject", ["tickets"]),
    ],
)
def test_the_test_tells_a_table_that_is_read_whole(world: World, statement: str, read: list[str]) -> None:
    with world.app.app_context():
        plan = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
    assert [step.partition(":")[0] for step in read_whole(statement, [row[3] for row in plan])] == read
