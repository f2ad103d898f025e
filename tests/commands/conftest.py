"""Running the commands as a terminal does, and seeing that a refused one wrote nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from portal.core import database
from portal.core.tables import Base
from portal.core.tenancy import every_shop
from portal.extensions import db
from tests.cast import HOST

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """``run("invoice", "check")`` is ``flask invoice check`` in the cast's shop; ``shop=None`` names none."""

    def command(*arguments: str, shop: str | None = HOST, input: Any = None) -> Result:
        database.set_reading(False)
        chosen = [] if shop is None else ["--shop", shop]
        return app.test_cli_runner().invoke(args=[*arguments, *chosen], input=input)

    return command


@pytest.fixture
def counts(app: Flask) -> Callable[[], dict[str, int]]:
    """The number of rows of every table."""

    def count() -> dict[str, int]:
        with app.app_context(), every_shop():
            return {
                table.name: db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }

    return count


@pytest.fixture
def refused(
    run: Run, counts: Callable[[], dict[str, int]], caplog: pytest.LogCaptureFixture
) -> Callable[..., str]:
    """Runs a command that must refuse: exit code 2, one sentence, every row count unchanged; answers the sentence."""

    def command(*arguments: str, **options: Any) -> str:
        before = counts()
        done = run(*arguments, **options)
        assert done.exit_code == 2, done.output
        assert counts() == before
        assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
        assert done.stdout == ""
        sentence = done.stderr.strip()
        assert sentence and "\n" not in sentence and "Traceback" not in sentence, sentence
        assert len(sentence) < 400
        return sentence

    return command
