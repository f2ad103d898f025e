"""A line of an order gives each of its files once"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes up."""
    op.drop_index("ix_downloads_order_line_id", "downloads")
    op.create_index("uq_downloads_file", "downloads", ["order_line_id", "product_file_id"], unique=True)


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("uq_downloads_file", "downloads")
    op.create_index("ix_downloads_order_line_id", "downloads", ["order_line_id"])
