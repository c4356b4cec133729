"""What happens to a next step, and to work when people move."""

import sqlalchemy as sa
from alembic import op

from models.migrations import tenancy

revision = "2026_11_25_0010"
down_revision = "2026_11_25_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assignment", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("next_step", sa.Column("reported_outcome", sa.Text(), nullable=True))
    op.add_column("next_step", sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("next_step", sa.Column("report_note", sa.Text(), server_default="", nullable=False))
    op.add_column("next_step", sa.Column("due_told_at", sa.DateTime(timezone=True), nullable=True))
    tenancy.run_sql("following.sql")
    tenancy.grant_functions("next_steps_due(integer)")
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_next_step_due",
            "next_step",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("due_told_at IS NULL AND published_at IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
