"""The mails about payment plans as people read them, in both languages. After an intended change: GOLDEN=write."""

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
from flask_babel import force_locale

from portal.core import database, mail_delivery
from portal.core.mailer import MailMessage
from portal.core.scalars import thaw
from portal.core.tenancy import shop_scope
from portal.domain.collections.queries import get_case_by_id
from portal.domain.people.models import Customer, Person, Staff
from portal.domain.people.recipients import Switch
from portal.domain.shops.models import Shop
from portal.domain.tickets.plans import agree_plan, request_plan
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.rows import HOSTILE, make_case

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"
COLOURS = {"light": "#123456", "dark": "#abcdef", "on_dark": "#000000"}


@pytest.fixture(autouse=True)
def here(app: Any, ids: Any) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


def written(
    name: str, ids: Any, *, total: int = 10000, language: str = "en", message: str = ""
) -> MailMessage:
    """The mail of that name, once a plan was asked for and agreed to."""
    document = make_invoice(ids.emma_account, amount_minor=total)
    case = get_case_by_id(make_case(ids.emma_account, number="K-1001", document=document).id)
    emma = db.session.get_one(Person, ids.emma)
    with force_locale(language):
        plan = request_plan(case, 3, message, total_minor=total, language=language, author=emma, now=START)
    saskia = db.session.get_one(Staff, ids.saskia)
    agree_plan(plan.id, "", today=date(2027, 1, 31), author=saskia, now=START)
    return db.session.scalars(sa.select(MailMessage).where(MailMessage.name == name)).one()


def rendered(app: Flask, mail: MailMessage) -> dict[str, str]:
    """Subject, text and HTML, as the runner makes them."""
    values = {
        **thaw(mail.context),
        "envelope": mail_delivery.envelope_of(mail),
        "language": mail.language,
        "colours": COLOURS,
    }
    with force_locale(mail.language):
        return {
            kind: app.jinja_env.get_template(f"email/{mail.name}.{kind}").render(values, subject="")
            for kind in ("subject.txt", "txt", "html")
        }


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("name", ["plan_agreed", "plan_requested"])
def test_golden(app: Flask, ids: Any, name: str, language: str) -> None:
    customer = db.session.get_one(Customer, ids.emma_account)
    customer.language = db.session.get_one(Shop, ids.shop).language = language
    for switch in Switch:
        # No switch stops them.
        setattr(customer, switch.value, False)
    mail = written(name, ids, language=language)
    assert mail.language == language
    made = rendered(app, mail)
    place = "customer/collections" if name == "plan_agreed" else "office/tickets"
    addresses = re.findall(rf"https://shop\.example\.test/{place}/\S+", made["txt"])
    assert len(addresses) == 1
    assert all(f'href="{url}"' in made["html"] for url in addresses)
    text = re.sub(rf"(example\.test/{place}/)\S+", r"\1…", made["txt"])
    found = f"Subject: {made['subject.txt'].strip()}\n\n{text.strip()}\n"
    golden = GOLDEN / f"{name}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()


def test_equal_instalments_are_told_once(app: Flask, ids: Any) -> None:
    made = rendered(app, written("plan_agreed", ids, total=9000))
    assert "The last one" not in made["txt"] and "The last one" not in made["html"]


def test_what_was_typed_is_text(app: Flask, ids: Any) -> None:
    made = rendered(app, written("plan_requested", ids, message=HOSTILE))
    assert "<script>" not in made["html"] and "<img" not in made["html"]
