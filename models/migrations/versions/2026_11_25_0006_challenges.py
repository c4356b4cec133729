"""Preparation, model answers, attachments and rules of a challenge."""

import sqlalchemy as sa
from alembic import op

from models.migrations import tenancy

revision = "2026_11_25_0006"
down_revision = "2026_11_25_0004"
branch_labels = None
depends_on = None

RUNNING = "state = 'draft' AND closes_at IS NOT NULL AND lapsed_at IS NULL"


def upgrade() -> None:
    yes, no = sa.text("true"), sa.text("false")
    op.add_column("challenge", sa.Column("practice_allowed", sa.Boolean(), server_default=yes, nullable=False))
    op.add_column("challenge", sa.Column("late_accepted", sa.Boolean(), server_default=yes, nullable=False))
    op.add_column("challenge", sa.Column("timed", sa.Boolean(), server_default=no, nullable=False))
    op.add_column("challenge", sa.Column("window_ms", sa.Integer(), nullable=True))
    op.add_column("prompt", sa.Column("preparation_ms", sa.Integer(), nullable=True))
    op.add_column("prompt", sa.Column("notes", sa.Text(), server_default="", nullable=False))
    for name in ("ends_at", "closes_at", "lapsed_at"):
        op.add_column("take", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    _model_answers()
    _attachments()
    tenancy.tenant_policy("model_answer", "attachment")
    tenancy.run_sql("challenges.sql")
    tenancy.grant_functions("takes_to_lapse(integer)")
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_prompt_asset", "prompt", ["org_id", "asset_id"], postgresql_concurrently=True, if_not_exists=True
        )
        op.create_index(
            "ix_take_clock",
            "take",
            ["closes_at"],
            postgresql_where=sa.text(RUNNING),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_take_practice",
            "take",
            ["org_id", "id"],
            postgresql_where=sa.text("practice"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def _model_answers() -> None:
    op.create_table(
        "model_answer",
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("asset_id IS NOT NULL OR text <> ''", name=op.f("ck_model_answer_something")),
        sa.ForeignKeyConstraint(
            ["org_id", "challenge_id"], ["challenge.org_id", "challenge.id"], name=op.f("fk_model_answer_challenge_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_model_answer_asset_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_model_answer")),
    )
    op.create_index("uq_model_answer_challenge", "model_answer", ["org_id", "challenge_id"], unique=True)
    op.create_index("ix_model_answer_asset", "model_answer", ["org_id", "asset_id"], unique=False)


def _attachments() -> None:
    op.create_table(
        "attachment",
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "challenge_id"], ["challenge.org_id", "challenge.id"], name=op.f("fk_attachment_challenge_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_attachment_asset_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_attachment")),
    )
    op.create_index("uq_attachment_position", "attachment", ["org_id", "challenge_id", "position"], unique=True)
    op.create_index("ix_attachment_asset", "attachment", ["org_id", "asset_id"], unique=False)


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
