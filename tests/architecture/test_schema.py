"""What the tables must be: shop-owned, free of floats, with words that never change, and equal to the migrations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from portal.core.tables import Base, ShopOwned
from tests.conftest import make_app

WORDS = Path(__file__).with_name("stored_words.txt")

#: Tables without an owner: the shop itself, how it is found, and what belongs to the installation.
UNOWNED = {"shops", "shop_domains", "periodic_runs"}


def test_every_table_has_an_owner(app: Flask) -> None:
    owned = {
        mapper.local_table.name for mapper in Base.registry.mappers if issubclass(mapper.class_, ShopOwned)
    }
    for table in Base.metadata.tables.values():
        assert table.name in owned | UNOWNED, (
            f"{table.name}: add the ShopOwned mixin, so that the guard sees it"
        )


def test_no_float_and_no_numeric_column(app: Flask) -> None:
    for table in Base.metadata.tables.values():
        for column in table.c:
            assert not isinstance(column.type, sa.Numeric | sa.Float), f"{table.name}.{column.name}"


def test_every_foreign_key_has_an_index_or_is_rarely_followed(app: Flask) -> None:
    """A key that pages follow from the parent's side needs an index that begins with it."""
    followed = {
        ("allocations", "document_id"), ("allocations", "payment_id"), ("document_lines", "document_id"),
        ("document_vat", "document_id"), ("document_files", "document_id"), ("payment_events", "payment_id"),
        ("memberships", "customer_id"), ("memberships", "person_id"), ("ticket_messages", "ticket_id"),
        ("order_lines", "order_id"), ("contact_persons", "customer_id"), ("subscription_changes", "subscription_id"),
    }  # fmt: skip
    for table_name, column in followed:
        table = Base.metadata.tables[table_name]
        firsts = {next(iter(index.columns)).name for index in table.indexes}
        firsts |= {
            next(iter(constraint.columns)).name
            for constraint in table.constraints
            if isinstance(constraint, sa.UniqueConstraint)
        }
        assert column in firsts, f"{table_name}.{column} has no index"


def test_stored_words_never_change(app: Flask) -> None:
    """A word that is in the database of somebody's shop cannot be renamed; a new one is added to the list."""
    found = {
        f"{table.name}.{column.name}: {word}"
        for table in Base.metadata.tables.values()
        for column in table.c
        if isinstance(column.type, sa.Enum)
        for word in column.type.enums
    }
    known = set(WORDS.read_text().splitlines())
    assert not known - found, f"these stored words are gone: {sorted(known - found)}"
    assert not found - known, f"add these words to {WORDS.name}: {sorted(found - known)}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    url = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    app = make_app(tmp_path, url)
    yield app
    from portal.extensions import db

    with app.app_context():
        # The server's database is that of all of these.
        db.engine.dispose()
        flask_migrate.downgrade(revision="base")
        db.engine.dispose()


def test_migrations_go_up_and_down_and_equal_the_models(empty_app: Flask) -> None:
    from portal.extensions import db

    with empty_app.app_context():
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            # A column of words is plain text in the database, as its list of words is the application's.
            differences = [each for each in compare_metadata(context, Base.metadata) if not _is_text(each)]
        assert differences == []
        db.engine.dispose()
        flask_migrate.downgrade(revision="base")
        assert sa.inspect(db.engine).get_table_names() in ([], ["alembic_version"])
        db.engine.dispose()
        flask_migrate.upgrade()
        assert "documents" in sa.inspect(db.engine).get_table_names()


def _is_text(difference: object) -> bool:
    first = difference[0] if isinstance(difference, list) else difference
    return bool(
        isinstance(first, tuple)
        and first[0] == "modify_type"
        and isinstance(first[6], sa.Enum)
        and isinstance(first[5], sa.String)
    )


def test_words_are_written_for_the_tickets_there_are(empty_app: Flask) -> None:
    from portal.core.tenancy import shop_scope
    from portal.domain.tickets.models import TicketWord
    from portal.extensions import db
    from tests.cast import put_on_stage
    from tests.rows import make_ticket

    with empty_app.app_context():
        flask_migrate.upgrade()
        ids = put_on_stage()
        with shop_scope(ids.shop):
            for number in range(2_001):
                make_ticket(ids.emma_account, subject=f"Ünder {number}", messages=0)
            make_ticket(ids.emma_account, subject="?!", messages=0)
            db.session.commit()
        words = sa.select(TicketWord.__table__).order_by(*TicketWord.__table__.primary_key)
        with db.engine.connect() as connection:
            before = connection.execute(words).all()
        db.session.remove()
        db.engine.dispose()
        flask_migrate.downgrade(revision="0017")
        assert "ticket_words" not in sa.inspect(db.engine).get_table_names()
        db.engine.dispose()
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            assert connection.execute(words).all() == before and len(before) == 4_002


