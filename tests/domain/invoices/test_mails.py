"""The mails of invoices and credit notes as people read them. After an intended change: GOLDEN=write pytest ..."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import force_locale

from portal.core import mail_delivery
from portal.core.audit import Actor
from portal.core.mailer import Category, MailMessage
from portal.core.scalars import thaw
from portal.domain.invoices.actions import send_invoice
from portal.domain.invoices.links import relation
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests import cast as stage
from tests.domain.invoices.paying import attempt, book
from tests.rows import make_contact, make_credit_note

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"
COLOURS = {"light": "#123456", "dark": "#abcdef", "on_dark": "#000000"}


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
@pytest.mark.parametrize("settled", [False, True])
def test_golden(app: Flask, ids: stage.Ids, on_stage: Any, language: str, settled: bool) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).language = language
        document = stage.make_invoice(ids.emma_account, amount_minor=0 if settled else 12100)
        send_invoice(
            document,
            shop=db.session.get_one(Shop, ids.shop),
            customer=db.session.get_one(Customer, ids.emma_account),
            now=stage.START,
            actor=Actor.system("test"),
        )
        mail = db.session.query(MailMessage).one()
        assert (mail.category, mail.to, mail.language) == (Category.BILLING, ["emma@example.com"], language)
        assert [tuple(each) for each in mail.attachments] == [("invoice_pdf", document.id)]
        made = rendered(app, mail)
    addresses = re.findall(r"https://shop\.example\.test/\S+", made["txt"])
    assert len(addresses) == 2 + (not settled) and addresses[-1].endswith("/customer/settings")
    assert all(f'href="{url}"' in made["html"] for url in addresses)
    check(made, f"invoice_issued{'_settled' if settled else ''}.{language}.txt")


def check(made: dict[str, str], name: str) -> None:
    """That the subject and the text are those of a golden file."""
    text = re.sub(r"(example\.test/(?:pay|customer/invoices)/)\S+", r"\1…", made["txt"])
    found = f"Subject: {made['subject.txt'].strip()}\n\n{text.strip()}\n"
    golden = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()


def written() -> list[MailMessage]:
    found = sa.select(MailMessage).where(MailMessage.name == "credit_note_issued").order_by(MailMessage.id)
    return list(db.session.scalars(found))


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize(("paid", "off", "kept"), [(0, 5000, 0), (12100, 0, 5000), (10000, 2100, 2900)])
def test_golden_credit_note(
    app: Flask, ids: stage.Ids, on_stage: Any, language: str, paid: int, off: int, kept: int
) -> None:
    with on_stage():
        account = db.session.get_one(Customer, ids.emma_account)
        account.language = "nl" if language == "en" else "en"
        make_contact(account.id, name="Bo", email="bo@example.net", billing_mails=True)
        make_contact(account.id, name="Al", email="al@example.net", account_mails=True, billing_mails=False)
        db.session.refresh(account, ["contacts"])
        invoice = stage.make_invoice(account.id)
        if paid:
            book(attempt(account.id, (invoice, paid)), paid)
        account.language = language
        note = make_credit_note(invoice, 5000, note="One bag was <torn>." if kept else "")
        (mail,) = written()
        assert (mail.category, mail.to, mail.cc) == (
            Category.BILLING,
            ["emma@example.com"],
            ["bo@example.net"],
        )
        assert mail.language == language != note.language, (
            "the account's of today, and the PDF as it was issued"
        )
        assert [tuple(each) for each in mail.attachments] == [("invoice_pdf", note.id)]
        assert (mail.context["off_minor"], mail.context["kept_minor"]) == (off, kept)
        made, page = rendered(app, mail), note.public_id
    addresses = re.findall(r"https://shop\.example\.test/\S+", made["txt"])
    assert [url.rpartition("/")[2] for url in addresses] == [page, "settings"]
    assert all(f'href="{url}"' in made["html"] for url in addresses)
    assert "<torn>" not in made["html"] and ("&lt;torn&gt;" in made["html"]) == bool(kept)
    check(made, f"credit_note_issued{'_credit' * bool(kept)}{'_part' * bool(kept and off)}.{language}.txt")


def test_each_credit_note_has_its_mail_and_none_that_nobody_wants(ids: stage.Ids, on_stage: Any) -> None:
    with on_stage():
        invoice = stage.make_invoice(ids.emma_account)
        notes = [make_credit_note(invoice, amount) for amount in (100, 200)]
        assert [mail.related for mail in written()] == [relation(note) for note in notes]
        account = db.session.get_one(Customer, ids.emma_account)
        account.mail_new_invoice = False
        make_credit_note(invoice, 300)
        account.mail_new_invoice, account.email = True, "no address"
        note = make_credit_note(invoice, 400)
        assert len(written()) == 2 and note.number is not None, "the note holds, whoever can be told"
        db.session.rollback()
        assert written() == [], "what was undone is told to nobody"
