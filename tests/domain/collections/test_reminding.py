"""Reminders sent by hand: which invoices, how often, and to whom."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from portal.core import database, mail_delivery
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import Conflict
from portal.core.mailer import Category, MailMessage
from portal.core.scalars import thaw
from portal.core.tenancy import shop_scope
from portal.domain.collections.models import CaseStatus
from portal.domain.collections.reminding import REMINDED, remind
from portal.domain.invoices import booking
from portal.domain.invoices.disputing import begin_dispute
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus, ListState
from portal.domain.people.models import Customer, Person
from portal.domain.shops.queries import get_shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.rows import make_case, make_contact

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "mail"
COLOURS = {"light": "#123456", "dark": "#abcdef", "on_dark": "#000000"}
ACTOR = Actor.system("test")


@pytest.fixture(autouse=True)
def here(app: Flask, ids: Ids) -> Iterator[None]:
    database.set_reading(False)
    with app.app_context(), shop_scope(ids.shop):
        yield
        db.session.rollback()


def send(document: Document, ids: Ids, *, now: datetime = START) -> MailMessage | None:
    return remind(document.id, shop=get_shop(ids.shop), now=now, actor=ACTOR)


def entries() -> list[dict[str, Any]]:
    return [each.data for each in db.session.query(AuditEntry).filter_by(event=REMINDED)]


def draft(document: Document) -> None:
    document.status, document.number = DocumentStatus.DRAFT, None


def settled(document: Document) -> None:
    document.status, document.list_state, document.open_minor = DocumentStatus.SETTLED, ListState.PAID, 0


def credit_note(document: Document) -> None:
    document.kind = DocumentKind.CREDIT_NOTE


def under_way(document: Document) -> None:
    document.list_state, document.pending_minor = ListState.PENDING, document.open_minor


def disputed(document: Document) -> None:
    begin_dispute(document, today=START.date())


def collected(status: CaseStatus) -> Callable[[Document], None]:
    def set_up(document: Document) -> None:
        make_case(document.customer_id, document=document, status=status)

    set_up.__name__ = status.value
    return set_up


def a_fee_of_a_quiet_case(document: Document) -> None:
    document.case_id = make_case(document.customer_id, status=CaseStatus.ON_HOLD).id


def untouched(document: Document) -> None:
    pass


def partly_under_way(document: Document) -> None:
    """Through the books: nothing else of it can be paid meanwhile."""
    booking.mark_pending(attempt(document.customer_id, (document, 100)).payment_id, now=START)
    assert document.list_state is ListState.UNPAID


def partly_paid(document: Document) -> None:
    book(attempt(document.customer_id, (document, 100)), 100)


REFUSED: list[Callable[[Document], None]] = [
    draft, settled, credit_note, under_way, partly_under_way, disputed, collected(CaseStatus.ON_HOLD),
    collected(CaseStatus.WITH_PLAN),
    a_fee_of_a_quiet_case,
]  # fmt: skip
REMINDED_OF: list[Callable[[Document], None]] = [
    untouched, partly_paid, collected(CaseStatus.ACTIVE), collected(CaseStatus.CLOSED)
]  # fmt: skip


@pytest.mark.parametrize("wrong", REFUSED, ids=lambda each: each.__name__)
def test_what_is_not_reminded_of(ids: Ids, wrong: Callable[[Document], None]) -> None:
    document = make_invoice(ids.emma_account)
    wrong(document)
    db.session.flush()
    with pytest.raises(Conflict):
        send(document, ids)
    assert not entries() and not db.session.query(MailMessage).count()


@pytest.mark.parametrize("how", REMINDED_OF, ids=lambda each: each.__name__)
def test_what_is_reminded_of(ids: Ids, how: Callable[[Document], None]) -> None:
    document = make_invoice(ids.emma_account)
    how(document)
    db.session.flush()
    mail = send(document, ids)
    assert mail is not None and mail.to == ["emma@example.com"]
    assert thaw(mail.context)["open_minor"] == document.open_minor
    assert entries() == [{}]


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (START, START, True),
        (START, START + timedelta(hours=1), True),
        # Eleven at night in Amsterdam and half past midnight, which are one day in UTC.
        (datetime(2026, 11, 3, 22, 0, tzinfo=UTC), datetime(2026, 11, 3, 23, 30, tzinfo=UTC), False),
        (START, START + timedelta(days=1), False),
    ],
)
def test_once_a_day_of_the_shop(ids: Ids, first: datetime, second: datetime, refused: bool) -> None:
    document, other = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
    send(document, ids, now=first)
    send(other, ids, now=first)
    if refused:
        with pytest.raises(Conflict):
            send(document, ids, now=second)
    else:
        send(document, ids, now=second)
    assert len(entries()) == 3 - refused


def test_nobody_who_does_not_want_it_gets_it(ids: Ids) -> None:
    account = db.session.get_one(Customer, ids.emma_account)
    account.mail_payment_reminders = False
    document = make_invoice(account.id)
    assert send(document, ids) is None and not entries()
    # Nothing was sent, so it can be sent on the same day once somebody wants it.
    account.mail_payment_reminders = True
    assert send(document, ids) is not None
    account.mail_payment_reminders = False
    # A contact with billing e-mails follows a switch of its own.
    make_contact(account.id, email="books@example.net", billing_mails=True)
    db.session.expire(account)
    mail = send(make_invoice(account.id), ids)
    assert mail is not None and (mail.to, mail.cc) == (["books@example.net"], [])


def test_an_address_that_cannot_be_used_is_said(ids: Ids) -> None:
    document = make_invoice(ids.emma_account)
    db.session.get_one(Customer, ids.emma_account).email = "no address"
    with pytest.raises(Conflict, match="Correct it first"):
        send(document, ids)


def test_it_is_written_in_the_language_that_the_account_reads_now(ids: Ids) -> None:
    document = make_invoice(ids.emma_account)
    document.language = "en"
    db.session.get_one(Person, ids.bram).language = "nl"
    account = db.session.get_one(Customer, ids.emma_account)
    account.language = "nl"
    mail = send(document, ids)
    assert mail is not None and mail.language == "nl"


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("late", [False, True])
def test_golden(app: Flask, ids: Ids, language: str, late: bool) -> None:
    db.session.get_one(Customer, ids.emma_account).language = language
    document = make_invoice(ids.emma_account)
    assert document.due_date is not None
    mail = send(document, ids, now=START + timedelta(days=40 if late else 0))
    assert mail is not None and (mail.category, mail.language) == (Category.BILLING, language)
    assert [tuple(each) for each in mail.attachments] == [("invoice_pdf", document.id)]
    values = {
        **thaw(mail.context),
        "envelope": mail_delivery.envelope_of(mail),
        "language": language,
        "colours": COLOURS,
    }
    with force_locale(language):
        made = {
            kind: app.jinja_env.get_template(f"email/payment_reminder.{kind}").render(values, subject="")
            for kind in ("subject.txt", "txt", "html")
        }
    addresses = re.findall(r"https://shop\.example\.test/\S+", made["txt"])
    assert len(addresses) == 3 and all(f'href="{url}"' in made["html"] for url in addresses)
    text = re.sub(r"(example\.test/(?:pay|customer/invoices)/)\S+", r"\1…", made["txt"])
    found = f"Subject: {made['subject.txt'].strip()}\n\n{text.strip()}\n"
    golden = GOLDEN / f"payment_reminder{'_late' if late else ''}.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()
