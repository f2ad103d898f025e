"""A mail server for the tests: keeps every mail, and writes down the moment it has answered for each.

    python tests/smtp_recorder.py PORT FOLDER [--delay SECONDS]

FOLDER/log.jsonl only ever grows. A line {"event": "received"} is written before the answer, and one
{"event": "answered"} after the 250 has left: only a sender killed before the second may send once more.
"""

from __future__ import annotations

import argparse
import asyncio
import email
import email.policy
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class Recorder:
    """Keeps the mails of one server. A recipient `refuse@…` is refused, `busy@…` is put off."""

    def __init__(self, folder: Path, delay: float) -> None:
        self.folder = folder
        self.delay = delay
        self.log = os.open(folder / "log.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.count = len([*folder.glob("*.eml")])

    def write(self, event: str, **data: Any) -> None:
        os.write(self.log, (json.dumps({"at": time.time(), "event": event, **data}) + "\n").encode())

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("refuse@"):
            return "550 No such mailbox"
        if address.startswith("busy@"):
            return "451 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: RecordingSMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        self.count += 1
        path = self.folder / f"{self.count:06d}.eml"
        path.write_bytes(content)
        message_id = email.message_from_bytes(content, policy=email.policy.default)["Message-ID"]
        server.pending = {"message_id": message_id, "to": list(envelope.rcpt_tos), "file": path.name}
        self.write("received", sender=envelope.mail_from, **server.pending)
        if self.delay:
            await asyncio.sleep(self.delay)
        return "250 OK"


class RecordingSMTP(SMTP):
    """aiosmtpd's server, which notes when the answer to a mail has been written to the connection."""

    pending: dict[str, Any] | None = None

    async def push(self, status: str | bytes) -> None:
        await super().push(status)
        if self.pending is not None:
            pending, self.pending = self.pending, None
            self.event_handler.write("answered", status=str(status)[:3], **pending)


async def serve(port: int, folder: Path, delay: float) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    recorder = Recorder(folder, delay)
    await loop.create_server(
        lambda: RecordingSMTP(recorder, hostname="localhost", enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        port,
        reuse_address=True,
    )
    (folder / "ready").touch()
    await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.folder, given.delay))
