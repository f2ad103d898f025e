"""Statements of account: whatever happened, their figures add up, and say what the books say."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock, database, outbox_runner, pdf, storage
from portal.core.errors import DomainError
from portal.core.tenancy import shop_scope
from portal.domain.invoices import booking, bundles, ledger
from portal.domain.invoices.balance import rebalance
from portal.domain.invoices.booking import Share
from portal.domain.invoices.bundles import Wanted
from portal.domain.invoices.ledger import Account as Spender
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    Bundle,
    BundleKind,
    BundleStatus,
    CreditEntry,
    CreditUse,
    Document,
    DocumentKind,
    ListState,
)
from portal.domain.invoices.spending import spend_credit
from portal.domain.payments import statements
from portal.domain.payments.models import Payment, PaymentStatus, Refund, RefundStatus
from portal.domain.payments.statements import Account, Event
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import START, Ids, make_invoice
from tests.core.test_pdf import text
from tests.domain.invoices.paying import ACTOR, attempt
from tests.rows import HOSTILE, write_invoices
from tests.statements import counted, plans

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "pdf"
FIRST = START - timedelta(days=200)


@pytest.fixture
def scene(app: Flask, ids: Ids) -> Iterator[Ids]:
    database.set_reading(False)
    with clock.frozen(START), app.app_context(), shop_scope(ids.shop):
        yield ids
        db.session.rollback()


def account(ids: Ids) -> Account:
    return Account(ids.emma_account, Mode.TEST, "EUR", "Europe/Amsterdam")


def pay(ids: Ids, document: Document, planned: int, received: int, at: datetime) -> Payment:
    source = attempt(ids.emma_account, (document, planned))
    payment = db.session.get_one(Payment, source.payment_id)
    payment.status, payment.paid_at, payment.received_minor = PaymentStatus.PAID, at, received
    booking.book_payment(source, received, now=at, actor=ACTOR)
    return payment


def take_back(ids: Ids, payment: Payment, at: datetime) -> None:
    payment.status, payment.reversed_at = PaymentStatus.REVERSED, at
    booking.reverse_payment(
        booking.Source(payment.id, ids.emma_account, Mode.TEST, "EUR"), now=at, actor=ACTOR
    )


def give_back(ids: Ids, amount: int, use: CreditUse, at: datetime) -> None:
    db.session.add(
        CreditEntry(
            mode=Mode.TEST,
            customer_id=ids.emma_account,
            currency="EUR",
            amount_minor=amount,
            use=use,
            created_at=at,
        )
    )
    db.session.flush()


def send_back(ids: Ids, document: Document, amount: int, at: datetime, reference: str = "NL91 2026") -> None:
    """Credit that was paid out about a document, as the office writes it down."""
    refund = Refund(
        mode=document.mode,
        currency=document.currency,
        amount_minor=amount,
        idempotency_key=f"refund-{db.session.query(Refund).count()}",
        status=RefundStatus.DONE,
        sent_on=at.date(),
        reference=reference,
        created_at=at,
    )
    db.session.add(refund)
    db.session.flush()
    ledger.write(
        ledger.account_of(document),
        -amount,
        CreditUse.REFUND,
        now=at,
        actor=ACTOR,
        document_id=document.id,
        refund_id=refund.id,
    )


def pay_all(ids: Ids, documents: list[Document], at: datetime) -> Payment:
    """One payment for all of them."""
    source = attempt(ids.emma_account, *((each, each.open_minor) for each in documents))
    payment = db.session.get_one(Payment, source.payment_id)
    payment.status, payment.paid_at, payment.received_minor = PaymentStatus.PAID, at, payment.amount_minor
    booking.book_payment(source, payment.received_minor, now=at, actor=ACTOR)
    return payment


def credit_note(ids: Ids, document: Document, amount: int, at: datetime) -> None:
    note = make_invoice(ids.emma_account, amount_minor=amount, kind=DocumentKind.CREDIT_NOTE, now=at)
    note.original_id = document.id
    db.session.add(
        Allocation(
            document_id=document.id,
            credit_note_id=note.id,
            amount_minor=amount,
            state=AllocationState.BOOKED,
            created_at=at,
        )
    )
    rebalance(document, now=at)


def books(ids: Ids) -> int:
    """What the balances say: what is open minus the credit."""
    owed = sa.select(sa.func.coalesce(sa.func.sum(Document.open_minor), 0)).where(
        Document.customer_id == ids.emma_account, Document.currency == "EUR"
    )
    credit = booking.credit_balance(ids.emma_account, mode=Mode.TEST, currency="EUR")
    return int(db.session.scalar(owed) or 0) - credit


def something_happens(ids: Ids, rng: random.Random, at: datetime, payments: list[Payment]) -> None:
    unpaid = db.session.scalars(
        sa.select(Document).where(
            Document.customer_id == ids.emma_account,
            Document.list_state == ListState.UNPAID,
            Document.number.is_not(None),
        )
    ).all()
    credit = booking.credit_balance(ids.emma_account, mode=Mode.TEST, currency="EUR")
    match rng.randrange(7):
        case 0 | 1 if unpaid:
            document = rng.choice(unpaid)
            received = rng.choice(
                (document.open_minor, document.open_minor // 3 + 1, document.open_minor + 777)
            )
            payments.append(pay(ids, document, document.open_minor, received, at))
        case 2 if payments:
            take_back(ids, payments.pop(rng.randrange(len(payments))), at)
        case 3 if unpaid and credit > 0:
            document = rng.choice(unpaid)
            part = min(credit, document.open_minor)
            spend_credit(
                Spender(ids.emma_account, Mode.TEST, "EUR"), [Share(document.id, part)], now=at, actor=ACTOR
            )
        case 4 if credit > 0:
            give_back(ids, -credit, CreditUse.REFUND, at)
            if rng.random() < 0.5:
                give_back(ids, credit, CreditUse.REFUND_RETURNED, at + timedelta(minutes=1))
        case 5 if unpaid:
            document = rng.choice(unpaid)
            credit_note(ids, document, max(1, document.open_minor // 2), at)
        case _:
            make_invoice(ids.emma_account, amount_minor=rng.randrange(1, 50_000), now=at)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happened_it_adds_up(scene: Ids, seed: int) -> None:
    rng, payments, at = random.Random(seed), [], FIRST  # type: ignore[var-annotated]
    for _ in range(60):
        at += timedelta(hours=rng.randrange(1, 70))
        something_happens(scene, rng, at, payments)
    db.session.flush()
    first_day, last_day = FIRST.date() - timedelta(days=1), at.date() + timedelta(days=1)
    whole = statements.get_statement(account(scene), first_day, last_day)
    assert whole.opening_minor == 0 and whole.closing_minor == books(scene)
    assert sum(whole.sum_of(event) for event in Event) == whole.closing_minor
    # Cut into periods, each begins where the one before ended, and none holds what another does.
    days = sorted(rng.sample(range((last_day - first_day).days), 5))
    edges = [first_day, *(first_day + timedelta(days=day) for day in days), last_day + timedelta(days=1)]
    parts = [
        statements.get_statement(account(scene), begin, end - timedelta(days=1))
        for begin, end in pairwise(sorted(set(edges)))
    ]
    assert parts[0].opening_minor == 0 and parts[-1].closing_minor == whole.closing_minor
    assert all(after.opening_minor == before.closing_minor for before, after in pairwise(parts))
    assert [entry for part in parts for entry in part.entries] == whole.entries
    assert all(part.first_day <= entry.day <= part.last_day for part in parts for entry in part.entries)
    counts = [statements.count_entries(account(scene), part.first_day, part.last_day) for part in parts]
    assert counts == [len(part.entries) for part in parts]


def test_each_kind_of_row(scene: Ids) -> None:
    document = make_invoice(scene.emma_account, amount_minor=10_000)
    payment = pay(scene, document, 10_000, 12_000, START)
    give_back(scene, -2_000, CreditUse.REFUND, START)
    other = make_invoice(scene.emma_account, amount_minor=5_000)
    credit_note(scene, other, 5_000, START)
    back = pay(scene, make_invoice(scene.emma_account, amount_minor=700), 700, 700, START)
    take_back(scene, back, START + timedelta(days=1))
    found = statements.get_statement(account(scene), START.date(), START.date() + timedelta(days=1))
    rows = [(entry.event, entry.amount_minor) for entry in found.entries]
    assert rows == [
        (Event.DOCUMENT, 10_000), (Event.DOCUMENT, 5_000), (Event.DOCUMENT, 700), (Event.CREDIT_NOTE, -5_000),
        (Event.PAYMENT, -12_000), (Event.PAYMENT, -700), (Event.REFUND, 2_000), (Event.CHARGEBACK, 700),
    ]  # fmt: skip
    assert found.closing_minor == 700 == books(scene)
    assert payment.provider_ref is None


def words(ids: Ids, language: str = "en") -> list[str]:
    """What the rows of money say, from the first day on."""
    rows = context(ids, language)["statement"]["rows"]
    return [row["what"] for row in rows if not row["what"].startswith(("Invoice ", "Factuur ", "Credit"))]


def test_money_says_what_it_was_for(scene: Ids) -> None:
    documents = [make_invoice(scene.emma_account, amount_minor=1_000) for _ in range(6)]
    one, two, *rest = documents
    names = [each.number for each in documents]
    pay(scene, one, 1_000, 1_500, START).provider_ref = "tr_1"
    # A second one for what was paid already, of which nothing is booked; and one for several, taken back.
    pay(scene, one, 1_000, 1_000, START)
    back = pay_all(scene, rest, START)
    take_back(scene, back, START)
    send_back(scene, one, 500, START)
    send_back(scene, two, 100, START, reference="")
    # Of credit that came back nobody says of what; and what came in elsewhere is of its invoice.
    give_back(scene, 5, CreditUse.REFUND_RETURNED, START)
    db.session.add(
        Allocation(document_id=two.id, amount_minor=1, state=AllocationState.BOOKED, created_at=START)
    )
    rebalance(two, now=START)
    many = ", ".join(str(each) for each in names[2:5])
    assert sorted(words(scene)) == sorted(
        [
            f"iDEAL | Wero for {names[0]} · tr_1", f"iDEAL | Wero for {names[0]}",
            f"iDEAL | Wero for {many} and 1 more", f"Payment taken back for {many} and 1 more",
            f"Refund for {names[0]} · NL91 2026", f"Refund for {names[1]}", "Refund returned",
            f"Payment for {names[1]}",
        ]
    )  # fmt: skip
    assert f"Payment for {names[1]}".replace("Payment for", "Betaling voor") in words(scene, "nl")
    found = statements.get_statement(account(scene), START.date(), START.date())
    assert found.closing_minor == books(scene)


def test_ten_thousand_cost_as_many_statements_as_one_and_are_found_by_an_index(
    app: Flask, scene: Ids
) -> None:
    def look() -> tuple[int, list[str]]:
        db.session.commit()
        with counted(app) as statements_run, plans(app) as found:
            statements.get_statement(account(scene), START.date(), START.date())
        db.session.rollback()
        return len(statements_run), found

    pay(scene, make_invoice(scene.emma_account), 100, 100, START)
    few, _plans = look()
    write_invoices(scene.shop, scene.emma_account, 10_000, first=10)
    paid = list(db.session.scalars(sa.select(Document).order_by(Document.id.desc()).limit(200)))
    for document in paid:
        document.open_minor = document.total_minor
    for at in range(0, 200, 4):
        payment = db.session.get_one(
            Payment, attempt(scene.emma_account, *((each, 1) for each in paid[at : at + 4])).payment_id
        )
        payment.status, payment.paid_at, payment.received_minor = PaymentStatus.PAID, START, 4
    send_back(scene, paid[0], 1, START)
    many, found = look()
    assert few == many == 11
    for plan in found:
        assert not re.search(r"SCAN (?!anon_|CONSTANT|\()|Seq Scan", plan), plan


def test_a_reference_as_long_as_can_be_is_printed(app: Flask, scene: Ids) -> None:
    send_back(scene, make_invoice(scene.emma_account), 100, START, reference="W" * 140)
    printed = text(pdf.render("pdf/statement.html", context(scene, "en"), locale="en"))
    assert printed.count("W") >= 140


def test_what_is_not_in_it(scene: Ids) -> None:
    make_invoice(scene.jan_account)
    draft = make_invoice(scene.emma_account)
    dollars = make_invoice(scene.emma_account)
    dollars.currency = "USD"
    live = make_invoice(scene.emma_account)
    live.mode = Mode.LIVE
    failed = attempt(scene.emma_account, (draft, 100))
    db.session.get_one(Payment, failed.payment_id).status = PaymentStatus.FAILED
    db.session.get_one(Payment, failed.payment_id).paid_at = START
    db.session.flush()
    found = statements.get_statement(account(scene), START.date(), START.date())
    assert [entry.reference for entry in found.entries] == [draft.number]


def test_a_day_is_one_at_the_shop(scene: Ids) -> None:
    document = make_invoice(scene.emma_account, amount_minor=300, now=START - timedelta(days=3))
    for at in ("2026-10-31T22:59:59+00:00", "2026-10-31T23:00:00+00:00", "2026-11-01T22:59:59+00:00"):
        pay(scene, document, 100, 100, datetime.fromisoformat(at))
    pay(scene, document, 1, 1, datetime.fromisoformat("2026-11-01T23:00:00+00:00"))
    found = statements.get_statement(account(scene), date(2026, 11, 1), date(2026, 11, 1))
    assert (found.opening_minor, [entry.amount_minor for entry in found.entries]) == (200, [-100, -100])


@pytest.mark.parametrize(
    ("first", "last"),
    [(START.date(), START.date() - timedelta(days=1)), (START.date(), START.date() + timedelta(days=1))],
)
def test_a_period_that_is_none(scene: Ids, first: date, last: date) -> None:
    with pytest.raises(DomainError) as refused:
        ask(scene, first, last)
    assert refused.value.field == "last_day"


def ask(ids: Ids, first: date, last: date, language: str = "en") -> Bundle:
    wanted = Wanted(BundleKind.STATEMENT, ids.emma_account, Mode.TEST, first, last, language)
    shop = db.session.get_one(Shop, ids.shop)
    return statements.request_statement(wanted, shop, today=START.date(), person_id=ids.emma, now=START)


def test_too_much_for_one_is_refused_and_the_most_is_made(app: Flask, scene: Ids) -> None:
    write_invoices(scene.shop, scene.emma_account, 2_001)
    first = START.date() - timedelta(days=60)
    with pytest.raises(DomainError):
        ask(scene, first, START.date())
    # Forty a day: two thousand in fifty days.
    bundle_id = ask(scene, START.date() - timedelta(days=49), START.date()).id
    db.session.commit()
    db.session.remove()
    outbox_runner.drain(app, "documents", seconds=60)
    bundle = db.session.get_one(Bundle, bundle_id)
    assert bundle.status is BundleStatus.READY
    pages = storage.get(bundle.storage_key or "")
    assert pages.startswith(b"%PDF") and len(pages) == bundle.size_bytes


def test_it_is_made_once_in_the_accounts_language_and_kept_for_a_week(app: Flask, scene: Ids) -> None:
    make_invoice(scene.emma_account)
    first, again = (ask(scene, START.date(), START.date(), "nl") for _ in range(2))
    assert first is again
    other = ask(scene, START.date() - timedelta(days=1), START.date())
    ids = first.id, other.id
    db.session.commit()
    db.session.remove()
    outbox_runner.drain(app, "documents", seconds=60)
    made = [db.session.get_one(Bundle, each) for each in ids]
    assert {each.status for each in made} == {BundleStatus.READY}
    assert made[0].expires_at == START + bundles.KEPT
    assert "Rekeningoverzicht" in text(storage.get(made[0].storage_key or ""))
    assert "Statement of account" in text(storage.get(made[1].storage_key or ""))


def context(ids: Ids, language: str, **found: Any) -> dict[str, Any]:
    first = START.date() - timedelta(days=30)
    return statements.statement_context(
        statements.get_statement(account(ids), found.get("first", first), START.date()),
        db.session.get_one(Customer, ids.emma_account),
        db.session.get_one(Shop, ids.shop),
        account(ids),
        language,
    )


@pytest.mark.parametrize("language", ["en", "nl"])
def test_golden(app: Flask, scene: Ids, language: str) -> None:
    """As people read it. After an intended change: GOLDEN=write."""
    old = make_invoice(scene.emma_account, amount_minor=4_321, now=START - timedelta(days=60))
    document = make_invoice(scene.emma_account, amount_minor=123_456, now=START - timedelta(days=20))
    payment = pay(scene, document, 123_456, 125_000, START - timedelta(days=10))
    payment.provider_ref = "tr_1"
    send_back(scene, document, 1_544, START - timedelta(days=9))
    small = [
        make_invoice(scene.emma_account, amount_minor=100, now=START - timedelta(days=8)) for _ in range(5)
    ]
    pay_all(scene, small, START - timedelta(days=7)).provider_ref = "tr_2"
    credit_note(scene, old, 1_000, START - timedelta(days=5))
    db.session.flush()
    found = text(pdf.render("pdf/statement.html", context(scene, language), locale=language))
    golden = GOLDEN / f"statement.{language}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(found)
    assert found == golden.read_text()


def test_credit_and_names_that_want_to_be_markup(app: Flask, scene: Ids) -> None:
    db.session.get_one(Customer, scene.emma_account).name = HOSTILE + " \U0001f600"
    pay(scene, make_invoice(scene.emma_account, amount_minor=100), 100, 500, START)
    found = text(pdf.render("pdf/statement.html", context(scene, "en"), locale="en"))
    assert "Your credit on 1 November 2026" in found and "<script>alert(1)" in found


def test_nothing_happened(app: Flask, scene: Ids) -> None:
    values = context(scene, "en")
    assert (values["statement"]["opening_minor"], values["statement"]["closing_minor"]) == (0, 0)
    assert "Opening balance" in text(pdf.render("pdf/statement.html", values, locale="en"))
