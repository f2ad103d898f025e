"""Customers change their subscriptions: which plans are offered for each other, and up to how many of one"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PRODUCTS = "products"


def upgrade() -> None:
    """Goes up: nothing is offered until the shop says so."""
    op.add_column(PRODUCTS, sa.Column("switch_group", sa.String(40), nullable=False, server_default=""))
    op.add_column(PRODUCTS, sa.Column("most_quantity", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_products_switch_group", PRODUCTS, ["shop_id", "switch_group"])


def downgrade() -> None:
    """Goes down again."""
    op.drop_index("ix_products_switch_group", PRODUCTS)
    op.drop_column(PRODUCTS, "most_quantity")
    op.drop_column(PRODUCTS, "switch_group")
