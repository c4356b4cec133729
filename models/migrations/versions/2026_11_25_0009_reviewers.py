"""Who reviews, who stands in, guests, and the clock of feedback."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations import tenancy

revision = "2026_11_25_0009"
down_revision = "2026_11_25_0008"
branch_labels = None
depends_on = None

WAITING = "state = 'submitted'"
WAITS_SINCE = "coalesce(promised_at, submitted_at)"


def upgrade() -> None:
    at, key = sa.DateTime(timezone=True), sa.Uuid()
    for name in ("promised_at", "promise_near_at", "escalated_at", "claimed_until"):
        op.add_column("take", sa.Column(name, at, nullable=True))
    op.add_column("take", sa.Column("claimed_by", key, nullable=True))
    for table in ("take", "challenge"):
        op.add_column(table, sa.Column("reviewer_ids", sa.ARRAY(key), server_default="{}", nullable=False))
    op.create_foreign_key(
        "fk_take_claimed_by",
        "take",
        "person",
        ["org_id", "claimed_by"],
        ["org_id", "id"],
        postgresql_not_valid=True,
    )
    op.create_check_constraint(
        op.f("ck_take_claimed"),
        "take",
        "(claimed_by IS NULL) = (claimed_until IS NULL)",
        postgresql_not_valid=True,
    )
    _delegations()
    _guests()
    tenancy.tenant_policy("delegation", "guest_review")
    tenancy.run_sql("reviewers.sql")
    tenancy.grant_functions("reviews_to_tell(integer)")
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_take_reviewers",
            "take",
            ["reviewer_ids"],
            postgresql_where=sa.text("reviewer_ids <> '{}'"),
            postgresql_using="gin",
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        wanted: list[tuple[str, list[str | sa.TextClause], str]] = [
            ("ix_take_claimed", ["org_id", "claimed_by"], "claimed_by IS NOT NULL"),
            ("ix_take_team_queue", ["org_id", "team_id", sa.text(WAITS_SINCE), "id"], WAITING),
            ("ix_take_queue", ["org_id", sa.text(WAITS_SINCE), "id"], WAITING),
        ]
        for name, columns, where in wanted:
            op.create_index(
                name,
                "take",
                columns,
                postgresql_where=sa.text(where),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.create_index(
            "ix_take_team",
            "take",
            ["org_id", "team_id", "submitted_at"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        for constraint in ("fk_take_claimed_by", "ck_take_claimed"):
            op.execute(f"ALTER TABLE take VALIDATE CONSTRAINT {constraint}")


def _delegations() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "delegation",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("from_at", at, nullable=False),
        sa.Column("until_at", at, nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("ended_at", at, nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("delegate_id <> person_id", name=op.f("ck_delegation_another")),
        sa.CheckConstraint("until_at > from_at", name=op.f("ck_delegation_span")),
        *[_key("delegation", column, "person") for column in ("person_id", "delegate_id")],
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_delegation")),
    )
    op.create_index(
        "ix_delegation_delegate",
        "delegation",
        ["org_id", "delegate_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_delegation_person", "delegation", ["org_id", "person_id"], unique=False)


def _guests() -> None:
    at, words = sa.DateTime(timezone=True), sa.Text()
    op.create_table(
        "guest_review",
        *[sa.Column(name, sa.Uuid(), nullable=False) for name in ("take_id", "person_id")],
        sa.Column("team_id", sa.Uuid(), nullable=True),
        *[sa.Column(name, sa.Uuid(), nullable=False) for name in ("invited_by", "rubric_version_id")],
        sa.Column("name", words, nullable=False),
        sa.Column("state", words, nullable=False),
        sa.Column("expires_at", at, nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("opened_at", at, nullable=True),
        sa.Column("published_at", at, nullable=True),
        sa.Column("scores", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("strengths", words, nullable=False),
        sa.Column("summary", words, nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state IN ('invited', 'published', 'ended')", name=op.f("ck_guest_review_state")),
        sa.CheckConstraint(
            "(published_at IS NOT NULL) = (state = 'published')", name=op.f("ck_guest_review_published_at")
        ),
        *[
            _key("guest_review", column, table)
            for column, table in (
                ("take_id", "take"),
                ("person_id", "person"),
                ("team_id", "team"),
                ("invited_by", "person"),
                ("rubric_version_id", "rubric_version"),
            )
        ],
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_guest_review")),
    )
    op.create_index("ix_guest_review_take", "guest_review", ["org_id", "take_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_guest_review_inviter",
        "guest_review",
        ["org_id", "invited_by"],
        unique=False,
        postgresql_where=sa.text("state = 'invited'"),
    )


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column], [f"{target}.org_id", f"{target}.id"], name=op.f(f"fk_{table}_{column}")
    )


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
