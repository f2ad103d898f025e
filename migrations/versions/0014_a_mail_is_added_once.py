"""A mail that comes in is added once: its Message-ID is unique in a shop, those of the portal's own pages are empty"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MESSAGES = "ticket_messages"


def upgrade() -> None:
    """Goes up: nothing has written the column before."""
    op.create_index(
        "ix_ticket_messages_mail_message_id", MESSAGES, ["shop_id", "mail_message_id"], unique=True
    )


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_ticket_messages_mail_message_id", MESSAGES)
