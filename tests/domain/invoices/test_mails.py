"""The mail of an invoice as people read it, in both languages. After an intended change: GOLDEN=write pytest ..."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from portal.core import mail_delivery
from portal.core.audit import Actor
from portal.core.mailer import Category, MailMessage
from portal.core.scalars import thaw
from portal.domain.invoices.actions import send_invoice
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests import cast as stage

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
            kind: app.jinja_env.get_template(f"email/invoice_issued.{kind}").render(values, subject="")
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
    text = re.sub(r"(example\.test/(?:pay|customer/invoices)/)\S+", r"\1…", made["txt"])
    found = f"Subject: {made['subject.txt'].strip()}\n\n{text.strip()}\n"
    golden = GOLDEN / f"invoice_issued{'_settled' if settled else ''}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()
