"""Who the demo's customers are: Emma with a long history, Jan with a company, and somebody who is new."""

from __future__ import annotations

from datetime import timedelta

from portal.core.audit import Actor
from portal.demo.shop import PASSWORD
from portal.demo.story import Story
from portal.domain.people import passwords
from portal.domain.people.models import (
    ContactPerson,
    ContactRole,
    Customer,
    CustomerKind,
    Membership,
    Person,
    Role,
)

EMMA, JAN, NEW = "emma@example.com", "jan@example.com", "new@example.com"


def arrive(story: Story) -> None:
    """Three accounts, each with the person who owns it; everybody has the printed password."""
    emma = Customer(
        name="Emma de Vries",
        email=EMMA,
        phone="+31 6 12 34 56 78",
        street="Lange Nieuwstraat 24",
        postal_code="3512 PH",
        city="Utrecht",
        tags=["coffee"],
    )
    jan = Customer(
        kind=CustomerKind.BUSINESS,
        name="Jan Jansen",
        company="Jansen Horeca BV",
        email=JAN,
        phone="+32 3 123 45 67",
        street="Kaasstraat 8",
        postal_code="2000",
        city="Antwerpen",
        country="BE",
        vat_number="BE0123456749",
        chamber_number="0123.456.749",
        language="nl",
        tags=["horeca"],
    )
    noor = Customer(
        name="Noor Bakker", email=NEW, street="Biltstraat 3", postal_code="3572 AA", city="Utrecht"
    )
    _arrives(story, emma, "Emma", "de Vries")
    _arrives(story, jan, "Jan", "Jansen")
    _arrives(story, noor, "Noor", "Bakker")
    for contact in (
        ContactPerson(
            customer_id=emma.id,
            name="Thomas de Vries",
            email="thomas@example.net",
            phone="+31 6 98 76 54 32",
            billing_mails=False,
            account_mails=True,
        ),
        ContactPerson(
            customer_id=jan.id,
            name="Petra Peeters",
            email="petra@example.net",
            role=ContactRole.BOOKKEEPING,
            billing_mails=True,
            account_mails=False,
        ),
        ContactPerson(
            customer_id=jan.id,
            name="Wim Claes",
            email="wim@example.net",
            phone="+32 3 765 43 21",
            role=ContactRole.MANAGEMENT,
            billing_mails=False,
            account_mails=False,
        ),
    ):
        story.add(contact)


def _arrives(story: Story, customer: Customer, given_name: str, family_name: str) -> None:
    at = story.opened_at + timedelta(minutes=len(story.people))
    customer.created_at = at
    person = Person(
        email=customer.email,
        given_name=given_name,
        family_name=family_name,
        password_hash=passwords.hash_password(PASSWORD),
        confirmed_at=at,
        created_at=at,
    )
    story.add(customer)
    story.add(person)
    story.add(Membership(person_id=person.id, customer_id=customer.id, role=Role.OWNER, created_at=at))
    story.record("customer.created", customer, now=at)
    story.record("person.confirmed", person, now=at, actor=Actor.person(person))
    story.customers[customer.email] = customer
    story.people[customer.email] = person
