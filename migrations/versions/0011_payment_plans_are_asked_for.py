"""Payment plans are asked for: one that runs for a case, its conversation, and cases with their documents from an index"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CASES, PLANS = "collection_cases", "payment_plans"
RUNS = sa.text("status IN ('requested', 'agreed', 'pending_mandate', 'active')")


def upgrade() -> None:
    """Goes up. No plan was ever made before: nothing could ask for one."""
    # Not as a batch: SQLite would build each table anew, under every key that names it.
    op.add_column(PLANS, sa.Column("ticket_public_id", sa.String(22), nullable=True))
    op.create_index("ix_payment_plans_ticket_public_id", PLANS, ["ticket_public_id"])
    op.create_index(
        "uq_payment_plans_running",
        PLANS,
        ["case_id"],
        unique=True,
        sqlite_where=RUNS,
        postgresql_where=RUNS,
    )
    # On every page the sidebar asks whether an account has a case that runs.
    op.drop_index("ix_collection_cases_customer_id", CASES)
    op.create_index("ix_collection_cases_status", CASES, ["shop_id", "customer_id", "mode", "status"])
    op.create_index("ix_collection_cases_list", CASES, ["shop_id", "customer_id", "mode", "id"])
    op.create_index("ix_documents_case_id", "documents", ["case_id"])


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_documents_case_id", "documents")
    op.drop_index("ix_collection_cases_list", CASES)
    op.drop_index("ix_collection_cases_status", CASES)
    op.create_index("ix_collection_cases_customer_id", CASES, ["customer_id", "status"])
    op.drop_index("uq_payment_plans_running", PLANS)
    op.drop_index("ix_payment_plans_ticket_public_id", PLANS)
    op.drop_column(PLANS, "ticket_public_id")
