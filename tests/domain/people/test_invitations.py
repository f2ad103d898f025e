"""Invitations: accepted once, revoked, replaced, run out; and what becomes of who accepts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock, mail_delivery, mailer
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.mail_message import MailMessage
from portal.domain.people import invitations, mails, queries, tokens
from portal.domain.people.models import (
    Customer,
    CustomerKind,
    Invitation,
    Membership,
    OneTimeToken,
    Person,
    Role,
    TokenPurpose,
)
from portal.domain.people.naming import OwnName
from portal.extensions import db
from tests.cast import START

GUEST, NEW_PASSWORD = "guest@example.net", "four words that differ"
GERDA = OwnName("Gerda", "Groot")


def actor(ids: Any) -> Actor:
    return Actor("staff", ids.saskia)


def invite(ids: Any, role: Role = Role.BILLING, email: str = GUEST, now: Any = START) -> Invitation:
    invited = invitations.invite(ids.emma_account, email, role, actor=actor(ids), now=now)
    db.session.flush()
    return invited


def link(now: Any = START) -> str:
    """The secret in the newest invitation's mail, which is made as it leaves."""
    mail = db.session.scalars(sa.select(MailMessage).order_by(MailMessage.id.desc()).limit(1)).one()
    address = mailer.secret_maker("invitation")(mail, now=now)
    assert address is not None
    db.session.flush()
    return address.rpartition("/invitation/")[2]


def found(secret: str, now: Any = START) -> OneTimeToken | None:
    return tokens.find(secret, TokenPurpose.INVITATION, now=now)


def accept(
    secret: str, password: str | None = NEW_PASSWORD, now: Any = START, name: OwnName | None = GERDA
) -> invitations.Invited:
    token = found(secret, now)
    assert token is not None
    return invitations.accept(token, password, name, now=now)


def asked(secret: str) -> invitations.Invited:
    """What the page of the link is about."""
    token = found(secret)
    assert token is not None
    return invitations.get_invited(token)


@pytest.fixture(autouse=True)
def here(on_stage: Any) -> Any:
    with on_stage(), clock.frozen(START):
        yield


def test_somebody_new_comes_in_by_the_link_and_once(ids: Any) -> None:
    invited = invite(ids)
    assert invited.expires_at is None, "its link is not made yet"
    secret = link()
    assert invited.expires_at == START + timedelta(days=7)
    token = found(secret)
    accept(secret)
    person = queries.find_person_by_email(GUEST)
    assert person is not None and mails.can_log_in(person)
    membership = queries.find_membership(person.id, ids.emma_account)
    assert membership is not None and membership.role is Role.BILLING
    assert found(secret) is None and invited.accepted_at == START
    assert token is not None
    with pytest.raises(NotFound):
        invitations.accept(token, NEW_PASSWORD, GERDA, now=START)
    events = db.session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)).all()
    assert events == ["invitation.sent", "person.confirmed", "membership.added"]


def test_somebody_who_logs_in_already_needs_no_password(ids: Any) -> None:
    invite(ids, email="JAN@example.com")
    jan = db.session.get_one(Person, ids.jan)
    before = jan.password_hash
    done = accept(link(), None, name=None)
    assert not done.needs_password and not done.needs_name
    assert (jan.password_hash, jan.name) == (before, "Jan Jansen")
    assert queries.find_membership(ids.jan, ids.emma_account) is not None


@pytest.mark.parametrize("password", [None, "", "short", GUEST, "password123"])
def test_a_bad_password_lets_nobody_in(ids: Any, password: str | None) -> None:
    invite(ids)
    secret = link()
    with pytest.raises(DomainError):
        accept(secret, password)
    assert found(secret) is not None, "it can be tried again"
    assert db.session.scalar(sa.select(Membership.id).where(Membership.role == Role.BILLING)) is None


def test_another_invitation_ends_the_one_before(ids: Any) -> None:
    first = invite(ids)
    old = link()
    second = invite(ids, Role.READ_ONLY, now=START + timedelta(hours=1))
    assert found(old) is None and first.revoked_at is not None
    assert accept(link()).invitation is second
    person = queries.find_person_by_email(GUEST)
    assert person is not None
    membership = queries.find_membership(person.id, ids.emma_account)
    assert membership is not None and membership.role is Role.READ_ONLY


def test_the_mail_of_a_replaced_invitation_brings_no_link(ids: Any) -> None:
    invite(ids)
    mail = db.session.scalars(sa.select(MailMessage)).one()
    invite(ids)
    assert mail_delivery._bytes_to_send(mail, mail_delivery.envelope_of(mail), now=START) is None


