"""Invoices are disputed, which stops their reminders, and bundled: the PDFs of a year, and statements of account"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPEN = sa.text("status = 'open'")
MAKING = sa.text("status IN ('waiting', 'building')")
BUNDLES = "document_bundles"


def upgrade() -> None:
    """Goes up. Nothing wrote disputes before."""
    # Not as a batch: SQLite would build the table anew, under every key that names it.
    op.add_column("documents", sa.Column("disputed_on", sa.Date(), nullable=True))
    op.add_column("documents", sa.Column("disputed_days", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "uq_disputes_open", "disputes", ["document_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_disputes_ticket_id", "disputes", ["ticket_id"])
    op.create_table(
        BUNDLES,
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("shop_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("public_id", sa.String(22), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("storage_key", sa.String(200), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_document_bundles_shop_id_shops"),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customers.shop_id", "customers.id"],
            name="fk_document_bundles_shop_id_customers",
        ),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["people.id"], name="fk_document_bundles_requested_by_id_people"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_document_bundles"),
        sa.UniqueConstraint("public_id", name="uq_document_bundles_public_id"),
    )
    op.create_index("ix_document_bundles_customer_id", BUNDLES, ["customer_id", "id"])
    op.create_index("ix_document_bundles_expires_at", BUNDLES, ["shop_id", "status", "expires_at"])
    op.create_index(
        "uq_document_bundles_running",
        BUNDLES,
        ["shop_id", "customer_id", "mode", "kind", "first_day", "last_day"],
        unique=True,
        sqlite_where=MAKING,
        postgresql_where=MAKING,
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_table(BUNDLES)
    op.drop_index("ix_disputes_ticket_id", "disputes")
    op.drop_index("uq_disputes_open", "disputes")
    op.drop_column("documents", "disputed_days")
    op.drop_column("documents", "disputed_on")
