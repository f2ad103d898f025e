"""A mail that came in, as a value: what its bytes say, whatever they are. Nothing in here believes any of it.

``read`` takes the bytes of anybody. It answers with what can be understood, or raises ``Unreadable`` with a reason;
how long it takes is bounded by the limits below, which no mail that a person wrote comes near.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from email.utils import collapse_rfc2231_value, getaddresses

from portal.core import mail_text
from portal.core.letter import BadAddress, checked_address

#: The largest mail that is taken: ten megabytes of files as mails carry them, and a text.
MAX_BYTES = 15 * 1024 * 1024
_MOST_HEAD = 256 * 1024
_MOST_LINES = 400_000
_MOST_BOUNDARIES = 20
_MOST_DASHES = 5_000
#: Parts that are looked at.
_MOST_PARTS = 200
#: A picture inside the text that is smaller is a logo or a line of a signature.
_DECORATION = 8 * 1024
#: Characters of a text that are looked at; what is kept of it the caller says.
_LONGEST_TEXT = 1_000_000

_CHARSETS = re.compile(
    r"us-ascii|ascii|utf-?8|utf-?16(-?[bl]e)?|utf-?32(-?[bl]e)?|iso-?8859-?\d{1,2}|latin-?\d{1,2}|(windows-|cp)125\d"
    r"|koi8-[ru]|gb2312|gbk|gb18030|big5|shift_jis|euc-(jp|kr)|iso-2022-jp|macintosh|mac-?roman"
)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,500})>")
_ANSWER_MARKS = re.compile(
    r"(?:\s*(?:re|fwd?|fw|aw|antw|betr|doorst|tr|sv|wg)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE
)
_SIGNER = re.compile(r"(?:^|\s)header\.(?:d\s*=\s*|i\s*=\s*[^@\s]*@)([a-z0-9._-]+)(?=\s|$)")
_SYSTEM_SENDERS = re.compile(
    r"(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+\-.].*)?", re.IGNORECASE
)


class _AsSent(Compat32):
    """Headers as they came: bytes that are not ASCII are decoded here, and not replaced by question marks."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


_POLICY = _AsSent(max_line_length=0)


class Unreadable(ValueError):
    """A mail that is not taken; the message says why and holds nothing of the mail."""


@dataclass(frozen=True)
class Sent:
    """A file as it was sent, under the name that it was given."""

    name: str
    data: bytes


@dataclass(frozen=True)
class InboundMail:
    """What a mail says. ``sender`` is in lower case, None where there is not exactly one that can be an address."""

    message_id: str
    sender: str | None
    recipients: tuple[str, ...]
    references: tuple[str, ...]
    subject: str
    text: str
    files: tuple[Sent, ...]
    #: Why no person wrote it, as far as it says so itself; None for a mail of a person.
    automatic: str | None
    #: Domains whose signature the trusted server found right.
    signed_by: frozenset[str]


def read(raw: bytes, *, trusted: str | None = None, envelope_sender: str | None = None) -> InboundMail:
    """The mail in ``raw``; ``trusted`` names the server whose ``Authentication-Results`` are believed.

    ``envelope_sender`` is what the server that brings it was told, empty for none at all. Raises ``Unreadable``.
    """
    raw = _without_postmark(raw)
    _check_size(raw)
    try:
        parsed = message_from_bytes(raw, policy=_POLICY)
        return _read(parsed, raw, trusted, envelope_sender)
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable("its parts are nested too deeply") from None
    except Exception as error:
        # The package ``email`` raises what it happens to raise on broken mails; one of them must not stop the next.
        raise Unreadable(f"it cannot be understood ({type(error).__name__})") from None


def _without_postmark(raw: bytes) -> bytes:
    """Without the line ``From …`` that some servers put above a mail they hand to a command."""
    return raw.partition(b"\n")[2] if raw.startswith((b"From ", b">From ")) else raw


def _check_size(raw: bytes) -> None:
    if len(raw) > MAX_BYTES:
        raise Unreadable("it is too large")
    head = re.search(rb"\r?\n\r?\n", raw[: _MOST_HEAD + 4])
    if head is None and len(raw) > _MOST_HEAD:
        raise Unreadable("its header is too long")
    if raw.count(b"\n") + raw.count(b"\r") > 2 * _MOST_LINES:
        raise Unreadable("it has too many lines")
    if len(re.findall(rb"boundary\s*[=*]", raw, re.IGNORECASE)) > _MOST_BOUNDARIES:
        raise Unreadable("its parts are nested too deeply")
    if raw.count(b"\n--") + raw.count(b"\r--") > _MOST_DASHES:
        raise Unreadable("it has too many parts")


