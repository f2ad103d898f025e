"""What the installation asks of the portal, so that the process tree knows nothing of shops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from config import Config
from portal.installation.supervisor import StartFailed

DEMO_PASSWORD = "loket-demo"  # noqa: S105  # printed on purpose: it works on this machine only
DEMO_OWNER = "owner@example.com"
DEMO_LOGINS = (
    ("emma@example.com", "a customer with invoices in every state"),
    ("jan@example.com", "a business customer"),
    ("new@example.com", "a customer with nothing yet"),
)


@dataclass(frozen=True)
class Hooks:
    """The functions a start needs; `prepare`, `work` and `schedule` run in forked children."""

    create_app: Callable[[Config], Any]
    warm: Callable[[Any], None]
    prepare: Callable[[Any, Config], list[str]]
    work: Callable[[Any, tuple[str, ...]], None]
    schedule: Callable[[Any], None]


def portal_hooks() -> Hooks:
    """Those of the portal itself."""
    from portal import create_app

    return Hooks(create_app=create_app, warm=warm, prepare=prepare, work=work, schedule=schedule)


def warm(app: Flask) -> None:
    """Import what the parts use, pack the static files and render an invoice: all of it once, before the forks."""
    import aiosmtpd.smtp  # noqa: F401
    import gunicorn.arbiter
    import gunicorn.workers.gthread  # noqa: F401
    import sqlalchemy as sa

    from portal.core import jobs, schedule, static_files  # noqa: F401
    from portal.installation import specimen

    sa.orm.configure_mappers()
    static_files.pack_all(app)
    specimen.render(app)


def prepare(app: Flask, config: Config) -> list[str]:
    """Migrate, fill an empty demo, refuse the wrong kind of database; returns lines to print at the end."""
    from portal.installation import database

    with app.app_context():
        database.migrate(app, config)
        return _prepare_demo(app, config) if config.demo else _prepare_live(config)


def _prepare_demo(app: Flask, config: Config) -> list[str]:
    from portal import demo
    from portal.domain.shops import queries
    from portal.installation.web import address

    shop = queries.find_default_shop()
    if queries.count_shops() and not (shop and shop.is_demo):
        raise StartFailed("DATABASE_URL names the database of a real shop; the demo needs one of its own.")
    if shop is None:
        print("Making the demo shop; this takes a moment the first time …", flush=True)
        demo.load(app, port=config.port)
    else:
        demo.follow_port(app, port=config.port)
    width = max(len(email) for email, _ in DEMO_LOGINS)
    logins = [f"  {email:<{width}}  {who}" for email, who in DEMO_LOGINS]
    lines = [f"Log in with the password {DEMO_PASSWORD} as", *logins]
    here = address(config)
    lines.append(f"The back office is at {here}office, for {DEMO_OWNER} with the same password")
    if config.mail_folder is not None:
        lines.append(f"Every mail is caught at {here}sandbox/mail")
    return [*lines, f"The test bank's book is at {here}sandbox/"]


def _prepare_live(config: Config) -> list[str]:
    from portal.core import clock
    from portal.domain.shops import actions, queries
    from portal.extensions import db
    from portal.installation import addresses

    shop = queries.find_default_shop()
    if shop and shop.is_demo:
        raise StartFailed("DATABASE_URL names a database with a demo shop; a real one needs its own.")
    lines = [] if config.smtp_url else ["SMTP_URL is not set: mails are held until it is."]
    shops = [queries.get_shop(shop_id) for shop_id in queries.list_shop_ids()]
    for each in shops:
        lines += addresses.shop_lines(config, each.name, queries.primary_domain(each))
    if not shops:
        lines += addresses.setup_lines(config, actions.setup_token(now=clock.now()))
    db.session.commit()
    return lines


def settle(app: Flask, lanes: tuple[str, ...]) -> None:
    """What a forked worker does before its first job: memory is copied from the parent where it is first written to."""
    from portal.installation import specimen

    if "documents" in lanes:
        specimen.render(app)
        specimen.rehearse(app)


def work(app: Flask, lanes: tuple[str, ...]) -> None:
    """Drain these lanes of the outbox until told to stop."""
    from portal.core import jobs

    settle(app, lanes)
    with app.app_context():
        jobs.run_worker(list(lanes))


def schedule(app: Flask) -> None:
    """Ring for the periodic work until told to stop."""
    from portal.core import schedule as periodic

    with app.app_context():
        periodic.run_scheduler()
