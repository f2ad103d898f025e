"""Mails: frozen when wanted, rendered once, handed over with an answer per recipient, and never lost quietly."""

from __future__ import annotations

import email
import email.policy
import re
import smtplib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import lazy_gettext

from portal.core import clock, mailer, outbox, scalars, smtp, tenancy
from portal.core.errors import Conflict
from portal.core.letter import BadAddress
from portal.core.mailer import Category, Mail, MailMessage, MailState
from portal.core.outbox import NotReady, OutboxState
from portal.core.outbox_runner import drain
from portal.extensions import db
from tests.durable import background
from tests.durable.background import NOON, in_shop, make_app, make_tables, queue_probe, rows


class Server:
    """A mail server in this process: what it was told, and what it will answer."""

    def __init__(self) -> None:
        self.connections = 0
        self.sent: list[tuple[str, list[str], bytes]] = []
        self.answers: dict[str, tuple[int, bytes] | Exception] = {}
        self.down: Exception | None = None
        self.before: Any = None

    def connect(self, connection: smtp.Connection) -> Host:
        if self.down is not None:
            raise self.down
        self.connections += 1
        return Host(self)

    def mails(self) -> list[EmailMessage]:
        return [email.message_from_bytes(raw, policy=email.policy.default) for _, _, raw in self.sent]


