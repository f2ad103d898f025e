"""The ground of all tests: one application, a fresh copy of a small database for each test, and the cast on it."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from sqlalchemy import event

from tests import cast as stage
from tests.page_client import PageClient

if TYPE_CHECKING:
    from tests.services import PostgresService

pytest_plugins = ["tests.services"]

# Whatever else is installed in this environment is not what these tests are about; those of packages ask for it.
os.environ["PACKAGES"] = "0"
#: ``tests.packages`` switches it on.
WITH_PACKAGES = False

FIELD_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#: The files and folders that take longest. Begun last, one of them would keep one process busy alone.
LONGEST = (
    "tests/walk/",
    "tests/browser/test_every_page.py",
    "tests/browser/test_week.py",
    "tests/example_warranty/",
    "tests/browser/test_own_shop.py",
    "tests/browser/test_several.py",
    "tests/browser/test_paying.py",
    "tests/commands/test_backup.py",
    "tests/durable/",
    "tests/browser/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, the others stay in their order."""
    root = Path(__file__).parents[1]

    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(root).as_posix()
        return next((rank for rank, begins in enumerate(LONGEST) if file.startswith(begins)), len(LONGEST))

    items.sort(key=place)


def make_app(folder: Path, database_url: str, **overrides: Any) -> Flask:
    """An application on a database of its own, without Redis and SMTP unless they are given."""
    from config import Config
    from portal import create_app
    from portal.extensions import db
    from portal.installation.translations import compile_changed

    compile_changed()

    config = Config(
        mode="serve",
        instance_dir=folder,
        database_url=database_url,
        secret_keys=("test-key-of-more-than-thirty-two-characters",),
        field_keys=(FIELD_KEY,),
        redis_url=overrides.pop("REDIS_URL", None),
        smtp_url=overrides.pop("SMTP_URL", None),
        outbox_lease_seconds=overrides.pop("OUTBOX_LEASE_SECONDS", 30),
        packages=overrides.pop("PACKAGES", WITH_PACKAGES),
    )
    config.data_dir.mkdir(parents=True, exist_ok=True)
    config.files_dir.mkdir(parents=True, exist_ok=True)
    app = create_app(config, TESTING=True, **overrides)
    app.test_client_class = PageClient
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _do_not_wait_for_the_disk)
    return app


def _do_not_wait_for_the_disk(connection: Any, record: Any) -> None:
    """No test cuts the power, and what is written is there for whoever looks, also after a kill."""
    connection.execute("PRAGMA synchronous=OFF")


#: What a test's database holds at its beginning, unless a module says otherwise.
CAST = "cast"


class SqliteStage:
    """A database file that is put back as it was before each test: in one of the states that were kept of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "loket.sqlite"
        self.url = f"sqlite:///{self.path}"

    def _kept(self, state: str) -> Path:
        return self.path.with_name(f"{state}.sqlite")

    def keep(self, state: str) -> None:
        with (
            closing(sqlite3.connect(self.path)) as source,
            closing(sqlite3.connect(self._kept(state))) as copy,
        ):
            source.backup(copy)

    def put_back(self, state: str) -> None:
        for leftover in (self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
        shutil.copyfile(self._kept(state), self.path)


class PostgresStage:
    """The same as a PostgreSQL database, made anew from templates."""

    def __init__(self, cluster: PostgresService) -> None:
        self.cluster = cluster
        self.url = cluster.new_database()
        self.name = self.url.rpartition("/")[2]

    def keep(self, state: str) -> None:
        with self.cluster.connect() as connection:
            connection.execute(f'ALTER DATABASE "{self.name}" RENAME TO "{self.name}_{state}"')

    def put_back(self, state: str) -> None:
        self.cluster.copy_database(f"{self.name}_{state}", self.name)


Stage = tuple[Flask, SqliteStage | PostgresStage, stage.Ids]


@pytest.fixture(scope="session")
def _stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The application with the cast on stage, on SQLite or, with LOKET_TEST_DATABASE=postgres, on PostgreSQL."""
    from portal.core import shops
    from portal.installation.database import migrate

    # Whoever changes a shop tells so; on a busy machine what is known of it would run out in the middle of a test.
    shops.CACHE_SECONDS = 3600.0
    folder = tmp_path_factory.mktemp("loket")
    database: SqliteStage | PostgresStage = SqliteStage(folder)
    if os.environ.get("LOKET_TEST_DATABASE") == "postgres":
        database = PostgresStage(request.getfixturevalue("postgres_cluster"))
    app = make_app(folder, database.url, SMTP_URL="smtp://127.0.0.1:9")
    with app.app_context():
        migrate(app, app.config["LOKET"])
        ids = stage.put_on_stage()
        _forget_connections()
    database.keep(CAST)
    # What lives as long as the tests do need not be searched for garbage in each of them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    return app, database, ids


