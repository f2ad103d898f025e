"""Registering and confirming: who gets which account, and what somebody else's address is good for (nothing)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock
from portal.core.audit import AuditEntry
from portal.core.mailer import MailMessage, MailState
from portal.domain.people.models import (
    Customer,
    CustomerKind,
    LoginEvent,
    Membership,
    OneTimeToken,
    Person,
    Role,
)
from portal.extensions import db
from tests.blueprints.auth.conftest import Mailbox, link_in, text_of
from tests.cast import HOST, OTHER_HOST, START, Ids
from tests.page_client import PageClient

NEW = {"given_name": "Noor", "family_name": "Smit", "email": "Noor@Example.com"}
CHOSEN = "four quiet green boats"


def register(client: PageClient, **data: str) -> Any:
    return client.send("/register", {**NEW, **data})


def confirm(client: PageClient, link: str, password: str = CHOSEN) -> Any:
    return client.send(link, {"password": password})


def person(email: str = "noor@example.com") -> Person:
    return db.session.scalars(sa.select(Person).where(Person.email == email)).one()


def test_the_page(client: PageClient) -> None:
    page = client.get("/register").get_data(as_text=True)
    for word in ("given-name", "family-name", "email"):
        assert f'autocomplete="{word}"' in page
    assert "cannot send mail yet" not in page


def test_fields_that_the_form_does_not_have_change_nothing(
    client: PageClient, on_stage: Callable[..., Any], ids: Ids
) -> None:
    extra = {
        "id": str(ids.emma), "shop_id": str(ids.other_shop), "confirmed_at": "2026-01-01", "role": "owner",
        "password_hash": "x", "password": CHOSEN, "customer_id": str(ids.emma_account), "is_staff": "1",
    }  # fmt: skip
    assert register(client, **extra).status_code == 303
    with on_stage():
        noor = person()
        assert noor.id not in (ids.emma, ids.bram) and noor.shop_id == ids.shop
        assert (noor.confirmed_at, noor.password_hash, list(noor.memberships)) == (None, None, [])


def test_an_empty_form_says_of_each_name_which(client: PageClient) -> None:
    page = register(client, given_name="", family_name="", email="")
    assert page.status_code == 422
    shown = page.get_data(as_text=True)
    assert "Fill in your first name." in shown and "Fill in your last name." in shown
    assert "Fill in your name." not in shown


def test_the_whole_way(client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]) -> None:
    response = register(client)
    assert (response.status_code, response.headers["Location"]) == (303, "/register/sent")
    assert "We sent you a link" in client.get("/register/sent").get_data(as_text=True)
    mail = mailbox.one()
    assert (mail["To"], mail["Subject"]) == ("noor@example.com", "Confirm your e-mail address")
    link = link_in(mail)
    # Scanners open links: that changes nothing.
    for _time in range(3):
        page = client.get(link)
        assert page.status_code == 200 and 'autocomplete="new-password"' in page.get_data(as_text=True)
        assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    with on_stage():
        assert person().confirmed_at is None and person().password_hash is None
    done = confirm(client, link)
    assert (done.status_code, done.headers["Location"]) == (303, "/customer")
    home = client.get("/customer").get_data(as_text=True)
    assert "Your address is confirmed" in home and "Noor Smit" in home
    with on_stage():
        noor = person()
        assert noor.confirmed_at is not None and (noor.given_name, noor.family_name) == ("Noor", "Smit")
        membership = noor.memberships[0]
        account = membership.customer
        assert (membership.role, account.kind, account.name) == (
            Role.OWNER,
            CustomerKind.CONSUMER,
            "Noor Smit",
        )
        assert (account.email, account.country, account.last_language) == ("noor@example.com", "NL", "en")
        events = [e.event for e in db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))]
        assert events == ["person.registered", "person.confirmed", "customer.created"]
        login = db.session.scalars(sa.select(LoginEvent)).one()
        assert (login.succeeded, login.means) == (True, "confirmation")
    assert confirm(app_client(client), link).status_code == 404
    client.send("/logout")
    signed_in = client.send("/login", {"email": "noor@example.com", "password": CHOSEN})
    assert signed_in.status_code == 303


def app_client(client: PageClient) -> PageClient:
    other: PageClient = client.application.test_client()  # type: ignore[assignment]
    return other


def test_secrets_are_kept_nowhere(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], app: Flask
) -> None:
    """Neither the link nor the password is in any row: not in the archive of mails, not in the audit."""
    register(client)
    link = link_in(mailbox.one())
    confirm(client, link)
    secret = link.rpartition("/")[2]
    with app.app_context(), db.engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        rows = [row for name in tables for row in connection.execute(sa.text(f'SELECT * FROM "{name}"'))]
        dump = "\n".join(map(str, rows))
    assert secret not in dump and CHOSEN not in dump
    assert "noor@example.com" in dump


def test_language_and_theme_go_along(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    client.send("/preferences", {"theme": "dark", "locale": "nl"})
    register(client)
    mail = mailbox.one()
    assert mail.get_body(("html",)) is not None
    assert 'lang="nl"' in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    with on_stage():
        assert (person().language, person().theme) == ("nl", "dark")


def test_without_a_choice_it_stays_auto(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    client.send("/register", NEW, headers={"Accept-Language": "nl"})
    mail = mailbox.one()
    assert 'lang="nl"' in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    with on_stage():
        assert (person().language, person().theme) == ("auto", "system")
    client.send(link_in(mail), {"password": CHOSEN}, headers={"Accept-Language": "nl"})
    with on_stage():
        assert person().memberships[0].customer.last_language == "nl"


def test_unconfirmed_cannot_log_in(client: PageClient) -> None:
    register(client)
    assert client.send("/login", {"email": NEW["email"], "password": CHOSEN}).status_code == 422


def test_a_known_address_hears_the_same(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    known = register(client, email="EMMA@example.com", given_name="Mallory")
    new = register(client)
    assert (known.status_code, known.headers["Location"]) == (new.status_code, new.headers["Location"])
    assert known.get_data() == new.get_data()
    first, second = mailbox.collect()
    assert (first["To"], first["Subject"]) == ("emma@example.com", "You already have an account")
    assert f"https://{HOST}/login" in text_of(first) and f"https://{HOST}/forgot-password" in text_of(first)
    assert "/confirm/" in text_of(second)
    with on_stage():
        emma = db.session.get_one(Person, ids.emma)
        assert emma.given_name == "Emma"
        assert db.session.scalar(sa.select(sa.func.count()).where(Person.email == "emma@example.com")) == 1


def test_what_a_stranger_types_is_not_mailed(client: PageClient, mailbox: Mailbox) -> None:
    """Registering somebody's address is no way to write to them."""
    register(client, given_name="Win at evil.example now", family_name="https://evil.example")
    register(client, email="jan@example.com", given_name="Win at evil.example now")
    for mail in mailbox.collect():
        assert "evil" not in mail.as_string()
        assert "evil" not in text_of(mail)


