"""A new password for who forgot the old one: by mail, once, for an hour, and every other session ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock
from portal.core.audit import AuditEntry
from portal.core.mailer import MailMessage
from portal.core.sessions import SessionRow
from portal.domain.people.models import Customer, Person
from portal.extensions import db
from tests.blueprints.auth.conftest import Mailbox, link_in, text_of
from tests.cast import HOST, OTHER_HOST, PASSWORD, START, Ids
from tests.page_client import PageClient

CHOSEN = "four quiet green boats"


def ask(client: PageClient, email: str = "emma@example.com", **more: Any) -> Any:
    return client.send("/forgot-password", {"email": email}, **more)


def choose(client: PageClient, link: str, password: str = CHOSEN) -> Any:
    return client.send(link, {"password": password})


def test_the_whole_way(
    client: PageClient,
    login: Callable[..., PageClient],
    mailbox: Mailbox,
    on_stage: Callable[..., Any],
    ids: Ids,
) -> None:
    elsewhere, jan = login("emma"), login("jan")
    answer = ask(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/forgot-password/sent")
    assert "If somebody has an account" in client.get("/forgot-password/sent").get_data(as_text=True)
    mail = mailbox.one()
    assert (mail["To"], mail["Subject"]) == ("emma@example.com", "Choose a new password")
    link = link_in(mail)
    for _time in range(3):
        page = client.get(link).get_data(as_text=True)
        assert 'autocomplete="new-password"' in page and "emma@example.com" in page
        assert "You will be logged out everywhere else." in page
    assert elsewhere.get("/customer").status_code == 200
    done = choose(client, link)
    assert (done.status_code, done.headers["Location"]) == (303, "/login")
    assert "Your new password is set" in client.get("/login").get_data(as_text=True)

    assert elsewhere.get("/customer").status_code == 303
    assert jan.get("/customer").status_code == 200
    with on_stage():
        of_emma = db.session.scalars(sa.select(SessionRow).where(SessionRow.person_id == ids.emma)).all()
        assert of_emma and all(row.ended_at is not None for row in of_emma)
        entry = db.session.scalars(sa.select(AuditEntry)).one()
        assert (entry.event, entry.actor_id, entry.data) == (
            "person.password_changed",
            ids.emma,
            {"means": "reset"},
        )
    told = mailbox.one()
    assert (told["To"], told["Subject"]) == ("emma@example.com", "Your password was changed")
    assert f"https://{HOST}/forgot-password" in text_of(told)

    assert client.get(link).status_code == 404
    assert choose(client, link, "another good password").status_code == 404
    sign_in = {"email": "emma@example.com", "password": PASSWORD}
    assert client.send("/login", sign_in).status_code == 422
    assert client.send("/login", {**sign_in, "password": CHOSEN}).status_code == 303


@pytest.mark.parametrize("email", ["nobody@example.com", "dora@example.com"])
def test_an_unknown_address_hears_the_same_and_gets_nothing(
    client: PageClient, mailbox: Mailbox, email: str
) -> None:
    known, unknown = ask(client), ask(client, email)
    assert known.status_code == unknown.status_code and known.get_data() == unknown.get_data()
    assert [mail["To"] for mail in mailbox.collect()] == ["emma@example.com"]


def test_known_and_unknown_cost_the_same(client: PageClient, app: Flask) -> None:
    """The page writes the same rows for both; who gets a mail is decided afterwards, in the background."""
    from tests.statements import counted

    token = client.token()
    ran = []
    for email in ("emma@example.com", "nobody@example.com"):
        headers = {"Referer": f"https://{HOST}/forgot-password"}
        with counted(app) as statements:
            client.post("/forgot-password", data={"csrf_token": token, "email": email}, headers=headers)
        ran.append([statement.split()[0:3] for statement in statements])
    assert ran[0] == ran[1] and ran[0]


def test_an_archived_account_gets_no_link(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).archived_at = START
    ask(client)
    assert mailbox.collect() == []


def test_archived_meanwhile(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    ask(client)
    link = link_in(mailbox.one())
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).archived_at = START
    assert choose(client, link).status_code == 303
    assert client.send("/login", {"email": "emma@example.com", "password": CHOSEN}).status_code == 422


def test_who_never_confirmed_is_asked_to(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    with on_stage():
        db.session.add(Person(email="noor@example.com", created_at=START))
    ask(client, "noor@example.com")
    assert "/confirm/" in link_in(mailbox.one())


def test_a_new_link_ends_the_older(client: PageClient, mailbox: Mailbox) -> None:
    ask(client)
    older = link_in(mailbox.one())
    ask(client)
    newer = link_in(mailbox.one())
    assert client.get(older).status_code == 404
    assert choose(client, older).status_code == 404
    assert choose(client, newer).status_code == 303


def test_it_runs_out_after_an_hour(client: PageClient, mailbox: Mailbox) -> None:
    ask(client)
    link = link_in(mailbox.one())
    issued = clock.now()
    with clock.frozen(issued + timedelta(minutes=59)):
        assert client.get(link).status_code == 200
    with clock.frozen(issued + timedelta(hours=1)):
        page = client.get(link)
        assert page.status_code == 404 and "This link no longer works" in page.get_data(as_text=True)
        assert choose(client, link).status_code == 404


def test_on_another_host(client: PageClient, mailbox: Mailbox) -> None:
    ask(client)
    link = link_in(mailbox.one())
    client.host = OTHER_HOST
    assert client.get(link).status_code == 404
    assert choose(client, link).status_code == 404


def test_bad_passwords_do_not_use_the_link_up(client: PageClient, mailbox: Mailbox) -> None:
    ask(client)
    link = link_in(mailbox.one())
    for password in (
        "short",
        "welkom12345",
        "emma@example.com",
        "De Halve Maan",
        "x" * 129,
        "a\x00bcdefghijk",
    ):
        assert choose(client, link, password).status_code == 422, password
    assert choose(client, link).status_code == 303


def test_it_frees_who_was_locked_out(client: PageClient, mailbox: Mailbox) -> None:
    """Wrong passwords of somebody else keep the owner out for a while, but not after a reset by mail."""
    for _try in range(5):
        client.send("/login", {"email": "emma@example.com", "password": "wrong again"})
    assert client.send("/login", {"email": "emma@example.com", "password": PASSWORD}).status_code == 422
    ask(client)
    choose(client, link_in(mailbox.one()))
    assert client.send("/login", {"email": "emma@example.com", "password": CHOSEN}).status_code == 303


def test_in_the_readers_language(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    """The person's own language, whatever the browser of the one who asks speaks."""
    with on_stage():
        db.session.get_one(Person, ids.emma).language = "nl"
        db.session.get_one(Customer, ids.jan_account).last_language = "nl"
    for email in ("emma@example.com", "jan@example.com", "bram@example.com"):
        ask(client, email, headers={"Accept-Language": "en"})
    mailbox.collect()
    with on_stage():
        spoken = {m.to[0]: m.language for m in db.session.scalars(sa.select(MailMessage))}
    assert spoken == {"emma@example.com": "nl", "jan@example.com": "nl", "bram@example.com": "en"}


def test_an_address_is_mailed_so_often_and_no_more(client: PageClient, app: Flask) -> None:
    app.config["AUTH_LIMIT_ADDRESS"] = "2 per hour"
    for email in ("emma@example.com", "nobody@example.com"):
        machines = [{"REMOTE_ADDR": f"192.0.2.{n}"} for n in range(3)]
        answers = [ask(client, email, environ_overrides=each).status_code for each in machines]
        assert answers == [303, 303, 429]


def test_a_machine_asks_so_often_and_no_more(client: PageClient, app: Flask) -> None:
    app.config["AUTH_LIMIT_FORGOT"] = "2 per hour"
    assert [ask(client, f"{n}@example.com").status_code for n in range(3)] == [303, 303, 429]
