"""Hands finished mails to the mail server: Flask-Mail's connection with a time limit, an answer per address.

Nothing in here raises for what a server says or fails to say; the caller gets one answer for each recipient.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import flask_mail
from flask import current_app

from portal.core import outbox
from portal.core.mail_message import TAKEN

TIMEOUT = 20.0
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")
_CLOSING = 421


@dataclass(frozen=True)
class Answer:
    """What became of one recipient: the server's code, 0 for none, and its words without addresses."""

    code: int
    text: str

    @property
    def taken(self) -> bool:
        """Whether the server now has the mail for this recipient."""
        return self.code in TAKEN

    @property
    def refused(self) -> bool:
        """Whether trying again would not help."""
        return 500 <= self.code < 600

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip() if self.code else self.text


class Connection(flask_mail.Connection):
    """Flask-Mail's connection, which by itself waits for ever and is silent under TESTING."""

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        """Connects, secures and logs in; raises ``SMTPException`` or ``OSError``."""
        mail = self.mail
        host: smtplib.SMTP | smtplib.SMTP_SSL
        if mail.use_ssl:
            host = smtplib.SMTP_SSL(
                mail.server, mail.port, _own_name(), timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            host = smtplib.SMTP(mail.server, mail.port, _own_name(), timeout=TIMEOUT)
        try:
            if mail.use_tls:
                host.starttls(context=ssl.create_default_context())
            if mail.username and mail.password is not None:
                host.login(mail.username, mail.password)
        except BaseException:
            host.close()
            raise
        return host


_kept = threading.local()


def send(raw: bytes, *, sender: str, recipients: Sequence[str]) -> dict[str, Answer]:
    """Sends the bytes of one mail over the connection kept for this drain; answers for every recipient.

    A connection that the server closed between two mails is opened anew. From the moment the content was sent
    nothing is repeated: whether a server that vanished then has taken the mail, nobody knows.
    """
    for fresh in (False, True):
        host: smtplib.SMTP | None = None if fresh else getattr(_kept, "host", None)
        if host is None and not fresh:
            continue
        try:
            if host is None:
                host = Connection(current_app.extensions["mail"]).configure_host()
                _kept.host = host
            begun = host.mail(sender, _options(host, raw))
        except (smtplib.SMTPException, OSError) as error:
            close()
            if fresh:
                return dict.fromkeys(recipients, _trouble(error))
            continue
        if begun[0] == _CLOSING:
            close()
            if not fresh:
                continue
        return _converse(host, begun, raw, recipients)
    raise AssertionError("unreachable")


def _converse(
    host: smtplib.SMTP, begun: tuple[int, bytes], raw: bytes, recipients: Sequence[str]
) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    try:
        if begun[0] not in TAKEN:
            _start_over(host)
            return dict.fromkeys(recipients, _answer(*begun))
        for recipient in recipients:
            answers[recipient] = _answer(*host.rcpt(recipient))
        taken = [recipient for recipient in recipients if answers[recipient].taken]
        if taken:
            final = _content(host, raw)
            answers.update(dict.fromkeys(taken, final))
            if not final.taken:
                _start_over(host)
        else:
            _start_over(host)
    except (smtplib.SMTPException, OSError) as error:
        close()
        # No recipient may keep the 250 of its RCPT: that one never said that the mail was taken.
        unsure = [recipient for recipient in recipients if not (answers.get(recipient) or _NONE).refused]
        answers.update(dict.fromkeys(unsure, _trouble(error)))
    except BaseException:
        _kept.host = None  # stopped in the middle of a dialogue: nothing more can be said on this line
        host.close()
        raise
    return answers


def _content(host: smtplib.SMTP, raw: bytes) -> Answer:
    try:
        return _answer(*host.data(raw))
    except smtplib.SMTPDataError as error:  # the server would not even begin
        return _answer(error.smtp_code, _as_bytes(error.smtp_error))


def _start_over(host: smtplib.SMTP) -> None:
    """Forgets the mail; a server that says it is closing is taken at its word."""
    if host.rset()[0] != 250:
        close()


def _options(host: smtplib.SMTP, raw: bytes) -> list[str]:
    host.ehlo_or_helo_if_needed()
    return [f"size={len(raw)}"] if host.has_extn("size") else []


@outbox.after_drain
def close() -> None:
    """Says goodbye to the mail server; does nothing when there is no connection."""
    host: smtplib.SMTP | None = getattr(_kept, "host", None)
    _kept.host = None
    if host is not None:
        try:
            host.quit()
        except (smtplib.SMTPException, OSError):
            host.close()


_NONE = Answer(0, "")


def _answer(code: int, text: bytes) -> Answer:
    words = " ".join(text.decode("utf-8", "replace").split())
    return Answer(code, _ADDRESS.sub("[address]", words)[:200])


def _trouble(error: Exception) -> Answer:
    """A temporary answer for what is not the mail's fault: no server, no log-in, no TLS, no reply."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = _answer(error.smtp_code, _as_bytes(error.smtp_error))
        return Answer(0, f"{type(error).__name__}: {said}")
    # smtplib calls it a closed connection when a reply does not come in time.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return Answer(0, f"the mail server gave no answer within {TIMEOUT:.0f} seconds")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return Answer(0, "the mail server closed the connection")
    return Answer(0, f"the mail server cannot be reached: {type(error).__name__}")


def _as_bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _own_name() -> str:
    """The name to introduce ourselves by; a look-up could take seconds, so only a full host name is used."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"