def test_a_mail_sent_again_ends_its_first_link(ids: Any) -> None:
    invite(ids)
    first, second = link(), link()
    assert found(first) is None and found(second) is not None


def test_revoked_is_over_and_twice_is_once(ids: Any) -> None:
    invited = invite(ids)
    secret = link()
    for _twice in range(2):
        invitations.revoke(invited.public_id, ids.emma_account, actor=actor(ids), now=START)
    assert found(secret) is None
    assert db.session.query(AuditEntry).filter_by(event="invitation.revoked").count() == 1
    with pytest.raises(NotFound):
        invitations.revoke(invited.public_id, ids.jan_account, actor=actor(ids), now=START)


def test_what_was_accepted_is_not_revoked(ids: Any) -> None:
    invited = invite(ids)
    accept(link())
    with pytest.raises(Conflict):
        invitations.revoke(invited.public_id, ids.emma_account, actor=actor(ids), now=START)


def test_it_runs_out(ids: Any) -> None:
    invite(ids)
    secret = link()
    assert found(secret, START + timedelta(days=7, seconds=-1)) is not None
    assert found(secret, START + timedelta(days=7)) is None
    assert invite(ids, now=START + timedelta(days=8)).revoked_at is None, "and may be sent anew"


def test_who_belongs_to_it_is_not_invited(ids: Any) -> None:
    with pytest.raises(Conflict) as told:
        invite(ids, email="bram@example.com")
    assert told.value.field == "email"


def test_an_archived_account_takes_nobody(ids: Any) -> None:
    invite(ids)
    secret = link()
    db.session.get_one(Customer, ids.emma_account).archived_at = START
    token = found(secret)
    assert token is not None
    with pytest.raises(NotFound):
        invitations.get_invited(token)
    with pytest.raises(Conflict):
        invite(ids, email="other@example.net")


@pytest.mark.parametrize("role", [Role.OWNER, Role.READ_ONLY])
def test_who_accepts_is_called_what_they_say(ids: Any, role: Role) -> None:
    invite(ids, role)
    secret = link()
    page = asked(secret)
    assert page.needs_name and page.suggested == OwnName("", ""), "Emma's name is nobody else's"
    person = accept(secret).person
    assert (person.given_name, person.family_name) == ("Gerda", "Groot")


@pytest.mark.parametrize("name", [None, OwnName("", ""), OwnName("  ", "Groot")])
def test_nobody_comes_in_without_a_name(ids: Any, name: OwnName | None) -> None:
    invite(ids, Role.OWNER)
    secret = link()
    with pytest.raises(DomainError) as told:
        accept(secret, name=name)
    assert told.value.field == "given_name" and found(secret) is not None


@pytest.mark.parametrize(
    ("kind", "suggested"), [("consumer", OwnName("Emma", "de Vries")), ("business", OwnName("", ""))]
)
def test_the_accounts_own_address_is_that_customer(ids: Any, kind: str, suggested: OwnName) -> None:
    """A business is not called like its people."""
    account = db.session.get_one(Customer, ids.emma_account)
    account.email, account.kind = GUEST, CustomerKind(kind)
    invite(ids, Role.OWNER)
    assert asked(link()).suggested == suggested


def test_who_said_a_name_when_registering_sees_that_one(ids: Any) -> None:
    """Whoever typed it may have been somebody else, so it is asked again."""
    db.session.add(Person(email=GUEST, given_name="Gea", family_name="Groen", created_at=START))
    invite(ids)
    secret = link()
    page = asked(secret)
    assert page.needs_name and page.suggested == OwnName("Gea", "Groen")
    assert accept(secret).person.name == "Gerda Groot"


def test_who_logs_in_without_a_name_is_asked_for_it(ids: Any) -> None:
    jan = db.session.get_one(Person, ids.jan)
    jan.given_name = jan.family_name = ""
    invite(ids, email="jan@example.com")
    secret = link()
    page = asked(secret)
    assert page.needs_name and not page.needs_password
    with pytest.raises(DomainError):
        accept(secret, None, name=None)
    assert accept(secret, None, name=OwnName("Johan", "Jansen")).person.name == "Johan Jansen"


def test_an_account_of_the_confirmed_address_comes_along(ids: Any) -> None:
    db.session.get_one(Customer, ids.jan_account).email = GUEST
    db.session.query(Membership).filter_by(person_id=ids.jan).delete()
    invite(ids)
    person = accept(link()).person
    membership = queries.find_membership(person.id, ids.jan_account)
    assert membership is not None and membership.role is Role.OWNER
