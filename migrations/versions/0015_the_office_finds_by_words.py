"""Customers are found by words, and the office searches, sums up and filters documents within its indexes"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.core.finding import words

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NOTES, UNPAID = sa.text("kind = 'credit_note'"), sa.text("list_state = 'unpaid'")

#: How many customers are read at a time.
BATCH = 1_000

CUSTOMERS = sa.table(
    "customers",
    *(
        sa.column(name)
        for name in ("id", "shop_id", "name", "company", "email", "vat_number", "chamber_number")
    ),
)
WORDS = sa.table("customer_words", sa.column("shop_id"), sa.column("customer_id"), sa.column("word"))


def upgrade() -> None:
    """Goes up."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    text = sa.String(100, collation="C") if postgresql else sa.String(100)
    op.create_table(
        "customer_words",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("word", text, nullable=False),
        sa.Column("shop_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customers.shop_id", "customers.id"],
            name=op.f("fk_customer_words_shop_id_customer_id_customers"),
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_customer_words_shop_id_shops")),
        sa.PrimaryKeyConstraint("shop_id", "customer_id", "word", name=op.f("pk_customer_words")),
        sqlite_with_rowid=False,
    )
    _write_words()
    op.create_index("ix_customer_words_word", "customer_words", ["shop_id", "word", "customer_id"])
    if postgresql:
        _compare_numbers('"C"')
    _replace("ix_documents_number", ["shop_id", "mode", "number"])
    _replace("ix_documents_office", ["shop_id", "mode", "issue_date", "id", "kind", "number", "customer_id"])
    _replace(
        "ix_documents_office_state",
        ["shop_id", "mode", "list_state", "issue_date", "id", "number"],
    )
    op.create_index(
        "ix_documents_credit_notes",
        "documents",
        ["shop_id", "mode", "issue_date", "id", "number", "customer_id"],
        sqlite_where=NOTES,
        postgresql_where=NOTES,
    )
    op.create_index(
        "ix_documents_overdue",
        "documents",
        ["shop_id", "mode", "due_date", "kind", "open_minor", "list_state"],
        sqlite_where=UNPAID,
        postgresql_where=UNPAID,
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_documents_overdue", "documents")
    op.drop_index("ix_documents_credit_notes", "documents")
    _replace("ix_documents_office_state", ["shop_id", "mode", "list_state", "issue_date", "id"])
    _replace("ix_documents_office", ["shop_id", "mode", "issue_date", "id", "kind", "number"])
    _replace("ix_documents_number", ["shop_id", "number"])
    if op.get_bind().dialect.name == "postgresql":
        _compare_numbers('"default"')
    op.drop_table("customer_words")


def _replace(name: str, columns: list[str]) -> None:
    op.drop_index(name, "documents")
    op.create_index(name, "documents", columns)


def _compare_numbers(collation: str) -> None:
    """How texts compare is another matter than what they are: the tables stay as they are written."""
    for table in ("documents", "tickets"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN number TYPE varchar(40) COLLATE {collation}")


def _write_words() -> None:
    connection, last = op.get_bind(), 0
    while batch := _customers_after(connection, last):
        rows = [
            {"shop_id": row.shop_id, "customer_id": row.id, "word": word}
            for row in batch
            for word in sorted(words(row.name, row.company, row.email, row.vat_number, row.chamber_number))
        ]
        if rows:
            connection.execute(sa.insert(WORDS), rows)
        last = batch[-1].id


def _customers_after(connection: sa.Connection, last: int) -> Sequence[Any]:
    query = sa.select(CUSTOMERS).where(CUSTOMERS.c.id > last).order_by(CUSTOMERS.c.id).limit(BATCH)
    return connection.execute(query).all()
