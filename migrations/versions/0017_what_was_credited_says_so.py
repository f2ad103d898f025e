"""What credit notes took back entirely is credited, also where it was paid, and their lines say what they take back"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: As ``rebalance`` says it from now on. Of the documents with a note alone, which are few.
CREDITED = """
    UPDATE documents SET list_state = 'credited'
    WHERE list_state = 'paid' AND kind <> 'credit_note' AND total_minor > 0
    AND id IN (SELECT original_id FROM documents AS note WHERE kind = 'credit_note' AND number IS NOT NULL)
    AND total_minor <= (
        SELECT SUM(note.total_minor) FROM documents AS note
        WHERE note.original_id = documents.id AND note.kind = 'credit_note' AND note.number IS NOT NULL
    )
"""
PAID = (
    "UPDATE documents SET list_state = 'paid' WHERE list_state = 'credited' AND credited_minor < total_minor"
)


def upgrade() -> None:
    """Goes up. Lines of earlier notes are told by what they say, as before."""
    # Not as a batch: SQLite would build the table anew, under every key that names it.
    op.add_column("document_lines", sa.Column("original_position", sa.Integer(), nullable=True))
    op.execute(CREDITED)


def downgrade() -> None:
    """Goes down again."""
    op.execute(PAID)
    op.drop_column("document_lines", "original_position")
