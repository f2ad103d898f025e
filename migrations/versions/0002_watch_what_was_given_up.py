"""Watch what was given up"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes up."""
    with op.batch_alter_table("payments") as batch_op:
        batch_op.add_column(sa.Column("watch_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_payments_watch_until", ["shop_id", "watch_until"])


def downgrade() -> None:
    """Goes down again."""
    with op.batch_alter_table("payments") as batch_op:
        batch_op.drop_index("ix_payments_watch_until")
        batch_op.drop_column("watch_until")
