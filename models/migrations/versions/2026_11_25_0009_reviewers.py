"""Who reviews, who stands in, guests, and the clock of feedback."""

revision = "2026_11_25_0009"
down_revision = "2026_11_25_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