class Host:
    """One connection, as far as ``smtp.send`` uses it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sender, self.to = "", [""]

    def _say(self, to: str) -> tuple[int, bytes]:
        answer = self.server.answers.get(to, (250, b"OK"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ehlo_or_helo_if_needed(self) -> None: ...

    def has_extn(self, name: str) -> bool:
        return False

    def mail(self, sender: str, options: list[str]) -> tuple[int, bytes]:
        self.sender, self.to = sender, []
        return self._say("MAIL")

    def rcpt(self, to: str) -> tuple[int, bytes]:
        answer = self._say(to)
        if answer[0] == 250:
            self.to.append(to)
        return answer

    def data(self, raw: bytes) -> tuple[int, bytes]:
        if self.server.before is not None:
            self.server.before()
        answer = self._say("DATA")
        if answer[0] in (250, 251):
            self.server.sent.append((self.sender, self.to, raw))
        return answer

    def rset(self) -> tuple[int, bytes]:
        return 250, b"OK"

    def quit(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = make_app(
        f"sqlite:///{tmp_path / 'test.sqlite'}", folder=tmp_path, smtp_url="smtp://mail.example:2525"
    )
    make_tables(app)
    return app


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setattr(smtp.Connection, "configure_host", lambda connection: server.connect(connection))
    yield server
    smtp.close()


@pytest.fixture
def reset_links() -> Iterator[list[str]]:
    """A maker of links, as the accounts have one: each new token ends the one before."""
    tokens: list[str] = []

    @mailer.secret("probe_link")
    def make(message: MailMessage, *, now: datetime) -> str | None:
        if message.context.get("number") == "gone":
            return None
        tokens.append(f"token-{len(tokens) + 1}")
        return f"https://molen.example/reset/{tokens[-1]}"

    yield tokens
    mailer._secrets.pop("probe_link")


def queue(app: Flask, number: str = "2026-0001", *, shop: int = 1, **options: Any) -> str:
    with in_shop(app, shop):
        message = queue_probe(number, **options)
        db.session.commit()
        return message.public_id


def send(app: Flask, at: datetime = NOON) -> None:
    with clock.frozen(at):
        drain(app, "mail")


def stored(app: Flask) -> list[MailMessage]:
    with app.app_context(), tenancy.every_shop():
        query = sa.select(MailMessage).order_by(MailMessage.id).options(sa.orm.undefer(MailMessage.rendered))
        found = list(db.session.scalars(query))
        db.session.expunge_all()
        return found


# What leaves


def test_a_mail_leaves_in_the_shops_envelope(app: Flask, server: Server) -> None:
    public_id = queue(app, cc=["boek@example.com"])
    send(app)
    ((sender, recipients, raw),) = server.sent
    assert sender == "post@molen.example"
    assert recipients == ["emma@example.com", "boek@example.com"]
    (mail,) = server.mails()
    assert mail["From"] == "De Molen <post@molen.example>"
    assert (mail["To"], mail["Cc"]) == ("emma@example.com", "boek@example.com")
    assert mail["Reply-To"] == "vragen@molen.example"
    assert mail["Subject"] == "Invoice 2026-0001"
    assert mail["Message-ID"] == f"<{public_id}@molen.example>"
    assert mail["Date"].datetime == NOON
    assert mail["Auto-Submitted"] == "auto-generated"
    (message,) = stored(app)
    assert (message.state, message.sent_at, message.error) == (MailState.SENT, NOON, None)
    assert message.rendered == raw
    assert message.subject == "Invoice 2026-0001"
    assert message.results == {
        "emma@example.com": {"code": 250, "text": "OK"},
        "boek@example.com": {"code": 250, "text": "OK"},
    }


def test_a_mail_has_a_text_that_can_be_read_and_an_html_part(app: Flask, server: Server) -> None:
    queue(app, "7")
    send(app)
    (mail,) = server.mails()
    assert mail.get_content_type() == "multipart/alternative"
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    assert text.split("\n")[:3] == ["De Molen", "", "Number 7."]
    assert "\n-- \n" in text
    assert "Dorpsstraat 1, Ede\nhttps://molen.example/" in text
    assert '<html lang="en">' in html
    assert "Naïve <b>text</b>" in html
    assert "color-scheme" in html


def test_each_shop_has_its_own_name_logo_and_address(app: Flask, server: Server) -> None:
    queue(app, shop=2)
    send(app)
    (mail,) = server.mails()
    assert mail["From"].addresses[0].display_name == "Kaasboer Zoë, Kaas & Zo"
    assert mail["From"].addresses[0].addr_spec == "hallo@kaas.example"
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert 'src="https://kaas.example/logo.png" alt="Kaas &amp; Zo"' in html
    assert "molen" not in html.lower()


def test_a_mail_is_written_in_its_own_language(app: Flask, server: Server, monkeypatch: Any) -> None:
    seen: list[str] = []
    from flask_babel import get_locale

    with app.app_context():
        app.jinja_env.filters["spy"] = lambda value: seen.append(str(get_locale())) or value
    loader = app.jinja_env.loader
    real = loader.get_source  # type: ignore[union-attr]
    monkeypatch.setattr(
        loader,
        "get_source",
        lambda env, name: (
            ("{{ number|spy }}", None, lambda: True) if name.endswith("probe.txt") else real(env, name)
        ),
    )
    queue(app, language="nl")
    queue(app, language="en")
    send(app)
    assert seen == ["nl", "en"]
    assert '<html lang="nl">' in server.mails()[0].get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_no_line_is_longer_than_servers_take(app: Flask, server: Server) -> None:
    queue(app, "é" * 5000 + "x" * 5000)
    queue(app, "y", shop=2, to=[f"{'a' * 60}{n}@{'b' * 60}.example.com" for n in range(30)])
    send(app)
    assert len(server.sent) == 2
    for _, _, raw in server.sent:
        assert max(len(line) for line in raw.split(b"\r\n")) <= 998
        assert raw.isascii()
        assert b"\n" not in raw.replace(b"\r\n", b"")
    assert "é" * 5000 + "x" * 5000 in server.mails()[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_attachments_are_loaded_when_the_mail_is_rendered(app: Flask, server: Server) -> None:
    ready = False

    @mailer.attachment("probe_pdf")
    def load(id_: int) -> tuple[str, str, bytes]:
        if not ready:
            raise NotReady("the PDF is being made")
        return f"factuur \r\n/{id_} é.pdf", "application/pdf", b"%PDF\x00\xff" * 1000

    try:
        queue(app, attachments=[("probe_pdf", 7)])
        send(app)
        assert server.sent == []
        assert [row.last_error for row in rows(app)] == ["the PDF is being made"]
        ready = True
        send(app, NOON + timedelta(seconds=5))
    finally:
        mailer._attachments.pop("probe_pdf")
    (mail,) = server.mails()
    assert mail.get_content_type() == "multipart/mixed"
    (part,) = mail.iter_attachments()
    assert part.get_filename() == "factuur ___7 é.pdf"
    assert part.get_content_type() == "application/pdf"
    assert part.get_content() == b"%PDF\x00\xff" * 1000


def test_one_connection_serves_a_drain_and_is_closed_after_it(app: Flask, server: Server) -> None:
    for number in range(5):
        queue(app, str(number))
    send(app)
    assert (server.connections, len(server.sent)) == (1, 5)
    queue(app)
    send(app)
    assert server.connections == 2


def test_a_connection_that_the_server_closed_is_opened_again(app: Flask, server: Server) -> None:
    queue(app, "1")
    queue(app, "2")
    closing = iter([(250, b"OK"), smtplib.SMTPServerDisconnected("bye"), (250, b"OK")])
    server.answers = Answers({"MAIL": closing})
    send(app)
    assert (server.connections, len(server.sent)) == (2, 2)


def test_a_server_that_says_it_is_closing_is_asked_again_at_once(app: Flask, server: Server) -> None:
    queue(app, "1")
    queue(app, "2")
    server.answers = Answers({"MAIL": iter([(250, b"OK"), (421, b"too many mails"), (250, b"OK")])})
    send(app)
    assert (server.connections, len(server.sent)) == (2, 2)


class Answers(dict[str, Any]):
    """Answers that change from one time to the next."""

    def get(self, name: str, default: Any = None) -> Any:
        return next(self[name]) if name in self else default


# What does not leave


def test_no_transaction_is_open_while_a_mail_is_sent(app: Flask, server: Server) -> None:
    seen: list[tuple[int, MailState]] = []

    def look() -> None:
        with app.app_context():
            seen.append((db.engine.pool.checkedout(), stored(app)[0].state))  # type: ignore[attr-defined]

    server.before = look
    queue(app)
    send(app)
    assert seen == [(0, MailState.SENDING)]


def _after_timeout() -> smtplib.SMTPServerDisconnected:
    """What smtplib makes of a reply that did not come in time."""
    silent = smtplib.SMTPServerDisconnected("Connection unexpectedly closed: timed out")
    silent.__context__ = TimeoutError("timed out")
    return silent


@pytest.mark.parametrize(
    ("down", "reason"),
    [
        (ConnectionRefusedError(), "the mail server cannot be reached: ConnectionRefusedError"),
        (TimeoutError(), "the mail server gave no answer within 20 seconds"),
        (_after_timeout(), "the mail server gave no answer within 20 seconds"),
        (
            smtplib.SMTPAuthenticationError(535, b"5.7.8 no such user emma@example.com"),
            "SMTPAuthenticationError: 535 5.7.8 no such user [address]",
        ),
        (smtplib.SMTPServerDisconnected("gone"), "the mail server closed the connection"),
    ],
)
def test_a_server_that_is_away_is_asked_again_and_the_same_bytes_are_sent(
    app: Flask, server: Server, down: Exception, reason: str
) -> None:
    server.down = down
    queue(app)
    send(app)
    (message,) = stored(app)
    assert (message.state, message.error) == (MailState.QUEUED, reason)
    assert [(row.state, row.last_error) for row in rows(app)] == [(OutboxState.WAITING, reason)]
    server.down = None
    later = NOON + timedelta(hours=1)
    send(app, later)
    assert [raw for _, _, raw in server.sent] == [message.rendered]
    assert [(each.state, each.sent_at, each.error) for each in stored(app)] == [(MailState.SENT, later, None)]


def test_a_mail_that_cannot_leave_for_long_fails_with_the_reason_and_can_be_resent(
    app: Flask, server: Server
) -> None:
    server.down = ConnectionRefusedError()
    queue(app)
    at = NOON
    for _ in range(outbox.ATTEMPTS):
        send(app, at)
        at += timedelta(hours=5)
    (message,) = stored(app)
    assert (message.state, message.error) == (
        MailState.FAILED,
        "the mail server cannot be reached: ConnectionRefusedError",
    )
    server.down = None
    send(app, at)
    assert server.sent == []
    resend(app, at)
    send(app, at)
    assert [raw for _, _, raw in server.sent] == [message.rendered]
    assert [(each.state, each.error) for each in stored(app)] == [(MailState.SENT, None)]


@pytest.mark.parametrize("place", ["MAIL", "emma@example.com", "DATA"])
def test_a_refusal_for_good_fails_at_once(app: Flask, server: Server, place: str) -> None:
    server.answers[place] = (550, b"5.1.1 <emma@example.com>: no\r\nsuch mailbox")
    queue(app)
    send(app)
    (message,) = stored(app)
    assert (message.state, message.error) == (MailState.FAILED, "550 5.1.1 [address]: no such mailbox")
    assert [(row.state, row.attempts) for row in rows(app)] == [(OutboxState.FAILED, 1)]


@pytest.mark.parametrize("place", ["MAIL", "emma@example.com", "DATA"])
def test_a_refusal_for_now_is_tried_again(app: Flask, server: Server, place: str) -> None:
    server.answers[place] = (451, b"greylisted")
    queue(app)
    send(app)
    assert [(each.state, each.error) for each in stored(app)] == [(MailState.QUEUED, "451 greylisted")]
    server.answers.clear()
    send(app, NOON + timedelta(hours=1))
    assert [each.state for each in stored(app)] == [MailState.SENT]


def test_a_refused_copy_is_recorded_and_the_others_get_the_mail(app: Flask, server: Server) -> None:
    server.answers["old@example.com"] = (550, b"no such mailbox")
    queue(app, cc=["old@example.com", "boek@example.com"])
    send(app)
    assert [to for _, to, _ in server.sent] == [["emma@example.com", "boek@example.com"]]
    (message,) = stored(app)
    assert message.state is MailState.SENT
    assert message.error == "2 of 3 recipients: 550 no such mailbox"
    assert message.results["old@example.com"] == {"code": 550, "text": "no such mailbox"}
    assert [row.state for row in rows(app)] == [OutboxState.DONE]


def test_a_recipient_who_was_put_off_gets_the_mail_later_and_the_others_not_twice(
    app: Flask, server: Server
) -> None:
    server.answers["busy@example.com"] = (450, b"later")
    queue(app, cc=["busy@example.com"])
    send(app)
    server.answers.clear()
    send(app, NOON + timedelta(hours=1))
    assert [to for _, to, _ in server.sent] == [["emma@example.com"], ["busy@example.com"]]
    (message,) = stored(app)
    assert (message.state, message.error) == (MailState.SENT, None)


def test_a_server_that_vanishes_during_the_content_is_asked_again(app: Flask, server: Server) -> None:
    server.answers["DATA"] = smtplib.SMTPServerDisconnected("gone")
    queue(app)
    send(app)
    assert [(each.state, each.results["emma@example.com"]["code"]) for each in stored(app)] == [
        (MailState.QUEUED, 0)
    ]
    assert server.connections == 1  # nothing is repeated once the content may have been taken


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "missing"}, "three templates"),
        ({"language": "fr"}, "'fr'"),
        ({"language": "auto"}, "'auto'"),
    ],
)
def test_what_cannot_be_written_is_refused_where_it_is_asked_for(
    app: Flask, wrong: dict[str, str], says: str
) -> None:
    mail = {"name": "probe", "language": "en"} | wrong
    with in_shop(app), pytest.raises(ValueError, match=says):
        mailer.queue(Mail(**mail, category=Category.BILLING, to=["a@example.com"]), now=NOON)  # type: ignore[arg-type]


def test_a_mail_to_a_broken_template_waits_and_changes_nothing(app: Flask, server: Server) -> None:
    with in_shop(app):
        queue_probe(1)
        db.session.commit()
        # As one that a newer version of the portal, or of a package, has no more.
        db.session.query(mailer.MailMessage).update({"name": "missing"})
        db.session.commit()
    send(app)
    assert [each.state for each in stored(app)] == [MailState.QUEUED]
    (row,) = rows(app)
    assert row.last_error is not None and row.last_error.startswith("TemplateNotFound")


# Without a mail server


def test_without_a_mail_server_mails_are_held_and_released_when_there_is_one(
    app: Flask, server: Server
) -> None:
    app.config["SMTP_URL"] = None
    queue(app)
    assert not mailer.can_send(app)
    assert [each.state for each in stored(app)] == [MailState.HELD]
    assert rows(app) == []
    assert release(app, NOON) == 0
    app.config["SMTP_URL"] = "smtp://mail.example"
    assert release(app, NOON + timedelta(days=9)) == 1
    send(app, NOON + timedelta(days=9))
    assert [each.state for each in stored(app)] == [MailState.SENT]


def test_a_mail_that_was_queued_before_the_server_was_taken_away_is_held(app: Flask, server: Server) -> None:
    queue(app)
    app.config["SMTP_URL"] = None
    send(app)
    assert [each.state for each in stored(app)] == [MailState.HELD]
    app.config["SMTP_URL"] = "smtp://mail.example"
    assert release(app, NOON) == 1
    send(app)
    assert [each.state for each in stored(app)] == [MailState.SENT]


@pytest.mark.parametrize("smtp_url", [None, "smtp://mail.example"])
def test_a_security_mail_held_for_more_than_a_day_is_dropped(
    app: Flask, server: Server, smtp_url: str | None
) -> None:
    app.config["SMTP_URL"] = None
    queue(app, "old", category=Category.SECURITY)
    queue(app, "new", category=Category.SECURITY, now=NOON + timedelta(hours=1))
    app.config["SMTP_URL"] = smtp_url
    at = NOON + timedelta(days=1, minutes=1)
    release(app, at)
    send(app, at)
    old, new = stored(app)
    assert (old.state, old.error) == (MailState.DROPPED, "held for more than a day")
    assert new.state is (MailState.SENT if smtp_url else MailState.HELD)


# Secrets


def test_a_secret_is_made_as_it_leaves_and_the_archive_does_not_have_it(
    app: Flask, server: Server, reset_links: list[str]
) -> None:
    queue(app, category=Category.SECURITY, secret="probe_link")
    assert reset_links == []
    send(app)
    assert reset_links == ["token-1"]
    (mail,) = server.mails()
    for part in mail.iter_parts():
        assert "https://molen.example/reset/token-1" in part.get_content()
    (message,) = stored(app)
    archive = email.message_from_bytes(message.rendered or b"", policy=email.policy.default)
    for part in archive.iter_parts():  # type: ignore[attr-defined]
        assert "[link removed]" in part.get_content()
    assert "token" not in repr([message.context, message.subject, message.rendered])


def test_every_attempt_of_a_security_mail_has_a_new_link_and_a_new_id(
    app: Flask, server: Server, reset_links: list[str]
) -> None:
    server.answers["DATA"] = (451, b"later")
    public_id = queue(app, category=Category.SECURITY, secret="probe_link")
    send(app)
    server.answers.clear()
    send(app, NOON + timedelta(hours=1))
    assert reset_links == ["token-1", "token-2"]
    (mail,) = server.mails()
    assert "token-2" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert mail["Message-ID"] == f"<{public_id}.2@molen.example>"


def test_resending_a_security_mail_makes_a_new_link(
    app: Flask, server: Server, reset_links: list[str]
) -> None:
    queue(app, category=Category.SECURITY, secret="probe_link")
    send(app)
    resend(app, NOON)
    send(app)
    assert reset_links == ["token-1", "token-2"]
    first, second = server.mails()
    assert first["Message-ID"] != second["Message-ID"]


def test_a_link_that_is_no_longer_wanted_drops_the_mail(
    app: Flask, server: Server, reset_links: list[str]
) -> None:
    queue(app, "gone", category=Category.SECURITY, secret="probe_link")
    send(app)
    assert server.sent == []
    assert [each.state for each in stored(app)] == [MailState.DROPPED]


# Asking for a mail


def test_a_sent_mail_is_resent_as_a_new_mail(app: Flask, server: Server) -> None:
    queue(app, customer_id=5, related="document:abc")
    send(app)
    resend(app, NOON)
    send(app)
    old, new = stored(app)
    assert (old.state, new.state) == (MailState.SENT, MailState.SENT)
    assert (new.customer_id, new.related, new.context) == (5, "document:abc", old.context)
    one, two = server.mails()
    assert one["Message-ID"] != two["Message-ID"]


def test_resending_to_those_who_have_not_got_it(app: Flask, server: Server) -> None:
    server.answers["emma@example.com"] = (550, b"no such mailbox")
    queue(app)
    send(app)
    server.answers.clear()
    resend(app, NOON)
    send(app)
    assert [to for _, to, _ in server.sent] == [["emma@example.com"]]
    assert [(each.state, each.error) for each in stored(app)] == [(MailState.SENT, None)]


@pytest.mark.parametrize("code", [250, 251])
def test_resending_spares_who_has_it_already(app: Flask, server: Server, code: int) -> None:
    server.answers |= {"DATA": (code, b"taken"), "jan@example.com": (451, b"later")}
    queue(app, cc=["jan@example.com"])
    send(app)
    assert [(each.state, each.reached, each.left) for each in stored(app)] == [
        (MailState.QUEUED, ["emma@example.com"], ["jan@example.com"])
    ]
    server.answers.clear()
    resend(app, NOON)
    send(app)
    assert [to for _, to, _ in server.sent] == [["emma@example.com"], ["jan@example.com"]]
    assert [(each.state, each.left) for each in stored(app)] == [(MailState.SENT, [])]


def test_nothing_can_be_resent_without_a_server_or_while_it_is_being_sent(app: Flask, server: Server) -> None:
    queue(app)

    def during() -> None:
        with pytest.raises(Conflict):
            resend(app, NOON)

    server.before = during
    send(app)
    assert len(server.sent) == 1
    app.config["SMTP_URL"] = None
    with pytest.raises(Conflict):
        resend(app, NOON)


def test_a_mail_shares_the_fate_of_its_cause(app: Flask, server: Server) -> None:
    with in_shop(app):
        queue_probe("1")
        db.session.rollback()
    assert (stored(app), rows(app)) == ([], [])


def test_addresses_are_kept_once_and_a_copy_is_not_sent_to_the_recipient(app: Flask) -> None:
    queue(app, to=["emma@example.com", "Emma@Example.com"], cc=["emma@example.com", "jan@münchen.example"])
    (message,) = stored(app)
    assert (message.to, message.cc) == (["emma@example.com"], ["jan@xn--mnchen-3ya.example"])


@pytest.mark.parametrize(
    "address",
    ["", "emma", "@example.com", "emma@", "emma@example.com\r\nBcc: x@example.com", "a b@example.com",
     "emma@example.com, jan@example.com", "Emma <emma@example.com>", "émma@example.com", "a@b@c", "x" * 260 + "@e.nl"],
)  # fmt: skip
def test_an_address_that_could_become_something_else_is_refused(app: Flask, address: str) -> None:
    for options in ({"to": [address]}, {"cc": [address]}):
        with pytest.raises(BadAddress):
            queue(app, **options)
    assert stored(app) == []


def test_a_line_break_in_the_subject_does_not_reach_the_headers(app: Flask, server: Server) -> None:
    queue(app, "1\r\nBcc: eve@example.com\r\n\r\nbody")
    send(app)
    (mail,) = server.mails()
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Invoice 1 Bcc: eve@example.com body"


@pytest.mark.parametrize("field", ["from_name", "reply_to", "from_address"])
def test_a_shop_cannot_put_a_header_into_its_envelope(
    app: Flask, server: Server, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = background.envelope(1)
    evil = {**vars(real), field: "x@example.com\r\nBcc: eve@example.com"}
    monkeypatch.setattr(app.extensions["loket"], "mail_envelope", lambda shop_id: SimpleNamespace(**evil))
    queue(app)
    send(app)
    for mail in server.mails():
        assert mail["Bcc"] is None
    if field != "from_name":  # a name is made one line; an address cannot be
        assert server.sent == []
        assert [(each.state, bool(each.error)) for each in stored(app)] == [(MailState.FAILED, True)]


def test_what_makes_no_sense_cannot_be_queued(app: Flask) -> None:
    with pytest.raises(BadAddress, match="nobody"):
        queue_nobody(app)
    with pytest.raises(ValueError, match="security"):
        queue(app, category=Category.SECURITY, cc=["a@example.com"])
    with pytest.raises(ValueError, match="no maker"):
        queue(app, category=Category.SECURITY, secret="unknown")
    with pytest.raises(ValueError, match="no loader"):
        queue(app, attachments=[("unknown", 1)])
    with pytest.raises(ValueError, match="no name"), in_shop(app):
        mailer.queue(
            Mail(name="../probe", category=Category.STAFF, language="en", to=["a@example.com"]), now=NOON
        )


def queue_nobody(app: Flask) -> None:
    with in_shop(app):
        mailer.queue(Mail(name="probe", category=Category.STAFF, language="en", to=[]), now=NOON)


def test_only_plain_values_are_frozen() -> None:
    values = {
        "text": "é",
        "number": 7,
        "yes": True,
        "nothing": None,
        "state": MailState.SENT,
        "day": date(2026, 11, 23),
        "moment": NOON,
        "rate": Decimal("0.2100"),
    }
    thawed = scalars.thaw(scalars.freeze(values))
    assert thawed == values
    assert [type(value) for value in thawed.values()] == [
        str, int, bool, type(None), str, date, datetime, Decimal,
    ]  # fmt: skip
    for wrong in (1.5, [1], {"a": 1}, object(), lazy_gettext("Paid"), datetime(2026, 1, 1), b"x"):  # noqa: DTZ001
        with pytest.raises(TypeError):
            scalars.freeze({"value": wrong})


def test_the_layout_is_readable_without_pictures_and_in_the_dark(app: Flask, server: Server) -> None:
    queue(app, shop=1)
    send(app)
    html = server.mails()[0].get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "prefers-color-scheme: dark" in html
    assert 'width="600"' in html
    assert all('role="presentation"' in table for table in re.findall(r"<table[^>]*>", html))
    assert ">De Molen</a>" in html.replace("\r\n", "")


def resend(app: Flask, at: datetime) -> None:
    with in_shop(app):
        message = db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id)).first()
        assert message is not None
        mailer.resend(message, now=at)
        db.session.commit()


def release(app: Flask, at: datetime) -> int:
    with in_shop(app):
        count = mailer.release_held(now=at)
        db.session.commit()
        return count
