"""A small mail server on this machine that takes what the real one hands on: 250 stands for "committed"."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from portal.commands.mail_delivery import Delivery, NotNow, Refused, deliver
from portal.core import inbound_mail, reply_address

log = logging.getLogger(__name__)
# It writes every line of a conversation, addresses and all.
logging.getLogger("mail.log").setLevel(logging.ERROR)

#: How many may be connected at once; each may hold a mail of the largest size in memory.
MOST_CONNECTIONS = 10
#: Seconds without a word after which a connection ends; a mail waits at most half a minute for the database.
SILENCE = 90
#: Seconds after which one ends whatever it does: who sends a byte a second takes nobody's place for ever.
LONGEST = 600
#: Mails that are written at once. More would only queue at the database.
_WRITERS = 2
#: Seconds in which a mail that is being taken may end when the server stops.
_GRACE = 20


@dataclass(frozen=True)
class Settings:
    """What the listener is for: the shop of mails that answer none of ours, and LMTP or SMTP."""

    shop: str | None = None
    lmtp: bool = True


class Inbox:
    """What aiosmtpd asks: which recipients there are, and to take a mail."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.connections = 0
        self.taking = 0
        self.writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="inbound-mail")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Only the shop's own address, and one at a time: the answer to a mail is about all of its recipients."""
        with self.app.app_context():
            if not reply_address.is_inbox(address):
                return "550 5.1.1 There is no such address here"
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answers once the mail is committed, or is not."""
        content = envelope.content or b""
        delivery = Delivery(
            content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content,
            tuple(envelope.rcpt_tos),
            envelope.mail_from or "",
            self.settings.shop,
        )
        self.taking += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.writers, self.answer, delivery)
        finally:
            self.taking -= 1

    def answer(self, delivery: Delivery) -> str:
        """The answer to a mail; never 250 for one that is not committed."""
        try:
            with self.app.app_context():
                outcome = deliver(delivery)
        except Refused as error:
            return f"554 5.6.0 Refused: {error}"
        except NotNow as error:
            return f"451 4.3.0 Not now: {error}"
        except Exception:
            log.exception("a mail could not be taken")
            return "451 4.3.0 Not now"
        return f"250 2.0.0 {outcome.done.value}"


class _Guarded:
    """How many connections there are, and how long each lasts; mixed into both protocols."""

    inbox: Inbox
    _ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        if self.inbox.connections >= MOST_CONNECTIONS:
            transport.write(b"421 4.7.0 Too many connections\r\n")
            transport.close()
            return
        self.inbox.connections += 1
        self._ends = asyncio.get_running_loop().call_later(LONGEST, transport.abort)
        super().connection_made(transport)  # type: ignore[misc]

    def connection_lost(self, error: Exception | None) -> None:
        if self._ends is None:
            return
        self._ends.cancel()
        self._ends = None
        self.inbox.connections -= 1
        super().connection_lost(error)  # type: ignore[misc]


class _Lmtp(_Guarded, LMTP):
    pass


class _Smtp(_Guarded, SMTP):
    pass


def _protocol(inbox: Inbox, loop: asyncio.AbstractEventLoop) -> SMTP:
    made = (_Lmtp if inbox.settings.lmtp else _Smtp)(
        inbox,
        data_size_limit=inbound_mail.MAX_BYTES,
        hostname="localhost",
        ident="Loket",
        timeout=SILENCE,
        loop=loop,
    )
    made.inbox = inbox
    return made


def take_port(port: int) -> socket.socket:
    """A listening socket on this machine only; raises ``OSError`` for one that is taken."""
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    listener.setblocking(False)
    return listener


async def serve(app: Flask, listener: socket.socket, settings: Settings, stopped: asyncio.Event) -> None:
    """Takes mails until ``stopped``; what is being taken then is ended first."""
    loop = asyncio.get_running_loop()
    inbox = Inbox(app, settings)
    server = await loop.create_server(lambda: _protocol(inbox, loop), sock=listener)
    await stopped.wait()
    server.close()
    # A mail that was committed is answered, or the other server brings it again, which adds nothing.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            while inbox.taking:
                await asyncio.sleep(0.05)


def run(app: Flask, listener: socket.socket, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""

    async def until_told() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await serve(app, listener, settings, stopped)

    asyncio.run(until_told())
