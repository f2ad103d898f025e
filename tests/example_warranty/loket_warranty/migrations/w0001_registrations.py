"""The table of registrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "w0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes up."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "warranty_registrations",
        sa.Column("product", sa.String(length=120), nullable=False),
        sa.Column("serial", sa.String(length=60), nullable=False),
        sa.Column("bought_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", big, autoincrement=True, nullable=False),
        sa.Column("customer_id", big, nullable=False),
        sa.Column("shop_id", big, nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["shops.id"], name=op.f("fk_warranty_registrations_shop_id_shops")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id", "customer_id"],
            ["customers.shop_id", "customers.id"],
            name=op.f("fk_warranty_registrations_shop_id_customer_id_customers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_registrations")),
        sa.UniqueConstraint("public_id", name=op.f("uq_warranty_registrations_public_id")),
        sa.UniqueConstraint(
            "shop_id",
            "customer_id",
            "serial",
            name=op.f("uq_warranty_registrations_shop_id_customer_id_serial"),
        ),
    )
    op.create_index(
        "ix_warranty_registrations_list", "warranty_registrations", ["shop_id", "customer_id", "id"]
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_table("warranty_registrations")