def test_somebody_else_registers_my_address_first(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    """The password is chosen by who reads the mailbox, whoever registered, and in whatever order."""
    register(client, given_name="Mallory")
    register(client)
    older, newer = mailbox.collect()
    assert client.get(link_in(older)).status_code == 404
    assert confirm(client, link_in(newer)).status_code == 303
    with on_stage():
        assert person().given_name == "Noor"
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Person)) == 4


def test_claiming_an_account_without_people(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    with on_stage():
        db.session.add_all(
            [
                Customer(name="Noor's shop", email="noor@example.com", created_at=START),
                Customer(name="Old", email="noor@example.com", archived_at=START, created_at=START),
                Customer(
                    name="Smit BV", email="noor@example.com", kind=CustomerKind.BUSINESS, created_at=START
                ),
            ]
        )
    register(client)
    mail = mailbox.one()
    assert mail["Subject"] == "Your account at De Halve Maan"
    page = client.get(link_in(mail)).get_data(as_text=True)
    assert "Noor&#39;s shop" in page and "This account is yours" in page
    assert confirm(client, link_in(mail)).status_code == 303
    with on_stage():
        mine = {m.customer.name: m.role for m in person().memberships}
        assert mine == {"Noor's shop": Role.OWNER, "Smit BV": Role.OWNER}
        claimed = db.session.scalars(
            sa.select(AuditEntry).where(AuditEntry.event == "customer.claimed")
        ).all()
        assert len(claimed) == 2


def test_an_account_whose_people_never_confirmed_is_claimed(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    with on_stage():
        account = Customer(name="Noor Smit", email="noor@example.com", created_at=START)
        invited = Person(email="invited@example.com", created_at=START)
        db.session.add_all([account, invited])
        db.session.flush()
        db.session.add(Membership(person_id=invited.id, customer_id=account.id, created_at=START))
    register(client)
    confirm(client, link_in(mailbox.one()))
    with on_stage():
        assert [m.customer.name for m in person().memberships] == ["Noor Smit"]


def test_an_account_with_people_is_asked_for(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids, app: Flask
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).email = "noor@example.com"
    register(client)
    confirmation = mailbox.one()
    assert confirmation["Subject"] == "Confirm your e-mail address"
    done = confirm(client, link_in(confirmation))
    assert done.headers["Location"] == "/login"
    assert "we asked them" in client.get("/login").get_data(as_text=True)
    with on_stage():
        assert person().confirmed_at is not None and person().memberships == []
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Customer)) == 3 - 1
    assert client.send("/login", {"email": NEW["email"], "password": CHOSEN}).status_code == 422

    with on_stage():
        named = sa.select(MailMessage.to).where(MailMessage.name == "claim_requested")
        assert db.session.scalars(named).all() == [["emma@example.com"]]
    asked = mailbox.one()  # Emma, who owns the account; not Bram, who reads it
    assert asked["To"] == "emma@example.com"
    assert "noor@example.com" in text_of(asked) and "Noor" not in text_of(asked)
    owner = app_client(client)
    link = link_in(asked)
    page = owner.get(link).get_data(as_text=True)
    assert "noor@example.com" in page and "Emma de Vries" in page
    with on_stage():
        assert person().memberships == []
    assert owner.send(link, {"role": "billing"}).status_code == 303
    assert "noor@example.com now has access" in owner.get("/login").get_data(as_text=True)
    with on_stage():
        membership = person().memberships[0]
        assert (membership.customer_id, membership.role) == (ids.emma_account, Role.BILLING)
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "membership.added")).one()
        assert (entry.actor_kind, entry.actor_id, entry.data["role"]) == ("person", ids.emma, "billing")
    told = {mail["To"]: mail["Subject"] for mail in mailbox.collect()}
    assert told == {
        "emma@example.com": "noor@example.com can use your account now",
        "noor@example.com": "You now have access to Emma de Vries",
    }
    assert owner.send(link, {"role": "owner"}).status_code == 404
    assert client.send("/login", {"email": NEW["email"], "password": CHOSEN}).status_code == 303


