"""Templates, series, baselines and follow-ups; bright spots that show a level."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations import tenancy

revision = "2026_11_25_0007"
down_revision = "2026_11_25_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "template",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rubric_id", sa.Uuid(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "created_by"], ["person.org_id", "person.id"], name=op.f("fk_template_org_id_created_by")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_id"], ["rubric.org_id", "rubric.id"], name=op.f("fk_template_org_id_rubric_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_template")),
    )
    op.create_index("ix_template_list", "template", ["org_id", "created_at", "id"], unique=False)
    op.create_table(
        "template_asset",
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_template_asset_org_id_asset_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "template_id"],
            ["template.org_id", "template.id"],
            name=op.f("fk_template_asset_org_id_template_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_template_asset")),
    )
    op.create_index("ix_template_asset", "template_asset", ["org_id", "asset_id"], unique=False)
    op.create_index("uq_template_asset", "template_asset", ["org_id", "template_id", "asset_id"], unique=True)
    op.create_table(
        "library_skill",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "skill_id"], ["skill.org_id", "skill.id"], name=op.f("fk_library_skill_org_id_skill_id")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_library_skill_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_library_skill")),
    )
    op.create_index("uq_library_skill", "library_skill", ["org_id", "key"], unique=True)
    op.create_table(
        "library_rubric",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("rubric_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_id"], ["rubric.org_id", "rubric.id"], name=op.f("fk_library_rubric_org_id_rubric_id")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_library_rubric_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_library_rubric")),
    )
    op.create_index("uq_library_rubric", "library_rubric", ["org_id", "key"], unique=True)
    op.create_table(
        "series",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("responsible_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("paused_because", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("first_local", sa.DateTime(), nullable=False),
        sa.Column("until_local", sa.DateTime(), nullable=True),
        sa.Column("due_after_h", sa.Integer(), nullable=True),
        sa.Column("next_index", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posted", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'paused', 'ended')", name=op.f("ck_series_state")),
        sa.CheckConstraint("unit IN ('week', 'month')", name=op.f("ck_series_unit")),
        sa.CheckConstraint("due_after_h > 0", name=op.f("ck_series_due_after_h")),
        sa.CheckConstraint("every > 0", name=op.f("ck_series_every")),
        sa.ForeignKeyConstraint(
            ["org_id", "audience_id"], ["audience.org_id", "audience.id"], name=op.f("fk_series_org_id_audience_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "challenge_id"], ["challenge.org_id", "challenge.id"], name=op.f("fk_series_org_id_challenge_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "created_by"], ["person.org_id", "person.id"], name=op.f("fk_series_org_id_created_by")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "responsible_id"], ["person.org_id", "person.id"], name=op.f("fk_series_org_id_responsible_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_series")),
    )
    op.create_index("ix_series_challenge", "series", ["org_id", "challenge_id"], unique=False)
    op.create_index("ix_series_list", "series", ["org_id", "created_at", "id"], unique=False)
    op.create_index("ix_series_next", "series", ["next_at"], unique=False, postgresql_where=sa.text("state = 'active'"))
    op.create_table(
        "occurrence",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "challenge_id"],
            ["challenge.org_id", "challenge.id"],
            name=op.f("fk_occurrence_org_id_challenge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "series_id"], ["series.org_id", "series.id"], name=op.f("fk_occurrence_org_id_series_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_occurrence")),
    )
    op.create_index("uq_occurrence_challenge", "occurrence", ["org_id", "challenge_id"], unique=True)
    op.create_index("uq_occurrence_number", "occurrence", ["org_id", "series_id", "number"], unique=True)
    op.create_table(
        "challenge_pair",
        sa.Column("baseline_id", sa.Uuid(), nullable=False),
        sa.Column("follow_up_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "baseline_id"],
            ["challenge.org_id", "challenge.id"],
            name=op.f("fk_challenge_pair_org_id_baseline_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "follow_up_id"],
            ["challenge.org_id", "challenge.id"],
            name=op.f("fk_challenge_pair_org_id_follow_up_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_challenge_pair")),
    )
    op.create_index("ix_challenge_pair_baseline", "challenge_pair", ["org_id", "baseline_id"], unique=False)
    op.create_index("uq_challenge_pair", "challenge_pair", ["org_id", "follow_up_id"], unique=True)
    op.create_table(
        "level_example",
        sa.Column("level_id", sa.Uuid(), nullable=False),
        sa.Column("bright_spot_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "bright_spot_id"],
            ["bright_spot.org_id", "bright_spot.id"],
            name=op.f("fk_level_example_org_id_bright_spot_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "level_id"], ["level.org_id", "level.id"], name=op.f("fk_level_example_org_id_level_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_level_example")),
    )
    op.create_index("ix_level_example_spot", "level_example", ["org_id", "bright_spot_id"], unique=False)
    op.create_index("uq_level_example", "level_example", ["org_id", "level_id"], unique=True)
    tenancy.tenant_policy(
        "template",
        "template_asset",
        "library_skill",
        "library_rubric",
        "series",
        "occurrence",
        "challenge_pair",
        "level_example",
    )
    tenancy.run_sql("library.sql")
    tenancy.grant_functions("series_due(integer)")


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
