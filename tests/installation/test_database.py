"""The start brings the database up to date, copies an SQLite file first, and refuses what it cannot know."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import Migrate

from config import Config
from portal.extensions import db
from portal.installation import database
from portal.installation.supervisor import StartFailed

PROJECT = Path(__file__).resolve().parents[2]
REVISION = '''"""{name}"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{name}", {before!r}
def upgrade(): op.create_table("{name}_table", sa.Column("id", sa.Integer, primary_key=True))
def downgrade(): op.drop_table("{name}_table")
'''


class Installation:
    """An app with the portal's way of migrating and migrations of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.config = Config(instance_dir=folder / "instance", database_url=url)
        self.versions = folder / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        for name in ("env.py", "alembic.ini", "script.py.mako"):
            shutil.copy(PROJECT / "migrations" / name, folder / "migrations")
        self.add("first", None)
        self.app = Flask("little")
        self.app.config["SQLALCHEMY_DATABASE_URI"] = self.config.database_url
        db.init_app(self.app)
        Migrate(self.app, db, directory=str(folder / "migrations"))

    def add(self, name: str, before: str | None) -> None:
        (self.versions / f"{name}.py").write_text(REVISION.format(name=name, before=before))

    def migrate(self) -> bool:
        with self.app.app_context():
            return database.migrate(self.app, self.config)


@pytest.fixture
def installation(tmp_path: Path) -> Callable[..., Installation]:
    return lambda url="": Installation(tmp_path, url)


def tables(path: Path | None) -> set[str]:
    assert path is not None
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '%_table'")
        return {name for (name,) in found}


def test_the_first_start_makes_the_tables_and_the_next_does_nothing(installation) -> None:
    it = installation()
    assert it.migrate()
    assert not it.migrate()
    assert tables(it.config.sqlite_path) == {"first_table"}
    assert not (it.config.data_dir / "copies").exists()  # there was nothing worth a copy


def test_a_file_is_copied_before_it_is_changed(installation) -> None:
    it = installation()
    it.migrate()
    it.add("second", "first")
    assert it.migrate()
    assert tables(it.config.sqlite_path) == {"first_table", "second_table"}
    (copy,) = (it.config.data_dir / "copies").iterdir()
    assert copy.name.endswith("-first.sqlite")
    assert tables(copy) == {"first_table"}
    assert copy.stat().st_mode & 0o777 == 0o600


def test_only_so_many_copies_are_kept(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "x.sqlite").execute("CREATE TABLE a_table (id INTEGER)").connection.close()
    for number in range(database.COPIES_KEPT + 3):
        database.copy_sqlite(tmp_path / "x.sqlite", tmp_path / "copies", label=f"{number:02d}")
    kept = sorted(found.stem[-2:] for found in (tmp_path / "copies").iterdir())
    assert kept == [f"{number:02d}" for number in range(3, database.COPIES_KEPT + 3)]


def test_a_database_of_a_newer_loket_is_refused_and_left_alone(installation) -> None:
    it = installation()
    it.migrate()
    with sqlite3.connect(it.config.sqlite_path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffff'")
    with pytest.raises(StartFailed, match=r"made by a newer Loket \(it is at ffff"):
        it.migrate()
    assert not (it.config.data_dir / "copies").exists()


def test_a_database_that_does_not_answer_is_named_without_its_password(installation) -> None:
    it = installation("postgresql+psycopg://loket:hush@127.0.0.1:1/loket")
    with pytest.raises(StartFailed, match="The database of DATABASE_URL does not answer: ") as failed:
        it.migrate()
    assert "hush" not in str(failed.value)


def test_a_file_that_is_no_database_is_named(installation, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be looked at as one" * 30)
    it = installation(f"sqlite:///{tmp_path}/notes.txt")
    with pytest.raises(StartFailed, match="does not answer: file is not a database"):
        it.migrate()


@pytest.mark.postgres
def test_postgresql_is_brought_up_to_date_too(installation, postgres_url: str) -> None:
    it = installation(postgres_url)
    assert it.migrate()
    it.add("second", "first")
    assert it.migrate()
    assert not it.migrate()
