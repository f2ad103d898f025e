"""Notices in the order in which they are shown, so that no page of them is sorted"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SHOWN = ["shop_id", "is_active", "starts_at"]


def upgrade() -> None:
    """Goes up: two that start at once have an order too."""
    op.drop_index("ix_notices_shown", table_name="notices")
    op.create_index("ix_notices_shown", "notices", [*SHOWN, "id"])


def downgrade() -> None:
    """Goes down."""
    op.drop_index("ix_notices_shown", table_name="notices")
    op.create_index("ix_notices_shown", "notices", SHOWN)
