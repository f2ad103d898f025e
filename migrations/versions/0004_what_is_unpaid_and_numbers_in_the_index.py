"""What is unpaid, and the numbers, are read from an index"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = ["shop_id", "customer_id", "mode", "issue_date", "id", "kind"]
UNPAID = [
    "shop_id",
    "customer_id",
    "mode",
    "due_date",
    "id",
    "kind",
    "issue_date",
    "open_minor",
    "list_state",
]


def upgrade() -> None:
    """Goes up."""
    op.drop_index("ix_documents_list", "documents")
    op.create_index("ix_documents_list", "documents", [*BEFORE, "number"])
    is_unpaid = sa.text("list_state = 'unpaid'")
    op.create_index(
        "ix_documents_unpaid", "documents", UNPAID, sqlite_where=is_unpaid, postgresql_where=is_unpaid
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_documents_unpaid", "documents")
    op.drop_index("ix_documents_list", "documents")
    op.create_index("ix_documents_list", "documents", BEFORE)
