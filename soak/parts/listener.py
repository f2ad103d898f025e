"""SIGKILLs of the mail listener while mails come in: what it said it has is there, each mail once."""

from __future__ import annotations

import contextlib
import random
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from bench.servers import listens
from portal.core import clock, reply_address
from portal.core.mailer import MailMessage
from portal.domain.people.models import Customer, CustomerKind, Staff
from portal.domain.tickets.actions import Said, answer
from portal.domain.tickets.models import TicketMessage
from portal.extensions import db
from soak.installation import Portal
from soak.report import Part
from soak.services import postgres, smtp
from tests.browser.installation import PROJECT
from tests.inbound import INBOX, raw
from tests.rows import make_ticket
from tests.services import SmtpService, free_port, wait_until

SECONDS = 900
#: Accounts that write at the same time, and how many mails of each: below what one account may send in an hour.
ACCOUNTS, MAILS = 4, 25
KILLS = 20
#: Seconds within which it is killed once it listens: everybody is sending then.
LIVES = 0.4


def run(seed: int) -> Part:
    part = Part()
    with tempfile.TemporaryDirectory(prefix="loket-soak-") as name, smtp(Path(name) / "smtp") as server:
        folder = Path(name)
        on_database(part, "SQLite", folder / "sqlite", server, seed)
        with postgres() as cluster:
            url = cluster.new_database()
            on_database(part, "PostgreSQL", folder / "pg", server, seed, DATABASE_URL=url)
    return part


def on_database(
    part: Part, where: str, folder: Path, server: SmtpService, seed: int, **settings: str
) -> None:
    """One listener, killed and started again, in front of several senders that do not give up."""
    with Portal(folder, smtp_url=server.url, INBOUND_MAIL=INBOX, **settings) as portal:
        accounts = [account(portal, number) for number in range(ACCOUNTS)]
        post = Post(free_port())
        senders = [threading.Thread(target=post.send_all, args=each, daemon=True) for each in accounts]
        with listener(portal, post.port) as running:
            for sender in senders:
                sender.start()
            kills = running.kill_at_random(random.Random(seed), KILLS)
            for sender in senders:
                sender.join(300)
        with portal.scope():
            found = Counter(
                db.session.scalars(
                    sa.select(TicketMessage.body).where(TicketMessage.body.startswith("Mail "))
                )
            )
        wanted = {body for _email, _to, bodies in accounts for body in bodies}
        part.row(
            f"{where}: mails come in while the listener is killed",
            f"{kills} kills, {len(wanted)} mails, {post.told}",
            [f"{sum(sender.is_alive() for sender in senders)} senders are still at it"]
            if any(sender.is_alive() for sender in senders)
            else [],
        )
        part.row(
            f"{where}: every mail that was taken is there, and once",
            f"{len(found)} messages",
            [
                *(f"{body} is missing" for body in sorted(wanted - set(found))),
                *(f"{body} is there {count} times" for body, count in found.items() if count > 1),
            ],
        )
        part.row(
            f"{where}: nothing went wrong beside that",
            "the log",
            [each[-600:] for each in portal.tracebacks()],
        )


def account(portal: Portal, number: int) -> tuple[str, str, list[str]]:
    """Somebody with a ticket that the shop answered: their address, where that is answered, and what they write."""
    with portal.scope() as ids:
        now = clock.now()
        customer = Customer(
            kind=CustomerKind.CONSUMER,
            name=f"Writer {number}",
            email=f"writer-{number}@example.net",
            country="NL",
            last_language="en",
            created_at=now,
        )
        db.session.add(customer)
        db.session.flush()
        ticket = make_ticket(customer.id, number=f"T-W{number}")
        answer(ticket.id, Said("What do you mean?"), author=db.session.get_one(Staff, ids.saskia), now=now)
        db.session.commit()
        mail = db.session.scalars(sa.select(MailMessage).where(MailMessage.customer_id == customer.id)).one()
        return (
            customer.email,
            reply_address.of(mail) or "",
            [f"Mail {each} of writer {number}." for each in range(MAILS)],
        )


@dataclass
class Post:
    """A mail server's queue: each mail is brought until it is taken, always as the same mail."""

    port: int
    said: Counter[str] = field(default_factory=Counter)

    def send_all(self, sender: str, to: str, bodies: list[str]) -> None:
        for number, body in enumerate(bodies):
            data = raw(f"{body}\n", sender=sender, to=to, message_id=f"<{sender}.{number}>")
            while not self._sent(sender, to, data):
                time.sleep(0.2)

    def _sent(self, sender: str, to: str, data: bytes) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as server:
                server.sendmail(sender, [to], data)
        except (smtplib.SMTPServerDisconnected, ConnectionError):
            self.said["cut off"] += 1
        except smtplib.SMTPException as error:
            self.said[type(error).__name__] += 1
        else:
            self.said["taken"] += 1
            return True
        return False

    @property
    def told(self) -> str:
        return ", ".join(f"{count} × {what}" for what, count in sorted(self.said.items()))


@dataclass
class Listener:
    """The process, started again whenever it died."""

    portal: Portal
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.portal.folder / "listener.txt"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "flask",
                    "--app",
                    "app",
                    "mail",
                    "listen",
                    "--smtp",
                    "--port",
                    str(self.port),
                ],
                cwd=PROJECT,
                env={**self.portal.env, "LOKET_MODE": self.portal.mode},
                stdout=output,
                stderr=output,
            )
        if log not in self.portal.logs:
            self.portal.logs.append(log)

    def kill_at_random(self, chance: random.Random, times: int) -> int:
        """Soon after it listens, in the middle of its work."""
        for _ in range(times):
            wait_until(lambda: listens(self.port), seconds=60, what="the listener")
            time.sleep(chance.random() * LIVES)
            self.kill()
            self.start()
        return times

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def listener(portal: Portal, port: int) -> Iterator[Listener]:
    """A listener on a port, gone at the end."""
    running = Listener(portal, port)
    running.start()
    try:
        yield running
    finally:
        running.kill()
