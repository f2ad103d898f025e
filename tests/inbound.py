"""Raw mails for tests, as mail servers hand them over."""

from __future__ import annotations

EMMA = "Emma de Vries <emma@example.com>"
INBOX = "support@shop.example.test"


def raw(
    body: str | bytes = "Before eight, please.\n",
    *headers: str,
    sender: str = EMMA,
    to: str = INBOX,
    subject: str = "Re: Delivery day",
    message_id: str | None = "<one@example.com>",
    kind: str = "text/plain; charset=utf-8",
) -> bytes:
    """A mail; ``headers`` come on top, as those that servers add do."""
    lines = [
        *headers,
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        *([f"Message-ID: {message_id}"] if message_id is not None else []),
        "MIME-Version: 1.0",
        f"Content-Type: {kind}",
    ]
    content = body if isinstance(body, bytes) else body.encode()
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content


def multipart(*parts: str | bytes, kind: str = "mixed", mark: str = "=_mark") -> tuple[bytes, str]:
    """The body and the type of a mail of several parts, each with its own head."""
    pieces = [part if isinstance(part, bytes) else part.encode() for part in parts]
    body = b"".join(b"--" + mark.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return body + b"--" + mark.encode() + b"--\r\n", f'multipart/{kind}; boundary="{mark}"'
