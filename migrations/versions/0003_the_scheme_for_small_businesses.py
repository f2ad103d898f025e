"""The scheme for small businesses as a setting of a shop"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes up: no shop takes part until somebody says so."""
    # Not as a batch: SQLite would build the table anew for taking the column away, under every key that names a shop.
    op.add_column(
        "shops", sa.Column("small_business", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Goes down."""
    op.drop_column("shops", "small_business")
