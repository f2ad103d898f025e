"""A small application with the background machinery alone, for tests in this process and in workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from flask import Flask
from jinja2 import ChoiceLoader, FileSystemLoader

import portal.core.mail_delivery  # noqa: F401  (registers the handler that sends mails)
from config import parse_smtp_url
from portal.core import database, jobs, mailer, outbox, tenancy
from portal.core.mailer import Category, Envelope, Mail, MailMessage
from portal.core.outbox import OutboxRow, OutboxState, Outside, Step
from portal.core.tables import Base
from portal.domain.shops.models import Shop
from portal.extensions import babel, db, mail

FOLDER = Path(__file__).parent
#: A moment to stand still at.
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MARK = "mark"


def mark(text: str) -> None:
    """What the handlers of the tests write, so that one can see what was committed and how often.

    A row of the outbox that is done: a table of our own would be one that no migration knows.
    """
    db.session.add(OutboxRow(job=MARK, lane="", payload={"text": text}, state=OutboxState.DONE, due_at=NOON))


def make_app(
    database_url: str,
    *,
    folder: Path,
    redis_url: str | None = None,
    smtp_url: str | None = None,
    lease: float = 30,
) -> Flask:
    """An application on an existing or empty database; what exists stays."""
    app = Flask("portal", instance_path=str(folder))
    smtp = parse_smtp_url(smtp_url) if smtp_url else None
    app.config.update(
        SECRET_KEY="test",
        SQLALCHEMY_DATABASE_URI=database_url,
        REDIS_URL=redis_url,
        SMTP_URL=smtp_url,
        MAIL_SERVER=smtp.host if smtp else None,
        MAIL_PORT=smtp.port if smtp else None,
        MAIL_USERNAME=smtp.username if smtp else None,
        MAIL_PASSWORD=smtp.password if smtp else None,
        MAIL_USE_TLS=bool(smtp and smtp.starttls),
        MAIL_USE_SSL=bool(smtp and smtp.tls),
        OUTBOX_LEASE_SECONDS=lease,
        FILES_DIR=folder / "files",
        TESTING=True,
    )
    app.extensions["loket"] = SimpleNamespace(mail_envelope=envelope, shop_ids=shop_ids)
    db.init_app(app)
    with app.app_context():
        database.install(db.engine)
    tenancy.install(db.session)
    babel.init_app(app)
    mail.init_app(app)
    jobs.init_app(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True  # as core.templating sets them
    assert app.jinja_loader is not None
    app.jinja_loader = ChoiceLoader([app.jinja_loader, FileSystemLoader(FOLDER / "templates")])
    return app


def make_tables(app: Flask) -> None:
    """The tables that this application needs, and two shops."""
    from portal.core.schedule import PeriodicRun

    models = (Shop, OutboxRow, MailMessage, PeriodicRun)
    with app.app_context(), tenancy.every_shop():
        Base.metadata.create_all(db.engine, tables=[sa.inspect(each).local_table for each in models])
        db.session.add_all([Shop(name="Molen"), Shop(name="Kaas")])
        db.session.commit()


def shop_ids() -> list[int]:
    return list(db.session.scalars(sa.select(Shop.id).order_by(Shop.id)))


def envelope(shop_id: int) -> Envelope:
    """Two shops that differ in everything."""
    if shop_id == 1:
        return Envelope(
            name="De Molen",
            from_address="post@molen.example",
            domain="molen.example",
            home_url="https://molen.example/",
            colour="#1f5fae",
            reply_to="vragen@molen.example",
            footer=("Dorpsstraat 1, Ede",),
        )
    return Envelope(
        name="Kaas & Zo",
        from_name="Kaasboer Zoë, Kaas & Zo",
        from_address="hallo@kaas.example",
        domain="kaas.example",
        home_url="https://kaas.example/",
        colour="#b03010",
        logo_url="https://kaas.example/logo.png",
    )


@contextmanager
def in_shop(app: Flask, shop_id: int = 1) -> Iterator[None]:
    """A request's worth of work: an application context in a shop's scope."""
    with app.app_context(), tenancy.shop_scope(shop_id):
        yield


def marks(app: Flask) -> list[str]:
    """What the handlers wrote, over both shops."""
    with app.app_context(), tenancy.every_shop():
        written = sa.select(OutboxRow.payload).where(OutboxRow.job == MARK).order_by(OutboxRow.id)
        return [payload["text"] for payload in db.session.scalars(written)]


def rows(app: Flask) -> list[OutboxRow]:
    """Every real row of the outbox, loaded and let go."""
    with app.app_context(), tenancy.every_shop():
        found = list(
            db.session.scalars(sa.select(OutboxRow).where(OutboxRow.job != MARK).order_by(OutboxRow.id))
        )
        db.session.expunge_all()
        return found


def queue_probe(
    number: str, *, to: list[str] | None = None, now: datetime = NOON, **more: Any
) -> MailMessage:
    """A mail from the templates of this folder."""
    return mailer.queue(
        Mail(
            name="probe",
            category=more.pop("category", Category.BILLING),
            language=more.pop("language", "en"),
            to=to or ["emma@example.com"],
            context={"number": number},
            **more,
        ),
        now=now,
    )


@outbox.handler("probe.mark", lane="billing")
def write_mark(payload: dict[str, Any], *, now: datetime) -> None:
    """Writes its text; the work of most tests."""
    mark(payload["text"])


@outbox.handler("probe.idle", lane="documents")
def do_nothing(payload: dict[str, Any], *, now: datetime) -> None:
    """For counting what a row costs."""


@outbox.handler("probe.slow", lane="billing")
def take_a_second(payload: dict[str, Any], *, now: datetime) -> Step:
    """Long enough to be told to stop meanwhile."""
    return Outside(lambda: time.sleep(1), then=lambda result, now: mark(payload["text"]))
