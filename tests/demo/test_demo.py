"""The demo shop: everything a visitor is promised is there, and all its books agree."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale

from portal import demo
from portal.blueprints.sandbox.models import BankStatus, SandboxMethod, SandboxPayment
from portal.core import clock, links, storage
from portal.core.errors import Conflict, DomainError
from portal.core.finding import words
from portal.core.mailer import MailMessage
from portal.core.outbox import OutboxRow, OutboxState
from portal.core.tables import Base
from portal.core.tenancy import every_shop, shop_scope
from portal.core.vat import VatCategory
from portal.demo.shop import PASSWORD
from portal.domain.collections.instalments import progress
from portal.domain.collections.models import CaseStatus, CollectionCase, PaymentPlan
from portal.domain.collections.queries import get_case_by_id, list_instalments
from portal.domain.invoices import booking
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.models import Badge, CreditEntry, Document, DocumentKind
from portal.domain.invoices.queries import badge_of
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.orders.models import Download, Order, OrderStatus
from portal.domain.payments import statements
from portal.domain.payments.models import Payment, PaymentEvent, PaymentMethodKind, PaymentStatus
from portal.domain.people.models import ContactPerson, Customer, CustomerWord, Staff
from portal.domain.shops.models import Mode, Shop
from portal.domain.subscriptions.models import (
    ChangeKind,
    Subscription,
    SubscriptionChange,
    SubscriptionPeriod,
    SubscriptionStatus,
)
from portal.domain.tickets.models import Ticket, TicketAttachment, TicketMessage, TicketStatus
from portal.extensions import db
from tests.conftest import make_app
from tests.services import IN_TURN

#: A moment at which the year is new, the night is young, and a month of 31 days lies behind.
NOW = datetime(2027, 1, 1, 0, 10, tzinfo=UTC)
SAID_BY_BANK = {
    PaymentStatus.PENDING: BankStatus.PENDING,
    PaymentStatus.PAID: BankStatus.PAID,
    PaymentStatus.FAILED: BankStatus.FAILED,
    PaymentStatus.CANCELLED: BankStatus.CANCELED,
    PaymentStatus.EXPIRED: BankStatus.EXPIRED,
    PaymentStatus.REVERSED: BankStatus.CHARGED_BACK,
}


def empty_demo(folder: Path, url: str | None = None) -> Flask:
    """An installation of the demo whose database has only its tables."""
    app = make_app(
        folder, url or f"sqlite:///{folder / 'demo.sqlite'}", DEMO=True, SMTP_URL="smtp://127.0.0.1:9"
    )
    app.test_client_class = FlaskClient
    with app.app_context():
        flask_migrate.upgrade()
        db.session.remove()
    return app


@contextmanager
def inside(app: Flask) -> Iterator[None]:
    """In the demo shop, at the moment for which it was made."""
    with clock.frozen(NOW), app.app_context(), shop_scope(1):
        yield
        db.session.rollback()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The demo shop, made once; its tests only read."""
    app = empty_demo(tmp_path_factory.mktemp("demo"))
    with app.app_context():
        demo.load(app, port=8123, now=NOW)
    return app


def all_of(model: type[Any], *criteria: Any) -> list[Any]:
    return list(db.session.scalars(sa.select(model).where(*criteria).order_by(model.id)))


def customer(email: str) -> Customer:
    return db.session.scalars(sa.select(Customer).where(Customer.email == email)).one()