def _read(parsed: Message, raw: bytes, trusted: str | None, envelope_sender: str | None) -> InboundMail:
    text, files = _content(parsed)
    return InboundMail(
        message_id=_message_id(parsed, raw),
        sender=_sender(parsed),
        recipients=_recipients(parsed),
        references=_references(parsed),
        subject=_ANSWER_MARKS.sub("", _header(parsed, "Subject"), count=1).strip()[:200],
        text=text,
        files=tuple(files),
        automatic=_automatic(parsed, envelope_sender),
        signed_by=_signed_by(parsed, trusted),
    )


def _header(parsed: Message, name: str) -> str:
    value = parsed.get(name)
    return "" if value is None else mail_text.one_line(_decoded_words(str(value)[:20_000]), 1000)


def _decoded_words(value: str) -> str:
    """RFC 2047, also where it is broken: what cannot be decoded stays as it stands."""
    value = _from_surrogates(value)
    try:
        return "".join(
            part if isinstance(part, str) else _decoded(part, charset)
            for part, charset in decode_header(value)
        )
    except Exception:
        return value


def _from_surrogates(value: str) -> str:
    """Bytes that are not ASCII in a header: the parser keeps them as half characters."""
    try:
        return _decoded(value.encode("ascii", "surrogateescape"), None)
    except UnicodeEncodeError:
        return value


def _decoded(data: bytes, charset: str | None) -> str:
    """Bytes as text: by the charset they claim when it fits, else by what they look like."""
    claimed = (charset or "").strip().strip("\"'").lower()
    for name in (claimed if _CHARSETS.fullmatch(claimed) else "utf-8", "utf-8", "cp1252"):
        try:
            return data.decode("cp1252" if name in ("iso-8859-1", "latin-1", "latin1") else name)
        except (UnicodeError, LookupError):
            continue
    return data.decode("latin-1")


def _addresses(parsed: Message, *names: str) -> list[str]:
    values = [_from_surrogates(str(value))[:20_000] for name in names for value in parsed.get_all(name, [])]
    found = []
    for _name, address in getaddresses(values[:20])[:100]:
        try:
            found.append(checked_address(address.strip()).lower())
        except BadAddress:
            continue
    return found


def _sender(parsed: Message) -> str | None:
    if len(parsed.get_all("From", [])) != 1:
        return None
    found = _addresses(parsed, "From")
    return found[0] if len(found) == 1 else None


def _recipients(parsed: Message) -> tuple[str, ...]:
    names = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "Resent-To")
    return tuple(dict.fromkeys(_addresses(parsed, *names)))


def _message_id(parsed: Message, raw: bytes) -> str:
    """The id without its angles; one that is missing or no id is made of the content, so that twice is known."""
    found = _MESSAGE_ID.search(_from_surrogates(str(parsed.get("Message-ID", "")))[:2000])
    known = mail_text.one_line(found[1], 255) if found else ""
    if found and known == found[1]:
        return known
    return f"{hashlib.sha256(raw).hexdigest()}@no-id.invalid"


def _references(parsed: Message) -> tuple[str, ...]:
    """The ids it answers, the nearest first."""
    values = [_from_surrogates(str(parsed.get(name, "")))[-20_000:] for name in ("References", "In-Reply-To")]
    found = [mail_text.one_line(each, 255) for value in values for each in _MESSAGE_ID.findall(value)]
    return tuple(dict.fromkeys(reversed(found)))[:50]


def _automatic(parsed: Message, envelope_sender: str | None) -> str | None:
    names = {name.lower() for name in parsed}
    value = _header(parsed, "Auto-Submitted").partition(";")[0].strip().lower()
    if value not in ("", "no"):
        return "Auto-Submitted"
    if _header(parsed, "Precedence").lower() in ("bulk", "junk", "list", "auto_reply"):
        return "Precedence"
    for name in ("x-loop", "x-autoreply", "x-autorespond", "x-autoresponder"):
        if name in names:
            return name
    if any(name.startswith("list-") for name in names):
        return "a mailing list"
    if parsed.get_content_type() in ("multipart/report", "message/delivery-status"):
        return "a report"
    path = envelope_sender if envelope_sender is not None else parsed.get("Return-Path")
    if path is not None and str(path).strip() in ("", "<>"):
        return "no envelope sender"
    for address in (str(path or "").strip(" <>"), _sender(parsed) or ""):
        if _SYSTEM_SENDERS.fullmatch(address.partition("@")[0]):
            return "sent by a server"
    return None


