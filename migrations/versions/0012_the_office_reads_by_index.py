"""The office reads tickets, documents and its own log-ins by an index"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

RUNNING, DRAFT = sa.text("status IN ('open', 'in_review')"), sa.text("status = 'draft'")


def upgrade() -> None:
    """Goes up."""
    op.create_index("ix_tickets_office", "tickets", ["shop_id", "last_message_at", "id"])
    op.create_index("ix_tickets_office_status", "tickets", ["shop_id", "status", "last_message_at", "id"])
    op.create_index(
        "ix_tickets_running",
        "tickets",
        ["shop_id", "waits_for_customer", "last_message_at", "id"],
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_index("ix_login_events_staff_id", "login_events", ["staff_id", "created_at"])
    op.create_index(
        "ix_documents_office", "documents", ["shop_id", "mode", "issue_date", "id", "kind", "number"]
    )
    op.create_index(
        "ix_documents_office_state", "documents", ["shop_id", "mode", "list_state", "issue_date", "id"]
    )
    op.create_index(
        "ix_documents_drafts",
        "documents",
        ["shop_id", "mode", "id"],
        sqlite_where=DRAFT,
        postgresql_where=DRAFT,
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_documents_drafts", "documents")
    op.drop_index("ix_documents_office_state", "documents")
    op.drop_index("ix_documents_office", "documents")
    op.drop_index("ix_login_events_staff_id", "login_events")
    op.drop_index("ix_tickets_running", "tickets")
    op.drop_index("ix_tickets_office_status", "tickets")
    op.drop_index("ix_tickets_office", "tickets")