def test_two_owners_are_asked_and_one_answers(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).email = "noor@example.com"
        db.session.scalars(
            sa.select(Membership).where(Membership.person_id == ids.bram)
        ).one().role = Role.OWNER
    register(client)
    confirm(client, link_in(mailbox.one()))
    mails = {mail["To"]: link_in(mail) for mail in mailbox.collect()}
    assert set(mails) == {"emma@example.com", "bram@example.com"}
    assert client.get(mails["emma@example.com"]).status_code == 200
    assert client.send(mails["bram@example.com"], {"role": "read_only"}).status_code == 303
    assert client.get(mails["emma@example.com"]).status_code == 404
    assert client.send(mails["emma@example.com"], {"role": "owner"}).status_code == 404
    with on_stage():
        assert person().memberships[0].role is Role.READ_ONLY


def test_who_is_no_owner_any_more_gives_nothing(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).email = "noor@example.com"
    register(client)
    confirm(client, link_in(mailbox.one()))
    link = link_in(mailbox.one())
    with on_stage():
        of_emma = sa.select(Membership).where(Membership.person_id == ids.emma)
        db.session.scalars(of_emma).one().role = Role.BILLING
    assert client.get(link).status_code == 404
    assert client.send(link, {"role": "owner"}).status_code == 404
    with on_stage():
        assert person().memberships == []


