"""Documents are locked in id order, by a chargeback and by work on several payments: nobody waits in a circle."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from portal.core import outbox, outbox_runner
from portal.core.tenancy import shop_scope
from portal.domain.invoices import booking
from portal.domain.invoices.booking import Source
from portal.domain.invoices.models import Document
from portal.domain.payments import asking
from portal.domain.payments.models import Payment, PaymentStatus
from portal.extensions import db
from tests import cast
from tests.concurrency.test_numbering import staged
from tests.domain.invoices.paying import attempt, book, reverse, spend_credit
from tests.services import PostgresService

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres_cluster: PostgresService, request: pytest.FixtureRequest) -> str:
    made = postgres_cluster.new_database()
    request.addfinalizer(lambda: postgres_cluster.drop(made))
    return made


LOCK = "SELECT id FROM documents WHERE id = :id FOR UPDATE NOWAIT"


def test_a_chargeback_waits_for_the_first_document_before_it_holds_another(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (app, ids):
        with shop_scope(ids.shop):
            # Credit was spent on an older invoice than the one that the payment was for, and on a newer one.
            older, own, newer = (cast.make_invoice(ids.emma_account, amount_minor=100) for _ in range(3))
            source = attempt(ids.emma_account, (own, 100))
            book(source, 200)
            spend_credit(older, 50)
            spend_credit(newer, 50)
            older_id, own_id, newer_id = older.id, own.id, newer.id
            db.session.commit()
        reopened: list[int] = []
        charged_back = threading.Thread(target=charge_back, args=(app, ids.shop, source, reopened))
        with db.engine.connect() as first, db.engine.connect() as other:
            first.execute(sa.text(LOCK), {"id": older_id})
            charged_back.start()
            wait_until_somebody_waits(app)
            for document_id in (own_id, newer_id):
                other.execute(sa.text(LOCK), {"id": document_id})
                other.rollback()
            first.rollback()
        charged_back.join(30)
        assert reopened == [own_id, newer_id, older_id]
        with shop_scope(ids.shop):
            assert {document.open_minor for document in db.session.query(Document)} == {100}


def test_a_chargeback_waits_for_the_account_whose_credit_it_takes(url: str, tmp_path: Path) -> None:
    """Who spends of it at this moment holds the account, and nothing else that the chargeback would wait for."""
    with staged(url, tmp_path) as (app, ids):
        with shop_scope(ids.shop):
            own = cast.make_invoice(ids.emma_account, amount_minor=100)
            source = attempt(ids.emma_account, (own, 100))
            book(source, 200)
            own_id = own.id
            db.session.commit()
        reopened: list[int] = []
        charged_back = threading.Thread(target=charge_back, args=(app, ids.shop, source, reopened))
        with db.engine.connect() as spender:
            held = "SELECT id FROM customers WHERE id = :id FOR NO KEY UPDATE"
            spender.execute(sa.text(held), {"id": ids.emma_account})
            charged_back.start()
            wait_until_somebody_waits(app)
            assert reopened == []
            spender.rollback()
        charged_back.join(30)
        assert reopened == [own_id]


def test_a_held_document_is_noticed(url: str, tmp_path: Path) -> None:
    """Or the test above would show nothing."""
    with staged(url, tmp_path) as (_, ids):
        with shop_scope(ids.shop):
            document_id = cast.make_invoice(ids.emma_account).id
            db.session.commit()
            booking.lock_documents([document_id])
        with db.engine.connect() as other, pytest.raises(OperationalError):
            other.execute(sa.text(LOCK), {"id": document_id})
        db.session.rollback()


def test_who_gives_up_several_attempts_holds_the_documents_of_one_at_a_time(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who pays both would hold the older and wait for the newer: the database ends one of the two."""
    monkeypatch.setattr(outbox_runner, "TOGETHER_SECONDS", 60.0)
    with staged(url, tmp_path) as (app, ids):
        with shop_scope(ids.shop):
            first_of_all, older, newer = (
                cast.make_invoice(ids.emma_account, amount_minor=100) for _ in range(3)
            )
            for document in (first_of_all, newer, older):
                # Of a provider that is not there: given up at once.
                source = attempt(ids.emma_account, (document, 100))
                outbox.add(asking.ASK, {"payment_id": source.payment_id}, now=cast.START)
            older_id, newer_id = older.id, newer.id
            db.session.commit()
        drained = threading.Thread(target=outbox_runner.drain, args=(app, "billing"))
        with db.engine.connect() as first, db.engine.connect() as other:
            first.execute(sa.text(LOCK), {"id": older_id})
            drained.start()
            wait_until_somebody_waits(app)
            other.execute(sa.text(LOCK), {"id": newer_id})
            other.rollback()
            first.rollback()
        drained.join(30)
        with shop_scope(ids.shop):
            assert {payment.status for payment in db.session.query(Payment)} == {PaymentStatus.EXPIRED}


def charge_back(app: Flask, shop_id: int, source: Source, reopened: list[int]) -> None:
    with app.app_context(), shop_scope(shop_id):
        reopened.extend(reverse(source))
        db.session.commit()


def wait_until_somebody_waits(app: Flask) -> None:
    ends = time.monotonic() + 30
    with app.app_context(), db.engine.connect() as looking:
        while not looking.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            looking.rollback()
            assert time.monotonic() < ends, "nobody came to the lock"
            time.sleep(0.02)