def test_words_are_written_for_the_customers_there_are(
    empty_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.core.tenancy import shop_scope
    from portal.domain.people.models import Customer, CustomerWord
    from portal.extensions import db
    from tests.cast import put_on_stage
    from tests.rows import write_customers

    with empty_app.app_context():
        flask_migrate.upgrade()
        ids = put_on_stage()
        with shop_scope(ids.shop):
            write_customers(ids.shop, 2_001)
            db.session.get_one(Customer, ids.emma_account).name = "Ëmma"
            db.session.commit()
        words = sa.select(CustomerWord.__table__).order_by(*CustomerWord.__table__.primary_key)
        with db.engine.connect() as connection:
            before = connection.execute(words).all()
        db.session.remove()
        db.engine.dispose()
        flask_migrate.downgrade(revision="0014")
        assert "customer_words" not in sa.inspect(db.engine).get_table_names()
        db.engine.dispose()
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            assert connection.execute(words).all() == before and len(before) > 6_000


def test_what_was_credited_before_says_so(empty_app: Flask) -> None:
    from portal.core.tenancy import shop_scope
    from portal.domain.invoices.balance import find_imbalances
    from portal.domain.invoices.models import Document, ListState
    from portal.extensions import db
    from tests.cast import make_invoice, put_on_stage
    from tests.domain.invoices.paying import attempt, book
    from tests.domain.invoices.test_crediting import note_on

    states = sa.select(Document.list_state).where(Document.original_id.is_(None)).order_by(Document.id)
    with empty_app.app_context():
        flask_migrate.upgrade()
        ids = put_on_stage()
        with shop_scope(ids.shop):
            for paid, noted in ((0, 100), (100, 100), (100, 60), (100, 0), (40, 0)):
                invoice = make_invoice(ids.emma_account, amount_minor=100)
                if paid:
                    book(attempt(ids.emma_account, (invoice, paid)), paid)
                if noted:
                    note_on(invoice, noted)
            db.session.commit()
            after = [ListState.CREDITED] * 2 + [ListState.PAID] * 2 + [ListState.UNPAID]
            assert db.session.scalars(states).all() == after
        db.session.remove()
        db.engine.dispose()
        flask_migrate.downgrade(revision="0015")
        with shop_scope(ids.shop):
            before = db.session.scalars(states).all()
            assert before == [after[0], ListState.PAID, *after[2:]]
        db.session.remove()
        db.engine.dispose()
        flask_migrate.upgrade()
        with shop_scope(ids.shop):
            assert db.session.scalars(states).all() == after and find_imbalances() == []


def test_what_was_paid_out_by_hand_before_has_a_row_after(empty_app: Flask) -> None:
    """Day, reference and request come from the audit entry; going down and up again leaves them as they were."""
    from portal.core.audit import Actor
    from portal.core.tenancy import shop_scope
    from portal.domain.invoices import ledger
    from portal.domain.invoices.models import CreditEntry, CreditUse
    from portal.domain.payments.models import Refund, RefundStatus
    from portal.extensions import db
    from tests.cast import START, make_invoice, put_on_stage
    from tests.domain.invoices.paying import attempt, book
    from tests.rows import make_ticket

    with empty_app.app_context():
        flask_migrate.upgrade()
        ids = put_on_stage()
        with shop_scope(ids.shop):
            document = make_invoice(ids.emma_account, amount_minor=100)
            source = attempt(ids.emma_account, (document, 100))
            book(source, 5000)
            ticket = make_ticket(ids.emma_account, document_id=document.id).id
            account = ledger.account_of(document)
            said = {"document_id": document.id, "now": START, "actor": Actor.system("test")}
            for minor, more in (
                (-1000, {"ticket_id": ticket, "paid_on": "2026-10-30", "reference": "NL91"}),
                (-10, {}),
            ):
                ledger.write(account, minor, CreditUse.REFUND, **said, **more)  # type: ignore[arg-type]
            by_provider = Refund(
                mode=account.mode,
                payment_id=source.payment_id,
                currency="EUR",
                amount_minor=700,
                idempotency_key="k",
                status=RefundStatus.PENDING,
                provider_ref="re_1",
                created_at=START,
            )
            db.session.add(by_provider)
            db.session.flush()
            ledger.write(account, -700, CreditUse.REFUND, refund_id=by_provider.id, **said)  # type: ignore[arg-type]
            db.session.commit()
        for _ in range(2):
            db.session.remove()
            db.engine.dispose()
            flask_migrate.downgrade(revision="0018")
            db.engine.dispose()
            flask_migrate.upgrade()
            with shop_scope(ids.shop):
                rows = {
                    entry.amount_minor: refund
                    for entry, refund in db.session.query(CreditEntry, Refund).join(
                        Refund, Refund.id == CreditEntry.refund_id
                    )
                }
                assert set(rows) == {-1000, -10, -700}
                told = rows[-1000]
                assert (told.sent_on, told.reference, told.ticket_id) == (date(2026, 10, 30), "NL91", ticket)
                assert (told.status, told.payment_id, told.created_at) == (RefundStatus.DONE, None, START)
                assert (rows[-10].sent_on, rows[-10].reference, rows[-10].ticket_id) == (None, "", None)
                assert (rows[-700].provider_ref, rows[-700].status) == ("re_1", RefundStatus.PENDING)
