"""What is understood of mails, whatever their bytes are: odd ones, broken ones, and those that mean harm."""

from __future__ import annotations

import base64
import random
import time
from typing import Any

import pytest

from portal.core import inbound_mail
from portal.core.inbound_mail import InboundMail, Unreadable
from tests.inbound import EMMA, multipart, raw


def read(
    *arguments: Any, trusted: str | None = None, envelope_sender: str | None = None, **options: Any
) -> InboundMail:
    return inbound_mail.read(raw(*arguments, **options), trusted=trusted, envelope_sender=envelope_sender)


PLAIN = "Content-Type: text/plain; charset=utf-8\r\n\r\nPlain text."
PAGE = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Page <b>text</b>.</p>"
ICS = "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR"
NESTED = "Content-Type: message/rfc822\r\n\r\nFrom: jan@example.com\r\nSubject: Inner\r\n\r\nInner text."
LOGO = (
    "Content-Type: image/png; name=logo.png\r\nContent-ID: <logo>\r\nContent-Disposition: inline\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo="
)


def of_parts(*parts: str | bytes, kind: str = "mixed") -> bytes:
    body, content_type = multipart(*parts, kind=kind)
    return raw(body, kind=content_type)


def encoded(data: bytes, charset: str, how: str = "8bit") -> bytes:
    return raw(data, f"Content-Transfer-Encoding: {how}", kind=f"text/plain; charset={charset}")


# a mail, its text, and the names of its files
BODIES: dict[str, tuple[bytes, str, list[str]]] = {
    "plain": (raw("Hello"), "Hello", []),
    "no content type": (b"From: emma@example.com\r\n\r\nHello", "Hello", []),
    "no header at all": (b"\r\nHello", "Hello", []),
    "Unix line ends": (raw("Hello").replace(b"\r\n", b"\n"), "Hello", []),
    "a postmark above it": (b"From emma@example.com Mon Nov  2 09:00:00 2026\n" + raw("Hello"), "Hello", []),
    "alternative": (of_parts(PLAIN, PAGE, kind="alternative"), "Plain text.", []),
    "alternative, page first": (of_parts(PAGE, PLAIN, kind="alternative"), "Plain text.", []),
    "page only": (raw("<p>Hi</p><script>x</script>", kind="text/html"), "Hi", []),
    "an empty text beside a page": (
        of_parts("Content-Type: text/plain\r\n\r\n \r\n", PAGE),
        "Page text.",
        [],
    ),
    "UTF-8": (encoded("Één café €".encode(), "utf-8"), "Één café €", []),
    "Latin-1 that is Windows": (encoded("café €".encode("cp1252"), "iso-8859-1"), "café €", []),
    "ASCII that is UTF-8": (encoded("café".encode(), "us-ascii"), "café", []),
    "UTF-8 that is Windows": (encoded("café".encode("cp1252"), "utf-8"), "café", []),
    "UTF-16": (encoded(base64.b64encode("café".encode("utf-16")), "utf-16", "base64"), "café", []),
    "a charset that is no charset": (encoded(b"caf=C3=A9", "x-unknown", "quoted-printable"), "café", []),
    "a charset that is a codec": (encoded(b"aGVsbG8=", "base64"), "aGVsbG8=", []),
    "a charset that costs time": (encoded(b"xn--a" * 9, "idna"), "xn--a" * 9, []),
    "Shift JIS": (encoded("こんにちは".encode("shift_jis"), "Shift_JIS"), "こんにちは", []),
    "broken base64": (encoded(b"SGVsbG8*=!", "utf-8", "base64"), "Hello", []),
    "an unknown encoding": (encoded(b"Hello", "utf-8", "x-zip"), "Hello", []),
    "NUL": (raw(b"He\x00llo\x00"), "Hello", []),
    "calendar": (of_parts(PLAIN, ICS), "Plain text.", ["file.ics"]),
    "a mail inside": (of_parts(PLAIN, NESTED), "Plain text.", ["file.eml"]),
    "a logo": (of_parts(PAGE, LOGO, kind="related"), "Page text.", []),
    "a text as a file": (
        of_parts(
            PLAIN, "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nFile"
        ),
        "Plain text.",
        ["a.txt"],
    ),
    "two texts": (of_parts(PLAIN, "Content-Type: text/plain\r\n\r\nMore."), "Plain text.\n\nMore.", []),
    "a boundary that never comes": (
        raw("--other\r\n\r\nHi", kind='multipart/mixed; boundary="x"'),
        "--other\n\nHi",
        [],
    ),
    "no boundary": (raw("Hello", kind="multipart/mixed"), "Hello", []),
    "never closed": (of_parts(PLAIN).replace(b"--=_mark--\r\n", b""), "Plain text.", []),
    "a type that is no type": (raw("Hello", kind="text/plain/what; ;;=="), "Hello", []),
}


