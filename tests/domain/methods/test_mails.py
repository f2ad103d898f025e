"""The mails about saved methods as people read them, and how often. After an intended change: GOLDEN=write."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import database
from portal.core.audit import Actor
from portal.core.mailer import Category, MailMessage
from portal.core.money import Money
from portal.core.tenancy import shop_scope
from portal.domain.collections import revoking
from portal.domain.methods import actions
from portal.domain.methods.actions import Agreed
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments import saving
from portal.domain.payments.provider import ProviderPayment, ProviderStatus
from portal.domain.people.models import Customer
from portal.domain.people.recipients import Switch
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.cast import START
from tests.domain.collections.test_mails import rendered
from tests.rows import HOSTILE, make_contact, make_method, make_subscription

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"
ACTOR = Actor.system("test")


@pytest.fixture(autouse=True)
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


def begun(ids: Any, kind: MethodKind = MethodKind.SEPA, **options: Any) -> PaymentMethod:
    """What was begun at the provider, and is not agreed to yet."""
    mandate = {"reference": "M00001-00001", "mandate_text": "You allow De Halve Maan to debit your account."}
    return make_method(
        ids.emma_account,
        status=MethodStatus.PENDING,
        kind=kind,
        masked="",
        holder="",
        **(mandate if kind is MethodKind.SEPA else {}),
        **options,
    )


def agree(method: PaymentMethod, holder: str = "E. de Vries") -> None:
    is_mandate = method.kind is MethodKind.SEPA
    agreed = Agreed(
        provider_ref=str(method.provider_ref),
        customer_ref="c",
        masked="NL91 •••• 4300" if is_mandate else "•••• 4242",
        holder=holder,
        fingerprint=None,
        signed_on=date(2027, 1, 31),
        expires_on=None if is_mandate else date(2029, 6, 30),
    )
    actions.confirm(method, agreed, actor=ACTOR, now=START)


def take_back(method: PaymentMethod, successor: PaymentMethod | None) -> None:
    told = None if successor is None else successor.public_id
    revoking.revoke_method(method, successor=told, actor=ACTOR, now=START)


def mails(name: str) -> list[MailMessage]:
    return list(db.session.scalars(sa.select(MailMessage).where(MailMessage.name == name)))


def make(what: str, ids: Any) -> str:
    """Has one of the mails written; its name."""
    match what:
        case "method_added" | "method_added_card":
            agree(begun(ids, MethodKind.CARD if what.endswith("card") else MethodKind.SEPA))
            return "method_added"
        case "method_removed":
            method, other = (
                make_method(ids.emma_account, masked=f"NL91 •••• {end}", reference=f"M00001-{end}")
                for end in ("4300", "0002")
            )
            make_subscription(ids.emma_account, payment_method_id=method.id)
            take_back(method, other)
        case _:
            method = make_method(ids.emma_account, kind=MethodKind.CARD, masked="•••• 4242")
            actions.invalidate(method, reason="ended_there", actor=ACTOR, now=START)
    return "method_removed"


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize(
    "what", ["method_added", "method_added_card", "method_removed", "method_removed_there"]
)
def test_golden(app: Flask, ids: Any, what: str, language: str) -> None:
    customer, shop = db.session.get_one(Customer, ids.emma_account), db.session.get_one(Shop, ids.shop)
    customer.language = shop.language = language
    shop.creditor_id = "NL12ZZZ123456780000"
    for switch in Switch:
        # No switch stops them.
        setattr(customer, switch.value, False)
    make_contact(ids.emma_account, email="books@example.net", billing_mails=True)
    db.session.expire(customer)
    (mail,) = mails(make(what, ids))
    assert mail.category is Category.BILLING
    assert (mail.to, mail.cc) == (["emma@example.com"], ["books@example.net"])
    made = rendered(app, mail)
    (address,) = re.findall(r"https://shop\.example\.test/customer/payment-methods/\S+", made["txt"])
    assert f'href="{address}"' in made["html"]
    text = re.sub(r"(payment-methods/)\S+", r"\1…", made["txt"])
    found = re.sub(r"\n{3,}", "\n\n", f"Subject: {made['subject.txt'].strip()}\n\n{text.strip()}\n")
    golden = GOLDEN / f"{what}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()


def test_it_is_told_once_whatever_the_provider_repeats(ids: Any) -> None:
    method = begun(ids)
    for _ in range(3):
        agree(method)
    assert len(mails("method_added")) == 1
    for _ in range(3):
        take_back(method, None)
    # What its customer took back the provider ends after that: nobody hears of it twice.
    gone = ProviderPayment(
        provider_ref=str(method.provider_ref), status=ProviderStatus.CANCELLED, amount=Money(0, "EUR")
    )
    saving.apply(method.id, gone, actor=ACTOR, now=START)
    assert (len(mails("method_added")), len(mails("method_removed"))) == (1, 1)


def test_nobody_hears_of_what_was_never_agreed_to(ids: Any) -> None:
    actions.invalidate(begun(ids), reason="refused", actor=ACTOR, now=START)
    assert mails("method_added") == mails("method_removed") == []


def test_a_successor_is_named_where_something_moved_to_it(ids: Any) -> None:
    method, other = (make_method(ids.emma_account, masked=masked) for masked in ("one", "two"))
    take_back(method, other)
    (mail,) = mails("method_removed")
    assert mail.context["successor"] == ""


def test_it_holds_though_nobody_can_be_told(ids: Any) -> None:
    db.session.get_one(Customer, ids.emma_account).email = "no address"
    method = begun(ids)
    agree(method)
    assert (method.status, mails("method_added")) == (MethodStatus.VALID, [])
    take_back(method, None)
    assert (method.status, mails("method_removed")) == (MethodStatus.REVOKED, [])


def test_what_was_typed_is_text(app: Flask, ids: Any) -> None:
    agree(begun(ids), holder=HOSTILE)
    made = rendered(app, mails("method_added")[0])
    assert "<script>" not in made["html"] and "<img" not in made["html"]
