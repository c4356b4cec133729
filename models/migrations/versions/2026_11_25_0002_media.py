"""Captions, receipts of erasures, sound without a picture, and who has used the long queue how much."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations import tenancy

revision = "2026_11_25_0002"
down_revision = "2026_11_24_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("asset", sa.Column("encoded_percent", sa.Integer(), nullable=True))
    op.add_column("asset", sa.Column("audio_only", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("asset", sa.Column("speech", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("asset", sa.Column("source_deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("prompt", sa.Column("audio_allowed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_table(
        "caption",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("origin IN ('uploaded', 'automatic')", name=op.f("ck_caption_origin")),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_caption_asset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "created_by"], ["person.org_id", "person.id"], name=op.f("fk_caption_created_by")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_caption")),
    )
    op.create_index("uq_caption_language", "caption", ["org_id", "asset_id", "language"], unique=True)
    op.create_table(
        "erasure",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.Column("multiparts", sa.Integer(), nullable=False),
        sa.Column("names", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_erasure_asset_id")),
        sa.ForeignKeyConstraint(
            ["org_id", "requested_by"], ["person.org_id", "person.id"], name=op.f("fk_erasure_requested_by")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_erasure")),
    )
    op.create_index("uq_erasure_asset", "erasure", ["org_id", "asset_id"], unique=True)
    op.create_index(
        "ix_erasure_open", "erasure", ["requested_at"], unique=False, postgresql_where=sa.text("completed_at IS NULL")
    )
    tenancy.tenant_policy("caption")
    tenancy.tenant_policy("erasure", verbs="SELECT, INSERT, UPDATE")  # a receipt stays
    # Seconds of work each organization has had lately, halved as time goes by: whose turn it is in the long queue.
    op.execute(
        "CREATE TABLE queue.org_share (org_id uuid PRIMARY KEY, used_s double precision NOT NULL, at timestamptz NOT NULL)"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON queue.org_share TO {tenancy.app_role()}")
    tenancy.run_sql("media.sql")
    tenancy.grant_functions(
        "orgs_after(uuid, integer)",
        "clips_without_job(integer)",
        "erasures_without_job(integer)",
        "sources_to_delete(integer, integer)",
    )


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
