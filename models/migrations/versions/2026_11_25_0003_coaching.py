"""What an organization asks of its critiques, and how soon; more of the sweeps."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_0003"
down_revision = "2026_11_25_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("require_strength", "require_next_step", "blind_reviews"):
        op.add_column("org", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("org", sa.Column("feedback_promise_h", sa.Integer(), server_default="72", nullable=False))
    op.add_column("org", sa.Column("escalate_after_h", sa.Integer(), server_default="48", nullable=False))
    op.add_column("org", sa.Column("remind_before_h", sa.Integer(), server_default="24", nullable=False))
    op.add_column("org", sa.Column("version", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
