"""The rules of an account's list of contact persons, also when two change it at the same moment, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict, DomainError, NotFound
from portal.core.mailer import Category, MailMessage
from portal.domain.people import contacts
from portal.domain.people.contacts import MOST, ContactDetails
from portal.domain.people.models import ContactPerson, Customer
from portal.extensions import db
from tests.cast import START, Ids
from tests.domain.invoices.test_queries import plans
from tests.domain.people.test_at_once import alone, at_once, here, on_postgresql
from tests.rows import make_contact

__all__ = ["here", "on_postgresql"]

Stage = Callable[..., Any]
ACTOR = Actor.system("test")
ANNA = ContactDetails(name="Anna Admin", email="Anna@Example.net")


def add(account: int, wanted: ContactDetails = ANNA) -> ContactPerson:
    return contacts.add_contact(account, wanted, actor=ACTOR, now=START)


def change(contact: ContactPerson, wanted: ContactDetails, version: int = 1) -> None:
    contacts.change_contact(contact, wanted, version=version, actor=ACTOR, now=START)


def numbered(number: int) -> ContactDetails:
    return ContactDetails(name=f"Number {number}", email=f"number{number}@example.net")


def events() -> list[str]:
    return list(db.session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)))


def test_an_address_is_on_the_list_once_however_it_is_typed(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        assert add(ids.emma_account).email == "anna@example.net"
        for again in ("anna@example.net", "ANNA@EXAMPLE.NET", " Anna@example.net "):
            with pytest.raises(DomainError) as refused:
                add(ids.emma_account, replace(ANNA, email=again))
            assert refused.value.field == "email"
        # Another account's list is another list.
        add(ids.jan_account)
        assert len(contacts.list_contacts(ids.emma_account)) == 1


def test_never_the_accounts_own_address(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).email = "Emma@Example.com"
        anna = add(ids.emma_account)
        own = replace(ANNA, email="emma@example.COM")
        for act in (lambda: add(ids.emma_account, own), lambda: change(anna, own)):
            with pytest.raises(DomainError) as refused:
                act()
            assert refused.value.field == "email"
        assert anna.email == "anna@example.net"


def test_the_account_is_told_who_gets_copies(on_stage: Stage, ids: Ids) -> None:
    """Once each time that somebody gets to read more than before, and never that somebody gets less."""

    def told() -> list[tuple[str, bool, bool]]:
        found = db.session.scalars(
            sa.select(MailMessage).where(MailMessage.name == "contact_added").order_by(MailMessage.id)
        )
        return [
            (mail.context["contact_email"], mail.context["billing"], mail.context["account"])
            for mail in found
        ]

    with on_stage():
        anna = add(ids.emma_account)
        first = [("anna@example.net", True, False)]
        assert told() == first
        mail = db.session.scalars(sa.select(MailMessage)).one()
        assert (mail.to, mail.cc, mail.category) == (["emma@example.com"], [], Category.SECURITY)
        assert "Anna Admin" not in str(mail.context)
        change(anna, replace(ANNA, phone="030 1234567", name="Ann"))
        change(anna, replace(ANNA, phone="030 1234567", name="Ann"), version=2)
        assert told() == first
        change(anna, replace(ANNA, account_mails=True), version=2)
        second = [*first, ("anna@example.net", True, True)]
        assert told() == second
        change(anna, replace(ANNA, email="other@example.net"), version=3)
        third = [*second, ("other@example.net", True, False)]
        assert told() == third
        change(anna, replace(ANNA, email="other@example.net", billing_mails=False), version=4)
        change(anna, replace(ANNA, email="third@example.net", billing_mails=False), version=5)
        contacts.remove_contact(anna, actor=ACTOR, now=START)
        add(ids.emma_account, replace(ANNA, billing_mails=False))
        assert told() == third


def test_nobody_is_refused_because_the_account_cannot_be_told(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).email = "no address"
        assert add(ids.emma_account).id is not None
        assert db.session.scalars(sa.select(MailMessage)).all() == []


def test_at_most_ten(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        for number in range(MOST):
            add(ids.emma_account, numbered(number))
        with pytest.raises(DomainError, match="at most 10") as refused:
            add(ids.emma_account)
        assert refused.value.field is None
        first = contacts.list_contacts(ids.emma_account)[0]
        # A full list can still be changed, and has a place again once somebody went.
        change(first, ANNA)
        contacts.remove_contact(first, actor=ACTOR, now=START)
        add(ids.emma_account)
        assert len(contacts.list_contacts(ids.emma_account)) == MOST == 10


def test_changing(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        anna, other = add(ids.emma_account), add(ids.emma_account, numbered(1))
        with pytest.raises(DomainError):
            change(anna, replace(ANNA, email=other.email))
        change(anna, replace(ANNA, billing_mails=False, phone="030 1234567"))
        assert (anna.billing_mails, anna.phone, anna.email) == (False, "030 1234567", "anna@example.net")
        db.session.flush()
        assert anna.version == 2
        with pytest.raises(Conflict):
            change(anna, ANNA, version=1)
        change(anna, replace(ANNA, billing_mails=False, phone="030 1234567"), version=2)
        assert events() == ["contact.added", "contact.added", "contact.changed"], (
            "the same again is no change"
        )
        (entry,) = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.event == "contact.changed"))
        assert entry.data == {"customer_id": ids.emma_account, "columns": ["phone", "billing_mails"]}


def test_a_contact_of_another_account_or_shop_is_not_found(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        public_id = make_contact(ids.emma_account).public_id
        assert contacts.get_contact(public_id, customer_ids=[ids.emma_account]).public_id == public_id
        with pytest.raises(NotFound):
            contacts.get_contact(public_id, customer_ids=[ids.jan_account])
        with pytest.raises(NotFound):
            contacts.get_contact("x", customer_ids=[ids.emma_account])
    with on_stage(ids.other_shop), pytest.raises(NotFound):
        contacts.get_contact(public_id, customer_ids=[ids.emma_account, ids.dora_account])


def test_the_list_is_read_from_an_index_without_sorting(here: tuple[Flask, Ids]) -> None:
    app, account = here[0], here[1].emma_account
    alone(here, lambda: contacts.list_contacts(account))
    with plans(app) as found:
        alone(here, lambda: contacts.list_contacts(account))
    (plan,) = [each for each in found if "contact_persons" in each]
    assert "uq_contact_persons_customer_id_email" in plan or "autoindex_contact_persons" in plan, plan
    assert not re.search(r"TEMP B-TREE|SCAN |Sort|Seq Scan|Bitmap", plan), plan


def count(account: int) -> int:
    found = sa.select(sa.func.count()).where(ContactPerson.customer_id == account)
    return db.session.scalar(found) or 0


def test_adding_at_once_never_makes_eleven(here: tuple[Flask, Ids]) -> None:
    account = here[1].jan_account
    for number in range(MOST - 2):
        alone(here, lambda number=number: add(account, numbered(number)).id)
    waiting = [numbered(100 + number) for number in range(6)]
    answers = at_once(here, 6, lambda: add(account, waiting.pop()).id)
    refused = [answer for answer in answers if not isinstance(answer, int)]
    assert len(refused) == 4 and all(type(answer) is DomainError for answer in refused), answers
    assert alone(here, lambda: count(account)) == MOST


def test_adding_one_address_at_once_makes_no_second(here: tuple[Flask, Ids]) -> None:
    account = here[1].emma_account
    answers = at_once(here, 5, lambda: add(account, ANNA).id)
    refused = [answer for answer in answers if not isinstance(answer, int)]
    assert len(refused) == 4 and all(type(answer) is DomainError for answer in refused), answers
    assert alone(here, lambda: count(account)) == 1


def test_changing_and_removing_at_once_is_one_of_them(here: tuple[Flask, Ids]) -> None:
    account = here[1].emma_account
    alone(here, lambda: [db.session.delete(each) for each in contacts.list_contacts(account)])
    public_id = alone(here, lambda: add(account).public_id)
    acts: list[Callable[[ContactPerson], None]] = [
        lambda anna: change(anna, replace(ANNA, name="Anna the First")),
        lambda anna: change(anna, replace(ANNA, name="Anna the Second")),
        lambda anna: contacts.remove_contact(anna, actor=ACTOR, now=START),
        lambda anna: contacts.remove_contact(anna, actor=ACTOR, now=START),
    ]

    def act() -> str:
        mine = acts.pop()
        mine(contacts.get_contact(public_id, customer_ids=[account]))
        return "done"

    answers = at_once(here, 4, act)
    assert all(a == "done" or isinstance(a, Conflict | NotFound) for a in answers), answers
    assert 1 <= answers.count("done") <= 2, answers
    assert alone(here, lambda: count(account)) == 0
