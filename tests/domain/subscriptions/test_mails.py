"""The mails about subscriptions as people read them, in both languages. After an intended change: GOLDEN=write."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import force_locale

from portal.core import mail_delivery
from portal.core.mailer import MailMessage
from portal.core.scalars import thaw
from portal.domain.catalog.models import CancelMode, Product
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.shops.models import Shop
from portal.domain.subscriptions import cancelling, pausing, switching
from portal.domain.subscriptions.cancelling import Reason
from portal.domain.tickets.cancelling import (
    decide_cancellation,
    find_ticket,
    request_cancellation,
    withdraw_cancellation,
)
from portal.extensions import db
from tests.domain.invoices.paying import attempt, book
from tests.domain.subscriptions.looking import ACTOR, november
from tests.rows import HOSTILE, make_billed

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"
COLOURS = {"light": "#123456", "dark": "#abcdef", "on_dark": "#000000"}
NAMES = (
    "subscription_paused", "subscription_paused_until", "subscription_resumed", "switch_planned",
    "cancellation_received", "cancellation_withdrawn", "cancellation_decided_approved", "cancellation_decided_rejected",
    "subscription_cancelled", "subscription_ended",
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("here")


def happen(name: str, ids: Any, subscription_name: str = "Coffee beans, 1 kg") -> None:
    """What makes the mail be written."""
    plan = (
        {"cancel_mode": CancelMode.IMMEDIATE} if "ended" in name or "subscription_cancelled" in name else {}
    )
    # The shop may reject only what has an agreed end.
    terms = 24 if name.endswith("rejected") else None
    subscription, invoice = make_billed(
        ids.emma_account, name=subscription_name, terms=terms, plan={"most_quantity": 5, **plan}
    )
    emma = db.session.get_one(Person, ids.emma)
    if name.startswith(("subscription_paused", "subscription_resumed")):
        until = date(2026, 12, 24) if name.endswith("until") else None
        pausing.pause(subscription.id, until=until, actor=ACTOR, now=november(10))
        if name == "subscription_resumed":
            pausing.resume(subscription.id, actor=ACTOR, now=november(30))
    elif name == "switch_planned":
        own = db.session.get_one(Product, subscription.product_id).public_id
        switching.switch(subscription.id, own, 3, told=None, actor=ACTOR, now=november(10))
    elif name.startswith("cancellation"):
        change = request_cancellation(
            subscription.id, reason=Reason.OTHER, message="", told=None, author=emma, now=november(10)
        )
        if "decided" in name:
            ticket = find_ticket(change)
            assert ticket is not None
            decide_cancellation(
                ticket.id,
                approves=name.endswith("approved"),
                message="As we agreed **by phone**.",
                author=db.session.get_one(Staff, ids.saskia),
                now=november(12),
            )
        if name.endswith("withdrawn"):
            withdraw_cancellation(subscription.id, author=emma, now=november(12))
    else:
        # Two thirds of it are paid: a part is taken off, a part is kept.
        book(attempt(ids.emma_account, (invoice, 2000)), 2000)
        cancelling.cancel_now(subscription.id, told=None, actor=ACTOR, now=november(11))


def rendered(app: Flask, name: str) -> tuple[MailMessage, dict[str, str]]:
    """The mail with its subject, text and HTML, as the runner makes them."""
    wanted = re.sub("_(until|approved|rejected)$", "", name)
    mail = db.session.scalars(sa.select(MailMessage).where(MailMessage.name == wanted)).one()
    values = {
        **thaw(mail.context),
        "envelope": mail_delivery.envelope_of(mail),
        "language": mail.language,
        "colours": COLOURS,
    }
    with force_locale(mail.language):
        made = {
            kind: app.jinja_env.get_template(f"email/{mail.name}.{kind}").render(values, subject="")
            for kind in ("subject.txt", "txt", "html")
        }
    return mail, made


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("name", NAMES)
def test_golden(app: Flask, ids: Any, name: str, language: str) -> None:
    db.session.get_one(Customer, ids.emma_account).language = language
    db.session.get_one(Shop, ids.shop).language = language
    happen(name, ids)
    mail, made = rendered(app, name)
    assert mail.language == language
    addresses = re.findall(r"https://shop\.example\.test/customer/\S+", made["txt"])
    assert bool(addresses) is (name != "subscription_ended")
    assert all(f'href="{url}"' in made["html"] for url in addresses)
    text = re.sub(r"(example\.test/customer/(subscriptions|support)/)\S+", r"\1…", made["txt"])
    found = f"Subject: {made['subject.txt'].strip()}\n\n{text.strip()}\n"
    golden = GOLDEN / f"{name}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_typed_is_text(app: Flask, ids: Any, name: str) -> None:
    happen(name, ids, subscription_name=HOSTILE)
    _mail, made = rendered(app, name)
    assert "<script>" not in made["html"] and "<img" not in made["html"]
    assert made["subject.txt"].strip().count("\n") == 0