def counts() -> dict[str, int]:
    """The number of rows of every table."""
    with every_shop():
        return {
            table.name: db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_the_shop(loaded: Flask) -> None:
    with inside(loaded):
        shop = db.session.get_one(Shop, 1)
        assert (shop.name, shop.is_demo, shop.mode, shop.colour) == (
            "De Halve Maan",
            True,
            Mode.TEST,
            "#7a3b12",
        )
        assert shop.logo_key is not None
        assert storage.get(shop.logo_key).startswith(b"\x89PNG")
        assert links.external(1, "home.index") == "http://127.0.0.1:8123/customer"
        assert [(staff.email, staff.role.value) for staff in all_of(Staff)] == [
            ("owner@example.com", "owner")
        ]


def test_everybodys_statement_says_what_the_books_say(loaded: Flask) -> None:
    with inside(loaded):
        for account in all_of(Customer):
            mine = statements.Account(account.id, Mode.TEST, "EUR", "Europe/Amsterdam")
            owed = all_of(Document, Document.customer_id == account.id, Document.number.is_not(None))
            credit = booking.credit_balance(account.id, mode=Mode.TEST, currency="EUR")
            whole = statements.get_statement(mine, date(2000, 1, 1), NOW.date())
            assert whole.closing_minor == sum(each.open_minor for each in owed) - credit, account.email


def test_emma_has_invoices_in_every_state(loaded: Flask) -> None:
    with inside(loaded):
        emma, today = customer("emma@example.com"), clock.today("Europe/Amsterdam")
        invoices = all_of(Document, Document.customer_id == emma.id, Document.kind == DocumentKind.INVOICE)
        assert len(invoices) == 65
        found = Counter(badge_of(invoice, today) for invoice in invoices)
        assert set(found) == set(Badge)
        assert found[Badge.PAID] == 56
        notes = all_of(Document, Document.kind == DocumentKind.CREDIT_NOTE)
        assert [note.number for note in notes] == ["C2026-0001", "C2026-0002"]
        assert all(note.original_id is not None for note in notes)


def test_emma_paid_and_failed_to_pay_in_every_way(loaded: Flask) -> None:
    with inside(loaded):
        emma = customer("emma@example.com")
        attempts = Counter((p.method, p.status) for p in all_of(Payment, Payment.customer_id == emma.id))
        for way in (
            (PaymentMethodKind.IDEAL, PaymentStatus.CANCELLED),
            (PaymentMethodKind.IDEAL, PaymentStatus.EXPIRED),
            (PaymentMethodKind.CARD, PaymentStatus.FAILED),
            (PaymentMethodKind.CARD, PaymentStatus.PAID),
            (PaymentMethodKind.TRANSFER, PaymentStatus.PAID),
            (PaymentMethodKind.SEPA, PaymentStatus.PENDING),
            (PaymentMethodKind.SEPA, PaymentStatus.FAILED),
            (PaymentMethodKind.SEPA, PaymentStatus.REVERSED),
        ):
            assert attempts[way], way
        methods = all_of(PaymentMethod, PaymentMethod.customer_id == emma.id)
        assert {(m.kind, m.status) for m in methods} == {
            (MethodKind.SEPA, MethodStatus.VALID),
            (MethodKind.CARD, MethodStatus.VALID),
        }
        assert {m.provider_ref for m in methods} == {m.bank_id for m in all_of(SandboxMethod)}
        assert [m.kind for m in methods if m.is_default] == [MethodKind.SEPA]


def test_the_rest_of_emmas_account(loaded: Flask) -> None:
    with inside(loaded):
        emma = customer("emma@example.com")
        orders = all_of(Order, Order.customer_id == emma.id)
        assert len(orders) == 39
        assert {order.status for order in orders} == set(OrderStatus) - {OrderStatus.REFUNDED}
        assert any(download.expires_at > NOW for download in all_of(Download))
        assert all(storage.exists(download.storage_key) for download in all_of(Download))
        subscriptions = {s.name: s for s in all_of(Subscription, Subscription.customer_id == emma.id)}
        assert {name: s.status for name, s in subscriptions.items()} == {
            "Koffiebonen, 1 kg": SubscriptionStatus.ACTIVE,
            "Zuurdesem, zaterdag": SubscriptionStatus.TRIAL,
            "Bakkersbrief": SubscriptionStatus.PAUSED,
            "Croissants, zondag": SubscriptionStatus.CANCELLED,
        }
        tickets = all_of(Ticket, Ticket.customer_id == emma.id)
        assert {ticket.status for ticket in tickets} == set(TicketStatus)
        assert sum(ticket.waits_for_customer for ticket in tickets) == 1
        assert any(message.is_internal for message in all_of(TicketMessage))
        (file,) = all_of(TicketAttachment)
        assert len(storage.get(file.storage_key)) == file.size_bytes
        cases = [(case.customer_id == emma.id, case.status, case.stage) for case in all_of(CollectionCase)]
        assert cases == [
            (True, CaseStatus.WITH_PLAN, 2),
            (True, CaseStatus.ACTIVE, 2),
            (False, CaseStatus.ON_HOLD, 0),
        ]
        (plan,) = all_of(PaymentPlan)
        facts = get_case_by_id(plan.case_id)
        found = progress(list_instalments(plan.id), facts.remaining_minor)
        assert (found.paid_count, found.count) == (2, 6)
        assert found.next is not None and found.next.due_on > NOW.date()


def test_each_period_is_billed_once_and_one_after_another(loaded: Flask) -> None:
    with inside(loaded):
        for subscription in all_of(Subscription):
            periods = all_of(SubscriptionPeriod, SubscriptionPeriod.subscription_id == subscription.id)
            assert len(periods) == subscription.periods_billed
            for before, after in pairwise(periods):
                assert (after.starts_on - before.ends_on).days == 1
            if subscription.status is SubscriptionStatus.ACTIVE and subscription.next_billing_on:
                assert (subscription.next_billing_on - periods[-1].ends_on).days == 1


def test_a_cancellation_waits_for_its_date_in_its_ticket(loaded: Flask) -> None:
    with inside(loaded):
        (change,) = all_of(SubscriptionChange, SubscriptionChange.kind == ChangeKind.CANCEL)
        subscription = db.session.get_one(Subscription, change.subscription_id)
        assert (subscription.name, subscription.next_billing_on) == ("Onderhoud espressomachine", None)
        assert change.effective_on == subscription.period_end + timedelta(days=1)
        (ticket,) = all_of(Ticket, Ticket.public_id == change.data["ticket"])
        assert (ticket.subscription_id, ticket.status) == (subscription.id, TicketStatus.OPEN)


def test_jan_is_a_business_whose_vat_was_reverse_charged(loaded: Flask) -> None:
    with inside(loaded):
        jan = customer("jan@example.com")
        invoices = all_of(Document, Document.customer_id == jan.id)
        assert not any(invoice.prices_include_vat for invoice in invoices)
        assert jan.vat_checked_on is not None
        for invoice in invoices:
            reversed_charge = all(line.vat_category is VatCategory.REVERSE_CHARGE for line in invoice.lines)
            assert reversed_charge is (invoice.issue_date >= jan.vat_checked_on)
            assert (invoice.vat_minor == 0) is reversed_charge
        of_jan = all_of(ContactPerson, ContactPerson.customer_id == jan.id)
        assert [contact.billing_mails for contact in of_jan] == [True, False]


def test_the_new_customer_has_nothing(loaded: Flask) -> None:
    with inside(loaded):
        noor = customer("new@example.com")
        for model in (Document, Order, Subscription, Ticket, Payment):
            assert all_of(model, model.customer_id == noor.id) == []


def test_numbers_rise_with_the_dates_and_none_is_missing(loaded: Flask) -> None:
    with inside(loaded):
        check_numbers()


def check_numbers() -> None:
    for kind in (DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE):
        issued = sorted(all_of(Document, Document.kind == kind), key=lambda d: (d.year, d.sequence))
        assert [d.finalised_at for d in issued] == sorted(d.finalised_at for d in issued)
        for year in {d.year for d in issued}:
            assert [d.sequence for d in issued if d.year == year] == list(
                range(1, 1 + sum(d.year == year for d in issued))
            )


def test_all_books_agree(loaded: Flask) -> None:
    with inside(loaded):
        assert find_imbalances() == []
        assert all_of(CreditEntry) == []
        at_bank = {row.bank_id: row for row in all_of(SandboxPayment)}
        ours = all_of(Payment, Payment.provider == "sandbox")
        assert len(ours) == len(at_bank)
        for payment in ours:
            row = at_bank[payment.provider_ref]
            assert row.status is SAID_BY_BANK[payment.status]
            assert (row.amount_minor, row.reference) == (payment.amount_minor, payment.public_id)
            assert row.paid_at == (payment.paid_at if payment.received_minor else None)


def test_nothing_is_of_the_future(loaded: Flask) -> None:
    with inside(loaded):
        for model in (Document, Order, Payment, PaymentEvent, Ticket, TicketMessage, Subscription):
            assert max(row.created_at for row in all_of(model)) <= NOW
        assert max(d.finalised_at for d in all_of(Document)) <= NOW


def test_the_past_sends_no_mail_and_asks_no_bank(loaded: Flask) -> None:
    with inside(loaded):
        assert all_of(MailMessage) == []
        waiting = all_of(OutboxRow, OutboxRow.state == OutboxState.WAITING)
        pdfs = [row for row in waiting if row.job == "invoices.build_pdf"]
        assert len(pdfs) == len(all_of(Document))
        # The direct debit that is under way is paid by the bank in three days.
        assert [(row.job, row.due_at > NOW) for row in waiting if row not in pdfs] == [
            ("sandbox.pay_later", True)
        ]


@pytest.mark.parametrize("email", ["emma@example.com", "jan@example.com", "new@example.com"])
def test_everybody_can_log_in(loaded: Flask, email: str) -> None:
    with clock.frozen(NOW):
        client, base = loaded.test_client(), "http://127.0.0.1:8123"
        page = client.get("/login", base_url=base).get_data(as_text=True)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        form = {"csrf_token": token[1], "email": email, "password": PASSWORD}
        answer = client.post("/login", data=form, base_url=base, headers={"Referer": f"{base}/login"})
        assert answer.status_code == 303
        home = client.get("/customer", base_url=base).get_data(as_text=True)
        for part in ("invoices", "orders", "subscriptions", "support"):
            assert client.get(f"/customer/{part}", base_url=base).status_code == 200
    assert ("Koffiebonen gaan" in home, "Onderhoud voortaan in de ochtend" in home) == {
        "emma@example.com": (True, False),
        "jan@example.com": (False, True),
        "new@example.com": (False, False),
    }[email]
    expected = {"emma@example.com": (39, 65, 2), "jan@example.com": (4, 24, 2), "new@example.com": (0, 0, 0)}
    assert (
        tuple(int(number) for number in re.findall(r'class="stat-number">(\d+)<', home)[:3])
        == expected[email]
    )


def test_a_second_load_is_refused(loaded: Flask) -> None:
    with loaded.app_context(), force_locale("en"):
        before = counts()
        with pytest.raises(Conflict, match="a shop already"):
            demo.load(loaded, port=8123)
        assert counts() == before


@pytest.mark.parametrize("size", [(-1, 0), (0, 5), (1, -5), (10**9, 1)])
def test_sizes_that_cannot_be(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(DomainError):
        demo.check_size(*size)


def test_the_links_follow_the_port(loaded: Flask) -> None:
    with loaded.app_context():
        assert demo.follow_port(loaded, port=8123) is False
        assert demo.follow_port(loaded, port=9001) is True
        assert links.external(1, "home.index") == "http://127.0.0.1:9001/customer"
        assert demo.follow_port(loaded, port=80) is True
        assert links.external(1, "home.index") == "http://127.0.0.1/customer"
        demo.follow_port(loaded, port=8123)


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = empty_demo(tmp_path)
    monkeypatch.setattr(
        "portal.demo.talking.plan", lambda story: story.at(story.opened_at, lambda now: 1 / 0)
    )
    with app.app_context():
        before = counts()
        with pytest.raises(ZeroDivisionError):
            demo.load(app, port=8123, now=NOW)
        assert counts() == before


def facts(app: Flask) -> list[tuple[Any, ...]]:
    """What a visitor sees of the invoices of the story."""
    with inside(app):
        story = sa.select(Document).join(Customer, Customer.id == Document.customer_id)
        rows = db.session.scalars(story.where(Customer.email.like("%@example.com")).order_by(Document.id))
        return [
            (d.issue_date, d.total_minor, d.open_minor, d.buyer["email"], d.lines[0].description)
            for d in rows
        ]


@pytest.mark.parametrize("database", IN_TURN)
def test_a_large_shop(loaded: Flask, tmp_path: Path, request: pytest.FixtureRequest, database: str) -> None:
    """The same story among many others, whose books agree as well."""
    app = empty_demo(tmp_path, request.getfixturevalue("postgres_url") if database == "postgres" else None)
    with app.app_context():
        demo.load(app, port=8123, customers=20, invoices=2500, now=NOW)
    assert facts(app) == facts(loaded)
    with inside(app):
        assert len(all_of(Customer)) == 23
        assert len(all_of(Document, Document.kind == DocumentKind.INVOICE)) == 65 + 24 + 2500
        check_numbers()
        assert find_imbalances() == []
        for document in all_of(Document)[::100]:
            assert sum(line.net_minor for line in document.lines) == document.net_minor
            assert sum(group.vat_minor for group in document.vat_groups) == document.vat_minor
            assert document.net_minor + document.vat_minor == document.total_minor
        # Whoever was written past the ORM is found like anybody else.
        for customer in all_of(Customer):
            kept = sa.select(CustomerWord.word).where(CustomerWord.customer_id == customer.id)
            assert set(db.session.scalars(kept)) == words(customer.name, customer.company, customer.email,
                                                         customer.vat_number, customer.chamber_number)  # fmt: skip
        # What is written afterwards gets ids of its own.
        db.session.add(Customer(name="Late", email="late@example.com", created_at=NOW))
        db.session.flush()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_the_database_is_sound(loaded: Flask) -> None:
    path = loaded.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