@pytest.mark.parametrize("meanwhile", ["no owner any more", "no member any more", "let in already"])
def test_asking_that_is_pointless_by_now_is_not_mailed(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids, meanwhile: str
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).email = "noor@example.com"
    register(client)
    confirm(client, link_in(mailbox.one()))
    with on_stage():
        of_emma = db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.emma)).one()
        if meanwhile == "no owner any more":
            of_emma.role = Role.BILLING
        elif meanwhile == "no member any more":
            db.session.delete(of_emma)
        else:
            db.session.add(Membership(person_id=person().id, customer_id=ids.emma_account, created_at=START))
    assert mailbox.collect() == []


def test_a_role_that_is_none(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).email = "noor@example.com"
    register(client)
    confirm(client, link_in(mailbox.one()))
    link = link_in(mailbox.one())
    for role in ("", "king", "OWNER", "\x00"):
        assert client.send(link, {"role": role}).status_code == 422
    with on_stage():
        assert person().memberships == []


def test_bad_passwords_do_not_use_the_link_up(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    register(client)
    link = link_in(mailbox.one())
    for password in (
        "short",
        "password123!",
        "noor@example.com",
        "Noor Smit Smit"[:9],
        "x" * 129,
        "",
        "aaaaaaaaaaaa",
    ):
        response = confirm(client, link, password)
        assert response.status_code == 422, password
        assert not password or f'value="{password}"' not in response.get_data(as_text=True)
    with on_stage():
        assert person().confirmed_at is None
        assert db.session.scalars(sa.select(OneTimeToken)).one().used_at is None
    assert confirm(client, link, "loket-demo").status_code == 303


@pytest.mark.parametrize("later", [timedelta(days=3), timedelta(days=30)])
def test_it_runs_out(client: PageClient, mailbox: Mailbox, later: timedelta) -> None:
    register(client)
    link = link_in(mailbox.one())
    issued = clock.now()
    with clock.frozen(issued + timedelta(days=3) - timedelta(minutes=1)):
        assert client.get(link).status_code == 200
    with clock.frozen(issued + later):
        page = client.get(link)
        assert page.status_code == 404 and "This link no longer works" in page.get_data(as_text=True)
        assert confirm(client, link).status_code == 404


def test_on_another_host(client: PageClient, mailbox: Mailbox) -> None:
    register(client)
    link = link_in(mailbox.one())
    client.host = OTHER_HOST
    assert client.get(link).status_code == 404
    assert confirm(client, link).status_code == 404
    client.host = HOST
    assert confirm(client, link).status_code == 303


def test_for_another_purpose(client: PageClient, mailbox: Mailbox) -> None:
    register(client)
    secret = link_in(mailbox.one()).rpartition("/")[2]
    assert client.get(f"/reset-password/{secret}").status_code == 404
    assert client.get(f"/claim/{secret}").status_code == 404


@pytest.mark.parametrize("page", ["/confirm/", "/reset-password/", "/claim/"])
@pytest.mark.parametrize("secret", ["x", "A" * 43, "A" * 5000, "%00", "é", "a.b"])
def test_never_made(client: PageClient, page: str, secret: str) -> None:
    response = client.get(page + secret)
    assert response.status_code == 404
    assert secret == "%00" or "This link no longer works" in response.get_data(as_text=True)
    assert client.send(page + secret, {"password": CHOSEN, "role": "owner"}).status_code == 404


def test_links_come_from_the_shops_domain(client: PageClient, mailbox: Mailbox, app: Flask) -> None:
    """A forged host header does not get into a mail: the shop's own domain row does."""
    client.send(
        "/register", NEW, headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    )
    assert f"https://{HOST}/confirm/" in text_of(mailbox.one())


def test_two_at_once_make_one_person(
    client: PageClient, app: Flask, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    clients = [app_client(client) for _ in range(4)]
    tokens = [each.token() for each in clients]
    answers: list[int] = []
    start = threading.Barrier(4)

    def go(each: PageClient, token: str) -> None:
        start.wait()
        headers = {"Referer": f"https://{HOST}/register"}
        answers.append(each.post("/register", data={**NEW, "csrf_token": token}, headers=headers).status_code)

    threads = [threading.Thread(target=go, args=pair) for pair in zip(clients, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 4
    with on_stage():
        assert db.session.scalar(sa.select(sa.func.count()).where(Person.email == "noor@example.com")) == 1
    working = [client.get(link_in(mail)).status_code for mail in mailbox.collect()]
    assert sorted(working) == [200, 404, 404, 404]


def test_two_confirm_at_once(
    client: PageClient, app: Flask, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    register(client)
    link = link_in(mailbox.one())
    clients = [app_client(client) for _ in range(3)]
    tokens = [each.token() for each in clients]
    answers: list[int] = []
    start = threading.Barrier(3)

    def go(each: PageClient, token: str) -> None:
        start.wait()
        form = {"password": CHOSEN, "csrf_token": token}
        answers.append(each.post(link, data=form, headers={"Referer": f"https://{HOST}{link}"}).status_code)

    threads = [threading.Thread(target=go, args=pair) for pair in zip(clients, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 404, 404]
    with on_stage():
        assert len(person().memberships) == 1


def test_an_address_is_mailed_so_often_and_no_more(client: PageClient, app: Flask, mailbox: Mailbox) -> None:
    """Whichever machine asks, and whether the address is known or not."""
    app.config["AUTH_LIMIT_ADDRESS"] = "2 per hour"
    for email in ("noor@example.com", "emma@example.com"):
        answers = [
            client.send(
                "/register", {**NEW, "email": email}, environ_overrides={"REMOTE_ADDR": f"192.0.2.{n}"}
            ).status_code
            for n in range(3)
        ]
        assert answers == [303, 303, 429]
    assert len(mailbox.collect()) == 4


def test_without_a_mail_server(client: PageClient, app: Flask, on_stage: Callable[..., Any]) -> None:
    app.config["SMTP_URL"] = None
    for page in ("/register", "/register/sent", "/forgot-password", "/forgot-password/sent"):
        assert "This shop cannot send mail yet" in client.get(page).get_data(as_text=True)
    assert "We sent you" not in client.get("/register/sent").get_data(as_text=True)
    register(client)
    with on_stage():
        assert db.session.scalars(sa.select(MailMessage)).one().state is MailState.HELD


def test_signed_in_people_need_no_account(login: Callable[..., PageClient]) -> None:
    emma = login("emma")
    for page in ("/register", "/forgot-password", "/login"):
        assert emma.get(page).headers["Location"] == "/customer"


def test_who_is_confirmed_gets_no_second_link(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any]
) -> None:
    """A mail that waited until its reader had confirmed by another one is dropped."""
    register(client)
    first = mailbox.one()
    register(client)
    confirm(client, link_in(first))
    assert mailbox.collect() == []


def test_a_repeated_registration_renames_nobody_it_should_not(
    client: PageClient, mailbox: Mailbox, on_stage: Callable[..., Any], ids: Ids
) -> None:
    """A name that the shop gave, or that was there when the address was confirmed, is not a stranger's to change."""
    with on_stage():
        given = Person(email="given@example.com", given_name="Given", created_at=START)
        proven = Person(email="proven@example.com", given_name="Proven", confirmed_at=START, created_at=START)
        db.session.add_all([given, proven])
        db.session.flush()
        db.session.add(Membership(person_id=given.id, customer_id=ids.emma_account, created_at=START))
    for email in ("given@example.com", "proven@example.com"):
        register(client, email=email)
    with on_stage():
        assert [person(f"{name}@example.com").given_name for name in ("given", "proven")] == [
            "Given",
            "Proven",
        ]
