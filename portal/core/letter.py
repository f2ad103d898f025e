"""The bytes of a mail: a message of Flask-Mail in plain MIME, lines short and headers checked."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime, formataddr
from functools import lru_cache
from urllib.parse import quote

from flask_mail import Attachment, Message

#: Longer than any real address (RFC 5321), and short enough for one header line.
LONGEST_ADDRESS = 254
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KIND = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,200}@[!-;=?-~]{1,255}")
_FILENAME = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


class BadAddress(ValueError):
    """An address or a name that must not come into a header."""


@lru_cache(maxsize=1000)
def checked_address(address: str) -> str:
    """The address as it goes over the wire (domain in IDNA); raises BadAddress, also for a line break."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or len(address) > LONGEST_ADDRESS:
        raise BadAddress("not an e-mail address")
    if _CONTROL.search(address) or " " in address or not local.isascii():
        raise BadAddress("an e-mail address with a character that mail servers do not take")
    try:
        wire = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
        return Address(addr_spec=wire).addr_spec
    except (ValueError, IndexError, MessageError) as error:
        raise BadAddress("not an e-mail address") from error


def one_line(text: str) -> str:
    """``text`` without line breaks, tabs and runs of blanks: fit for a header."""
    return " ".join(_CONTROL.sub(" ", text).split())


class Letter(Message):
    """A message of Flask-Mail whose bytes any server takes: bodies quoted-printable, attachments in base64.

    The MIME is written here and not by the package ``email``: that costs more than all the rest of a mail together,
    and Flask-Mail's own use of it leaves UTF-8 unwrapped, while servers refuse lines over 998 bytes.
    """

    def __init__(
        self,
        *,
        subject: str,
        sender: tuple[str, str],
        to: list[str],
        cc: list[str],
        reply_to: str | None,
        text: str,
        html: str,
        attachments: list[Attachment],
        message_id: str,
        at: datetime,
        answers: str | None = None,
    ) -> None:
        super().__init__(
            subject=one_line(subject),
            recipients=[checked_address(address) for address in to],
            cc=[checked_address(address) for address in cc],
            sender=_mailbox(*sender),
            reply_to=checked_address(reply_to) if reply_to else None,
            body=text,
            html=html,
            attachments=attachments,
        )
        self.at = at
        self.msgId = f"<{message_id}>"
        # What a stranger called the mail that this one answers stands in a header only where it is sound.
        self.answers = answers if answers is not None and _MESSAGE_ID.fullmatch(answers) else None
        self.is_answer = answers is not None
        if self.has_bad_headers() or _CONTROL.search(message_id):
            raise BadAddress("a header with a line break")

    def as_bytes(self) -> bytes:
        """The whole mail, with CRLF."""
        headers = [
            f"Subject: {_encoded(self.subject, 'Subject')}",
            f"From: {self.sender}",
            f"To: {_one_per_line(self.recipients)}",
            f"Cc: {_one_per_line(self.cc)}" if self.cc else "",
            f"Reply-To: {self.reply_to}" if self.reply_to else "",
            f"Date: {format_datetime(self.at)}",
            f"Message-ID: {self.msgId}",
            f"In-Reply-To: <{self.answers}>" if self.answers else "",
            f"References: <{self.answers}>" if self.answers else "",
            # So that holiday replies stay away.
            f"Auto-Submitted: {'auto-replied' if self.is_answer else 'auto-generated'}",
            "MIME-Version: 1.0",
        ]
        head = "".join(f"{line}\r\n" for line in headers if line).encode("ascii")
        body = _multipart("alternative", [_text("plain", self.body or ""), _text("html", self.html or "")])
        if self.attachments:
            body = _multipart("mixed", [body, *(_file(each) for each in self.attachments)])
        return head + body


def _multipart(kind: str, parts: list[bytes]) -> bytes:
    mark = f"=_{secrets.token_hex(12)}"  # "=_" stands in no quoted-printable and in no base64
    head = f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n\r\n'
    inner = b"".join(b"--%b\r\n%b\r\n" % (mark.encode(), part) for part in parts)
    return head.encode() + inner + f"--{mark}--\r\n".encode()


def _text(kind: str, text: str) -> bytes:
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    unix = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    return head.encode() + binascii.b2a_qp(unix, istext=True).replace(b"\n", b"\r\n")


def _file(attachment: Attachment) -> bytes:
    data = attachment.data if isinstance(attachment.data, bytes) else attachment.data.encode()
    kind = attachment.content_type if _KIND.fullmatch(attachment.content_type) else "application/octet-stream"
    name = _FILENAME.sub("_", attachment.filename or "file")
    named = f'filename="{name}"' if name.isascii() else f"filename*=utf-8''{quote(name, safe='')}"
    head = (
        f"Content-Type: {kind}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment; {named}\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(data).replace(b"\n", b"\r\n")


def _one_per_line(addresses: Sequence[str | tuple[str, str]]) -> str:
    return ",\r\n ".join(str(address) for address in addresses)


def _encoded(text: str, header: str) -> str:
    """``text`` for a header: as it is, or in encoded words of the length that the standard allows."""
    if text.isascii():
        return text
    return Header(text, "utf-8", header_name=header, maxlinelen=70).encode(linesep="\r\n")


def _mailbox(name: str, address: str) -> str:
    if _CONTROL.search(name):
        raise BadAddress("a sender's name with a line break")
    if name.isascii():
        return formataddr((name, checked_address(address)))
    words = Header(name, "utf-8", maxlinelen=900).encode()
    return f"{words} <{checked_address(address)}>"
