"""The fixed cast of every test: two shops and the people who may, may not, or must not.

Emma owns her account; Bram reads it; Jan is another customer; Dora belongs to another shop; Saskia works here with all
rights, Kees with support's, Wim at the other shop with all. Everybody's password is ``PASSWORD``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from argon2 import PasswordHasher

from portal.core import clock, sessions
from portal.core.audit import Actor
from portal.core.tenancy import shop_scope
from portal.domain.invoices.actions import issue_invoice
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer, CustomerKind, Membership, Person, Role, Staff, StaffRole
from portal.domain.shops.models import Shop, ShopDomain
from portal.extensions import db

HOST = "shop.example.test"
OTHER_HOST = "other.example.test"
PASSWORD = "correct horse battery"

#: Who works at a shop, and who is of the other one.
STAFF = ("saskia", "kees", "wim")
ELSEWHERE = ("dora", "wim")

#: When the cast was put on stage. Sunday 1 November 2026, ten in the morning in Amsterdam.
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)

# Cheap on purpose: tests hash and verify often, and nothing of worth hides behind these.
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass(frozen=True)
class Ids:
    """The primary keys of the cast, good in any session."""

    shop: int
    other_shop: int
    emma: int
    bram: int
    jan: int
    dora: int
    saskia: int
    kees: int
    wim: int
    emma_account: int
    jan_account: int
    dora_account: int


def put_on_stage() -> Ids:
    """Writes both shops and everybody in them; commits."""
    shop, other = _shop("De Halve Maan", HOST), _shop("Het Andere Loket", OTHER_HOST)
    db.session.add_all([shop, other])
    db.session.commit()
    with shop_scope(shop.id):
        emma_account = _customer("Emma de Vries", "emma@example.com")
        jan_account = _customer(
            "Jan Jansen", "jan@example.com", kind=CustomerKind.BUSINESS, company="Jansen BV"
        )
        emma = _person("Emma", "de Vries", "emma@example.com")
        bram = _person("Bram", "Bakker", "bram@example.com")
        jan = _person("Jan", "Jansen", "jan@example.com")
        saskia, kees = _staff("Saskia", StaffRole.OWNER), _staff("Kees", StaffRole.SUPPORT)
        db.session.add_all([emma_account, jan_account, emma, bram, jan, saskia, kees])
        db.session.flush()
        _belongs(emma, emma_account, Role.OWNER)
        _belongs(bram, emma_account, Role.READ_ONLY)
        _belongs(jan, jan_account, Role.OWNER)
        db.session.flush()
        here = {
            "shop": shop.id,
            "emma": emma.id,
            "bram": bram.id,
            "jan": jan.id,
            "saskia": saskia.id,
            "kees": kees.id,
            "emma_account": emma_account.id,
            "jan_account": jan_account.id,
        }
        db.session.commit()
    with shop_scope(other.id):
        dora_account = _customer("Dora Dekker", "dora@example.com")
        dora = _person("Dora", "Dekker", "dora@example.com")
        wim = _staff("Wim", StaffRole.OWNER)
        db.session.add_all([dora_account, dora, wim])
        db.session.flush()
        _belongs(dora, dora_account, Role.OWNER)
        db.session.flush()
        there = {"other_shop": other.id, "dora": dora.id, "dora_account": dora_account.id, "wim": wim.id}
        db.session.commit()
    return Ids(**here, **there)


def _staff(name: str, role: StaffRole) -> Staff:
    return Staff(
        email=f"{name.lower()}@example.com", name=name, role=role, password_hash=_HASH, created_at=START
    )


def sign_in(person_id: int, token: str) -> None:
    """A session of a person in the active shop, for a client with this token; the caller commits."""
    now = clock.now()
    db.session.add(
        sessions.SessionRow(
            token_hash=sessions.token_hash(token),
            principal=f"person:{person_id}",
            person_id=person_id,
            csrf_secret="s" * 64,
            started_at=now,
            last_seen_at=now,
            confirmed_at=now,
            expires_at=now + sessions.IDLE,
        )
    )


def make_invoice(
    customer_id: int,
    *,
    amount_minor: int = 12100,
    lines: int = 1,
    now: datetime = START,
    description: str = "Coffee beans, 1 kg",
    **options: Any,
) -> Document:
    """An issued invoice of a customer in the active shop; the caller commits."""
    customer = db.session.get_one(Customer, customer_id)
    shop = db.session.get_one(Shop, customer.shop_id)
    each = Decimal(amount_minor) / lines
    document = create_draft(
        shop,
        customer,
        [LineInput(description, Decimal(1), each, Decimal(21)) for _ in range(lines)],
        now=now,
        actor=Actor.system("test"),
        **options,
    )
    issue_invoice(document, shop=shop, customer=customer, now=now, actor=Actor.system("test"))
    return document


def _shop(name: str, host: str) -> Shop:
    return Shop(
        name=name,
        legal_name=f"{name} VOF",
        email=f"hello@{host}",
        street="Voorstraat 1",
        postal_code="3511 AA",
        city="Utrecht",
        vat_number="NL123456782B90",
        chamber_number="12345678",
        iban="NL91ABNA0417164300",
        bic="ABNANL2A",
        language="en",
        colour="#7a3b12",
        created_at=START,
        domains=[ShopDomain(host=host, scheme="https", is_primary=True, verified_at=START)],
    )


def _customer(name: str, email: str, **options: Any) -> Customer:
    return Customer(
        name=name,
        email=email,
        street="Lange Nieuwstraat 2",
        postal_code="3512 PH",
        city="Utrecht",
        created_at=START - timedelta(days=365),
        **options,
    )


def _person(given: str, family: str, email: str) -> Person:
    return Person(
        given_name=given,
        family_name=family,
        email=email,
        password_hash=_HASH,
        confirmed_at=START - timedelta(days=300),
        created_at=START - timedelta(days=300),
    )


def _belongs(person: Person, customer: Customer, role: Role) -> None:
    db.session.add(Membership(person_id=person.id, customer_id=customer.id, role=role, created_at=START))
