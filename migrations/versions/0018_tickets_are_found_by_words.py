"""Tickets are found by the words of their subject, within an index"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.core.finding import words

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: How many tickets are read at a time.
BATCH = 1_000

TICKETS = sa.table("tickets", *(sa.column(name) for name in ("id", "shop_id", "subject")))
WORDS = sa.table("ticket_words", *(sa.column(name) for name in ("shop_id", "ticket_id", "word")))


def upgrade() -> None:
    """Goes up."""
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    op.create_table(
        "ticket_words",
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("word", sa.String(100, collation=collation), nullable=False),
        sa.Column("shop_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_words_ticket_id_tickets")
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_ticket_words_shop_id_shops")),
        sa.PrimaryKeyConstraint("shop_id", "ticket_id", "word", name=op.f("pk_ticket_words")),
        sqlite_with_rowid=False,
    )
    _write_words()
    op.create_index("ix_ticket_words_word", "ticket_words", ["shop_id", "word", "ticket_id"])


def downgrade() -> None:
    """Goes down again."""
    op.drop_table("ticket_words")


def _write_words() -> None:
    connection, last = op.get_bind(), 0
    while batch := _tickets_after(connection, last):
        rows = [
            {"shop_id": row.shop_id, "ticket_id": row.id, "word": word}
            for row in batch
            for word in sorted(words(row.subject))
        ]
        if rows:
            connection.execute(sa.insert(WORDS), rows)
        last = batch[-1].id


def _tickets_after(connection: sa.Connection, last: int) -> Sequence[Any]:
    query = sa.select(TICKETS).where(TICKETS.c.id > last).order_by(TICKETS.c.id).limit(BATCH)
    return connection.execute(query).all()
