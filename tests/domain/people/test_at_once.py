"""Two that want the same at the same moment, on both databases: one person, one use of a link, one log-in history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.audit import Actor
from portal.core.errors import Conflict, NotFound
from portal.core.mailer import MailMessage
from portal.core.tenancy import shop_scope
from portal.domain.people import (
    accounts,
    actions,
    claims,
    details,
    emails,
    invitations,
    logins,
    passwords,
    queries,
    tokens,
)
from portal.domain.people.editing import Edited, edit_customer
from portal.domain.people.models import (
    Customer,
    Invitation,
    LoginEvent,
    Membership,
    OneTimeToken,
    Person,
    Role,
    TokenPurpose,
)
from portal.domain.people.naming import OwnName
from portal.domain.tickets.actions import NewTicket, Said, open_ticket
from portal.domain.tickets.models import TicketType
from portal.extensions import db
from tests import cast as stage
from tests.cast import PASSWORD, START, Ids
from tests.concurrency.test_lock_order import wait_until_somebody_waits

CHOSEN = "four quiet green boats"
WANTED = actions.Registration(email="Noor@example.com", given_name="Noor", family_name="Smit")


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[tuple[Flask, Ids]]:
    """The application with the cast, on PostgreSQL."""
    import flask_migrate

    from tests.conftest import make_app

    app = make_app(tmp_path_factory.mktemp("loket"), postgres_url)
    database.set_reading(False)
    with app.app_context():
        flask_migrate.upgrade()
        ids = stage.put_on_stage()
        db.session.remove()
    yield app, ids
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def here(request: pytest.FixtureRequest) -> tuple[Flask, Ids]:
    """The application and the cast, on either database."""
    if request.param == "sqlite":
        return request.getfixturevalue("app"), request.getfixturevalue("ids")
    found: tuple[Flask, Ids] = request.getfixturevalue("on_postgresql")
    return found


def at_once(here: tuple[Flask, Ids], times: int, action: Callable[[], Any]) -> list[Any]:
    """What each of several threads got, each in a transaction of its own; an exception is an answer too."""
    app, ids = here
    start, answers = threading.Barrier(times), []

    def run() -> None:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            start.wait()
            try:
                answer = action()
                db.session.commit()
            except Exception as error:
                db.session.rollback()
                answer = error
            answers.append(answer)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def alone(here: tuple[Flask, Ids], action: Callable[[], Any]) -> Any:
    """One transaction in the cast's shop."""
    app, ids = here
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        answer = action()
        db.session.commit()
        return answer


def register() -> int:
    return actions.register(WANTED, page_language="en", now=START).id


def person_id() -> int:
    found = queries.find_person_by_email(WANTED.email)
    assert found is not None
    return found.id


def test_registering(here: tuple[Flask, Ids]) -> None:
    answers = at_once(here, 5, register)
    assert len(set(answers)) == 1 and isinstance(answers[0], int), answers

    def check() -> None:
        assert db.session.scalar(sa.select(sa.func.count()).where(Person.email == "noor@example.com")) == 1
        mails = (
            sa.select(sa.func.count()).select_from(MailMessage).where(MailMessage.name == "confirm_address")
        )
        assert db.session.scalar(mails) == 5

    alone(here, check)
    # Both the first and a repeated registration leave their transaction usable.
    assert alone(here, register) == answers[0]


def test_using_a_link(here: tuple[Flask, Ids]) -> None:
    alone(here, register)
    secret = alone(here, lambda: tokens.issue(TokenPurpose.CONFIRM, person_id(), now=START))

    def use() -> str:
        link = tokens.find(secret, TokenPurpose.CONFIRM, now=START)
        if link is None:
            raise NotFound
        actions.confirm(link, CHOSEN, page_language="en", now=START)
        return "done"

    answers = at_once(here, 4, use)
    assert [a for a in answers if a == "done"] == ["done"], answers
    assert all(isinstance(a, NotFound) for a in answers if a != "done"), answers

    def check() -> None:
        of_noor = sa.select(Customer).where(Customer.email == "noor@example.com")
        assert len(db.session.scalars(of_noor).all()) == 1

    alone(here, check)


