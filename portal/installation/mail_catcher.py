"""The demo's mail server: takes every mail, delivers none, and keeps each as a file for the mailbox page."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT = 500  # mails; older ones are deleted
NOTE = "mail.port"  # in the folder of the installation, while the catcher runs


def take_port(port: int = 0) -> socket.socket:
    """A listening socket on this machine only, on a free port; held by the supervisor across restarts."""
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    listener.setblocking(False)
    return listener


def note_port(data_dir: Path, port: int) -> Path:
    """Leaves word of the catcher for commands beside the installation."""
    note = data_dir / NOTE
    note.write_text(f"{port}\n", encoding="utf-8")
    return note


def running_url(data_dir: Path) -> str | None:
    """The address of the catcher an installation started here and still runs, for commands beside it."""
    try:
        port = int((data_dir / NOTE).read_text(encoding="utf-8"))
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except (OSError, ValueError):
        return None
    return f"smtp://127.0.0.1:{port}"


class Mailbox:
    """The folder of caught mails. The names are the index: they sort by the time of arrival."""

    def __init__(self, folder: Path, *, kept: int = KEPT) -> None:
        self.folder = folder
        self.kept = kept
        self._count = itertools.count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer 250 only once the mail is on the disk."""
        content = envelope.content or b""
        self.store(
            envelope.mail_from or "",
            list(envelope.rcpt_tos),
            content.encode() if isinstance(content, str) else content,
        )
        return "250 OK"

    def store(self, sender: str, recipients: list[str], content: bytes) -> Path:
        """Write one mail as <arrival>-<process>-<number>.eml, its envelope in X-Envelope-* headers on top."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arrived = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self.folder / f"{arrived}-{os.getpid()}-{next(self._count):06d}.eml"
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(envelope.encode() + content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        self.prune()
        return path

    def prune(self) -> None:
        """Delete the oldest beyond the number kept."""
        for path in sorted(self.folder.glob("*.eml"))[: -self.kept]:
            path.unlink(missing_ok=True)


def serve(listener: socket.socket, folder: Path) -> None:
    """Catch mail until told to stop."""
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(listener, folder))


async def _serve(listener: socket.socket, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    mailbox = Mailbox(folder)
    server = await loop.create_server(
        lambda: SMTP(
            mailbox, hostname="localhost", ident="Loket mail catcher", enable_SMTPUTF8=True, loop=loop
        ),
        sock=listener,
    )
    async with server:
        await stopped.wait()
