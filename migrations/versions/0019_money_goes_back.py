"""Money goes back: by its provider, or by hand, each with a row of its own"""

from __future__ import annotations

import base64
import json
import os
from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: How many rows are read at a time.
BATCH = 500


def upgrade() -> None:
    """Goes up; what was written down by hand before gets its row, from the ledger and its audit entry."""
    with op.batch_alter_table("refunds") as batch_op:
        batch_op.alter_column("payment_id", existing_type=BIG, nullable=True)
        batch_op.add_column(sa.Column("ticket_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("sent_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("reference", sa.String(140), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("failure_reason", sa.String(200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("is_told", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.alter_column("reason", new_column_name="says", existing_type=sa.String(500), type_=sa.Text())
        batch_op.create_foreign_key("fk_refunds_ticket_id_tickets", "tickets", ["ticket_id"], ["id"])
        batch_op.create_index("ix_refunds_ticket_id", ["ticket_id"])
        batch_op.create_index("ix_refunds_status", ["shop_id", "status", "created_at"])
    op.create_index("ix_credit_entries_refund_id", "credit_entries", ["refund_id"])
    _write_rows()


def _write_rows() -> None:
    bind = op.get_bind()
    meta = sa.MetaData()
    entries, refunds, audits = (
        sa.Table(name, meta, autoload_with=bind) for name in ("credit_entries", "refunds", "audit_entries")
    )
    is_paid_out = sa.and_(entries.c.use == "refund", entries.c.refund_id.is_(None))
    after = 0
    while True:
        rows = bind.execute(
            sa.select(entries, audits.c.data)
            .outerjoin(
                audits,
                sa.and_(
                    audits.c.shop_id == entries.c.shop_id,
                    audits.c.subject_type == "credit_entries",
                    audits.c.subject_id == entries.c.id,
                    audits.c.event == "credit.changed",
                ),
            )
            .where(is_paid_out, entries.c.id > after)
            .order_by(entries.c.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        for row in rows:
            after = row.id
            said = json.loads(row.data) if isinstance(row.data, str) else (row.data or {})
            made = bind.execute(
                refunds.insert().values(
                    shop_id=row.shop_id,
                    public_id=base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode(),
                    created_at=row.created_at,
                    version=1,
                    mode=row.mode,
                    currency=row.currency,
                    amount_minor=-row.amount_minor,
                    idempotency_key=f"before-{row.id}",
                    status="done",
                    says="",
                    done_at=row.created_at,
                    ticket_id=said.get("ticket_id"),
                    sent_on=date.fromisoformat(said["paid_on"]) if said.get("paid_on") else None,
                    reference=said.get("reference") or "",
                    failure_reason="",
                    is_told=True,
                )
            )
            (refund_id,) = made.inserted_primary_key
            bind.execute(entries.update().where(entries.c.id == row.id).values(refund_id=refund_id))


def downgrade() -> None:
    """Goes down again; what was sent by hand is told by the ledger alone, as before."""
    by_hand = sa.text("SELECT id FROM refunds WHERE payment_id IS NULL")
    op.execute(f"UPDATE credit_entries SET refund_id = NULL WHERE refund_id IN ({by_hand})")
    op.execute("DELETE FROM refunds WHERE payment_id IS NULL")
    op.execute("UPDATE refunds SET says = ''")
    op.drop_index("ix_credit_entries_refund_id", "credit_entries")
    with op.batch_alter_table("refunds") as batch_op:
        batch_op.drop_index("ix_refunds_status")
        batch_op.drop_index("ix_refunds_ticket_id")
        batch_op.drop_constraint("fk_refunds_ticket_id_tickets", type_="foreignkey")
        batch_op.alter_column("says", new_column_name="reason", existing_type=sa.Text(), type_=sa.String(500))
        batch_op.drop_column("asked_at")
        batch_op.drop_column("is_told")
        batch_op.drop_column("failure_reason")
        batch_op.drop_column("reference")
        batch_op.drop_column("sent_on")
        batch_op.drop_column("ticket_id")
        batch_op.alter_column("payment_id", existing_type=BIG, nullable=False)
