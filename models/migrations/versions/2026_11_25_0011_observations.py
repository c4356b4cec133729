"""Field observations: judged on the same rubrics, without a challenge."""

revision = "2026_11_25_0011"
down_revision = "2026_11_25_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
