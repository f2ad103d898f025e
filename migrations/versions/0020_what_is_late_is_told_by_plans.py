"""What is late, and what can wait, is told by disputes and payment plans too, from indexes alone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

UNPAID = sa.text("list_state = 'unpaid'")
WITH_PLAN = sa.text("status = 'with_plan'")
OVERDUE = ["shop_id", "mode", "due_date", "kind", "open_minor", "list_state"]
OWED = [
    "shop_id", "customer_id", "mode", "due_date", "id", "kind", "issue_date", "open_minor", "list_state",
]  # fmt: skip


def upgrade() -> None:
    """Goes up."""
    _replace("ix_documents_overdue", [*OVERDUE, "disputed_on", "case_id", "id"])
    _replace("ix_documents_unpaid", [*OWED, "pending_minor", "disputed_on", "case_id"])
    op.create_index(
        "ix_collection_cases_with_plan",
        "collection_cases",
        ["shop_id", "mode"],
        sqlite_where=WITH_PLAN,
        postgresql_where=WITH_PLAN,
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_collection_cases_with_plan", "collection_cases")
    _replace("ix_documents_unpaid", OWED)
    _replace("ix_documents_overdue", OVERDUE)


def _replace(name: str, columns: list[str]) -> None:
    op.drop_index(name, "documents")
    op.create_index(name, "documents", columns, sqlite_where=UNPAID, postgresql_where=UNPAID)
