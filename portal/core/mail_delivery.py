"""Sends one mail of the outbox: rendered once, handed over outside any transaction, recorded."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa
from flask import current_app, g
from flask_babel import force_locale
from flask_mail import Attachment

from portal.core import brand, mailer, outbox, reply_address, scalars, smtp
from portal.core.letter import BadAddress, Letter, one_line
from portal.core.mailer import Envelope, MailMessage, MailState
from portal.core.outbox import Failed, Outside, Retry, Step
from portal.core.schedule import periodic
from portal.extensions import db

#: What the archive shows in place of a link that only its recipient may know.
REMOVED = "[link removed]"


#: The envelope of each shop for as long as a drain lasts: half a minute at most, and less work than a query per mail.
_envelopes: dict[int, Envelope] = {}
outbox.after_drain(_envelopes.clear)


def _gave_up(payload: dict[str, Any], *, reason: str, now: datetime) -> None:
    message = db.session.get(MailMessage, payload["id"])
    if message is not None:
        _close(message, now=now, reason=reason)


# Unforced: the mail itself was forced to disk with its cause. All that a power cut can take away is the note that it
# left, and whether a mail left just before a power cut is unknown in any case.
@outbox.handler(mailer.SEND, lane="mail", gave_up=_gave_up, forced=False, brief=True)
def send(payload: dict[str, Any], *, now: datetime) -> Step:
    """First step, in a transaction: freezes the bytes. The second one, outside, sends them."""
    message = db.session.get(MailMessage, payload["id"])
    if message is None or message.state in (MailState.SENT, MailState.DROPPED):
        return None
    if not mailer.can_send(current_app):
        message.state = MailState.HELD
        return None
    envelope = _envelopes.get(message.shop_id)
    if envelope is None:
        envelope = _envelopes[message.shop_id] = envelope_of(message)
    try:
        raw = _bytes_to_send(message, envelope, now=now)
    except (BadAddress, mailer.CannotAttach) as error:
        return Failed(str(error))
    if raw is None:
        message.state = MailState.DROPPED
        message.error = "no longer wanted"
        return None
    message.state = MailState.SENDING
    work = partial(smtp.send, raw, sender=envelope.from_address, recipients=message.left)
    then = partial(_record, message.id) if message.results else partial(_record_first, message.id)
    return Outside(work, then=then)


def _record_first(message_id: int, answers: dict[str, smtp.Answer], *, now: datetime) -> Step:
    """Third step where all went well at the first attempt, as nearly always: one statement, nothing loaded."""
    if not all(each.taken for each in answers.values()):
        return _record(message_id, answers, now=now)
    values = {"of_id": message_id, "new_sent_at": now, "new_results": _said(answers)}
    db.session.execute(_SENT, values, execution_options={"synchronize_session": False})
    return None


def _record(message_id: int, answers: dict[str, smtp.Answer], *, now: datetime) -> Step:
    """Third step: what the server said about each recipient, and whether to go on."""
    message = db.session.get_one(MailMessage, message_id)
    message.results = {**message.results, **_said(answers)}
    open_ones = [each for each in answers.values() if not each.taken and not each.refused]
    if open_ones:
        message.state = MailState.QUEUED
        message.error = str(open_ones[0])
        return Retry(str(open_ones[0]))
    refused = [each for each in answers.values() if each.refused]
    _close(message, now=now, reason=str(refused[0]) if refused else None)
    return Failed(str(refused[0])) if message.state is MailState.FAILED else None


def _said(answers: dict[str, smtp.Answer]) -> dict[str, Any]:
    return {address: {"code": each.code, "text": each.text} for address, each in answers.items()}


_SENT = (
    sa.update(MailMessage)
    .where(MailMessage.id == sa.bindparam("of_id"))
    .values(
        state=MailState.SENT,
        sent_at=sa.bindparam("new_sent_at"),
        results=sa.bindparam("new_results"),
        error=None,
    )
)


def _close(message: MailMessage, *, now: datetime, reason: str | None) -> None:
    """Sent when at least one recipient has it; the error then tells of the others."""
    taken = len(message.reached)
    message.error = reason
    if taken:
        message.state = MailState.SENT
        message.sent_at = message.sent_at or now
        if taken < len(message.recipients):
            message.error = f"{taken} of {len(message.recipients)} recipients: {reason}"[:300]
    else:
        message.state = MailState.FAILED


def _bytes_to_send(message: MailMessage, envelope: Envelope, *, now: datetime) -> bytes | None:
    """The frozen bytes; with a secret new ones each time, whose link the archive does not keep."""
    if message.secret is None:
        # An attempt that ended while rendering, for want of an attachment, left an id and no bytes.
        if message.message_id is None or message.rendered is None:
            message.message_id = f"{message.public_id}@{envelope.domain}"
            message.rendered = _render(message, envelope, at=now, link=None)
        return message.rendered
    link = mailer.secret_maker(message.secret)(message, now=now)
    if link is None:
        return None
    message.attempts = (message.attempts or 0) + 1
    # A mail program shows one of two mails with the same id, and only the newest link works.
    again = f".{message.attempts}" if message.attempts > 1 else ""
    message.message_id = f"{message.public_id}{again}@{envelope.domain}"
    message.rendered = _render(message, envelope, at=now, link=REMOVED)
    return _render(message, envelope, at=now, link=link)


def envelope_of(message: MailMessage) -> Envelope:
    """The envelope of a mail's shop."""
    source: mailer.MailEnvelope = current_app.extensions["loket"].mail_envelope
    return source(message.shop_id)


def _render(message: MailMessage, envelope: Envelope, *, at: datetime, link: str | None) -> bytes:
    """The bytes of a mail in its own language; without request, session and context processors."""
    # First, as a mail that must wait for a file is looked at often.
    attachments = [_attach(kind, scalars.thaw_one(id_)) for kind, id_ in message.attachments]
    g.time_zone = envelope.time_zone
    with force_locale(message.language):
        values = {
            **scalars.thaw(message.context),
            "envelope": envelope,
            "colours": _colours(envelope.colour),
            "language": message.language,
            "link": link,
        }
        templates = current_app.jinja_env
        message.subject = one_line(
            templates.get_template(f"email/{message.name}.subject.txt").render(values)
        )[:300]
        values["subject"] = message.subject
        text = templates.get_template(f"email/{message.name}.txt").render(values)
        html = templates.get_template(f"email/{message.name}.html").render(values)
    letter = Letter(
        subject=message.subject,
        sender=(one_line(envelope.from_name or envelope.name), envelope.from_address),
        to=message.to,
        cc=message.cc,
        reply_to=reply_address.of(message) or envelope.reply_to,
        text=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
        html=html,
        attachments=attachments,
        message_id=str(message.message_id),
        answers=message.context.get(mailer.ANSWERS),
        at=at,
    )
    return letter.as_bytes()


def _attach(kind: str, id_: Any) -> Attachment:
    filename, mimetype, data = mailer.attachment_loader(kind)(id_)
    return Attachment(filename, mimetype, data)


@lru_cache(maxsize=64)
def _colours(colour: str) -> dict[str, str]:
    made = brand.brand_colours(colour)
    return {"light": made["--brand-l"], "dark": made["--brand-d"], "on_dark": made["--brand-d-fg"]}


@periodic("mail.release_held", minutes=5, per_shop=True)
def _release(*, now: datetime) -> None:
    mailer.release_held(now=now)
