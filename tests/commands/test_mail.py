"""``flask mail ingest`` and ``flask mail listen``, from the bytes of a mail to what the customer sees."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from portal.commands import mail_delivery, mail_listener
from portal.commands.mail_listener import Settings
from portal.core import inbound_mail, reply_address
from portal.core.mailer import Category, Mail, queue
from portal.domain.people.models import Person
from portal.domain.tickets import inbound
from portal.domain.tickets.models import Ticket, TicketMessage
from portal.extensions import db
from tests.cast import HOST, START
from tests.commands.conftest import Run
from tests.inbound import INBOX, multipart, raw
from tests.rows import make_ticket

Counts = Callable[[], dict[str, int]]
OnStage = Callable[..., Any]


@pytest.fixture(autouse=True)
def inbox(app: Flask) -> None:
    app.config["INBOUND_MAIL"] = INBOX


def bodies(on_stage: OnStage) -> list[str]:
    with on_stage():
        return list(db.session.scalars(sa.select(TicketMessage.body).order_by(TicketMessage.id)))


def break_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any, **_options: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(inbound, "take", away)


def test_from_the_bytes_to_the_page(
    app: Flask, run: Run, on_stage: OnStage, ids: Any, login: Callable[..., Any]
) -> None:
    with on_stage():
        ticket = make_ticket(ids.emma_account)
        mail = Mail(
            name="ticket_answered",
            category=Category.ACCOUNT,
            language="en",
            to=["emma@example.com"],
            related=f"ticket:{ticket.public_id}",
            customer_id=ids.emma_account,
        )
        to, public_id = reply_address.of(queue(mail, now=START)), ticket.public_id
    data = raw("Before <b>eight</b> & [not](https://evil.example) after.", to=f"Shop <{to}>")
    done = run("mail", "ingest", input=data)
    assert (done.exit_code, done.stdout) == (0, "added\n")
    again = run("mail", "ingest", input=data)
    assert (again.exit_code, again.stdout) == (0, "known\n")
    page = login("emma").get(f"/customer/support/{public_id}").get_data(as_text=True)
    assert page.count("Before &lt;b&gt;eight&lt;/b&gt; &amp; [not](https://evil.example) after.") == 1
    assert "by mail, sender not verified" in page
    assert 'href="https://evil.example"' not in page
    with on_stage():
        db.session.get_one(Person, ids.emma).language = "nl"
    page = login("emma").get(f"/customer/support/{public_id}").get_data(as_text=True)
    assert "per e-mail, afzender niet bevestigd" in page


def test_a_proved_one_has_no_mark(app: Flask, run: Run, on_stage: OnStage, login: Callable[..., Any]) -> None:
    app.config["INBOUND_AUTHSERV"] = "mx.shop.example"
    header = "Authentication-Results: mx.shop.example; dkim=pass header.d=example.com"
    assert run("mail", "ingest", input=raw("Hi", header)).stdout == "opened\n"
    with on_stage():
        public_id = db.session.scalars(sa.select(Ticket.public_id)).one()
    page = login("emma").get(f"/customer/support/{public_id}").get_data(as_text=True)
    assert "Hi" in page and "not verified" not in page


def test_a_dropped_one_says_why_and_names_nobody(
    run: Run, counts: Counts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = counts()
    done = run("mail", "ingest", input=raw(sender="Eve <eve@stranger.example>", subject="secret"))
    assert (done.exit_code, done.stdout) == (0, "dropped: nobody knows the sender\n")
    assert counts() == before
    assert "nobody knows the sender" in caplog.text
    assert "eve" not in caplog.text.lower() and "secret" not in caplog.text


def test_an_envelope_without_a_sender_is_dropped(run: Run) -> None:
    done = run("mail", "ingest", "--sender", "", "--recipient", INBOX, input=raw())
    assert done.stdout == "dropped: no person wrote it: no envelope sender\n"


def test_what_is_refused_ends_with_the_code_for_bad_data(run: Run, counts: Counts) -> None:
    before = counts()
    done = run("mail", "ingest", input=b"x" * (inbound_mail.MAX_BYTES + 5))
    assert (done.exit_code, done.stdout, done.stderr) == (65, "", "Refused: it is too large.\n")
    assert counts() == before


def test_with_several_shops_one_must_be_named(run: Run) -> None:
    assert run("mail", "ingest", shop=None, input=raw()).exit_code == 65
    assert run("mail", "ingest", shop="nowhere.example", input=raw()).exit_code == 65


def test_while_the_database_is_away_the_mail_stays_where_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_database(monkeypatch)
    done = run("mail", "ingest", input=raw())
    assert (done.exit_code, done.stderr) == (75, "Not now: the database cannot be used.\n")


def test_a_mistake_of_ours_loses_no_mail(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "take", lambda *_a, **_o: 1 / 0)
    done = run("mail", "ingest", input=raw())
    assert (done.exit_code, done.stderr) == (75, "Not now: ZeroDivisionError.\n")


def test_listening_needs_an_address_and_a_free_port(app: Flask, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} cannot be used" in run("mail", "listen", "--port", port).stderr
    app.config["INBOUND_MAIL"] = None
    assert "INBOUND_MAIL is not set" in run("mail", "listen").stderr


@contextmanager
def listening(app: Flask, *, lmtp: bool = True) -> Iterator[int]:
    """A listener in a thread; its port."""
    listener = mail_listener.take_port(0)
    port = listener.getsockname()[1]
    started, ends = threading.Event(), []

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stopped.set))
        started.set()
        await mail_listener.serve(app, listener, Settings(HOST, lmtp), stopped)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(10)
    try:
        yield port
    finally:
        ends[0]()
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("lmtp", [True, False])
def test_a_mail_server_hands_on_a_mail(
    app: Flask, on_stage: OnStage, lmtp: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with listening(app, lmtp=lmtp) as port:
        kind = smtplib.LMTP if lmtp else smtplib.SMTP
        with kind("127.0.0.1", port, timeout=30) as server:
            body, content_type = multipart("Content-Type: text/plain\r\n\r\n.\r\n..Dots", kind="mixed")
            for _ in range(2):
                server.sendmail("emma@example.com", [INBOX], raw(body, kind=content_type))
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                server.sendmail("emma@example.com", ["somebody@elsewhere.example"], raw())
            assert next(iter(refused.value.recipients.values()))[0] == 550
            server.sendmail("", [INBOX], raw("bounce", message_id="<b@x>"))
    assert bodies(on_stage) == [".\n..Dots"]
    assert "a mail was taken: opened" in caplog.text
    assert "emma@" not in caplog.text and "Dots" not in caplog.text


def test_too_large_is_refused_for_good(app: Flask, on_stage: OnStage) -> None:
    with listening(app) as port, smtplib.LMTP("127.0.0.1", port, timeout=60) as server:
        with pytest.raises(smtplib.SMTPException) as refused:
            server.sendmail("emma@example.com", [INBOX], raw(("x" * 900 + "\r\n") * 17_500))
        assert getattr(refused.value, "smtp_code", 0) == 552 or "552" in str(refused.value)
        server.rset()
        server.docmd("MAIL", "FROM:<emma@example.com>")
        server.docmd("RCPT", f"TO:<{INBOX}>")
        server.docmd("DATA")
        server.send(b"From: emma@example.com\r\n\r\n" + (b"x" * 900 + b"\r\n") * 17_500 + b".\r\n")
        assert server.getreply()[0] == 552
    assert bodies(on_stage) == []


def test_the_database_is_away_for_a_moment(
    app: Flask, on_stage: OnStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(app) as port, smtplib.LMTP("127.0.0.1", port, timeout=30) as server:
        with monkeypatch.context() as patched:
            break_database(patched)
            with pytest.raises(smtplib.SMTPDataError) as refused:
                server.sendmail("emma@example.com", [INBOX], raw())
            assert refused.value.smtp_code == 451
        server.sendmail("emma@example.com", [INBOX], raw())
    assert bodies(on_stage) == ["Before eight, please."]


def test_a_second_recipient_comes_by_itself(app: Flask) -> None:
    with listening(app) as port, smtplib.LMTP("127.0.0.1", port, timeout=30) as server:
        server.ehlo_or_helo_if_needed()
        server.mail("emma@example.com")
        assert server.rcpt(INBOX)[0] == 250
        assert server.rcpt(INBOX.replace("@", "+x@"))[0] == 452


def test_who_says_nothing_stands_in_nobodys_way(app: Flask, on_stage: OnStage) -> None:
    with listening(app) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        for connection in silent:
            connection.sendall(b"LHLO x\r\nMAIL FROM:<a@b.example>\r\n")
        with smtplib.LMTP("127.0.0.1", port, timeout=30) as server:
            server.sendmail("emma@example.com", [INBOX], raw())
        for connection in silent:
            connection.close()
    assert bodies(on_stage) == ["Before eight, please."]


def test_more_connections_than_there_are_places_are_told_so(app: Flask) -> None:
    with listening(app) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(mail_listener.MOST_CONNECTIONS)]
        for connection in held:
            assert connection.recv(3) == b"220"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as refused:
            assert refused.recv(3) == b"421"
        for connection in held:
            connection.close()


def test_a_mail_that_somebody_else_added_meanwhile_is_known(
    app: Flask, on_stage: OnStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check finds nothing, the index does: looked at again, it is there."""
    from sqlalchemy.exc import IntegrityError

    real, calls = inbound.take, []

    def take(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise IntegrityError("INSERT", {}, Exception("unique"))
        return real(*arguments, **options)

    monkeypatch.setattr(inbound, "take", take)
    with app.app_context():
        outcome = mail_delivery.deliver(mail_delivery.Delivery(raw(), (INBOX,), None, HOST))
    assert (outcome.done, len(calls)) == (inbound.Done.OPENED, 2)
