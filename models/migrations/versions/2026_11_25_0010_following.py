"""What happens to a next step, and to work when people move."""

revision = "2026_11_25_0010"
down_revision = "2026_11_25_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
