"""Whole installations for the tests of backups: with their own folder, keys and database, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import flask_migrate
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from config import Config
from portal import create_app, demo
from portal.core import audit, database, storage
from portal.core.audit import Actor
from portal.core.backup import sealing
from portal.core.tables import Base
from portal.core.tenancy import every_shop, shop_scope
from portal.domain.invoices import rendering
from portal.domain.invoices.models import Document
from portal.domain.shops.models import Shop
from portal.extensions import db
from portal.installation import keys

# The key of an archive costs most of a second on purpose, and always comes out the same: it is made once for each.
sealing._derive = cache(sealing._derive)
PASSPHRASE = "four quiet green boats"
NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
Rows = dict[str, list[tuple[Any, ...]]]


class Site:
    """An installation that is not running."""

    def __init__(self, folder: Path, url: str | None = None, *, mode: str = "demo", **settings: str) -> None:
        self.environ = {
            "INSTANCE_DIR": str(folder),
            "LOKET_MODE": mode,
            "BACKUP_PASSPHRASE": PASSPHRASE,
            "PACKAGES": "0",
            **settings,
        }
        if url is not None:
            self.environ["DATABASE_URL"] = url
        self.load()

    def load(self) -> None:
        """As a new process does: settings and keys anew."""
        self.config = keys.ensure(
            Config.from_env({name: value for name, value in self.environ.items() if value})
        )
        self.app: Flask = create_app(self.config, TESTING=True)

    def run(self, *arguments: str | Path, input: str | None = None) -> Result:
        """``flask backup`` with these arguments."""
        database.set_reading(False)
        try:
            return self.app.test_cli_runner().invoke(args=["backup", *map(str, arguments)], input=input)
        finally:
            self.close()

    def done(self, *arguments: str | Path) -> str:
        """What a command prints that must work."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str | Path, input: str | None = None) -> str:
        """The sentence of a command that must refuse."""
        result = self.run(*arguments, input=input)
        assert result.exit_code == 2, result.output
        sentence = result.stderr.strip()
        assert result.stdout == "" and sentence and "Traceback" not in sentence
        return sentence

    def migrate(self) -> None:
        with self.app.app_context():
            database.set_reading(False)
            flask_migrate.upgrade()
        self.close()

    @contextmanager
    def opened(self, shop_id: int | None = None) -> Iterator[None]:
        """An application context that may write, in one shop or in all, and commits at its end."""
        database.set_reading(False)
        scope = every_shop() if shop_id is None else shop_scope(shop_id)
        with self.app.app_context(), scope:
            yield
            db.session.commit()
        self.close()

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def fill(self) -> None:
        """The demo shop, PDFs of its invoices, and rows that are hard to carry."""
        self.migrate()
        with self.opened():
            demo.load(self.app, port=8000)
            shop_id = db.session.scalars(sa.select(Shop.id)).one()
        with self.opened(shop_id):
            for document in db.session.scalars(sa.select(Document).order_by(Document.id).limit(5)):
                rendering.keep_file(document, "en", b"%PDF " + str(document.id).encode() * 9000, now=NOON)
            hard = {
                "deep": [{"a": None}] * 3,
                "text": 'Zoë 🥐 \u2028 \\ " \n',
                "large": 2**63,
                "empty": {},
                "b": 1,
                "a": 2,
            }
            audit.record(
                "shop.edited", db.session.get_one(Shop, shop_id), actor=Actor.system("x"), now=NOON, **hard
            )
            storage.put("shops/1/nobodys/file.bin", bytes(range(256)) * 10_000)

    def rows(self) -> Rows:
        """Every row of every table as the models see it, without when sessions ended."""
        found: Rows = {}
        with self.app.app_context(), db.engine.connect() as connection:
            for table in Base.metadata.sorted_tables:
                columns = [
                    column for column in table.c if (table.name, column.name) != ("sessions", "ended_at")
                ]
                query = sa.select(*columns).order_by(*table.primary_key.columns)
                found[table.name] = [tuple(row) for row in connection.execute(query)]
        self.close()
        return found

    def files(self) -> dict[str, bytes]:
        """Every stored file."""
        folder = self.config.files_dir
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    def is_empty(self) -> bool:
        """Is there neither a row nor a file?"""
        path = self.config.sqlite_path
        no_rows = path is not None and not path.exists()
        if not no_rows:
            with self.app.app_context():
                there = set(sa.inspect(db.engine).get_table_names()) - {"alembic_version"}
                with db.engine.connect() as connection:
                    no_rows = not any(
                        connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name)))
                        for name in there
                    )
            self.close()
        return no_rows and not self.files()
