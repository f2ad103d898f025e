"""What is late is told by disputes and payment plans too, from indexes alone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None

NAME = "ix_documents_overdue"
BEFORE = ["shop_id", "mode", "due_date", "kind", "open_minor", "list_state"]
UNPAID = sa.text("list_state = 'unpaid'")
WITH_PLAN = sa.text("status = 'with_plan'")


def upgrade() -> None:
    """Goes up."""
    _replace([*BEFORE, "disputed_on", "case_id", "id"])
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
    _replace(BEFORE)


def _replace(columns: list[str]) -> None:
    op.drop_index(NAME, "documents")
    op.create_index(NAME, "documents", columns, sqlite_where=UNPAID, postgresql_where=UNPAID)
