"""Templates, series, baselines and follow-ups; bright spots that show a level."""

revision = "2026_11_25_0007"
down_revision = "2026_11_25_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
