"""The security mails as people read them, in both languages. After an intended change: GOLDEN=write pytest ..."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from portal.core import mail_delivery, mailer, scalars
from portal.core.mailer import Category, MailMessage
from portal.domain.people import mails, queries
from portal.domain.people.models import Customer, Invitation, Person, Role
from portal.extensions import db
from tests.cast import START, Ids
from tests.rows import make_contact

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"
LINK = "https://shop.example.test/the/link"

Make = Callable[[Person, Person, Customer], MailMessage]


def copies_begin(emma: Person, _bram: Person, account: Customer) -> MailMessage:
    account.language = emma.language
    mail = mails.copies_begin(make_contact(account.id, email="books@example.net"), now=START)
    assert mail is not None
    return mail


def member_added_by_owner(emma: Person, bram: Person, account: Customer) -> MailMessage:
    """Somebody without a name."""
    bram.given_name = bram.family_name = ""
    return mails.member_added(emma, bram, account, Role.OWNER, granted_by=emma, now=START)


MAILS: dict[str, Make] = {
    "confirm_address": lambda emma, bram, account: mails.confirm_address(
        emma, language=emma.language, now=START
    ),
    "claim_account": lambda emma, bram, account: mails.claim_account(emma, language=emma.language, now=START),
    "account_exists": lambda emma, bram, account: mails.account_exists(emma, now=START),
    "reset_password": lambda emma, bram, account: mails.reset_password(emma, now=START),
    "password_changed": lambda emma, bram, account: mails.password_changed(emma, now=START),
    "claim_requested": lambda emma, bram, account: mails.claim_requested(emma, bram, account, now=START),
    "change_email": lambda emma, bram, account: mails.change_email(
        emma, emma.email, session_id=None, now=START
    ),
    "change_account_email": lambda emma, bram, account: mails.change_account_email(
        emma, account, emma.email, now=START
    ),
    "invitation": lambda emma, bram, account: mails.invitation(
        Invitation(public_id="i" * 22), emma, account, now=START
    ),
    "email_taken": lambda emma, bram, account: mails.email_taken(emma, now=START),
    "email_changed": lambda emma, bram, account: mails.email_changed(
        emma, emma.email, with_account=True, now=START
    ),
    "account_email_changed": lambda emma, bram, account: mails.account_email_changed(
        emma, account, emma.email, now=START
    ),
    "access_granted": lambda emma, bram, account: mails.access_granted(emma, account, now=START),
    "contact_added": copies_begin,
    "member_added": lambda emma, bram, account: mails.member_added(
        emma, bram, account, Role.BILLING, granted_by=None, now=START
    ),
    "member_added_by_owner": member_added_by_owner,
}


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("name", MAILS)
def test_golden(app: Flask, on_stage: Callable[..., Any], ids: Ids, name: str, language: str) -> None:
    with on_stage():
        emma, bram = db.session.get_one(Person, ids.emma), db.session.get_one(Person, ids.bram)
        emma.language = language
        mail = MAILS[name](emma, bram, queries.get_customer(ids.emma_account))
        assert name.startswith(mail.name)
        assert (mail.language, mail.to, mail.cc) == (language, ["emma@example.com"], [])
        assert mail.category is Category.SECURITY
        values = {
            **scalars.thaw(mail.context),
            "envelope": mail_delivery.envelope_of(mail),
            "language": language,
            "link": LINK,
            "colours": {"light": "#123456", "dark": "#abcdef", "on_dark": "#000000"},
        }
        with force_locale(language):
            render = {
                kind: app.jinja_env.get_template(f"email/{mail.name}.{kind}").render(values, subject="")
                for kind in ("subject.txt", "txt", "html")
            }
        has_secret = mail.secret is not None
    if has_secret:
        assert LINK in render["txt"] and f'href="{LINK}"' in render["html"]
    assert "evil" not in render["txt"]
    found = f"Subject: {render['subject.txt'].strip()}\n\n{render['txt'].strip()}\n"
    golden = GOLDEN / f"{name}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(found)
    assert found == golden.read_text()


def test_a_name_cannot_become_a_header_or_markup(app: Flask, on_stage: Callable[..., Any], ids: Ids) -> None:
    """An account's name is typed by people too."""
    with on_stage():
        account = queries.get_customer(ids.emma_account)
        account.name = "<b>Bold</b>\r\nBcc: x@example.com"
        mail = mails.access_granted(db.session.get_one(Person, ids.emma), account, now=START)
        raw = mail_delivery._bytes_to_send(mail, mail_delivery.envelope_of(mail), now=START)
    assert raw is not None
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"\nBcc:" not in head
    assert b"<b>Bold</b>" not in body.split(b"text/html")[1]


def test_kinds_of_links_are_registered() -> None:
    for kind in ("confirm", "reset", "claim", "email_change", "invitation"):
        assert mailer.secret_maker(kind)