def customers_at(email: str) -> list[Customer]:
    return list(db.session.scalars(sa.select(Customer).where(Customer.email == email)))


def test_making_a_customer(here: tuple[Flask, Ids]) -> None:
    """No index refuses a second account at an address, as several may have one: who looks first holds the shop."""

    def make() -> str:
        wanted = accounts.NewCustomer(email="New@example.net", name="New")
        return accounts.create_customer(wanted, now=START, actor=Actor.system("test")).email

    answers = at_once(here, 4, make)
    assert [a for a in answers if a == "new@example.net"] == ["new@example.net"], answers
    assert sum(isinstance(a, Conflict) for a in answers) == 3, answers
    assert alone(here, lambda: len(customers_at("new@example.net"))) == 1


@pytest.mark.postgres
def test_who_confirms_while_the_shop_opens_their_account_gets_that_one(
    on_postgresql: tuple[Flask, Ids],
) -> None:
    app, ids = on_postgresql
    wanted = actions.Registration(email="sofie@example.com", given_name="Sofie", family_name="Bos")
    sofie = alone(on_postgresql, lambda: actions.register(wanted, page_language="en", now=START).id)
    secret = alone(on_postgresql, lambda: tokens.issue(TokenPurpose.CONFIRM, sofie, now=START))

    def confirm() -> None:
        link = tokens.find(secret, TokenPurpose.CONFIRM, now=START)
        assert link is not None
        actions.confirm(link, CHOSEN, page_language="en", now=START)

    confirming = threading.Thread(target=lambda: alone(on_postgresql, confirm))
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        made = accounts.NewCustomer(email=wanted.email, name="Sofie Bos")
        account_id = accounts.create_customer(made, now=START, actor=Actor.system("test")).id
        confirming.start()
        wait_until_somebody_waits(app)
        db.session.commit()
    confirming.join(30)

    def check() -> None:
        (account,) = customers_at(wanted.email)
        assert account.id == account_id and queries.find_membership(sofie, account.id) is not None

    alone(on_postgresql, check)


def test_logging_in(here: tuple[Flask, Ids]) -> None:
    """A hash that is renewed and an account whose language is stored stand in nobody's way."""

    def log_in() -> bool:
        tried = logins.log_in(
            logins.prove("emma@example.com", PASSWORD),
            tries=5,
            device="",
            language="nl",
            now=START + timedelta(days=1),
        )
        return tried.person is not None

    assert at_once(here, 4, log_in) == [True] * 4
    ids = here[1]

    def check() -> None:
        of_emma = sa.select(sa.func.count()).select_from(LoginEvent).where(LoginEvent.person_id == ids.emma)
        assert db.session.scalar(of_emma) == 4
        assert db.session.get_one(Customer, ids.emma_account).last_language == "nl"

    alone(here, check)
    assert alone(here, log_in)


def test_guessing_at_once_gets_no_more_tries(here: tuple[Flask, Ids]) -> None:
    def guess(password: str = "wrong guess") -> bool:
        proof = logins.prove("jan@example.com", password)
        tried = logins.log_in(proof, tries=3, device="", language="nl", now=START + timedelta(days=2))
        return tried.person is not None

    assert at_once(here, 6, guess) == [False] * 6
    ids = here[1]

    def counted() -> int:
        return queries.count_wrong_passwords(ids.jan, since=START + timedelta(days=1))

    assert alone(here, counted) == 3
    assert not alone(here, lambda: guess(PASSWORD))


def test_a_password_that_was_changed_while_it_was_checked_is_the_old_one(here: tuple[Flask, Ids]) -> None:
    ids = here[1]

    def log_in(password: str) -> bool:
        proof = logins.prove("bram@example.com", password)
        db.session.get_one(Person, ids.bram).password_hash = passwords.hash_password(CHOSEN)
        db.session.flush()
        tried = logins.log_in(proof, tries=5, device="", language="nl", now=START)
        return tried.person is not None

    assert not alone(here, lambda: log_in(PASSWORD))
    assert alone(here, lambda: log_in(CHOSEN))