@pytest.mark.parametrize("name", BODIES)
def test_text_and_files(name: str) -> None:
    data, text, files = BODIES[name]
    mail = inbound_mail.read(data)
    assert (mail.text, [file.name for file in mail.files]) == (text, files)


NAMES = {
    'filename="plain.pdf"': "plain.pdf",
    "filename*=utf-8''caf%C3%A9.pdf": "café.pdf",
    "filename*0*=iso-8859-1'nl'caf%E9; filename*1=\"-two.pdf\"": "café-two.pdf",
    'filename="=?utf-8?B?Y2Fmw6kucGRm?="': "café.pdf",
    'filename="=?utf-8?B?broken"': "=?utf-8?B?broken",
    "filename*=x-none''a%E9.pdf": "aé.pdf",
    'filename="a\\"b.pdf"': 'a"b.pdf',
    'filename="a\u202egpj.exe"': "agpj.exe",
    'filename=""': "file",
}


@pytest.mark.parametrize("given", NAMES)
def test_names_of_files(given: str) -> None:
    part = f"Content-Type: application/pdf\r\nContent-Disposition: attachment; {given}\r\n\r\n%PDF-1.7"
    (file,) = inbound_mail.read(of_parts(PLAIN, part)).files
    assert file.name == NAMES[given]


SUBJECTS = {
    "Re: Delivery": "Delivery",
    "RE: FW: Antw: Re[2]: Delivery": "Delivery",
    "Reading: a list": "Reading: a list",
    "=?utf-8?Q?Caf=C3=A9?= =?utf-8?Q?_open?=": "Café open",
    "=?utf-8?Q?Re=3A_caf=C3=A9?=": "café",
    "=?utf-8?B?broken": "=?utf-8?B?broken",
    "=?x-none?Q?a=E9?=": "aé",
    "Café": "Café",
    "a\r\n folded": "a folded",
    "=?utf-8?Q?a=0D=0ABcc:_x@y.example?=": "a Bcc: x@y.example",
    "a\u202eb\u200bc": "abc",
    "x" * 5000: "x" * 200,
    "": "",
}


@pytest.mark.parametrize("given", SUBJECTS)
def test_subjects(given: str) -> None:
    assert read(subject=given).subject == SUBJECTS[given]


SENDERS: dict[str, str | None] = {
    EMMA: "emma@example.com",
    "EMMA@Example.com": "emma@example.com",
    '"De Vries, Emma" <emma@example.com>': "emma@example.com",
    '"jan@example.com" <emma@example.com>': "emma@example.com",
    "=?utf-8?Q?Emm=C3=A0?= <emma@example.com>": "emma@example.com",
    "Emma": None,
    "": None,
    "emma@example.com, jan@example.com": None,
    "<>": None,
    "emma@example.com\0": None,
    "x" * 300 + "@example.com": None,
}


@pytest.mark.parametrize("given", SENDERS)
def test_senders(given: str) -> None:
    assert read(sender=given).sender == SENDERS[given]


def test_two_senders_are_none() -> None:
    assert read("Hi", "From: jan@example.com").sender is None


AUTOMATIC = [
    "Auto-Submitted: auto-replied",
    "Auto-Submitted: auto-generated; owner=x",
    "Precedence: bulk",
    "Precedence: Auto_Reply",
    "X-Loop: support@shop.example",
    "X-Autoreply: yes",
    "List-Id: <list.example>",
    "List-Unsubscribe: <mailto:x@y.example>",
    "Return-Path: <>",
]


@pytest.mark.parametrize("header", AUTOMATIC)
def test_what_no_person_wrote(header: str) -> None:
    assert read("Hi", header).automatic is not None


@pytest.mark.parametrize(
    "sender",
    ["MAILER-DAEMON@example.com", "postmaster@example.com", "no-reply@example.com", "bounce+1@example.com"],
)
def test_what_a_server_wrote(sender: str) -> None:
    assert read(sender=sender).automatic == "sent by a server"


def test_a_report_is_no_letter() -> None:
    assert read(kind='multipart/report; boundary="x"').automatic == "a report"


def test_no_envelope_sender_is_a_server() -> None:
    assert read(envelope_sender="").automatic == "no envelope sender"
    assert read("Hi", "Return-Path: <>", envelope_sender="emma@example.com").automatic is None


@pytest.mark.parametrize(
    "header", ["Auto-Submitted: no", "Precedence: first-class", "Return-Path: <emma@example.com>"]
)
def test_what_a_person_wrote(header: str) -> None:
    assert read("Hi", header).automatic is None


