"""Since when an invoice is disputed, which stops its reminders, and one dispute at a time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPEN = sa.text("status = 'open'")


def upgrade() -> None:
    """Goes up. Nothing wrote disputes before."""
    # Not as a batch: SQLite would build the table anew, under every key that names it.
    op.add_column("documents", sa.Column("disputed_on", sa.Date(), nullable=True))
    op.add_column("documents", sa.Column("disputed_days", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "uq_disputes_open", "disputes", ["document_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_disputes_ticket_id", "disputes", ["ticket_id"])


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_disputes_ticket_id", "disputes")
    op.drop_index("uq_disputes_open", "disputes")
    op.drop_column("documents", "disputed_days")
    op.drop_column("documents", "disputed_on")
