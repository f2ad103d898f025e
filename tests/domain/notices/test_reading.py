"""Reading notices: noted once by two windows at once, and read from an index, on both databases."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.tenancy import shop_scope
from portal.domain.notices import actions, queries
from portal.domain.notices.models import Notice, NoticeMark
from portal.domain.people.models import Customer
from portal.extensions import db
from tests import cast
from tests.cast import START, Ids
from tests.conftest import make_app
from tests.rows import make_notice
from tests.statements import counted, plans

Here = tuple[Flask, Ids]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The application with the cast and 600 notices, the last of which was put away, on each database."""
    folder: Path = tmp_path_factory.mktemp("notices")
    url = f"sqlite:///{folder / 'loket.sqlite'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    app = make_app(folder, url)
    database.set_reading(False)
    with app.app_context():
        flask_migrate.upgrade()
        ids = cast.put_on_stage()
        with shop_scope(ids.shop):
            for number in range(600):
                # Two by two at the same moment.
                make_notice(title=str(number), starts_at=START - timedelta(hours=number // 2), tags=("all",))
            db.session.get_one(Customer, ids.emma_account).tags = ["all"]
            db.session.commit()
        db.session.remove()
        # What the planner knows must not depend on when the database looks at its tables by itself.
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
    yield app, ids
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def marks(app: Flask, ids: Ids, person_id: int) -> int:
    with app.app_context(), shop_scope(ids.shop):
        found = db.session.scalar(sa.select(sa.func.count(NoticeMark.id)).filter_by(person_id=person_id))
        db.session.rollback()
        return found or 0


def at_once(app: Flask, ids: Ids, *deeds: Callable[[], Any]) -> list[BaseException]:
    """Each deed in a thread and a transaction of its own, all at the same moment; what failed."""
    start, failed = threading.Barrier(len(deeds)), []

    def do(deed: Callable[[], Any]) -> None:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            start.wait()
            try:
                deed()
                db.session.commit()
            except BaseException as error:
                db.session.rollback()
                failed.append(error)

    threads = [threading.Thread(target=do, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_two_windows_at_once_leave_one_mark_each_and_the_rest_for_the_next_time(here: Here) -> None:
    app, ids = here

    def look() -> None:
        actions.mark_read(ids.emma_account, ids.emma, seen_at=START, now=START)

    assert at_once(app, ids, look, look) == []
    assert marks(app, ids, ids.emma) >= actions.MOST_MARKS
    assert at_once(app, ids, look) == []
    assert marks(app, ids, ids.emma) == 600
    assert at_once(app, ids, look, look) == []
    assert marks(app, ids, ids.emma) == 600


def test_reading_and_putting_away_at_once_end_in_one_mark(here: Here) -> None:
    app, ids = here
    for _ in range(5):
        with app.app_context(), shop_scope(ids.shop):
            db.session.execute(sa.delete(NoticeMark).where(NoticeMark.person_id == ids.bram))
            first = db.session.scalars(sa.select(Notice.id).where(Notice.title == "0")).one()
            db.session.commit()
        failed = at_once(
            app,
            ids,
            lambda: actions.mark_read(ids.emma_account, ids.bram, seen_at=START, now=START),
            lambda first=first: actions.dismiss(first, ids.bram, now=START),  # type: ignore[misc]
        )
        assert failed == []
        with app.app_context(), shop_scope(ids.shop):
            stmt = sa.select(NoticeMark).where(
                NoticeMark.person_id == ids.bram, NoticeMark.notice_id == first
            )
            assert db.session.scalars(stmt).one().dismissed_at == START


def test_what_began_after_the_page_was_made_is_not_read(here: Here) -> None:
    app, ids = here
    with app.app_context(), shop_scope(ids.shop):
        seen_at = START - timedelta(hours=299)
        actions.mark_read(ids.emma_account, ids.jan, seen_at=seen_at, now=START)
        titles = sa.select(Notice.title).join(NoticeMark).where(NoticeMark.person_id == ids.jan)
        assert set(db.session.scalars(titles)) == {"598", "599"}
        db.session.rollback()


def test_the_list_and_the_bell_are_read_from_an_index_without_sorting(here: Here) -> None:
    app, ids = here
    with app.app_context(), shop_scope(ids.shop):

        def page(**place: str | None) -> Any:
            return queries.list_notices(ids.emma_account, ids.emma, now=START, **place)

        first = page()
        with plans(app) as found, counted(app) as statements:
            second = page(after=first.next_cursor)
            page(before=second.prev_cursor)
            queries.list_unread_ids(ids.emma_account, ids.emma, now=START, most=10)
            db.session.execute(sa.select(queries.count_unread(ids.shop, ids.emma_account, ids.emma, START)))
        assert len(found) == len(statements) == 4
        for place, plan in enumerate(found):
            # A count that stops early needs no order, so with one shop PostgreSQL may take any index for it.
            which = "ix_notices_(shown|office)" if place < 3 else r"\w+"
            assert re.search(rf"(?i)using (index |covering index )?{which}\b", plan), plan
            assert not re.search(
                r"TEMP B-TREE|SCAN notices\b|SCAN notice_marks|Sort|Seq Scan on notice", plan
            ), plan
        db.session.rollback()
