"""A mail server that takes everything and says so by a byte in a pipe: ``… bench.references.mail_sink PORT FD``."""

from __future__ import annotations

import asyncio
import os
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Takes a mail and forgets it."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The byte is written before the answer leaves, for both senders alike."""
        os.write(self._pipe, b".")
        return "250 OK"


async def serve(port: int, pipe: int) -> None:
    """Until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Sink(pipe), hostname="localhost", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
