"""Drafts that are never lost, answers to a critique, threads under moments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations import tenancy

revision = "2026_11_25_0008"
down_revision = "2026_11_25_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    at, key = sa.DateTime(timezone=True), sa.Uuid()
    op.add_column("critique", sa.Column("reply_asset_id", key, nullable=True))
    op.add_column("critique", sa.Column("disagreed_at", at, nullable=True))
    op.add_column("critique", sa.Column("disagreement", sa.Text(), nullable=True))
    op.add_column("critique", sa.Column("disagreement_answered_at", at, nullable=True))
    for name in ("thread_id", "resolved_by"):
        op.add_column("moment", sa.Column(name, key, nullable=True))
    op.add_column("moment", sa.Column("market_signal", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("moment", sa.Column("resolved_at", at, nullable=True))
    for table, column, target in (
        ("critique", "reply_asset_id", "asset"),
        ("moment", "thread_id", "moment"),
        ("moment", "resolved_by", "person"),
    ):
        op.create_foreign_key(
            f"fk_{table}_{column}",
            table,
            target,
            ["org_id", column],
            ["org_id", "id"],
            postgresql_not_valid=True,
        )
    op.create_check_constraint(
        op.f("ck_critique_disagreement"),
        "critique",
        "(disagreed_at IS NULL) = (disagreement IS NULL)",
        postgresql_not_valid=True,
    )
    op.create_check_constraint(
        op.f("ck_moment_resolved"),
        "moment",
        "(resolved_at IS NULL) = (resolved_by IS NULL)",
        postgresql_not_valid=True,
    )
    op.create_table(
        "critique_remark",
        *_said("critique_id", "critique_remark", "critique"),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id", "asset_id"], ["asset.org_id", "asset.id"], name=op.f("fk_critique_remark_asset_id")
        ),
    )
    op.create_index("ix_critique_remark", "critique_remark", ["org_id", "critique_id", "created_at", "id"])
    op.create_index(
        "ix_critique_remark_asset",
        "critique_remark",
        ["org_id", "asset_id"],
        postgresql_where=sa.text("asset_id IS NOT NULL"),
    )
    op.create_table("moment_reply", *_said("moment_id", "moment_reply", "moment"))
    op.create_index("ix_moment_reply", "moment_reply", ["org_id", "moment_id", "created_at", "id"])
    op.create_table(
        "draft_version",
        sa.Column("critique_id", sa.Uuid(), nullable=True),
        sa.Column("moment_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("kept_as", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kept_as IN ('stale', 'late', 'replaced')", name=op.f("ck_draft_version_kept_as")),
        sa.CheckConstraint("(critique_id IS NULL) <> (moment_id IS NULL)", name=op.f("ck_draft_version_one_thing")),
        *[
            _key("draft_version", column, target)
            for column, target in (("critique_id", "critique"), ("moment_id", "moment"))
        ],
        sa.ForeignKeyConstraint(
            ["org_id", "author_id"], ["person.org_id", "person.id"], name=op.f("fk_draft_version_author_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_draft_version")),
    )
    for column in ("critique", "moment"):
        op.create_index(
            f"uq_draft_version_{column}", "draft_version", ["org_id", f"{column}_id", "digest"], unique=True
        )
    for table in ("critique_remark", "moment_reply"):
        tenancy.tenant_policy(table, verbs="SELECT, INSERT, DELETE")  # they stay as they were said
    tenancy.tenant_policy("draft_version")
    with op.get_context().autocommit_block():
        for name, table, columns, where in (
            ("ix_critique_reply_asset", "critique", ["org_id", "reply_asset_id"], "reply_asset_id IS NOT NULL"),
            ("ix_critique_supersedes", "critique", ["org_id", "supersedes_id"], "supersedes_id IS NOT NULL"),
            ("ix_moment_critique", "moment", ["org_id", "critique_id"], "critique_id IS NOT NULL"),
            ("ix_moment_signal", "moment", ["org_id", "created_at", "id"], "market_signal"),
        ):
            op.create_index(
                name, table, columns, postgresql_where=sa.text(where), postgresql_concurrently=True, if_not_exists=True
            )
        for table, constraint in (
            ("critique", "fk_critique_reply_asset_id"),
            ("critique", "ck_critique_disagreement"),
            ("moment", "fk_moment_thread_id"),
            ("moment", "fk_moment_resolved_by"),
            ("moment", "ck_moment_resolved"),
        ):
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")


def _said(column: str, table: str, target: str) -> list[sa.schema.SchemaItem]:
    """What was said by whom, and under what."""
    return [
        sa.Column(column, sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        _key(table, column, target),
        sa.ForeignKeyConstraint(
            ["org_id", "author_id"], ["person.org_id", "person.id"], name=op.f(f"fk_{table}_author_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f(f"pk_{table}")),
    ]


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{target}.org_id", f"{target}.id"],
        name=op.f(f"fk_{table}_{column}"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