MX = "mx.shop.example"
# what the servers wrote, topmost first, and which domains count as having signed
RESULTS: list[tuple[list[str], set[str]]] = [
    ([f"{MX}; dkim=pass header.d=example.com"], {"example.com"}),
    (
        [f"{MX} 1; spf=pass smtp.mailfrom=x; dkim=pass (2048-bit key; ok) header.d=Example.COM header.s=a"],
        {"example.com"},
    ),
    (
        [f"{MX}; dkim=pass header.i=@example.com; dkim=pass header.d=esp.example"],
        {"example.com", "esp.example"},
    ),
    ([f"{MX}; dkim=fail header.d=example.com"], set()),
    ([f"{MX}; dkim=none"], set()),
    ([f"{MX}; dkim=passing header.d=example.com"], set()),
    ([f"{MX}; dmarc=pass header.from=example.com"], set()),
    (["evil.example; dkim=pass header.d=example.com"], set()),
    ([f"{MX}.evil.example; dkim=pass header.d=example.com"], set()),
    ([f"{MX}; dkim=fail header.d=example.com", f"{MX}; dkim=pass header.d=example.com"], set()),
    (["other.example; dkim=fail", f"{MX}; dkim=pass header.d=example.com"], {"example.com"}),
    ([f'{MX}; spf=pass smtp.mailfrom="x; dkim=pass header.d=example.com;"@evil.example'], set()),
    ([f'{MX}; spf=pass smtp.mailfrom="x\\"; dkim=pass header.d=example.com;"@evil.example'], set()),
    ([f"{MX}; spf=fail (a \\( b); dkim=pass header.d=example.com"], {"example.com"}),
    ([f"{MX}; spf=fail (x; dkim=pass header.d=example.com"], set()),
    ([f"({MX}) evil.example; dkim=pass header.d=example.com"], set()),
    ([""], set()),
]


@pytest.mark.parametrize(("headers", "signed"), RESULTS)
def test_whose_signature_is_right(headers: list[str], signed: set[str]) -> None:
    lines = [f"Authentication-Results: {value}" for value in headers]
    assert read("Hi", *lines, trusted=MX).signed_by == signed
    assert read("Hi", *lines).signed_by == frozenset()


def test_ids_and_references() -> None:
    mail = read(
        "Hi", "In-Reply-To: <c@x> (comment)", "References: <a@x>\r\n <b@x> junk <c@x>", message_id="<one@x>"
    )
    assert (mail.message_id, mail.references) == ("one@x", ("c@x", "b@x", "a@x"))


@pytest.mark.parametrize("given", [None, "", "none", "<>", "<a b@x>", f"<{'x' * 400}@x>", "<a\0@x>"])
def test_a_mail_without_an_id_gets_one_of_its_content(given: str | None) -> None:
    one, same, other = read("a", message_id=given), read("a", message_id=given), read("b", message_id=given)
    assert one.message_id == same.message_id != other.message_id
    assert one.message_id.endswith("@no-id.invalid")


DEEP = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3000))
REFUSED = {
    "too large": (b"x: y\r\n\r\n" + b"x" * inbound_mail.MAX_BYTES, "it is too large"),
    "20 MB": (raw("x" * 20_000_000), "it is too large"),
    "a header without end": (b"Subject: " + b"x" * 300_000, "its header is too long"),
    "very many lines": (raw("\n" * 900_000), "it has too many lines"),
    "nested deeply": (b"From: a@b.example\r\n" + DEEP, "its parts are nested too deeply"),
    "ten thousand parts": (of_parts(*["\r\nx"] * 10_000), "it has too many parts"),
    "a thousand parts": (of_parts(*["\r\nx"] * 1_000), "it has too many parts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why_and_soon(name: str) -> None:
    data, reason = REFUSED[name]
    started = time.process_time()
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        inbound_mail.read(data)
    assert time.process_time() - started < 3


def test_a_mail_inside_a_mail_inside_a_mail_is_read_or_refused() -> None:
    data = b"Content-Type: message/rfc822\r\n\r\n" * 2_000 + b"Hello"
    try:
        inbound_mail.read(raw(data, kind="message/rfc822"))
    except Unreadable as error:
        assert str(error) == "its parts are nested too deeply"


def test_nothing_but_a_refusal_is_ever_raised() -> None:
    """Mails of every kind above, with bytes changed, left out and put twice."""
    dice = random.Random(7)
    mails = [data for data, _text, _files in BODIES.values()]
    for _ in range(1500):
        data = bytearray(dice.choice(mails))
        for _change in range(dice.randint(1, 8)):
            at = dice.randrange(len(data))
            end = min(len(data), at + dice.randint(1, 30))
            data[at:end] = dice.choice(
                [b"", bytes([dice.randrange(256)]), bytes(data[at:end]) * 2, b"\r\n", b'"', b"=?"]
            )
            data = data or bytearray(b"x")
        try:
            mail = inbound_mail.read(bytes(data), trusted=MX)
        except Unreadable:
            continue
        said = "\n".join([mail.message_id, mail.subject, mail.text, *(file.name for file in mail.files)])
        said.encode()
        assert "\0" not in said
