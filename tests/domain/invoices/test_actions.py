"""Giving a document its number, dates and snapshots, and sending it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.core import outbox
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import DomainError, IllegalMove
from portal.core.mail_message import MailMessage
from portal.core.outbox import OutboxRow
from portal.core.references import is_rf
from portal.core.vat import VatCategory
from portal.domain.invoices import actions
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus
from portal.domain.people.models import ContactPerson, Customer
from portal.domain.shops.models import Mode, NumberSeries, Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice

Stage = Callable[..., Any]
ACTOR = Actor.system("test")


def parties(ids: Ids) -> tuple[Shop, Customer]:
    return db.session.get_one(Shop, ids.shop), db.session.get_one(Customer, ids.emma_account)


def draft(
    ids: Ids, *, price: int = 1000, category: VatCategory = VatCategory.STANDARD, **options: Any
) -> Document:
    shop, customer = parties(ids)
    rate = Decimal(21) if category is VatCategory.STANDARD else Decimal(0)
    line = LineInput("Coffee", Decimal(1), Decimal(price), rate, category)
    return create_draft(shop, customer, [line], now=START, actor=ACTOR, **options)


def issue(document: Document, ids: Ids, *, now: datetime = START) -> None:
    shop, customer = parties(ids)
    actions.issue_invoice(document, shop=shop, customer=customer, now=now, actor=ACTOR)


def test_an_issued_invoice_has_everything_a_law_asks_for(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids)
        issue(document, ids)
        assert document.status is DocumentStatus.OPEN and document.finalised_at == START
        assert (document.number, document.year, document.sequence) == ("2026-0001", 2026, 1)
        assert is_rf(document.reference) and document.reference.endswith("20260001")
        assert document.issue_date == document.supply_date == date(2026, 11, 1)
        assert document.due_date == date(2026, 11, 15)
        assert document.open_minor == document.total_minor == 1000
        assert (
            document.seller["vat_number"] == "NL123456782B90"
            and document.seller["name"] == "De Halve Maan VOF"
        )
        assert document.buyer["name"] == "Emma de Vries" and document.buyer["city"] == "Utrecht"


def test_snapshots_do_not_follow_what_they_were_taken_of(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids)
        issue(document, ids)
        shop, customer = parties(ids)
        shop.legal_name, customer.name = "Other BV", "Emma Jansen"
        document_id = document.id
    with on_stage():
        document = db.session.get_one(Document, document_id)
        assert (document.seller["name"], document.buyer["name"]) == ("De Halve Maan VOF", "Emma de Vries")


@pytest.mark.parametrize(
    ("now", "day", "number"),
    [
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31), "2026-0001"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1), "2027-0001"),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), date(2026, 7, 1), "2026-0001"),
    ],
)
def test_the_day_is_that_of_the_shop(
    on_stage: Stage, ids: Ids, now: datetime, day: date, number: str
) -> None:
    with on_stage():
        document = draft(ids)
        issue(document, ids, now=now)
        assert (document.issue_date, document.number) == (day, number)
        assert document.due_date == day + timedelta(days=14)


def test_a_given_day_of_supply_stays(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids, supply_date=date(2026, 10, 3))
        issue(document, ids)
        assert document.supply_date == date(2026, 10, 3)


def test_the_shops_term_is_used(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        db.session.get_one(Shop, ids.shop).payment_term_days = 30
        document = draft(ids)
        issue(document, ids)
        assert document.due_date == date(2026, 12, 1)


def test_each_kind_year_mode_and_shop_counts_by_itself(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        numbers = []
        for kind in (*DocumentKind, *DocumentKind):
            document = draft(ids, kind=kind)
            issue(document, ids)
            numbers.append(document.number)
        assert numbers == [
            "2026-0001", "C2026-0001", "F2026-0001", "I2026-0001",
            "2026-0002", "C2026-0002", "F2026-0002", "I2026-0002",
        ]  # fmt: skip
        later = draft(ids)
        issue(later, ids, now=START + timedelta(days=365))
        assert later.number == "2027-0001"
        db.session.get_one(Shop, ids.shop).mode = Mode.LIVE
        real = draft(ids)
        issue(real, ids)
        assert real.number == "2026-0001" and real.mode is Mode.LIVE
        assert len({document.reference for document in db.session.query(Document)}) == 9
    with on_stage(ids.other_shop):
        assert make_invoice(ids.dora_account).number == "2026-0001"


def test_numbers_grow_beyond_four_digits(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        db.session.add(NumberSeries(mode=Mode.TEST, kind="invoice", year=2026, last_number=123456))
        document = draft(ids)
        issue(document, ids)
        assert document.number == "2026-123457" and is_rf(document.reference)


def test_issuing_twice_changes_nothing(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids)
        issue(document, ids)
        db.session.flush()
        before = (document.number, document.version, db.session.query(AuditEntry).count())
        issue(document, ids, now=START + timedelta(days=3))
        db.session.flush()
        assert (document.number, document.version, db.session.query(AuditEntry).count()) == before


@pytest.mark.parametrize("status", [DocumentStatus.CANCELLED, DocumentStatus.SETTLED])
def test_only_a_draft_is_issued(on_stage: Stage, ids: Ids, status: DocumentStatus) -> None:
    with on_stage():
        document = draft(ids)
        document.status = status
        with pytest.raises(IllegalMove):
            issue(document, ids)
        assert db.session.query(NumberSeries).count() == 0


def test_a_total_below_zero_is_refused_before_a_number_is_drawn(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids, price=-1)
        with pytest.raises(DomainError, match="credit note"):
            issue(document, ids)
        assert document.status is DocumentStatus.DRAFT and db.session.query(NumberSeries).count() == 0


def test_issuing_has_the_pdf_built_once(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids)
        issue(document, ids)
        again = actions.queue_pdf(document, language="en", now=START)
        rows = db.session.query(OutboxRow).filter_by(job="invoices.build_pdf").all()
        assert rows == [again]
        assert again.payload == {"document_id": document.id, "language": "en"}
        translated = actions.queue_pdf(document, language="nl", now=START)
        assert translated.id != again.id
        assert outbox.find("invoices.build_pdf", f"{document.id}:nl") is translated


def send(document: Document, ids: Ids) -> None:
    shop, customer = parties(ids)
    actions.send_invoice(document, shop=shop, customer=customer, now=START, actor=ACTOR)


def test_a_draft_cannot_be_sent(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        document = draft(ids)
        with pytest.raises(DomainError, match="Finalise"):
            send(document, ids)
        assert db.session.query(MailMessage).count() == 0


def test_an_invoice_is_sent_with_its_pdf_and_copies(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        _, customer = parties(ids)
        customer.contacts.append(
            ContactPerson(name="Book keeper", email="books@example.com", billing_mails=True, created_at=START)
        )
        document = draft(ids)
        issue(document, ids)
        send(document, ids)
        mail = db.session.query(MailMessage).one()
        assert mail.name == "invoice_issued" and mail.language == "en"
        assert mail.to == ["emma@example.com"] and mail.cc == ["books@example.com"]
        assert [list(each) for each in mail.attachments] == [["invoice_pdf", document.id]]
        assert mail.context["number"] == "2026-0001" and mail.context["open_minor"] == 1000
        assert mail.context["pay_url"].startswith("https://shop.example.test/pay/")
        assert mail.context["invoice_url"].endswith(f"/customer/invoices/{document.public_id}")
        sent = db.session.query(AuditEntry).filter_by(event="invoice.sent").one()
        assert sent.data == {"mails": 1}


def test_a_switched_off_mail_is_not_sent_and_said_so(on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        _, customer = parties(ids)
        customer.mail_new_invoice = False
        document = draft(ids)
        issue(document, ids)
        send(document, ids)
        assert db.session.query(MailMessage).count() == 0
        assert db.session.query(AuditEntry).filter_by(event="invoice.sent").one().data == {"mails": 0}
