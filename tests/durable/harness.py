"""What the durable tests share: an application in this process, workers beside it, and the scheduler's part."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import Flask

from portal.core import clock, jobs, outbox, tenancy
from portal.core.mailer import MailMessage
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.durable.background import in_shop, make_app, make_tables, queue_probe
from tests.services import wait_until

PROJECT = Path(__file__).resolve().parents[2]
#: How many kills a run makes: 12 in `make test`, 200 in the soak.
KILLS = int(os.environ.get("LOKET_KILLS", "12"))
MAIL_AND_BILLING = ["mail", "billing"]


class Bench:
    """A database, the application on it, and its worker processes."""

    def __init__(self, folder: Path, database_url: str, **services: Any) -> None:
        self.folder = folder
        self.options = {"folder": str(folder), "database_url": database_url, **services}
        self.app: Flask = self.open()
        with self.app.app_context():
            client = jobs._bells().redis()
            assert client is not None
            client.flushall()
        self.process: subprocess.Popen[bytes] | None = None
        self.kills: list[tuple[tuple[str, ...], float]] = []

    def open(self) -> Flask:
        """The application in this process, on a database with its tables."""
        app = make_app(
            self.options["database_url"],
            folder=self.folder,
            redis_url=self.options["redis_url"],
            smtp_url=self.options.get("smtp_url"),
            lease=self.options.get("lease", 30),
        )
        make_tables(app)
        return app

    def start(self, *lanes: list[str]) -> None:
        """Starts workers and returns when each has answered its first bell."""
        options = json.dumps({**self.options, "lanes": lanes})
        self.process = subprocess.Popen([sys.executable, "-m", "tests.durable.workers", options], cwd=PROJECT)
        wait_until(
            lambda: all(self._pid_file(group).exists() for group in lanes), seconds=60, what="the first fork"
        )

    def stop(self) -> int:
        """SIGTERM to all; answers the exit code of the parent."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(30)
        self.process = None
        return code

    def pid(self, *group: str) -> int:
        return int(self._pid_file(group).read_text() or 0)

    def _pid_file(self, group: Any) -> Path:
        return self.folder / f"{'-'.join(group)}.pid"

    def kill(self, *group: str) -> None:
        """SIGKILL, and back when the next one was forked."""
        pid = self.pid(*group)
        os.kill(pid, signal.SIGKILL)
        self.kills.append((group, time.time()))
        wait_until(lambda: self.pid(*group) not in (0, pid), what="a new worker")

    def kills_of(self, *group: str) -> list[float]:
        """When the worker of these lanes was killed."""
        return [at for killed, at in self.kills if killed == group]

    def strike(self, *group: str, doing: str, after: float, more: Callable[[], None]) -> None:
        """SIGKILL in the middle of a piece of work, so many seconds after it began; again until one hit.

        Workers keep a file while they are at it, so what is left of the dead one's says that it was. They may
        be through with everything before this process looks: then ``more`` gives them something to do.
        """
        for _ in range(30):
            pid = self.pid(*group)
            mark = self.folder / f"{doing}-{pid}"
            self.until(mark.exists, every=0.003, what=f"the beginning of a {doing}", idle=more)
            time.sleep(after)
            self.kill(*group)
            if mark.exists():
                return
        raise AssertionError(f"no kill came in the middle of a {doing}")

    def sweep(self) -> None:
        """What the scheduler has done every minute, here as often as one asks."""
        with self.app.app_context():
            jobs.sweep(now=clock.now())

    def until(
        self,
        happened: Callable[[], bool],
        *,
        seconds: float = 30,
        every: float = 0.05,
        what: str = "it",
        idle: Callable[[], None] | None = None,
    ) -> None:
        """Waits while sweeping, and calls ``idle`` whenever the workers have nothing left to do."""
        swept = 0.0

        def look() -> bool:
            nonlocal swept
            if time.monotonic() - swept > 0.05:
                self.sweep()
                if idle is not None and not self.open_rows():
                    idle()
                swept = time.monotonic()
            return happened()

        wait_until(look, seconds=seconds, every=every, what=what)

    def open_rows(self) -> int:
        """How many rows are neither done nor failed."""
        with self.app.app_context(), tenancy.every_shop():
            query = sa.select(sa.func.count(OutboxRow.id)).where(
                OutboxRow.state.in_([OutboxState.WAITING, OutboxState.RUNNING])
            )
            return db.session.scalar(query) or 0

    def mails(self) -> list[MailMessage]:
        with self.app.app_context(), tenancy.every_shop():
            found = list(db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id)))
            db.session.expunge_all()
            return found

    def queue_mail(self, number: str, *, shop: int = 1, **options: Any) -> None:
        with in_shop(self.app, shop):
            queue_probe(number, now=clock.now(), **options)
            db.session.commit()

    def add(self, job: str, text: str, *, shop: int = 1, **options: Any) -> None:
        with in_shop(self.app, shop):
            outbox.add(job, {"text": text}, now=clock.now(), **options)
            db.session.commit()


class PortalBench(Bench):
    """The same with the whole portal on it, and the cast in its shops."""

    def open(self) -> Flask:
        import flask_migrate

        from portal.core import database
        from tests import cast

        self.options["portal"] = True
        app = portal_app(self.options)
        database.set_reading(False)
        with app.app_context():
            flask_migrate.upgrade()
            self.ids = cast.put_on_stage()
            db.session.remove()
        return app

    def issue(self, count: int, *, lines: int) -> None:
        """Issues invoices of Emma's and sends them: a PDF to build and a mail that waits for it, each."""
        from portal.core.audit import Actor
        from portal.domain.invoices.actions import send_invoice
        from portal.domain.people.models import Customer
        from tests import cast

        for _ in range(count):
            with in_shop(self.app, self.ids.shop):
                customer = db.session.get_one(Customer, self.ids.emma_account)
                shop = db.session.get_one(Shop, self.ids.shop)
                now = clock.now()
                document = cast.make_invoice(customer.id, lines=lines, now=now)
                send_invoice(document, shop=shop, customer=customer, now=now, actor=Actor.system("test"))
                db.session.commit()


def portal_app(options: dict[str, Any]) -> Flask:
    """The portal as it is installed, on the services of a bench."""
    from tests.conftest import make_app as make_portal

    return make_portal(
        Path(options["folder"]),
        options["database_url"],
        REDIS_URL=options["redis_url"],
        SMTP_URL=options.get("smtp_url"),
        OUTBOX_LEASE_SECONDS=options.get("lease", 30),
    )


def portal_bench(folder: Path, **services: Any) -> contextlib.AbstractContextManager[PortalBench]:
    """A bench with the portal on it that leaves no process behind."""
    return _cleared(PortalBench(folder, f"sqlite:///{folder / 'loket.sqlite'}", **services))


def bench(
    folder: Path, database_url: str | None = None, **services: Any
) -> contextlib.AbstractContextManager[Bench]:
    """A bench that leaves no process behind."""
    return _cleared(Bench(folder, database_url or f"sqlite:///{folder / 'loket.sqlite'}", **services))


B = TypeVar("B", bound=Bench)


@contextlib.contextmanager
def _cleared(made: B) -> Iterator[B]:
    try:
        yield made
    finally:
        if made.process is not None:
            made.process.terminate()
            try:
                made.process.wait(20)
            except subprocess.TimeoutExpired:
                for path in made.folder.glob("*.pid"):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(path.read_text()), signal.SIGKILL)
                made.process.kill()
        with made.app.app_context():
            db.engine.dispose()
