"""Mails as rows: written in the transaction that causes them, rendered and sent by the outbox.

How a mail is added: ``portal/templates/email/README.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import lazy_gettext as _l

from portal.core import outbox, scalars
from portal.core.errors import Conflict
from portal.core.letter import BadAddress, checked_address
from portal.core.locale import LANGUAGES
from portal.core.mail_message import Category as Category
from portal.core.mail_message import MailMessage as MailMessage
from portal.core.mail_message import MailState as MailState
from portal.core.outbox import OutboxState
from portal.core.tables import new_public_id
from portal.extensions import db

#: The outbox job that sends one mail.
SEND = "mail.send"
#: A security mail that could not leave for so long is of no use any more, and its link would be a surprise.
SECURITY_KEEPS = timedelta(days=1)


@dataclass(frozen=True)
class Envelope:
    """What a shop puts around its mails. ``domain`` ends the Message-ID; ``colour`` is ``#rrggbb``."""

    name: str
    from_address: str
    domain: str
    home_url: str
    colour: str
    from_name: str = ""
    reply_to: str | None = None
    logo_url: str | None = None
    footer: tuple[str, ...] = ()
    time_zone: str = "UTC"


class MailEnvelope(Protocol):
    """How the core learns a shop's envelope: ``app.extensions["loket"].mail_envelope``."""

    def __call__(self, shop_id: int) -> Envelope: ...


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail that is wanted; ``context`` holds plain values, and what they say now the mail will say.

    ``answers`` is the Message-ID of the mail that it answers by itself.
    """

    name: str
    category: Category
    language: str
    to: list[str]
    cc: list[str] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)
    attachments: list[tuple[str, Any]] = field(default_factory=list)
    related: str | None = None
    customer_id: int | None = None
    secret: str | None = None
    answers: str | None = None


#: Where the context keeps ``Mail.answers``.
ANSWERS = "answers_mail"

SecretMaker = Callable[..., str | None]
AttachmentLoader = Callable[[Any], tuple[str, str, bytes]]
_S = TypeVar("_S", bound=SecretMaker)
_A = TypeVar("_A", bound=AttachmentLoader)
_secrets: dict[str, SecretMaker] = {}
_attachments: dict[str, AttachmentLoader] = {}
_NAME = re.compile(r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)*")


def secret(kind: str) -> Callable[[_S], _S]:
    """Registers ``make(mail: MailMessage, *, now) -> str | None``: a security mail's link, made as it leaves.

    The maker stores only a hash of its token, and makes the tokens of earlier attempts worthless. ``None``
    says that the link is no longer wanted: the mail is dropped.
    """

    def register(make: _S) -> _S:
        _secrets[kind] = make
        return make

    return register


class CannotAttach(Exception):
    """Raised by a loader of attachments when waiting would not help; the message holds no personal data."""


def attachment(kind: str) -> Callable[[_A], _A]:
    """Registers ``load(id) -> (filename, mimetype, bytes)``; may raise ``outbox.NotReady`` to wait.

    With ``CannotAttach`` the mail fails for that reason, and can be sent again later.
    """

    def register(load: _A) -> _A:
        _attachments[kind] = load
        return load

    return register


def secret_maker(kind: str) -> SecretMaker:
    """The maker of a kind of link."""
    return _secrets[kind]


def attachment_loader(kind: str) -> AttachmentLoader:
    """The loader of a kind of attachment."""
    return _attachments[kind]


def can_send(app: Flask) -> bool:
    """Whether a mail server is set; without one mails are held."""
    return bool(app.config.get("SMTP_URL"))


def queue(mail: Mail, *, now: datetime) -> MailMessage:
    """Writes a mail into the caller's transaction and the active shop; it leaves after the commit.

    Without a mail server it is held until there is one. Raises ``BadAddress`` for an address that cannot be
    used and ``TypeError`` for a context that does not keep (objects, lazy texts, floats).
    """
    return queue_all([mail], now=now)[0]


def queue_all(mails: Sequence[Mail], *, now: datetime) -> list[MailMessage]:
    """The same for several mails, with a few statements for all of them."""
    messages = [_message(mail, now=now) for mail in mails]
    db.session.add_all(messages)
    db.session.flush()
    if can_send(current_app):
        for message in messages:
            outbox.add(SEND, {"id": message.id}, now=now, key=message.public_id, fresh=True)
    return messages


def _message(mail: Mail, *, now: datetime) -> MailMessage:
    _check(mail)
    return MailMessage(
        public_id=new_public_id(),
        name=mail.name,
        category=mail.category,
        language=mail.language,
        to=_unique(mail.to),
        cc=[address for address in _unique(mail.cc) if address not in _unique(mail.to)],
        context=scalars.freeze(
            mail.context if mail.answers is None else {**mail.context, ANSWERS: mail.answers}
        ),
        attachments=[[kind, scalars.freeze_one(id_)] for kind, id_ in mail.attachments],
        secret=mail.secret,
        related=mail.related,
        customer_id=mail.customer_id,
        state=MailState.QUEUED if can_send(current_app) else MailState.HELD,
        results={},
        created_at=now,
    )


def _check(mail: Mail) -> None:
    if not _NAME.fullmatch(mail.name) or mail.name not in _templates():
        raise ValueError(
            f"{mail.name!r} is no name of three templates under email/: .subject.txt, .txt and .html"
        )
    if mail.language not in LANGUAGES:
        raise ValueError(
            f"{mail.language!r} is no language that mails are written in: {', '.join(LANGUAGES)}"
        )
    if not mail.to:
        raise BadAddress("a mail to nobody")
    if mail.category is Category.SECURITY and (mail.cc or len(mail.to) > 1):
        raise ValueError("a security mail goes to one person and has no copies")
    if mail.secret is not None and (mail.category is not Category.SECURITY or mail.secret not in _secrets):
        raise ValueError(f"no maker is registered for {mail.secret!r}, or the mail is not a security mail")
    for kind, _id in mail.attachments:
        if kind not in _attachments:
            raise ValueError(f"no loader is registered for the attachment {kind!r}")


def _templates() -> frozenset[str]:
    """The names of mails whose three templates are there, looked for once: the worker would find out too late."""
    known: frozenset[str] | None = current_app.extensions.get("mail_templates")
    if known is None:
        there = {
            name.removeprefix("email/")
            for name in current_app.jinja_env.list_templates()
            if name.startswith("email/")
        }
        names = {name.removesuffix(".subject.txt") for name in there if name.endswith(".subject.txt")}
        known = frozenset(name for name in names if {f"{name}.txt", f"{name}.html"} <= there)
        current_app.extensions["mail_templates"] = known
    return known


def _unique(addresses: list[str]) -> list[str]:
    known: dict[str, str] = {}
    for address in addresses:
        known.setdefault(checked_address(address).lower(), checked_address(address))
    return list(known.values())


def _set_off(message: MailMessage, *, now: datetime) -> None:
    message.state = MailState.QUEUED
    message.error = None
    db.session.flush()
    row = outbox.add(SEND, {"id": message.id}, now=now, key=message.public_id)
    if row.state is not OutboxState.WAITING or row.due_at > now:
        outbox.retry(row, now=now)


def wake(related: str, *, now: datetime) -> None:
    """Lets mails go at once that wait for an attachment: what they are related to may have it now."""
    waiting = sa.select(MailMessage.public_id).where(
        MailMessage.related == related, MailMessage.state == MailState.QUEUED
    )
    outbox.wake(SEND, waiting, now=now)


def resend(message: MailMessage, *, now: datetime) -> MailMessage:
    """Sends a mail again, for staff: a failed one to those who have not got it, a sent one as a new mail.

    Raises ``Conflict`` while it is being sent or no mail server is set. A security mail gets a new link.
    """
    if not can_send(current_app):
        raise Conflict(_l("No mail server is set, so mails are held."))
    if message.state is MailState.SENT:
        copy = MailMessage(
            **{name: getattr(message, name) for name in _COPIED},
            public_id=new_public_id(),
            state=MailState.HELD,
            results={},
            created_at=now,
        )
        db.session.add(copy)
        _set_off(copy, now=now)
        return copy
    message.results = {address: message.results[address] for address in message.reached}
    _set_off(message, now=now)
    return message


_COPIED = (
    "shop_id", "name", "category", "language", "to", "cc", "context", "attachments", "secret", "related",
    "customer_id",
)  # fmt: skip


def count_held() -> int:
    """How many mails wait for a mail server, in all shops; call it inside ``every_shop()``."""
    held = sa.select(sa.func.count()).select_from(MailMessage).where(MailMessage.state == MailState.HELD)
    return db.session.scalar(held) or 0


def release_held(*, now: datetime) -> int:
    """Lets the active shop's held mails go once there is a mail server; drops old security mails.

    Answers how many were released. Run at the start of the scheduler and every few minutes.
    """
    released = 0
    held = sa.select(MailMessage).where(MailMessage.state == MailState.HELD).order_by(MailMessage.id)
    for message in db.session.scalars(held):
        if message.category is Category.SECURITY and message.created_at < now - SECURITY_KEEPS:
            message.state = MailState.DROPPED
            message.error = "held for more than a day"
        elif can_send(current_app):
            _set_off(message, now=now)
            released += 1
    return released
