"""200 invoices finalised by eight processes at once: numbers 1 to 200, no gap, no duplicate."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask

from portal.core import database
from portal.core.outbox import OutboxRow
from portal.core.tenancy import shop_scope
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.models import Document
from portal.domain.shops.models import Mode, NumberSeries
from portal.domain.shops.numbers import draw_number
from portal.extensions import db
from tests import cast
from tests.concurrency.finalising import finalise
from tests.conftest import make_app

PROCESSES, EACH = 8, 25

on_each_database = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'loket.sqlite'}"
    cluster = request.getfixturevalue("postgres_cluster")
    made: str = cluster.new_database()
    request.addfinalizer(lambda: cluster.drop(made))
    return made


@contextmanager
def staged(url: str, folder: Path) -> Iterator[tuple[Flask, cast.Ids]]:
    """An application on a database with the cast; its connections are gone afterwards."""
    app = make_app(folder, url)
    database.set_reading(False)
    with app.app_context():
        flask_migrate.upgrade()
        ids = cast.put_on_stage()
        yield app, ids
        db.session.remove()
        db.engine.dispose()


@on_each_database
def test_numbers_have_neither_gap_nor_duplicate(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (_, ids):
        db.session.remove()
        db.engine.dispose()
        # One server imports the portal, and every process is forked from it: real ones, without eight imports.
        processes = multiprocessing.get_context("forkserver")
        processes.set_forkserver_preload(["tests.concurrency.finalising"])
        together = processes.Barrier(PROCESSES)
        what = (url, str(tmp_path), ids.shop, ids.emma_account, EACH, together)
        workers = [processes.Process(target=finalise, args=what) for _ in range(PROCESSES)]
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(300)
                assert worker.exitcode == 0
        finally:
            for worker in workers:
                worker.kill()

        with shop_scope(ids.shop):
            documents = db.session.query(Document).order_by(Document.sequence).all()
            assert [document.sequence for document in documents] == list(range(1, PROCESSES * EACH + 1))
            assert [document.number for document in documents] == [
                f"{document.year}-{number:04d}" for number, document in enumerate(documents, start=1)
            ]
            assert len({document.reference for document in documents}) == PROCESSES * EACH
            assert db.session.query(OutboxRow).count() == PROCESSES * EACH, "one PDF for each that stayed"
            assert find_imbalances() == []


@on_each_database
def test_a_rollback_gives_the_number_back(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (_, ids), shop_scope(ids.shop):
        drawn = []
        for turn in range(12):
            drawn.append(draw_number("invoice", mode=Mode.TEST, year=2026))
            if turn % 2:
                db.session.commit()
            else:
                db.session.rollback()
        assert drawn == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
        assert db.session.query(NumberSeries).one().last_number == 6


@on_each_database
def test_a_savepoint_gives_the_number_back(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (_, ids), shop_scope(ids.shop):
        assert draw_number("invoice", mode=Mode.TEST, year=2026) == 1
        inner = db.session.begin_nested()
        assert draw_number("invoice", mode=Mode.TEST, year=2026) == 2
        inner.rollback()
        assert draw_number("invoice", mode=Mode.TEST, year=2026) == 2
        db.session.rollback()
        assert draw_number("invoice", mode=Mode.TEST, year=2026) == 1


@on_each_database
def test_series_do_not_disturb_each_other(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (_, ids):
        for shop_id in (ids.shop, ids.other_shop):
            db.session.expunge_all()
            with shop_scope(shop_id):
                for series in [
                    ("invoice", Mode.TEST, 2026),
                    ("invoice", Mode.LIVE, 2026),
                    ("order", Mode.TEST, 0),
                ]:
                    kind, mode, year = series
                    numbers = [draw_number(kind, mode=mode, year=year) for _ in range(3)]
                    assert numbers == [1, 2, 3], series
                assert draw_number("invoice", mode=Mode.TEST, year=2027) == 1
                db.session.commit()
