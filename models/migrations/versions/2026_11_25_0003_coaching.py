"""What an organization asks of its critiques, and how soon; more of the sweeps."""

import sqlalchemy as sa
from alembic import op

from models.migrations import tenancy

revision = "2026_11_25_0003"
down_revision = "2026_11_25_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():  # first, so that it is alone when it is run again
        op.create_index(
            "ix_refresh_token_successor",
            "refresh_token",
            ["org_id", "successor_id"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    for name in ("require_strength", "require_next_step", "blind_reviews"):
        op.add_column("org", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("org", sa.Column("feedback_promise_h", sa.Integer(), server_default="72", nullable=False))
    op.add_column("org", sa.Column("escalate_after_h", sa.Integer(), server_default="48", nullable=False))
    op.add_column("org", sa.Column("remind_before_h", sa.Integer(), server_default="24", nullable=False))
    op.add_column("org", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    tenancy.run_sql("coaching_sources.sql")
    tenancy.grant_functions("firsts_superseded(integer)")
    tenancy.run_sql("coaching_sweeps.sql")
    tenancy.grant_functions("forget_access(integer, integer)")


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
