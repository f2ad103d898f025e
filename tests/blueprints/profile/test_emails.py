"""Changing an e-mail address: the password, a link to the new address, its button, and the word to the old one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.audit import AuditEntry
from portal.core.mailer import MailMessage
from portal.core.sessions import SessionRow
from portal.domain.people import tokens
from portal.domain.people.models import (
    ContactPerson,
    Customer,
    LoginEvent,
    Membership,
    OneTimeToken,
    Person,
    Role,
    TokenPurpose,
)
from portal.domain.people.recipients import billing_recipients
from portal.extensions import db, limiter
from tests.blueprints.auth.conftest import Mailbox, link_in, mailbox, text_of
from tests.cast import OTHER_HOST, PASSWORD, START
from tests.pages import text

__all__ = ["mailbox"]

PAGE = "/customer/profile"
LOGIN = f"{PAGE}/email"
NEW = "new@example.net"


@pytest.fixture(autouse=True)
def today() -> Any:
    with clock.frozen(START):
        yield


def ask(client: Any, path: str = LOGIN, email: str = NEW, password: str = PASSWORD) -> Any:
    return client.send(path, {"email": email, "password": password})


def of_account(on_stage: Any, customer_id: int) -> str:
    with on_stage():
        return f"{PAGE}/{db.session.get_one(Customer, customer_id).public_id}/email"


def addresses(on_stage: Any, person_id: int, customer_id: int) -> tuple[str, str]:
    """The log-in of a person and the billing address of an account."""
    with on_stage():
        return db.session.get_one(Person, person_id).email, db.session.get_one(Customer, customer_id).email


def live_sessions(on_stage: Any, person_id: int) -> int:
    with on_stage():
        stmt = sa.select(sa.func.count(SessionRow.id)).where(
            SessionRow.person_id == person_id, SessionRow.ended_at.is_(None)
        )
        return db.session.scalar(stmt) or 0


def test_the_whole_way_of_one_who_is_alone(
    login: Any, client: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    jan, elsewhere = login("jan"), login("jan")
    assert "invoices and other mail" in text(jan.get(LOGIN)) and "jan@example.com" in text(jan.get(LOGIN))
    answer = ask(jan, email=" New@Example.NET ")
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "We sent a link to New@Example.NET" in jan.get(PAGE).text
    assert addresses(on_stage, ids.jan, ids.jan_account) == ("jan@example.com",) * 2

    mail = mailbox.one()
    assert (mail["To"], mail["Subject"]) == (NEW, "Confirm your new e-mail address")
    link = link_in(mail)
    for _time in range(3):  # scanners look too
        page = client.get(link)
        assert f"From now on you log in with {NEW}, and invoices" in text(page)
    assert client.head(link).status_code == 200
    assert addresses(on_stage, ids.jan, ids.jan_account) == ("jan@example.com",) * 2

    # On another device than the one that asked, where nobody is signed in.
    done = client.send(link)
    assert (done.status_code, done.location) == (303, PAGE)
    assert client.get(PAGE).location.startswith("/login")
    assert addresses(on_stage, ids.jan, ids.jan_account) == (NEW, NEW)
    with on_stage():
        account = db.session.get_one(Customer, ids.jan_account)
        assert billing_recipients(account, None).to == [NEW]  # type: ignore[union-attr]
        events = [entry.event for entry in db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))]
        assert events == ["person.email_change_asked", "customer.email_changed", "person.email_changed"]
        assert all("@" not in str(e.data) for e in db.session.scalars(sa.select(AuditEntry)))

    told = mailbox.one()
    assert (told["To"], told["Subject"]) == ("jan@example.com", "Your e-mail address was changed")
    assert NEW not in text_of(told) and "Invoices and other mail go to the new address too" in text_of(told)

    # The window that asked goes on, others do not; and the new address logs in.
    assert jan.get("/customer").status_code == 200 and NEW in jan.get(PAGE).text
    assert elsewhere.get("/customer").status_code == 303
    assert client.get(link).status_code == client.send(link).status_code == 404
    assert client.send("/login", {"email": "jan@example.com", "password": PASSWORD}).status_code == 422
    assert client.send("/login", {"email": NEW, "password": PASSWORD}).status_code == 303


def test_where_the_button_is_pressed_one_stays_signed_in(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    asked, pressed, other = login("jan"), login("jan"), login("jan")
    ask(asked)
    link = link_in(mailbox.one())
    # Somebody else who is signed in where the button is pressed keeps their session, and nothing else changes.
    assert pressed.send(link).location == PAGE
    assert "The new address is yours from now on." in pressed.get(PAGE).text
    assert [each.get("/customer").status_code for each in (asked, pressed, other)] == [200, 200, 303]
    assert live_sessions(on_stage, ids.jan) == 2


def test_with_others_in_the_account_each_is_changed_apart(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    emma, path = login("emma"), of_account(on_stage, ids.emma_account)
    assert "invoices" not in text(emma.get(LOGIN)) and "Invoices and other mail go to emma@" in text(
        emma.get(path)
    )
    ask(emma)
    assert emma.send(link_in(mailbox.one())).status_code == 303
    assert addresses(on_stage, ids.emma, ids.emma_account) == (NEW, "emma@example.com")
    assert "Invoices" not in text_of(mailbox.one())

    elsewhere = login("emma")
    ask(emma, path, "billing@example.net")
    mail = mailbox.one()
    assert (mail["To"], mail["Subject"]) == (
        "billing@example.net",
        "Confirm the address for your invoices",
    )
    link = link_in(mail)
    assert "From now on invoices and other mail go to billing@example.net" in text(emma.get(link))
    assert emma.send(link).status_code == 303
    assert addresses(on_stage, ids.emma, ids.emma_account) == (NEW, "billing@example.net")
    told = mailbox.one()
    assert (told["To"], told["Subject"]) == ("emma@example.com", "Your invoices go to another address")
    # Nobody logs in otherwise than before, so nobody is logged out.
    assert elsewhere.get("/customer").status_code == 200


def test_who_is_alone_with_two_addresses_changes_each_apart(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.jan_account).email = "office@example.com"
    jan = login("jan")
    assert "office@example.com" in text(jan.get(PAGE)) and "jan@example.com" in text(jan.get(PAGE))
    ask(jan)
    jan.send(link_in(mailbox.one()))
    assert addresses(on_stage, ids.jan, ids.jan_account) == (NEW, "office@example.com")


def test_who_is_alone_has_one_page_for_both(login: Any, on_stage: Any, ids: Any) -> None:
    jan, path = login("jan"), of_account(on_stage, ids.jan_account)
    assert jan.get(path).location == ask(jan, path).location == LOGIN


def test_a_newer_link_ends_the_older(login: Any, mailbox: Mailbox, on_stage: Any, ids: Any) -> None:
    jan = login("jan")
    ask(jan, email="first@example.net")
    first = link_in(mailbox.one())
    ask(jan, email="second@example.net")
    # Before the second mail has even left.
    assert jan.get(first).status_code == jan.send(first).status_code == 404
    second = link_in(mailbox.one())
    assert jan.send(second).status_code == 303
    assert addresses(on_stage, ids.jan, ids.jan_account)[0] == "second@example.net"


def test_of_two_that_wait_only_the_newer_brings_a_link(login: Any, mailbox: Mailbox) -> None:
    jan = login("jan")
    ask(jan, email="first@example.net")
    ask(jan, email="second@example.net")
    assert mailbox.one()["To"] == "second@example.net"


def test_log_in_and_account_do_not_end_each_others_link(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    emma = login("emma")
    ask(emma)
    ask(emma, of_account(on_stage, ids.emma_account), "billing@example.net")
    links = [link_in(mail) for mail in mailbox.collect()]
    assert [emma.send(link).status_code for link in links] == [303, 303]
    assert addresses(on_stage, ids.emma, ids.emma_account) == (NEW, "billing@example.net")


def test_a_link_works_for_a_day_and_in_its_shop(login: Any, client: Any, mailbox: Mailbox) -> None:
    ask(login("jan"))
    link = link_in(mailbox.one())
    client.host = OTHER_HOST
    assert client.get(link).status_code == client.send(link).status_code == 404
    client.host = "shop.example.test"
    with clock.frozen(START + timedelta(days=1, seconds=1)):
        assert client.get(link).status_code == client.send(link).status_code == 404
    with clock.frozen(START + timedelta(hours=23)):
        assert client.send(link).status_code == 303


def test_a_press_from_elsewhere_changes_nothing(
    login: Any, client: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    ask(login("jan"))
    link = link_in(mailbox.one())
    for body in (
        {"data": {}},
        {"data": {"csrf_token": "x"}},
        {"json": {"csrf_token": 1}},
        {"data": b"\xff\0"},
    ):
        answer = client.post(link, headers={"Referer": "https://evil.example.test/"}, **body)
        assert answer.status_code == 422 and "open for too long" in answer.text
    assert client.post(link, data={"x": "x" * 100_000}).status_code == 413
    assert addresses(on_stage, ids.jan, ids.jan_account) == ("jan@example.com",) * 2
    assert client.send(link).status_code == 303


def test_twice_at_once_is_one_change(
    app: Any, login: Any, client: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    import threading

    ask(login("jan"))
    link = link_in(mailbox.one())
    clients = [app.test_client() for _ in range(2)]
    data = [{"csrf_token": each.token()} for each in clients]
    start, statuses = threading.Barrier(2), []

    def press(n: int) -> None:
        start.wait()
        headers = {"Referer": f"https://{clients[n].host}/"}
        statuses.append(clients[n].post(link, data=data[n], headers=headers).status_code)

    threads = [threading.Thread(target=press, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 404]
    assert mailbox.one()["To"] == "jan@example.com"


# The password.


@pytest.mark.parametrize("password", ["", "wrong password here", "x" * 129])
def test_without_the_password_nothing_is_sent(login: Any, mailbox: Mailbox, password: str) -> None:
    page = ask(login("jan"), password=password)
    assert page.status_code == 422 and mailbox.collect() == []
    assert NEW in page.text and (not password or password not in page.text)


def test_wrong_passwords_count_with_those_of_the_log_in(
    login: Any, client: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    jan = login("jan")
    for _ in range(5):
        assert ask(jan, password="wrong password here").status_code == 422
    # Now the right one is not looked at any more, here or there.
    assert ask(jan).status_code == 422
    assert client.send("/login", {"email": "jan@example.com", "password": PASSWORD}).status_code == 422
    assert mailbox.collect() == []
    with on_stage():
        means = db.session.scalars(sa.select(LoginEvent.means).where(LoginEvent.person_id == ids.jan)).all()
    assert sorted(means) == ["password"] * 5 + ["refused"] * 2
    with clock.frozen(START + timedelta(minutes=16)):
        assert ask(login("jan", now=clock.now())).status_code == 303


def test_nobody_is_flooded(login: Any, mailbox: Mailbox) -> None:
    limiter.reset()
    jan = login("jan")
    statuses = [ask(jan, email=f"victim{n}@example.net").status_code for n in range(11)]
    assert statuses == [303] * 10 + [429]
    assert ask(login("emma")).status_code == 303


# Addresses that are somebody's.


@pytest.mark.parametrize("taken", ["emma@example.com", "EMMA@example.com"])
def test_that_an_address_is_somebodys_is_told_to_its_reader_alone(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any, taken: str
) -> None:
    jan = login("jan")
    free, known = ask(jan), None
    said = jan.get(PAGE)
    mailbox.collect()
    known = ask(jan, email=taken)
    assert (known.status_code, known.location) == (free.status_code, free.location)
    assert text(jan.get(PAGE)) == text(said).replace(NEW, taken)
    mail = mailbox.one()
    assert (mail["To"], mail["Subject"]) == ("emma@example.com", "You already log in with this address")
    assert (
        "/login" in text_of(mail)
        and "jan" not in text_of(mail).lower()
        and "change-email" not in text_of(mail)
    )
    with on_stage():
        assert db.session.scalar(sa.select(sa.func.count(MailMessage.id))) == 2
    assert addresses(on_stage, ids.jan, ids.jan_account) == ("jan@example.com",) * 2


def test_an_address_of_another_shop_is_free(login: Any, mailbox: Mailbox) -> None:
    ask(login("jan"), email="dora@example.com")
    assert mailbox.one()["Subject"] == "Confirm your new e-mail address"


def test_an_address_that_was_taken_meanwhile_is_a_link_that_no_longer_works(
    login: Any, client: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    ask(login("jan"))
    link = link_in(mailbox.one())
    with on_stage():
        db.session.add(Person(email=NEW, given_name="Quicker", created_at=START))
    assert client.send(link).status_code == 404
    assert addresses(on_stage, ids.jan, ids.jan_account) == ("jan@example.com",) * 2
    # Nothing of it was done, and nobody was told.
    assert mailbox.collect() == [] and live_sessions(on_stage, ids.jan) == 1


def test_the_present_address_is_refused(login: Any, mailbox: Mailbox) -> None:
    page = ask(login("jan"), email="Jan@Example.com")
    assert page.status_code == 422 and "This is the address already." in page.text
    assert mailbox.collect() == []


def contact(on_stage: Any, customer_id: int) -> None:
    with on_stage():
        db.session.add(
            ContactPerson(customer_id=customer_id, name="Petra", email="petra@example.net", created_at=START)
        )


def test_a_contact_persons_address_is_no_accounts_own(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    contact(on_stage, ids.jan_account)
    contact(on_stage, ids.emma_account)
    jan, emma = login("jan"), login("emma")
    for page in (
        ask(jan, email="Petra@Example.net"),
        ask(emma, of_account(on_stage, ids.emma_account), "petra@example.net"),
    ):
        assert page.status_code == 422 and "A contact person of your account" in page.text
    # As a log-in alone it is no matter.
    assert ask(emma, email="petra@example.net").status_code == 303


def test_one_who_became_a_contact_person_meanwhile(
    login: Any, client: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    ask(login("jan"), email="petra@example.net")
    link = link_in(mailbox.one())
    contact(on_stage, ids.jan_account)
    page = client.send(link)
    assert page.status_code == 422 and "A contact person of your account" in page.text
    assert addresses(on_stage, ids.jan, ids.jan_account) == ("jan@example.com",) * 2
    # The link still works once the contact person is gone.
    with on_stage():
        db.session.execute(sa.delete(ContactPerson))
    assert client.send(link).status_code == 303


# Who may.


@pytest.mark.parametrize("role", list(Role))
def test_each_role_changes_its_own_log_in_and_some_the_accounts(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any, role: Role
) -> None:
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = role
    bram, path = login("bram"), of_account(on_stage, ids.emma_account)
    may = role in (Role.OWNER, Role.BILLING)
    assert bram.get(path).status_code == (200 if may else 403)
    assert ask(bram, path, "account@example.net").status_code == (303 if may else 403)
    assert ask(bram).status_code == 303
    assert {mail["To"] for mail in mailbox.collect()} == ({NEW, "account@example.net"} if may else {NEW})


@pytest.mark.parametrize("role", list(Role))
def test_alone_in_an_account_one_may_not_change_it_by_ones_log_in(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any, role: Role
) -> None:
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.jan).one().role = role
    jan = login("jan")
    ask(jan)
    jan.send(link_in(mailbox.one()))
    may = role in (Role.OWNER, Role.BILLING)
    assert addresses(on_stage, ids.jan, ids.jan_account) == (NEW, NEW if may else "jan@example.com")


def test_who_may_no_longer_has_a_link_that_no_longer_works(
    login: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    emma = login("emma")
    ask(emma, of_account(on_stage, ids.emma_account))
    link = link_in(mailbox.one())
    with on_stage():
        db.session.query(Membership).filter_by(person_id=ids.emma).one().role = Role.SUPPORT
    assert emma.get(link).status_code == emma.send(link).status_code == 404
    assert addresses(on_stage, ids.emma, ids.emma_account)[1] == "emma@example.com"


def test_strangers(login: Any, on_stage: Any, ids: Any, mailbox: Mailbox, client: Any) -> None:
    path = of_account(on_stage, ids.emma_account)
    for who in ("jan", "dora"):
        assert login(who).get(path).status_code == ask(login(who), path).status_code == 404
    assert ask(client).location.startswith("/login") and mailbox.collect() == []


def test_links_that_went_to_the_old_address_end(
    login: Any, client: Any, mailbox: Mailbox, on_stage: Any, ids: Any
) -> None:
    client.send("/forgot-password", {"email": "jan@example.com"})
    reset = link_in(mailbox.one())
    ask(login("jan"))
    change = link_in(mailbox.one())
    assert client.get(reset).status_code == 200
    client.send(change)
    assert client.get(reset).status_code == 404


def test_a_link_for_something_else_changes_no_address(client: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        secret = tokens.issue(TokenPurpose.RESET, ids.jan, now=START)
    assert client.send(f"/change-email/{secret}").status_code == 404
    with on_stage():
        assert db.session.scalars(sa.select(OneTimeToken)).one().used_at is None


@pytest.mark.parametrize("path", [LOGIN, "account"])
def test_in_dutch_nothing_is_english(login: Any, on_stage: Any, ids: Any, path: str) -> None:
    with on_stage():
        db.session.get_one(Person, ids.emma).language = "nl"
    page = login("emma").get(of_account(on_stage, ids.emma_account) if path == "account" else path)
    said = text(page)
    for english in ("address", "Send", "password", "link to", "Invoices", "You "):
        assert english not in said
    assert "Nieuw e-mailadres" in said
