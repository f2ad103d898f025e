"""The traces of a GET: after the response, in a transaction of their own, and nobody waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from portal.core import clock, touch
from portal.domain.people.models import Person
from portal.extensions import db
from tests.cast import START, Ids
from tests.page_client import PageClient


@pytest.fixture
def traced(app: Flask) -> Iterator[Callable[[Any], None]]:
    """``traced(trace)`` lets the front page leave a trace."""
    before = app.view_functions["shop.index"]

    def put(*traces: Any) -> None:
        def view() -> Any:
            for trace in traces:
                touch.later(trace)
            return before()

        app.view_functions["shop.index"] = view

    yield put
    app.view_functions["shop.index"] = before


def names(on_stage: Any, ids: Ids) -> str:
    with on_stage():
        return db.session.get_one(Person, ids.emma).given_name


def test_a_trace_is_written_after_a_get(client: PageClient, traced: Any, on_stage: Any, ids: Ids) -> None:
    moments: list[datetime] = []

    def trace(now: datetime) -> None:
        moments.append(now)
        db.session.get_one(Person, ids.emma).given_name = "Seen"

    traced(trace)
    with clock.frozen(START):
        client.get("/").close()
    assert moments == [START] and names(on_stage, ids) == "Seen"


def test_a_trace_that_fails_is_dropped_with_the_rest_and_the_page_stands(
    client: PageClient, traced: Any, on_stage: Any, ids: Ids, caplog: pytest.LogCaptureFixture
) -> None:
    def first(now: datetime) -> None:
        db.session.get_one(Person, ids.emma).given_name = "Half"

    def second(now: datetime) -> None:
        raise ZeroDivisionError

    traced(first, second)
    answer = client.get("/")
    answer.close()
    assert answer.status_code == 200 and names(on_stage, ids) == "Emma"
    assert [record.levelno for record in caplog.records if "trace" in record.getMessage()] == [
        logging.WARNING
    ]


def test_a_trace_is_of_the_pages_shop(client: PageClient, traced: Any, ids: Ids) -> None:
    found: list[Any] = []
    traced(lambda now: found.append(db.session.get(Person, ids.dora)))
    client.get("/").close()
    assert found == [None]


def test_the_next_request_leaves_none_of_it(client: PageClient, traced: Any) -> None:
    count: list[int] = []
    traced(lambda now: count.append(1))
    client.get("/").close()
    client.get("/login").close()
    assert count == [1]
