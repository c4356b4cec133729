"""The first schema: the tables, their policies, the audited functions and the queue."""

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

from models.migrations import tenancy

revision = "2026_11_24_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "org",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_org")),
        sa.UniqueConstraint("slug", name=op.f("uq_org_slug")),
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
    op.create_index(op.f("ix_throttle_window_start"), "throttle", ["window_start"], unique=False)
    op.create_table(
        "audience",
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("include_subteams", sa.Boolean(), nullable=False),
        sa.Column("joiners", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("joiners IN ('include', 'exclude')", name=op.f("ck_audience_joiners")),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_audience_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_audience")),
    )
    op.create_table(
        "event",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_event_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", "at", name=op.f("pk_event")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_event_subject", "event", ["org_id", "subject_id", "at"], unique=False)
    op.create_table(
        "person",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("org_role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("org_role IN ('admin', 'enablement', 'member')", name=op.f("ck_person_org_role")),
        sa.CheckConstraint("state IN ('invited', 'active', 'left')", name=op.f("ck_person_state")),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_person_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_person")),
    )
    op.create_index("uq_person_email", "person", ["org_id", "email"], unique=True)
    op.create_index("ix_person_name", "person", ["org_id", "name", "id"], unique=False)
    op.create_table(
        "rubric",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("latest_version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_rubric_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_rubric")),
    )
    op.create_table(
        "skill",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_skill_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_skill")),
    )
    op.create_index("uq_skill_name", "skill", ["org_id", sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "team",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_team_own_parent")),
        sa.ForeignKeyConstraint(
            ["org_id", "parent_id"], ["team.org_id", "team.id"], name=op.f("fk_team_org_id_parent_id")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_team_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_team")),
    )
    op.create_index("ix_team_parent", "team", ["org_id", "parent_id"], unique=False)
    op.create_index("ix_team_name", "team", ["org_id", "name", "id"], unique=False)
    op.create_table(
        "account_token",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("purpose IN ('invitation', 'password_reset')", name=op.f("ck_account_token_purpose")),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_account_token_org_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_account_token")),
    )
    op.create_index("ix_account_token_person", "account_token", ["org_id", "person_id", "purpose"], unique=False)
    op.create_table(
        "asset",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("renditions_pending", sa.Boolean(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem_detail", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("storyboard", sa.Boolean(), nullable=False),
        sa.Column("poster", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("playable_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bright_spot_id", sa.Uuid(), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('response', 'prompt', 'model_answer', 'critique_reply', 'attachment', 'clip')",
            name=op.f("ck_asset_purpose"),
        ),
        sa.CheckConstraint("state <> 'failed' OR problem_code IS NOT NULL", name=op.f("ck_asset_problem")),
        sa.CheckConstraint(
            "state IN ('uploading', 'processing', 'playable', 'ready', 'failed', 'deleted')",
            name=op.f("ck_asset_state"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "owner_id"], ["person.org_id", "person.id"], name=op.f("fk_asset_org_id_owner_id")
        ),
        sa.ForeignKeyConstraint(["org_id"], ["org.id"], name=op.f("fk_asset_org_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_asset")),
    )
    op.create_index("ix_asset_owner", "asset", ["org_id", "owner_id"], unique=False)
    op.create_index(
        "ix_asset_unfinished",
        "asset",
        ["org_id", "state"],
        unique=False,
        postgresql_where=sa.text("state = 'processing'"),
    )
    op.create_table(
        "audience_person",
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "audience_id"],
            ["audience.org_id", "audience.id"],
            name=op.f("fk_audience_person_org_id_audience_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_audience_person_org_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_audience_person")),
    )
    op.create_index("uq_audience_person", "audience_person", ["org_id", "audience_id", "person_id"], unique=True)
    op.create_table(
        "audience_team",
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "audience_id"],
            ["audience.org_id", "audience.id"],
            name=op.f("fk_audience_team_org_id_audience_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "team_id"], ["team.org_id", "team.id"], name=op.f("fk_audience_team_org_id_team_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_audience_team")),
    )
    op.create_index("uq_audience_team", "audience_team", ["org_id", "audience_id", "team_id"], unique=True)
    op.create_table(
        "membership",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("role IN ('manager', 'rep')", name=op.f("ck_membership_role")),
        sa.CheckConstraint("until_at IS NULL OR until_at >= from_at", name=op.f("ck_membership_span")),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_membership_org_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "team_id"], ["team.org_id", "team.id"], name=op.f("fk_membership_org_id_team_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_membership")),
    )
    op.create_index("ix_membership_person", "membership", ["org_id", "person_id"], unique=False)
    op.create_index("ix_membership_team", "membership", ["org_id", "team_id", "person_id"], unique=False)
    op.create_index(
        "uq_membership_now",
        "membership",
        ["org_id", "person_id", "team_id"],
        unique=True,
        postgresql_where=sa.text("until_at IS NULL"),
    )
    op.create_table(
        "rubric_version",
        sa.Column("rubric_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_id"],
            ["rubric.org_id", "rubric.id"],
            name=op.f("fk_rubric_version_org_id_rubric_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_rubric_version")),
    )
    op.create_index("uq_rubric_version", "rubric_version", ["org_id", "rubric_id", "version"], unique=True)
    op.create_table(
        "session",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"], ["person.org_id", "person.id"], name=op.f("fk_session_org_id_person_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_session")),
    )
    op.create_index("ix_session_person", "session", ["org_id", "person_id"], unique=False)
    op.create_table(
        "bright_spot",
        sa.Column("maker_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("why_it_works", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cut", sa.Integer(), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("clip_asset_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('simple', translate(title, '‘’‚‛“”„‟«»‹›…–—―•·‐‑\xa0\u2009\u202f', '''''''''\"\"\"\"\"\"''''      --   ')), 'A')"
                " || setweight(to_tsvector('simple', translate(why_it_works, '‘’‚‛“”„‟«»‹›…–—―•·‐‑\xa0\u2009\u202f', '''''''''\"\"\"\"\"\"''''      --   ')), 'B')",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'awaiting_consent', 'declined', 'ready', 'published', 'revoked', 'archived')",
            name=op.f("ck_bright_spot_state"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "audience_id"],
            ["audience.org_id", "audience.id"],
            name=op.f("fk_bright_spot_org_id_audience_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "clip_asset_id"],
            ["asset.org_id", "asset.id"],
            name=op.f("fk_bright_spot_org_id_clip_asset_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "maker_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_bright_spot_org_id_maker_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_bright_spot")),
    )
    op.create_index("ix_bright_spot_feed", "bright_spot", ["org_id", "state", "published_at", "id"], unique=False)
    op.create_index("ix_bright_spot_search", "bright_spot", ["search"], unique=False, postgresql_using="gin")
    op.create_table(
        "challenge",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("brief", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rubric_id", sa.Uuid(), nullable=False),
        sa.Column("rubric_version_id", sa.Uuid(), nullable=True),
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("max_takes", sa.Integer(), nullable=True),
        sa.Column("pass_mark", sa.Double(), nullable=True),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_local", sa.DateTime(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('positioning', 'objection_play', 'discovery', 'value_story', 'product_description', 'anecdote', 'role_play', 'open')",
            name=op.f("ck_challenge_kind"),
        ),
        sa.CheckConstraint("state = 'draft' OR rubric_version_id IS NOT NULL", name=op.f("ck_challenge_pinned")),
        sa.CheckConstraint("state IN ('draft', 'published', 'closed', 'archived')", name=op.f("ck_challenge_state")),
        sa.CheckConstraint("due_at IS NULL OR due_local IS NULL", name=op.f("ck_challenge_one_due")),
        sa.CheckConstraint("max_takes > 0", name=op.f("ck_challenge_max_takes")),
        sa.CheckConstraint("pass_mark BETWEEN 0 AND 1", name=op.f("ck_challenge_pass_mark")),
        sa.ForeignKeyConstraint(
            ["org_id", "audience_id"],
            ["audience.org_id", "audience.id"],
            name=op.f("fk_challenge_org_id_audience_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "created_by"],
            ["person.org_id", "person.id"],
            name=op.f("fk_challenge_org_id_created_by"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_id"],
            ["rubric.org_id", "rubric.id"],
            name=op.f("fk_challenge_org_id_rubric_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_version_id"],
            ["rubric_version.org_id", "rubric_version.id"],
            name=op.f("fk_challenge_org_id_rubric_version_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_challenge")),
    )
    op.create_index("ix_challenge_creator", "challenge", ["org_id", "created_by"], unique=False)
    op.create_index("ix_challenge_state", "challenge", ["org_id", "state", "id"], unique=False)
    op.create_table(
        "criterion",
        sa.Column("rubric_version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("must_pass", sa.Boolean(), nullable=False),
        sa.Column("allow_na", sa.Boolean(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_criterion_weight")),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_version_id"],
            ["rubric_version.org_id", "rubric_version.id"],
            name=op.f("fk_criterion_org_id_rubric_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "skill_id"], ["skill.org_id", "skill.id"], name=op.f("fk_criterion_org_id_skill_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_criterion")),
    )
    op.create_index("ix_criterion_skill", "criterion", ["org_id", "skill_id"], unique=False)
    op.create_index("uq_criterion_key", "criterion", ["org_id", "rubric_version_id", "key"], unique=True)
    op.create_table(
        "refresh_token",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "session_id"],
            ["session.org_id", "session.id"],
            name=op.f("fk_refresh_token_org_id_session_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "successor_id"],
            ["refresh_token.org_id", "refresh_token.id"],
            name=op.f("fk_refresh_token_org_id_successor_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_refresh_token")),
    )
    op.create_index("ix_refresh_token_session", "refresh_token", ["org_id", "session_id"], unique=False)
    op.create_table(
        "rendition",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("index", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind IN ('progressive', 'video', 'audio')", name=op.f("ck_rendition_kind")),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"],
            ["asset.org_id", "asset.id"],
            name=op.f("fk_rendition_org_id_asset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_rendition")),
    )
    op.create_index("uq_rendition_name", "rendition", ["org_id", "asset_id", "name"], unique=True)
    op.create_table(
        "assignment",
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("resume_state", sa.Text(), nullable=True),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at_own", sa.Boolean(), nullable=False),
        sa.Column("extra_takes", sa.Integer(), nullable=False),
        sa.Column("current_take_id", sa.Uuid(), nullable=True),
        sa.Column("accepted_take_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('scheduled', 'open', 'in_progress', 'submitted', 'retake', 'done', 'excused', 'closed')",
            name=op.f("ck_assignment_state"),
        ),
        sa.CheckConstraint("extra_takes >= 0", name=op.f("ck_assignment_extra_takes")),
        sa.ForeignKeyConstraint(
            ["org_id", "challenge_id"],
            ["challenge.org_id", "challenge.id"],
            name=op.f("fk_assignment_org_id_challenge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_assignment_org_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "team_id"], ["team.org_id", "team.id"], name=op.f("fk_assignment_org_id_team_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_assignment")),
    )
    op.create_index("ix_assignment_inbox", "assignment", ["org_id", "person_id", "state", "due_at"], unique=False)
    op.create_index("ix_assignment_team", "assignment", ["org_id", "team_id"], unique=False)
    op.create_index("uq_assignment_person", "assignment", ["org_id", "challenge_id", "person_id"], unique=True)
    op.create_table(
        "bright_spot_skill",
        sa.Column("bright_spot_id", sa.Uuid(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "bright_spot_id"],
            ["bright_spot.org_id", "bright_spot.id"],
            name=op.f("fk_bright_spot_skill_org_id_bright_spot_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "skill_id"],
            ["skill.org_id", "skill.id"],
            name=op.f("fk_bright_spot_skill_org_id_skill_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_bright_spot_skill")),
    )
    op.create_index("ix_bright_spot_skill_of", "bright_spot_skill", ["org_id", "bright_spot_id"], unique=False)
    op.create_index("uq_bright_spot_skill", "bright_spot_skill", ["org_id", "skill_id", "bright_spot_id"], unique=True)
    op.create_table(
        "bright_spot_tag",
        sa.Column("bright_spot_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "bright_spot_id"],
            ["bright_spot.org_id", "bright_spot.id"],
            name=op.f("fk_bright_spot_tag_org_id_bright_spot_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_bright_spot_tag")),
    )
    op.create_index("ix_bright_spot_tag_of", "bright_spot_tag", ["org_id", "bright_spot_id"], unique=False)
    op.create_index("uq_bright_spot_tag", "bright_spot_tag", ["org_id", "tag", "bright_spot_id"], unique=True)
    op.create_table(
        "consent",
        sa.Column("bright_spot_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("cut", sa.Integer(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "bright_spot_id"],
            ["bright_spot.org_id", "bright_spot.id"],
            name=op.f("fk_consent_org_id_bright_spot_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"], ["person.org_id", "person.id"], name=op.f("fk_consent_org_id_person_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_until", "consent", ["until"], unique=False)
    op.create_index("uq_consent_answer", "consent", ["org_id", "bright_spot_id", "person_id", "cut"], unique=True)
    op.create_table(
        "level",
        sa.Column("criterion_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "criterion_id"],
            ["criterion.org_id", "criterion.id"],
            name=op.f("fk_level_org_id_criterion_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_level")),
    )
    op.create_index("uq_level_position", "level", ["org_id", "criterion_id", "position"], unique=True)
    op.create_table(
        "prompt",
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("max_duration_ms", sa.Integer(), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("max_duration_ms > 0", name=op.f("ck_prompt_max_duration_ms")),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_prompt_org_id_asset_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "challenge_id"],
            ["challenge.org_id", "challenge.id"],
            name=op.f("fk_prompt_org_id_challenge_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_prompt")),
    )
    op.create_index("uq_prompt_position", "prompt", ["org_id", "challenge_id", "position"], unique=True)
    op.create_table(
        "take",
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("practice", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("NOT practice OR state IN ('draft', 'discarded')", name=op.f("ck_take_practice")),
        sa.CheckConstraint(
            "state IN ('draft', 'submitting', 'submitted', 'needs_replacement', 'reviewed', 'withdrawn', 'discarded')",
            name=op.f("ck_take_state"),
        ),
        sa.CheckConstraint(
            "submitted_at IS NOT NULL OR state IN ('draft', 'discarded')", name=op.f("ck_take_submitted_at")
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_take_confidence")),
        sa.ForeignKeyConstraint(
            ["org_id", "assignment_id"],
            ["assignment.org_id", "assignment.id"],
            name=op.f("fk_take_org_id_assignment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "challenge_id"],
            ["challenge.org_id", "challenge.id"],
            name=op.f("fk_take_org_id_challenge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"], ["person.org_id", "person.id"], name=op.f("fk_take_org_id_person_id")
        ),
        sa.ForeignKeyConstraint(["org_id", "team_id"], ["team.org_id", "team.id"], name=op.f("fk_take_org_id_team_id")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_take")),
    )
    op.create_index("ix_take_person", "take", ["org_id", "person_id", "submitted_at"], unique=False)
    op.create_index(
        "ix_take_review",
        "take",
        ["org_id", "team_id", "submitted_at"],
        unique=False,
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.create_index(
        "ix_take_waiting",
        "take",
        ["org_id", "submitted_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.create_index(
        "uq_take_draft",
        "take",
        ["org_id", "assignment_id", "practice"],
        unique=True,
        postgresql_where=sa.text("state = 'draft'"),
    )
    op.create_index("uq_take_number", "take", ["org_id", "assignment_id", "practice", "number"], unique=True)
    op.create_table(
        "upload",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("part_size_bytes", sa.Integer(), nullable=False),
        sa.Column("part_count", sa.Integer(), nullable=False),
        sa.Column("multipart_id", sa.Text(), nullable=False),
        sa.Column("with_checksums", sa.Boolean(), nullable=True),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("life_days", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("assignment_id", sa.Uuid(), nullable=True),
        sa.Column("prompt_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('response', 'prompt', 'model_answer', 'critique_reply', 'attachment')",
            name=op.f("ck_upload_purpose"),
        ),
        sa.CheckConstraint("state IN ('open', 'completed', 'aborted', 'expired')", name=op.f("ck_upload_state")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_upload_size_bytes")),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_upload_org_id_asset_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "assignment_id"],
            ["assignment.org_id", "assignment.id"],
            name=op.f("fk_upload_org_id_assignment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"], ["person.org_id", "person.id"], name=op.f("fk_upload_org_id_person_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "prompt_id"], ["prompt.org_id", "prompt.id"], name=op.f("fk_upload_org_id_prompt_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_upload")),
    )
    op.create_index(
        "ix_upload_open", "upload", ["expires_at"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(
        "ix_upload_org_open",
        "upload",
        ["org_id", "person_id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_upload_person", "upload", ["org_id", "person_id", "state"], unique=False)
    op.create_index("uq_upload_asset", "upload", ["org_id", "asset_id"], unique=True)
    op.create_table(
        "critique",
        sa.Column("take_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid(), nullable=False),
        sa.Column("perspective", sa.Text(), nullable=False),
        sa.Column("rubric_version_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("strengths", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("supersedes_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(published_at IS NULL) = (state IN ('draft', 'discarded'))",
            name=op.f("ck_critique_published_at"),
        ),
        sa.CheckConstraint("decision IN ('pass', 'retake')", name=op.f("ck_critique_decision")),
        sa.CheckConstraint("perspective IN ('manager', 'peer', 'self')", name=op.f("ck_critique_perspective")),
        sa.CheckConstraint(
            "state IN ('draft', 'published', 'superseded', 'discarded')", name=op.f("ck_critique_state")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "reviewer_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_critique_org_id_reviewer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_version_id"],
            ["rubric_version.org_id", "rubric_version.id"],
            name=op.f("fk_critique_org_id_rubric_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supersedes_id"],
            ["critique.org_id", "critique.id"],
            name=op.f("fk_critique_org_id_supersedes_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "take_id"], ["take.org_id", "take.id"], name=op.f("fk_critique_org_id_take_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_critique")),
    )
    op.create_index("ix_critique_reviewer", "critique", ["org_id", "reviewer_id", "state"], unique=False)
    op.create_index("ix_critique_take", "critique", ["org_id", "take_id", "state"], unique=False)
    op.create_index(
        "uq_critique_draft",
        "critique",
        ["org_id", "take_id", "reviewer_id"],
        unique=True,
        postgresql_where=sa.text("state = 'draft'"),
    )
    op.create_table(
        "response",
        sa.Column("take_id", sa.Uuid(), nullable=False),
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_response_org_id_asset_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "prompt_id"], ["prompt.org_id", "prompt.id"], name=op.f("fk_response_org_id_prompt_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "take_id"], ["take.org_id", "take.id"], name=op.f("fk_response_org_id_take_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_response")),
    )
    op.create_index("ix_response_asset", "response", ["org_id", "asset_id"], unique=False)
    op.create_index("uq_response_prompt", "response", ["org_id", "take_id", "prompt_id"], unique=True)
    op.create_table(
        "segment",
        sa.Column("bright_spot_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("take_id", sa.Uuid(), nullable=False),
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("start_ms >= 0 AND end_ms > start_ms", name=op.f("ck_segment_range")),
        sa.ForeignKeyConstraint(
            ["org_id", "bright_spot_id"],
            ["bright_spot.org_id", "bright_spot.id"],
            name=op.f("fk_segment_org_id_bright_spot_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"], ["person.org_id", "person.id"], name=op.f("fk_segment_org_id_person_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "prompt_id"], ["prompt.org_id", "prompt.id"], name=op.f("fk_segment_org_id_prompt_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "take_id"], ["take.org_id", "take.id"], name=op.f("fk_segment_org_id_take_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_segment")),
    )
    op.create_index("ix_segment_person", "segment", ["org_id", "person_id"], unique=False)
    op.create_index("ix_segment_take", "segment", ["org_id", "take_id"], unique=False)
    op.create_index("uq_segment_position", "segment", ["org_id", "bright_spot_id", "position"], unique=True)
    op.create_table(
        "upload_part",
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("part_number", sa.Integer(), nullable=False),
        sa.Column("checksum_sha256", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "upload_id"],
            ["upload.org_id", "upload.id"],
            name=op.f("fk_upload_part_org_id_upload_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_upload_part")),
    )
    op.create_index("uq_upload_part_number", "upload_part", ["org_id", "upload_id", "part_number"], unique=True)
    op.create_table(
        "moment",
        sa.Column("take_id", sa.Uuid(), nullable=False),
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.Column("critique_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("tone", sa.Text(), nullable=False),
        sa.Column("criterion_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("tone IN ('strength', 'growth', 'question')", name=op.f("ck_moment_tone")),
        sa.CheckConstraint("start_ms >= 0 AND (end_ms IS NULL OR end_ms > start_ms)", name=op.f("ck_moment_range")),
        sa.ForeignKeyConstraint(
            ["org_id", "author_id"], ["person.org_id", "person.id"], name=op.f("fk_moment_org_id_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "criterion_id"],
            ["criterion.org_id", "criterion.id"],
            name=op.f("fk_moment_org_id_criterion_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "critique_id"],
            ["critique.org_id", "critique.id"],
            name=op.f("fk_moment_org_id_critique_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "prompt_id"], ["prompt.org_id", "prompt.id"], name=op.f("fk_moment_org_id_prompt_id")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "take_id"], ["take.org_id", "take.id"], name=op.f("fk_moment_org_id_take_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_moment")),
    )
    op.create_index("ix_moment_take", "moment", ["org_id", "take_id", "prompt_id", "start_ms"], unique=False)
    op.create_table(
        "next_step",
        sa.Column("critique_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("outcome IN ('done', 'partly', 'not_yet')", name=op.f("ck_next_step_outcome")),
        sa.ForeignKeyConstraint(
            ["org_id", "critique_id"],
            ["critique.org_id", "critique.id"],
            name=op.f("fk_next_step_org_id_critique_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_next_step_org_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "skill_id"], ["skill.org_id", "skill.id"], name=op.f("fk_next_step_org_id_skill_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_next_step")),
    )
    op.create_index("ix_next_step_critique", "next_step", ["org_id", "critique_id"], unique=False)
    op.create_index("ix_next_step_person", "next_step", ["org_id", "person_id", "skill_id"], unique=False)
    op.create_table(
        "score",
        sa.Column("critique_id", sa.Uuid(), nullable=False),
        sa.Column("criterion_id", sa.Uuid(), nullable=False),
        sa.Column("level_id", sa.Uuid(), nullable=True),
        sa.Column("not_applicable", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(level_id IS NULL) = not_applicable", name=op.f("ck_score_scored")),
        sa.ForeignKeyConstraint(
            ["org_id", "criterion_id"],
            ["criterion.org_id", "criterion.id"],
            name=op.f("fk_score_org_id_criterion_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "critique_id"],
            ["critique.org_id", "critique.id"],
            name=op.f("fk_score_org_id_critique_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "level_id"], ["level.org_id", "level.id"], name=op.f("fk_score_org_id_level_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_score")),
    )
    op.create_index("uq_score_criterion", "score", ["org_id", "critique_id", "criterion_id"], unique=True)
    op.create_table(
        "skill_observation",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("take_id", sa.Uuid(), nullable=False),
        sa.Column("critique_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid(), nullable=False),
        sa.Column("rubric_version_id", sa.Uuid(), nullable=False),
        sa.Column("perspective", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("step", sa.Double(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("perspective IN ('manager', 'peer', 'self')", name=op.f("ck_skill_observation_perspective")),
        sa.CheckConstraint("value BETWEEN 0 AND 1", name=op.f("ck_skill_observation_value")),
        sa.ForeignKeyConstraint(
            ["org_id", "critique_id"],
            ["critique.org_id", "critique.id"],
            name=op.f("fk_skill_observation_org_id_critique_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "person_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_skill_observation_org_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "reviewer_id"],
            ["person.org_id", "person.id"],
            name=op.f("fk_skill_observation_org_id_reviewer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rubric_version_id"],
            ["rubric_version.org_id", "rubric_version.id"],
            name=op.f("fk_skill_observation_org_id_rubric_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "skill_id"],
            ["skill.org_id", "skill.id"],
            name=op.f("fk_skill_observation_org_id_skill_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "take_id"],
            ["take.org_id", "take.id"],
            name=op.f("fk_skill_observation_org_id_take_id"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "team_id"],
            ["team.org_id", "team.id"],
            name=op.f("fk_skill_observation_org_id_team_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_skill_observation")),
    )
    op.create_index(
        "ix_skill_observation_past", "skill_observation", ["org_id", "person_id", "published_at"], unique=False
    )
    op.create_index(
        "ix_skill_observation_person",
        "skill_observation",
        ["org_id", "person_id", "skill_id", "observed_at"],
        unique=False,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("uq_skill_observation", "skill_observation", ["org_id", "critique_id", "skill_id"], unique=True)
    op.create_table(
        "follow_up",
        sa.Column("critique_id", sa.Uuid(), nullable=False),
        sa.Column("next_step_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("outcome IN ('done', 'partly', 'not_yet')", name=op.f("ck_follow_up_outcome")),
        sa.ForeignKeyConstraint(
            ["org_id", "critique_id"],
            ["critique.org_id", "critique.id"],
            name=op.f("fk_follow_up_org_id_critique_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "next_step_id"],
            ["next_step.org_id", "next_step.id"],
            name=op.f("fk_follow_up_org_id_next_step_id"),
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_follow_up")),
    )
    op.create_index("uq_follow_up", "follow_up", ["org_id", "critique_id", "next_step_id"], unique=True)
    op.create_foreign_key(
        "fk_asset_org_id_bright_spot_id",
        "asset",
        "bright_spot",
        ["org_id", "bright_spot_id"],
        ["org_id", "id"],
    )
    op.create_foreign_key(
        "fk_assignment_org_id_accepted_take_id",
        "assignment",
        "take",
        ["org_id", "accepted_take_id"],
        ["org_id", "id"],
    )
    op.create_foreign_key(
        "fk_assignment_org_id_current_take_id",
        "assignment",
        "take",
        ["org_id", "current_take_id"],
        ["org_id", "id"],
    )
    tenancy.tenant_policy(
        "audience",
        "person",
        "rubric",
        "skill",
        "team",
        "account_token",
        "asset",
        "audience_person",
        "audience_team",
        "membership",
        "rubric_version",
        "session",
        "bright_spot",
        "challenge",
        "criterion",
        "refresh_token",
        "rendition",
        "assignment",
        "bright_spot_skill",
        "bright_spot_tag",
        "consent",
        "level",
        "prompt",
        "take",
        "upload",
        "critique",
        "response",
        "segment",
        "upload_part",
        "moment",
        "next_step",
        "score",
        "skill_observation",
        "follow_up",
    )
    tenancy.tenant_policy("org", key="id", verbs="SELECT, UPDATE")
    tenancy.tenant_policy("event", verbs="SELECT, INSERT")
    op.execute("ALTER TABLE throttle ENABLE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT ON alembic_version TO {tenancy.app_role()}")
    _make_queue()
    tenancy.run_sql("functions.sql")
    tenancy.grant_functions(
        "org_id_of_slug(text)",
        "throttle_hit(text, integer)",
        "throttle_add(text[], integer[], integer)",
        "throttle_forget(text)",
        "throttle_give_back(text)",
        "uploads_to_sweep(integer)",
        "assignments_to_open(integer)",
        "consents_run_out(integer)",
        "assets_without_job(integer)",
        "search_bright_spots(text)",
        "make_event_partitions()",
    )
    op.execute("SELECT make_event_partitions()")


def _make_queue() -> None:
    role = tenancy.app_role()
    op.execute("CREATE SCHEMA queue")
    op.execute("SET LOCAL search_path = queue")
    tenancy.run_script(SchemaManager.get_schema())
    op.execute("SET LOCAL search_path = public")
    op.execute(f"GRANT USAGE ON SCHEMA queue TO {role}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO {role}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA queue TO {role}")


def downgrade() -> None:
    raise RuntimeError("There is nothing before the first schema.")
