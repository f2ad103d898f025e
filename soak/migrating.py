"""Migrates again and again and dies on the way: what is left must be the database from before, or the one after.

    python -m soak.migrating SEED POINTS      with the settings of an installation; prints JSON

Each attempt is a fork that ends itself by SIGKILL before or after a statement drawn by chance. Then the start of the
next one must bring the database to where it would have been.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import Flask

from config import Config
from portal import create_app
from portal.core import clock, database
from portal.core.tenancy import shop_scope
from portal.extensions import db
from portal.installation import keys
from portal.installation.database import migrate
from tests import cast

PROJECT = Path(__file__).resolve().parents[1]
#: A migration like those to come: tables of money rebuilt with all their rows, a new one, and what was there changed.
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "soak"
down_revision = {down!r}
branch_labels = depends_on = None


def upgrade():
    with op.batch_alter_table("documents") as batch:
        batch.add_column(sa.Column("soaked", sa.Integer(), nullable=False, server_default="0"))
        batch.alter_column("number", type_=sa.String(length=60), existing_type=sa.String(length=40))
    op.execute("UPDATE documents SET soaked = total_minor")
    with op.batch_alter_table("customers") as batch:
        batch.alter_column("name", type_=sa.String(length=300), existing_type=sa.String(length=200))
    op.create_table("soaked", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("text", sa.String(length=9)))
    op.execute("INSERT INTO soaked (id, text) VALUES (1, 'wet')")
    op.create_index("ix_soaked_text", "soaked", ["text"])


def downgrade():
    raise NotImplementedError
"""


class SqliteFile:
    """A database that is put back by copying its file."""

    def __init__(self, path: Path) -> None:
        self.path, self.kept = path, path.with_suffix(".kept")
        path.parent.mkdir(parents=True, exist_ok=True)

    def keep(self) -> None:
        with sa.create_engine(f"sqlite:///{self.path}", poolclass=sa.NullPool).connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(self.path, self.kept)

    def put_back(self) -> None:
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        if self.kept.exists():
            shutil.copyfile(self.kept, self.path)

    def forget(self) -> None:
        self.kept.unlink(missing_ok=True)
        self.put_back()


class PostgresDatabase:
    """A database that is put back from a template."""

    def __init__(self, url: str) -> None:
        self.server, _, self.name = url.replace("+psycopg", "").rpartition("/")
        self.forget()

    def _do(self, *statements: str) -> None:
        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def keep(self) -> None:
        self._do(
            f'DROP DATABASE IF EXISTS "{self.name}_kept" WITH (FORCE)',
            f'ALTER DATABASE "{self.name}" RENAME TO "{self.name}_kept"',
        )
        self.put_back()

    def put_back(self) -> None:
        self._do(
            f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)',
            f'CREATE DATABASE "{self.name}" TEMPLATE "{self.name}_kept"',
        )

    def forget(self) -> None:
        self._do(
            f'DROP DATABASE IF EXISTS "{self.name}_kept" WITH (FORCE)', f'CREATE DATABASE "{self.name}_kept"'
        )
        self.put_back()


def main(seed: int, points: int) -> None:
    config = keys.ensure(Config.from_env(os.environ))
    app = create_app(config)
    place = SqliteFile(config.sqlite_path) if config.sqlite_path else PostgresDatabase(config.database_url)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        later = with_next(Path(folder) / "migrations")
        place.forget()
        told = {"an empty database": interrupt(app, config, place, PROJECT / "migrations", chance, points)}
        place.forget()
        fork_and(lambda: fill(app, config))
        place.keep()
        told["a shop with invoices"] = interrupt(app, config, place, later, chance, points)
    print(json.dumps(told))


def with_next(folder: Path) -> Path:
    """The migrations of this Loket, and one more."""
    shutil.copytree(PROJECT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (head,) = ScriptDirectory(str(PROJECT / "migrations")).get_heads()
    (folder / "versions" / "9999_soak.py").write_text(NEXT.format(down=head))
    return folder


def fill(app: Flask, config: Config) -> None:
    """Two shops, and invoices in one."""
    with app.app_context():
        migrate(app, config)
        database.set_reading(False)
        ids = cast.put_on_stage()
        with shop_scope(ids.shop):
            for number in range(40):
                cast.make_invoice(ids.emma_account, amount_minor=100 + number, lines=3, now=clock.now())
            db.session.commit()


def interrupt(
    app: Flask, config: Config, place: Any, folder: Path, chance: random.Random, points: int
) -> dict[str, Any]:
    """Dies at so many points of a migration; how many there are, and what was wrong."""
    place.put_back()
    before = picture(config)
    steps = attempt(app, config, folder, die_at=0)
    after = picture(config)
    wrong = [] if steps > 0 and before != after else ["the migration did nothing"]
    drawn = chance.sample(range(1, steps + 1), min(points, steps)) if steps > 0 else []
    # The moments around the commit are where it matters.
    drawn += [point for point in range(steps - 3, steps + 1) if point > 0 and point not in drawn]
    ends = {"before": 0, "after": 0}
    for point in sorted(drawn):
        place.put_back()
        if attempt(app, config, folder, die_at=point) != -signal.SIGKILL:
            wrong.append(f"step {point} of {steps}: it did not die")
        seen = picture(config)
        if seen in (before, after):
            ends["before" if seen == before else "after"] += 1
        else:
            wrong.append(f"step {point} of {steps}: it is half done: {difference(before, seen)}")
        if attempt(app, config, folder, die_at=0) < 0 or picture(config) != after:
            wrong.append(
                f"step {point} of {steps}: the next start did not finish it: {difference(after, picture(config))}"
            )
    return {"steps": steps, "deaths": len(drawn), **ends, "wrong": wrong}


def attempt(app: Flask, config: Config, folder: Path, *, die_at: int) -> int:
    """One start; how many steps it had, or minus the signal that ended it, or -1."""

    def run() -> int:
        count = 0

        def step(*_: Any, **__: Any) -> None:
            nonlocal count
            count += 1
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
            sa.event.listen(sa.Engine, name, step)
        bound = app.extensions["migrate"]
        bound.directory = bound.migrate.directory = str(folder)
        with app.app_context():
            migrate(app, config)
        return count

    return fork_and(run)


def fork_and(run: Any) -> int:
    """What it answers in a child of its own; minus the signal that ended it, -1 when it failed."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.dup2(2, 1)
            os.write(writer, str(run() or 0).encode())
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    return int(told) if told and status == 0 else -1


def picture(config: Config) -> dict[str, str]:
    """Each table with its columns, keys and a fingerprint of its rows."""
    engine = sa.create_engine(config.database_url, poolclass=sa.NullPool)
    seen = {}
    with engine.connect() as connection:
        looked = sa.inspect(connection)
        for name in sorted(looked.get_table_names()):
            columns = sorted(
                (each["name"], str(each["type"]), each["nullable"]) for each in looked.get_columns(name)
            )
            keys_ = sorted(str(sorted(each["constrained_columns"])) for each in looked.get_foreign_keys(name))
            indexes = sorted(str(each["name"]) for each in looked.get_indexes(name))
            wanted = ", ".join(f'"{column}"' for column, _, _ in columns)
            rows = sorted(map(repr, connection.exec_driver_sql(f'SELECT {wanted} FROM "{name}"').fetchall()))
            digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
            seen[name] = f"{columns} {keys_} {indexes} {len(rows)} rows {digest}"
    return seen


def difference(one: dict[str, str], other: dict[str, str]) -> str:
    """The tables that are not the same."""
    return ", ".join(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))[
        :200
    ]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