def _signed_by(parsed: Message, trusted: str | None) -> frozenset[str]:
    """The domains that the topmost ``Authentication-Results`` of the trusted server found to have signed it.

    Only the topmost: what stands below may have come with the mail.
    """
    if not trusted:
        return frozenset()
    for value in parsed.get_all("Authentication-Results", [])[:50]:
        said = _statements(_from_surrogates(str(value))[:20_000])
        if not said or said[0].split()[:1] != [trusted.lower()]:
            continue
        return frozenset(
            found[1].rstrip(".")
            for each in said[1:]
            if re.match(r"dkim\s*=\s*pass(\s|$)", each) and (found := _SIGNER.search(each))
        )
    return frozenset()


def _statements(value: str) -> list[str]:
    """The parts between semicolons, in lower case, without comments; for quoted text, which anybody may fill, ``?``."""
    parts, depth, quoted = [""], 0, False
    chars = iter(value)
    for char in chars:
        if char == "\\" and (depth or quoted):
            next(chars, "")
        elif depth:
            depth += {"(": 1, ")": -1}.get(char, 0)
        elif quoted:
            quoted = char != '"'
        elif char == '"':
            quoted = True
            parts[-1] += "?"
        elif char == "(":
            depth = 1
            parts[-1] += " "
        elif char == ";":
            parts.append("")
        else:
            parts[-1] += char
    return [" ".join(part.lower().split()) for part in parts]


def _leaves(parsed: Message) -> Iterator[Message]:
    """The parts that hold something. A mail inside a mail stays whole: what it says its own sender said."""
    if parsed.is_multipart() and parsed.get_content_maintype() == "multipart":
        for part in parsed.get_payload():
            if isinstance(part, Message):
                yield from _leaves(part)
    else:
        yield parsed


def _content(parsed: Message) -> tuple[str, list[Sent]]:
    texts: list[str] = []
    pages: list[str] = []
    files: list[Sent] = []
    for number, part in enumerate(_leaves(parsed)):
        if number >= _MOST_PARTS:
            raise Unreadable("it has too many parts")
        kind, name = part.get_content_type(), _filename(part)
        attached = part.get_content_disposition() == "attachment" or bool(name)
        # Parts that cannot be told apart are a text.
        if (kind == "text/plain" or kind.startswith("multipart/")) and not attached:
            texts.append(_text(part))
        elif kind == "text/html" and not attached:
            pages.append(_text(part))
        elif (file := _file(part, kind, name)) is not None:
            files.append(file)
    text = "\n\n".join(each for each in texts if each.strip())
    if not text.strip():
        text = "\n\n".join(mail_text.from_html(page) for page in pages)
    return mail_text.written(text[:_LONGEST_TEXT]), files


def _payload(part: Message) -> bytes:
    if part.is_multipart():  # message/rfc822 and its like
        return b"".join(each.as_bytes() if isinstance(each, Message) else b"" for each in part.get_payload())
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _text(part: Message) -> str:
    charset = part.get_content_charset()
    return mail_text.plain(_decoded(_payload(part)[: 4 * _LONGEST_TEXT], charset))


def _file(part: Message, kind: str, name: str) -> Sent | None:
    try:
        data = _payload(part)
    except Exception:
        data = b""  # a mail inside the mail that cannot be written again: named, and not kept
    if part.get("Content-ID") and kind.startswith("image/") and len(data) < _DECORATION:
        return None
    if not data and not name:
        return None
    ending = {"message/rfc822": ".eml", "text/calendar": ".ics", "text/plain": ".txt"}.get(kind, "")
    return Sent(name or f"file{ending}", data)


def _filename(part: Message) -> str:
    """The name by RFC 2231, or by RFC 2047 as many programs write it, on one line."""
    for parameter, header in (("filename", "Content-Disposition"), ("name", "Content-Type")):
        try:
            value = part.get_param(parameter, None, header)
            if value is None:
                continue
            if isinstance(value, tuple):
                data = str(value[2]).encode("latin-1", "replace")
                name = _decoded(data, value[0]) if value[0] else collapse_rfc2231_value(value)
            else:
                name = _decoded_words(str(value))
        except Exception:
            name = "file"
        if name := mail_text.one_line(name, 200):
            return name
    return ""
