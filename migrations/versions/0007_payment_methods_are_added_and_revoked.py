"""Payment methods are added and revoked: one default, one row for one account, and who uses them from an index"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

METHODS = "payment_methods"
DEFAULT, VALID = sa.text("is_default"), sa.text("status = 'valid'")


def upgrade() -> None:
    """Goes up. Of several defaults, which nothing kept apart before, the oldest stays."""
    # Not as a batch: SQLite would build each table anew, under every key that names it.
    op.add_column(METHODS, sa.Column("fingerprint", sa.String(64), nullable=True))
    op.add_column(
        "sandbox_methods", sa.Column("fingerprint", sa.String(64), nullable=False, server_default="")
    )
    op.add_column("sandbox_methods", sa.Column("expires_on", sa.Date(), nullable=True))
    op.add_column("sandbox_methods", sa.Column("notice", sa.String(32), nullable=True))
    methods = sa.table(
        METHODS, sa.column("id"), sa.column("shop_id"), sa.column("customer_id"), sa.column("is_default")
    )
    older = methods.alias("older")
    op.execute(
        sa.update(methods)
        .where(
            methods.c.is_default == sa.true(),
            sa.exists().where(
                older.c.shop_id == methods.c.shop_id,
                older.c.customer_id == methods.c.customer_id,
                older.c.is_default == sa.true(),
                older.c.id < methods.c.id,
            ),
        )
        .values(is_default=sa.false())
    )
    op.drop_index("ix_payment_methods_customer_id", METHODS)
    op.create_index("ix_payment_methods_customer_id", METHODS, ["customer_id", "id"])
    op.create_index("ix_payment_methods_status", METHODS, ["shop_id", "status", "created_at"])
    op.create_index(
        "uq_payment_methods_default",
        METHODS,
        ["shop_id", "customer_id"],
        unique=True,
        sqlite_where=DEFAULT,
        postgresql_where=DEFAULT,
    )
    op.create_index(
        "uq_payment_methods_fingerprint",
        METHODS,
        ["shop_id", "customer_id", "provider", "fingerprint"],
        unique=True,
        sqlite_where=VALID,
        postgresql_where=VALID,
    )
    op.create_index("ix_payments_payment_method_id", "payments", ["payment_method_id", "status"])
    op.create_index(
        "ix_subscriptions_payment_method_id",
        "subscriptions",
        ["payment_method_id", "status", "next_billing_on", "id"],
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_subscriptions_payment_method_id", "subscriptions")
    op.drop_index("ix_payments_payment_method_id", "payments")
    op.drop_index("uq_payment_methods_fingerprint", METHODS)
    op.drop_index("uq_payment_methods_default", METHODS)
    op.drop_index("ix_payment_methods_status", METHODS)
    op.drop_index("ix_payment_methods_customer_id", METHODS)
    op.create_index("ix_payment_methods_customer_id", METHODS, ["customer_id"])
    op.drop_column("sandbox_methods", "notice")
    op.drop_column("sandbox_methods", "expires_on")
    op.drop_column("sandbox_methods", "fingerprint")
    op.drop_column(METHODS, "fingerprint")
