"""What grows is found by an index: credit by its document and payment, an account's subscriptions, cases, audit entries"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

RUNS = sa.text("status IN ('open', 'in_review')")
#: Name, table, columns.
NEW = (
    ("ix_credit_entries_document_id", "credit_entries", ["document_id"]),
    ("ix_credit_entries_payment_id", "credit_entries", ["payment_id"]),
    ("ix_allocations_credit_entry_id", "allocations", ["credit_entry_id"]),
    ("ix_subscription_periods_document_id", "subscription_periods", ["document_id"]),
    ("ix_collection_cases_document_id", "collection_cases", ["document_id"]),
)
#: Name, table, columns before and after.
CHANGED = (
    ("ix_mail_messages_related", "mail_messages", ["related"], ["shop_id", "related"]),
    (
        "ix_subscriptions_list",
        "subscriptions",
        ["shop_id", "customer_id", "status", "id"],
        ["shop_id", "customer_id", "mode", "id", "status"],
    ),
    (
        "ix_audit_entries_subject",
        "audit_entries",
        ["shop_id", "subject_type", "subject_id"],
        ["shop_id", "subject_type", "subject_id", "event", "at"],
    ),
)


def upgrade() -> None:
    """Goes up."""
    for name, table, columns in NEW:
        op.create_index(name, table, columns)
    for name, table, _before, after in CHANGED:
        op.drop_index(name, table)
        op.create_index(name, table, after)
    columns = ["shop_id", "customer_id", "waits_for_customer", "last_message_at", "id"]
    op.create_index("ix_tickets_running_of", "tickets", columns, sqlite_where=RUNS, postgresql_where=RUNS)


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_tickets_running_of", "tickets")
    for name, table, before, _after in CHANGED:
        op.drop_index(name, table)
        op.create_index(name, table, before)
    for name, table, _columns in reversed(NEW):
        op.drop_index(name, table)