def _forget_connections() -> None:
    from portal.extensions import db

    db.session.remove()
    db.engine.dispose()


@pytest.fixture
def begins_with() -> str:
    """The state in which a test's database begins. A module that overrides it has kept another one before."""
    return CAST


@pytest.fixture
def app(_stage: Stage, begins_with: str) -> Iterator[Flask]:
    """The application on a fresh copy of the database."""
    from portal.domain.payments import registry
    from portal.extensions import limiter
    from portal.providers import load_providers

    app, database, _ids = _stage
    with app.app_context():
        _forget_connections()
    database.put_back(begins_with)
    app.extensions["shops"].forget()
    # The providers are the process's: another application of another test may have put its own there.
    registry.install(load_providers(app.config))
    with app.app_context():
        limiter.reset()
    before = dict(app.config)
    yield app
    app.config.clear()
    app.config.update(before)
    with app.app_context():
        _forget_connections()


@pytest.fixture
def ids(_stage: Stage) -> stage.Ids:
    """The primary keys of the cast."""
    return _stage[2]


@pytest.fixture
def on_stage(app: Flask, ids: stage.Ids) -> Callable[..., Any]:
    """``with on_stage(): ...`` opens an app context in the cast's shop (or another) and commits at its end.

    The client must not call inside it: Flask-Login would answer as the outer context's user.
    """

    @contextmanager
    def enter(shop_id: int | None = None) -> Iterator[None]:
        from portal.core import database
        from portal.core.tenancy import shop_scope
        from portal.extensions import db

        database.set_reading(False)
        with app.app_context(), shop_scope(shop_id or ids.shop):
            yield
            db.session.commit()

    return enter


@pytest.fixture
def client(app: Flask) -> PageClient:
    """A visitor of the cast's shop."""
    return app.test_client()  # type: ignore[return-value]


@pytest.fixture
def login(app: Flask, ids: stage.Ids, on_stage: Callable[..., Any]) -> Callable[..., PageClient]:
    """``login("emma")`` gives a client that is signed in, without going through the log-in page."""

    def sign_in(who: str, *, now: datetime | None = None) -> PageClient:
        import secrets

        from portal.core import clock, sessions
        from portal.extensions import db

        is_staff = who in stage.STAFF
        whose = {"staff_id" if is_staff else "person_id": getattr(ids, who)}
        shop_id = ids.other_shop if who in stage.ELSEWHERE else ids.shop
        moment, token = now or clock.now(), secrets.token_urlsafe(32)
        with on_stage(shop_id):
            db.session.add(
                sessions.SessionRow(
                    token_hash=sessions.token_hash(token),
                    principal=f"{'staff' if is_staff else 'person'}:{getattr(ids, who)}",
                    **whose,
                    csrf_secret=secrets.token_hex(32),
                    started_at=moment,
                    last_seen_at=moment,
                    confirmed_at=moment,
                    expires_at=moment + sessions.IDLE,
                )
            )
        client: PageClient = app.test_client()  # type: ignore[assignment]
        client.host = stage.OTHER_HOST if who in stage.ELSEWHERE else stage.HOST
        if is_staff:
            client.pages = ("/office",)
            client.set_cookie("__Secure-loket_staff", token, domain=client.host, secure=True, path="/office")
        else:
            client.set_cookie("__Host-loket_person", token, domain=client.host, secure=True, path="/")
        return client

    return sign_in
