"""The mails that the demo's own mail server caught, to be read on the machine it runs on."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

from flask import Response, abort, current_app, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints.sandbox.views import bp
from portal.core.shops import from_this_machine

#: How many mails the list shows; the catcher keeps more.
SHOWN = 100

#: A mail may style itself inline and show its own pictures; it runs nothing and sends nothing.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; sandbox"
)

_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\d+-\d{6}")


@dataclass(frozen=True)
class Caught:
    """A mail in the list."""

    name: str
    subject: str
    to: str
    arrived: datetime


@bp.get("/mail")
def mailbox() -> ResponseReturnValue:
    """The latest mails, newest first."""
    paths = sorted(_folder().glob("*.eml"), reverse=True)[:SHOWN]
    return render_template("sandbox/mailbox.html", mails=[_caught(path) for path in paths])


@bp.get("/mail/<name>")
def mail(name: str) -> ResponseReturnValue:
    """One mail as text, with its files."""
    message = _read(_path(name))
    body = message.get_body(("plain",))
    return render_template(
        "sandbox/mail.html",
        mail=_caught(_path(name)),
        sender=str(message.get("From", "")),
        text=body.get_content() if body is not None else "",
        html_url=url_for("sandbox.mail_html", name=name) if message.get_body(("html",)) is not None else None,
        files=[
            SimpleNamespace(
                name=part.get_filename() or f"{number}",
                url=url_for("sandbox.mail_file", name=name, number=number),
            )
            for number, part in enumerate(message.iter_attachments())
        ],
    )


@bp.get("/mail/<name>/html")
def mail_html(name: str) -> ResponseReturnValue:
    """The mail as a mail program shows it, shut off from the portal."""
    body = _read(_path(name)).get_body(("html",))
    if body is None:
        abort(404)
    response = Response(body.get_content(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@bp.get("/mail/<name>/files/<int:number>")
def mail_file(name: str, number: int) -> ResponseReturnValue:
    """A file of a mail; always a download."""
    parts = list(_read(_path(name)).iter_attachments())
    if number >= len(parts):
        abort(404)
    content = parts[number].get_payload(decode=True)
    response = Response(
        content if isinstance(content, bytes) else b"", mimetype=parts[number].get_content_type()
    )
    response.headers.set("Content-Disposition", "attachment", filename=parts[number].get_filename() or "file")
    return response


def _folder() -> Path:
    folder: Path | None = current_app.config.get("MAIL_FOLDER")
    if folder is None or not from_this_machine():
        abort(404)
    return folder


def _path(name: str) -> Path:
    path = _folder() / f"{name}.eml"
    if not _NAME.fullmatch(name) or not path.is_file():
        abort(404)
    return path


def _read(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _caught(path: Path) -> Caught:
    message = _read(path)
    arrived = datetime.strptime(path.stem[:23], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    return Caught(path.stem, str(message.get("Subject", "")), str(message.get("X-Envelope-To", "")), arrived)
