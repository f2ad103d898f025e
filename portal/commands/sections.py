"""``flask section``: what is loaded, and the migrations of packages' tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import alembic.command
import click
from alembic.util import CommandError
from flask import current_app
from flask.cli import with_appcontext

from portal.commands.running import Lines, Refused, say
from portal.core.sections import Sections
from portal.extensions import db
from portal.installation import database
from portal.installation.database import History
from portal.installation.supervisor import StartFailed

group = click.Group("section", help="List sections; make and take back the tables of packages.")


def _answering(command: Callable[..., Lines]) -> Callable[..., None]:
    @with_appcontext
    @wraps(command)
    def run(**values: Any) -> None:
        try:
            lines = command(**values)
        except (StartFailed, CommandError) as error:
            raise Refused(str(error)) from error
        finally:
            db.engine.dispose()
        say(lines)

    return run


@group.command("list")
@_answering
def list_() -> Lines:
    """Every section by its key, with its address and the package that it came with."""
    loaded: Sections = current_app.extensions["sections"]
    width = max(len(section.key) for section in loaded.all)
    for section in loaded.all:
        package = loaded.packages.get(section.key)
        yield f"{section.key:<{width}}  {section.address or '/'}{f'  {package.name}' if package else ''}"


@group.command("upgrade")
@_answering
def upgrade() -> Lines:
    """Bring all tables up to date, of Loket and of packages, as a start does."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    changed = database.migrate(app, current_app.config["LOKET"])
    return ["All tables are up to date." if changed else "All tables were up to date."]


@group.command("downgrade")
@click.argument("key")
@click.option("--to", "revision", default="base", help="A revision of the package; without it all tables go.")
@_answering
def downgrade(*, key: str, revision: str) -> Lines:
    """Take the tables of the section KEY back, with all that is in them: before its package is removed for good."""
    alembic.command.downgrade(_history(key).config, revision)
    return [f"The tables of {key} are at {revision}."]


@group.command("revision")
@click.argument("key")
@click.option("-m", "--message", required=True, help="What changes.")
@_answering
def revision(*, key: str, message: str) -> Lines:
    """Write the next migration of the section KEY: what its models have and the database has not. Read it."""
    history = _history(key)
    made = alembic.command.revision(
        history.config, message, autogenerate=True, version_path=history.config.attributes["folder"]
    )
    return [f"Written: {each.path}" for each in (made if isinstance(made, list) else [made]) if each]


def _history(key: str) -> History:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for history in database.histories(app):
        if history.key == key:
            return history
    raise Refused(
        f"There is no section {key} with migrations; `.venv/bin/flask section list` lists sections."
    )
