"""Contact persons know their version, as two people of an account may edit one at once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes up: whoever is there already is as they were first written."""
    # Not as a batch: SQLite would build the table anew for taking the column away.
    op.add_column("contact_persons", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    """Goes down."""
    op.drop_column("contact_persons", "version")
