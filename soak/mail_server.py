"""A mail server that answers each step as it is told: 4xx, 5xx, slowly, or by hanging up."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from email import message_from_bytes, policy


class MailServer:
    """Answers by `says`: a step (banner, mail, rcpt, data, content) → the words in place of the good ones.

    An empty text hangs up. `taken` lists the Message-ID of each mail that was answered with 250, in order.
    """

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.wait: dict[str, float] = {}
        self.taken: list[str] = []
        self.tried = 0
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, _HangUp):
                    outer.converse(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Session)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def __enter__(self) -> MailServer:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def converse(self, session: socketserver.StreamRequestHandler) -> None:
        """One connection."""

        def answer(step: str, usual: str) -> bool:
            time.sleep(self.wait.get(step, 0))
            words = self.says.get(step, usual)
            if not words:
                raise _HangUp
            session.wfile.write(f"{words}\r\n".encode())
            return words[0] in "23"

        if not answer("banner", "220 soak"):
            return
        while line := session.rfile.readline():
            command = line.decode("ascii", "replace").strip().upper()
            if command.startswith(("EHLO", "HELO")):
                answer("ehlo", "250 soak")
            elif command.startswith("MAIL"):
                answer("mail", "250 OK")
            elif command.startswith("RCPT"):
                answer("rcpt", "250 OK")
            elif command == "DATA":
                self.tried += 1
                if answer("data", "354 Go on"):
                    content = b""
                    while (piece := session.rfile.readline()) not in (b".\r\n", b""):
                        content += piece[1:] if piece.startswith(b"..") else piece
                    if piece and answer("content", "250 OK"):
                        mail = message_from_bytes(content, policy=policy.default)
                        self.taken.append(str(mail["Message-ID"]).strip("<>"))
            elif command == "QUIT":
                answer("quit", "221 Bye")
                return
            else:
                answer("other", "250 OK")


class _HangUp(Exception):
    pass
