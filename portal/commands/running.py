"""How a command runs: in one shop, in its language, in one transaction; a refusal is one sentence and exit code 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import IO, Any

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError, ProgrammingError

from portal.core import database, tenancy
from portal.core.audit import Actor
from portal.core.backup import marker
from portal.core.errors import DomainError
from portal.core.letter import BadAddress
from portal.domain.shops import queries
from portal.domain.shops.models import Shop
from portal.extensions import db

#: Who is behind what a command does.
ACTOR = Actor.system("cli")

#: What a command prints once its work is committed.
Lines = Iterable[str]


class Refused(click.ClickException):
    """What was asked is not done; one sentence on the standard error, and nothing was written."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Without the word that click puts in front."""
        click.echo(self.message, err=file is None, file=file)


@contextmanager
def one_transaction() -> Iterator[None]:
    """Commits at the end; whatever goes wrong, nothing stays, and a refusal of the domain becomes a sentence."""
    database.set_reading(False)
    try:
        yield
        db.session.commit()
    except DomainError as error:
        db.session.rollback()
        raise Refused(str(error)) from error
    except BadAddress as error:
        db.session.rollback()
        raise Refused(str(_("This is not a complete e-mail address."))) from error
    except OperationalError as error:
        db.session.rollback()
        raise Refused(
            str(
                _(
                    "The database cannot be used (%(reason)s). Nothing was changed.",
                    reason=str(error.orig).splitlines()[0],
                )
            )
        ) from error
    except BaseException:
        db.session.rollback()
        raise


@contextmanager
def only_reading() -> Iterator[None]:
    """The part of a command that takes its time before it writes: inside nobody waits for it.

    What follows is a transaction of its own, and looks anew at what was read.
    """
    db.session.rollback()
    database.set_reading(True)
    try:
        yield
    finally:
        db.session.rollback()
        database.set_reading(False)


def in_installation(command: Callable[..., Lines]) -> Callable[..., None]:
    """A command that concerns no shop in particular; it speaks English."""

    @with_appcontext
    @wraps(command)
    def run(**values: Any) -> None:
        with force_locale("en"), one_transaction():
            check_database()
            lines = command(**values)
        say(lines)

    return run


def in_shop(command: Callable[..., Lines]) -> Callable[..., None]:
    """A command that gets the shop it works in: the one of ``--shop``, else the only one, else the demo's."""

    @click.option("--shop", "wanted", metavar="HOST", help="The shop, by its host or public id.")
    @with_appcontext
    @wraps(command)
    def run(wanted: str | None, **values: Any) -> None:
        with force_locale("en"), one_transaction():
            check_database()
            shop = _find(wanted)
        with force_locale(shop.language), tenancy.shop_scope(shop.id), one_transaction():
            lines = command(shop=shop, **values)
        say(lines)

    return run


def check_database() -> None:
    """Says what to do when there are no tables yet, or no database, or one that is only half there."""
    if marker.is_there(current_app.config["DATA_DIR"]):
        raise Refused(marker.SENTENCE)
    try:
        queries.count_shops()
    except (OperationalError, ProgrammingError) as error:
        reason = str(error.orig).splitlines()[0]
        raise Refused(
            str(
                _(
                    "The database cannot be used (%(reason)s). Start Loket once, it makes the tables.",
                    reason=reason,
                )
            )
        ) from error


def _find(wanted: str | None) -> Shop:
    shop = queries.find_default_shop() if wanted is None else queries.find_shop(wanted.strip().lower())
    if shop is None and wanted is not None:
        shop = queries.find_shop(wanted.strip())
    if shop is not None:
        return shop
    if wanted is not None:
        raise Refused(str(_("There is no such shop. `.venv/bin/flask shop list` lists them.")))
    if queries.count_shops():
        raise Refused(
            str(_("There are several shops: name one with --shop. `.venv/bin/flask shop list` lists them."))
        )
    raise Refused(str(_("There is no shop yet. `.venv/bin/flask shop create` makes one.")))


def say(lines: Lines) -> None:
    """Prints what came of it."""
    for line in lines:
        click.echo(line)
