"""Notices, how each person wants them, and the devices they are pushed to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.migrations import tenancy

revision = "2026_11_25_0005"
down_revision = "2026_11_25_0004"
branch_labels = None
depends_on = None

TO_BE_TOLD = "state IN ('open', 'in_progress', 'retake') AND overdue_told_for IS DISTINCT FROM due_at"


def upgrade() -> None:
    if not tenancy.has_column("assignment", "soon_told_for"):  # what comes after this part is in no transaction with it
        for name in ("soon_told_for", "overdue_told_for"):
            op.add_column("assignment", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        _notices()
        _settings()
        _devices()
        op.create_table(
            "feed_place",
            sa.Column("reader", sa.Text(), nullable=False),
            sa.Column("place", sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint("reader", name=op.f("pk_feed_place")),
        )
        op.execute("ALTER TABLE feed_place ENABLE ROW LEVEL SECURITY")
        tenancy.tenant_policy("notice", "notice_settings", "device")
        tenancy.run_sql("notices.sql")
        tenancy.grant_functions(
            "feed_place_of(text)",
            "keep_feed_place(text, text)",
            "letters_due(integer)",
            "pushes_due(integer)",
            "reminders_due(integer)",
            "forget_notices(integer, integer)",
        )
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_assignment_due",
            "assignment",
            ["org_id", "due_at"],
            unique=False,
            postgresql_where=sa.text(TO_BE_TOLD),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def _notices() -> None:
    at, key, words = sa.DateTime(timezone=True), sa.Uuid(), sa.Text()
    op.create_table(
        "notice",
        sa.Column("person_id", key, nullable=False),
        sa.Column("kind", words, nullable=False),
        sa.Column("event_id", key, nullable=False),
        sa.Column("event_name", words, nullable=False),
        sa.Column("subject_id", key, nullable=False),
        sa.Column("actor_id", key, nullable=True),
        sa.Column("at", at, nullable=False),
        sa.Column("in_app", sa.Boolean(), nullable=False),
        sa.Column("read_at", at, nullable=True),
        sa.Column("mail_at", at, nullable=True),
        sa.Column("mail_tries", sa.Integer(), nullable=False),
        sa.Column("mailed_at", at, nullable=True),
        sa.Column("push_at", at, nullable=True),
        sa.Column("push_tries", sa.Integer(), nullable=False),
        sa.Column("pushed_at", at, nullable=True),
        sa.Column("org_id", key, nullable=False),
        sa.Column("id", key, nullable=False),
        *[_key("notice", column, "person") for column in ("person_id", "actor_id")],
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_notice")),
    )
    op.create_index("uq_notice_event", "notice", ["org_id", "event_id", "person_id", "kind"], unique=True)
    for name, columns, where in (
        ("ix_notice_inbox", ["org_id", "person_id", "at", "id"], "in_app"),
        ("ix_notice_unread", ["org_id", "person_id", "at", "id"], "read_at IS NULL"),
        ("ix_notice_read", ["read_at"], "read_at IS NOT NULL"),
        ("ix_notice_mail", ["mail_at"], "mail_at IS NOT NULL"),
        ("ix_notice_push", ["push_at"], "push_at IS NOT NULL"),
        ("ix_notice_mail_of", ["org_id", "person_id"], "mail_at IS NOT NULL"),
        ("ix_notice_push_of", ["org_id", "person_id"], "push_at IS NOT NULL"),
    ):
        op.create_index(name, "notice", columns, unique=False, postgresql_where=sa.text(where))


def _settings() -> None:
    op.create_table(
        "notice_settings",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kinds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=True),
        sa.Column("quiet_until", sa.Text(), nullable=True),
        sa.Column("digest_at", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name=op.f("ck_notice_settings_quiet")),
        _key("notice_settings", "person_id", "person"),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_notice_settings")),
    )
    op.create_index("uq_notice_settings_person", "notice_settings", ["org_id", "person_id"], unique=True)


def _devices() -> None:
    op.create_table(
        "device",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("service", "token", "name")],
        *[sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("created_at", "registered_at")],
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("service IN ('apns', 'fcm')", name=op.f("ck_device_service")),
        _key("device", "person_id", "person"),
        _key("device", "session_id", "session", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_device")),
    )
    op.create_index("uq_device_token", "device", ["org_id", "service", "token"], unique=True)
    op.create_index("ix_device_person", "device", ["org_id", "person_id", "created_at", "id"], unique=False)
    op.create_index("ix_device_session", "device", ["org_id", "session_id"], unique=False)


def _key(table: str, column: str, target: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint(
        ["org_id", column], [f"{target}.org_id", f"{target}.id"], name=name, ondelete=ondelete
    )


def downgrade() -> None:
    raise RuntimeError("There is no way back from a schema; restore a backup.")