def test_two_owners_agree(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    alone(here, register)
    links = [
        alone(
            here,
            lambda n=n: tokens.issue(
                TokenPurpose.CLAIM,
                person_id(),
                now=START,
                customer_id=ids.jan_account,
                data={"owner_id": ids.jan, "n": n},
            ),
        )
        for n in range(3)
    ]
    waiting = list(links)

    def agree() -> str:
        link = tokens.find(waiting.pop(), TokenPurpose.CLAIM, now=START)
        if link is None:
            raise NotFound
        claims.grant_claim(link, Role.SUPPORT, now=START)
        return "done"

    answers = at_once(here, 3, agree)
    assert "done" in answers and all(a == "done" or isinstance(a, NotFound) for a in answers), answers

    def check() -> None:
        membership = queries.find_membership(person_id(), ids.jan_account)
        assert membership is not None and membership.role is Role.SUPPORT
        live = sa.select(OneTimeToken).where(
            OneTimeToken.purpose == TokenPurpose.CLAIM,
            OneTimeToken.used_at.is_(None),
            OneTimeToken.revoked_at.is_(None),
        )
        assert db.session.scalars(live).all() == []

    alone(here, check)


def single_account(here: tuple[Flask, Ids]) -> int:
    """An account of one person, who reads Dutch."""

    def write() -> int:
        owner = Person(email="owner@example.net", language="nl", password_hash="x", confirmed_at=START)
        account = Customer(name="Olga", email="olga@example.net")
        db.session.add_all([owner, account])
        db.session.flush()
        db.session.add(Membership(person_id=owner.id, customer_id=account.id, role=Role.OWNER))
        db.session.flush()
        return account.id

    made: int = alone(here, write)
    return made


def invite(here: tuple[Flask, Ids], customer_id: int, email: str) -> str:
    by = Actor("staff", here[1].saskia)
    invitations.invite(customer_id, email, Role.OWNER, actor=by, now=START)
    db.session.flush()
    return "invited"


def invite_with_link(here: tuple[Flask, Ids], customer_id: int, email: str) -> None:
    """Invites somebody, and makes the link that their mail would bring."""

    def write() -> None:
        invite(here, customer_id, email)
        invited = db.session.scalars(sa.select(Invitation).order_by(Invitation.id.desc()).limit(1)).one()
        data = {"invitation_id": invited.id}
        tokens.issue(
            TokenPurpose.INVITATION, invited.person_id, now=START, customer_id=customer_id, data=data
        )

    alone(here, write)


def accept(email: str) -> str:
    """Somebody presses the button of their newest invitation."""
    newest = (
        sa.select(OneTimeToken)
        .join(Person, Person.id == OneTimeToken.person_id)
        .where(Person.email == email, OneTimeToken.purpose == TokenPurpose.INVITATION)
        .order_by(OneTimeToken.id.desc())
        .limit(1)
    )
    invitations.accept(db.session.scalars(newest).one(), CHOSEN, OwnName("Piet", "Peters"), now=START)
    return "accepted"


def test_two_come_to_one_person(here: tuple[Flask, Ids]) -> None:
    """The language that this person chose stays, whoever is first, who hears of the second one too."""
    account, comers = single_account(here), ["one@example.net", "two@example.net"]
    for email in comers:
        invite_with_link(here, account, email)
    waiting = list(comers)
    assert at_once(here, 2, lambda: accept(waiting.pop())) == ["accepted", "accepted"]

    def check() -> None:
        assert db.session.get_one(Customer, account).language == "nl"
        told = sa.select(MailMessage.to).where(
            MailMessage.name == "member_added", MailMessage.customer_id == account
        )
        found = list(db.session.scalars(told))
        assert len(found) == 3 and found.count(["owner@example.net"]) == 2

    alone(here, check)


@pytest.mark.parametrize("number", range(3))
def test_who_accepts_while_they_are_invited_anew(here: tuple[Flask, Ids], number: int) -> None:
    """Neither waits for the other in a circle: the invitation is accepted, or was replaced."""
    account, email = here[1].jan_account, f"again-{number}@example.net"
    invite_with_link(here, account, email)
    waiting: list[Callable[[], Any]] = [lambda: accept(email), lambda: invite(here, account, email)]
    answers = at_once(here, 2, lambda: waiting.pop()())
    first, other = sorted(answers, key=lambda each: isinstance(each, Exception))
    assert isinstance(other, Conflict if first == "accepted" else NotFound), answers


@pytest.mark.parametrize("number", range(3))
def test_who_accepts_while_the_invitation_is_taken_back(here: tuple[Flask, Ids], number: int) -> None:
    account, email = here[1].jan_account, f"back-{number}@example.net"
    invite_with_link(here, account, email)

    def take_back() -> str:
        found = sa.select(Invitation.public_id).where(Invitation.customer_id == account)
        newest = db.session.scalars(found.order_by(Invitation.id.desc()).limit(1)).one()
        invitations.revoke(newest, account, actor=Actor.system("test"), now=START)
        return "taken back"

    waiting: list[Callable[[], Any]] = [lambda: accept(email), take_back]
    answers = at_once(here, 2, lambda: waiting.pop()())
    first, other = sorted(answers, key=lambda each: isinstance(each, Exception))
    assert isinstance(other, Conflict if first == "accepted" else NotFound), answers


def change_address(ids: Ids) -> None:
    secret = tokens.issue(
        TokenPurpose.EMAIL_CHANGE, ids.jan, now=START, data={"email": "j@example.com", "session_id": None}
    )
    db.session.commit()
    link = tokens.find(secret, TokenPurpose.EMAIL_CHANGE, now=START)
    assert link is not None
    emails.change(link, session_ids=(), now=START)


def change_both(ids: Ids) -> None:
    customer = queries.get_customer(ids.jan_account)
    wanted = replace(details.Details.of(customer), city="Utrecht")
    name = {"given_name": "Johan", "family_name": "Jansen"}
    details.change_with_name(customer, wanted, ids.jan, **name, version=customer.version, now=START)


@pytest.mark.postgres
@pytest.mark.parametrize("action", [change_address, change_both])
def test_the_person_is_held_before_the_account(
    on_postgresql: tuple[Flask, Ids], action: Callable[[Ids], None]
) -> None:
    """As by logging in, which stores the account's language: the other way around the two would wait in a circle."""
    app, ids = on_postgresql

    def run() -> None:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            action(ids)
            db.session.rollback()

    changing = threading.Thread(target=run)
    with app.app_context(), db.engine.connect() as login, db.engine.connect() as other:
        login.execute(sa.text("SELECT id FROM people WHERE id = :id FOR NO KEY UPDATE"), {"id": ids.jan})
        changing.start()
        wait_until_somebody_waits(app)
        held = sa.text("SELECT id FROM customers WHERE id = :id FOR UPDATE NOWAIT")
        assert other.execute(held, {"id": ids.jan_account}).scalar() == ids.jan_account
        other.rollback()
        login.rollback()
    changing.join(30)
    assert not changing.is_alive()


@pytest.mark.postgres
def test_an_address_that_the_shop_gives_meanwhile_stays(on_postgresql: tuple[Flask, Ids]) -> None:
    """A link changed log-in and account as one; by the time it holds the account they are two."""
    app, ids = on_postgresql

    def begin() -> str:
        piet = Person(email="piet@example.com", confirmed_at=START, created_at=START)
        account = Customer(name="Piet", email=piet.email, created_at=START)
        db.session.add_all([piet, account])
        db.session.flush()
        claims.join(piet, account, actor=Actor.system("test"), now=START)
        db.session.flush()
        assert emails.find_one_with(piet) is account
        data = {"email": "piet@example.net", "session_id": None}
        return tokens.issue(TokenPurpose.EMAIL_CHANGE, piet.id, now=START, data=data)

    secret = alone(on_postgresql, begin)

    def press() -> None:
        link = tokens.find(secret, TokenPurpose.EMAIL_CHANGE, now=START)
        assert link is not None
        emails.change(link, session_ids=(), now=START)

    pressing = threading.Thread(target=lambda: alone(on_postgresql, press))
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        (account,) = customers_at("piet@example.com")
        wanted = Edited(
            details=details.Details.of(account), kind=account.kind, email="by-the-shop@example.org"
        )
        edit_customer(account, wanted, version=account.version, actor=Actor("staff", ids.saskia), now=START)
        db.session.flush()
        pressing.start()
        wait_until_somebody_waits(app)
        db.session.commit()
    pressing.join(30)

    def check() -> None:
        assert len(customers_at("by-the-shop@example.org")) == 1 and customers_at("piet@example.net") == []
        assert queries.find_person_by_email("piet@example.net") is not None

    alone(on_postgresql, check)


@pytest.mark.postgres
def test_the_shop_is_held_before_the_account_whose_address_it_changes(
    on_postgresql: tuple[Flask, Ids],
) -> None:
    """As by confirming, which may store the account's language: the other way around they wait in a circle."""
    app, ids = on_postgresql

    def give() -> None:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            account = db.session.get_one(Customer, ids.jan_account)
            wanted = Edited(
                details=details.Details.of(account), kind=account.kind, email="new-jan@example.org"
            )
            actor = Actor("staff", ids.saskia)
            edit_customer(account, wanted, version=account.version, actor=actor, now=START)
            db.session.rollback()

    giving = threading.Thread(target=give)
    with app.app_context(), db.engine.connect() as confirming:
        held = sa.text("SELECT id FROM shops WHERE id = :id FOR NO KEY UPDATE")
        confirming.execute(held, {"id": ids.shop})
        giving.start()
        wait_until_somebody_waits(app)
        stored = sa.text("SELECT id FROM customers WHERE id = :id FOR NO KEY UPDATE NOWAIT")
        assert confirming.execute(stored, {"id": ids.jan_account}).scalar() == ids.jan_account
        confirming.rollback()
    giving.join(30)
    assert not giving.is_alive()


def test_two_customers_cannot_be_given_one_address_at_once(here: tuple[Flask, Ids]) -> None:
    ids = here[1]
    waiting = [ids.emma_account, ids.jan_account]

    def give() -> str:
        account = db.session.get_one(Customer, waiting.pop())
        wanted = Edited(details=details.Details.of(account), kind=account.kind, email="shared@example.org")
        edit_customer(account, wanted, version=account.version, actor=Actor("staff", ids.saskia), now=START)
        return "done"

    answers = at_once(here, 2, give)
    assert answers.count("done") == 1 and sum(isinstance(a, Conflict) for a in answers) == 1, answers
    assert alone(here, lambda: len(customers_at("shared@example.org"))) == 1


@pytest.mark.postgres
def test_who_asks_something_does_not_wait_for_their_log_in(on_postgresql: tuple[Flask, Ids]) -> None:
    """They hold the account by then, which the log-in would wait for in turn."""
    app, ids = on_postgresql
    asked = threading.Event()

    def ask() -> None:
        database.set_reading(False)
        with app.app_context(), shop_scope(ids.shop):
            jan = db.session.get_one(Person, ids.jan)
            wanted, said = NewTicket(TicketType.GENERAL, "Hours"), Said("Open?")
            open_ticket(wanted, said, customer_id=ids.jan_account, author=jan, now=START)
            asked.set()
            db.session.rollback()

    asking = threading.Thread(target=ask)
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        assert queries.lock_person_by_email("jan@example.com") is not None
        asking.start()
        try:
            assert asked.wait(10)
        finally:
            db.session.rollback()
            asking.join(30)
